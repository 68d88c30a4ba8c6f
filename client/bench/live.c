/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "live.h"

#include "await/loop.h"
#include "conductor.h"
#include "number.h"

#define ERASE "\r\x1b[K"

bool
live_is_wanted(void)
{
        const char *terminal = getenv("TERM");

        return isatty(STDERR_FILENO) == 1 && (terminal == NULL || strcmp(terminal, "dumb") != 0);
}

void
live_init(struct live *live, bool shown)
{
        *live = (struct live){.shown = shown};
}

void
live_phase(struct live *live, const char *phase, int64_t duration)
{
        live->phase = phase;
        live->duration = duration;
        live->passed = 0;
        if (live->shown && phase != NULL)
                fprintf(stderr, ERASE "%s ...", phase);
}

void
live_second(struct live *live, const struct result_second *second, bool measured)
{
        char whole[32] = "", number[NUMBER_ROOM];

        live->passed += second->seconds;
        live->errors += second->errors;
        if (!live->shown)
                return;
        if (live->duration > 0)
                snprintf(whole, sizeof(whole), " of %.0f", (double)live->duration / AW_SECOND);
        fprintf(stderr, ERASE "%s%.0f%s s  %s messages/s", measured ? "" : "warming up ",
                live->passed, whole,
                number_grouped(second->seconds > 0
                                       ? (uint64_t)((double)second->received / second->seconds)
                                       : 0,
                               number));
        /* A second without an echo has no latencies. */
        if (second->max > 0)
                fprintf(stderr, "  p50 %.2f  p99 %.2f ms", (double)second->p50 / 1e6,
                        (double)second->p99 / 1e6);
        fprintf(stderr, "  %s errors", number_grouped(live->errors, number));
}

void
live_clear(struct live *live)
{
        if (live->shown)
                fputs(ERASE, stderr);
}
