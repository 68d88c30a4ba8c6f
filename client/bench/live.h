/* SPDX-License-Identifier: MIT */
/* The line on a terminal that shows how it goes, on standard error. */
#ifndef LIVE_H
#define LIVE_H

#include <stdbool.h>
#include <stdint.h>

struct result_second;

struct live {
        bool shown;
        int64_t duration; /* of the phase, microseconds; 0 or less: not known */
        double passed;    /* of it, seconds */
        uint64_t errors;
};

/* Whether standard error is a terminal that can erase a line. */
bool live_is_wanted(void);

void live_init(struct live *live, bool shown);

/* A phase begins: a word for it, or NULL for measuring. */
void live_phase(struct live *live, const char *phase, int64_t duration);
void live_second(struct live *live, const struct result_second *second, bool measured);

/* The line goes, and does not come again. */
void live_clear(struct live *live);

#endif
