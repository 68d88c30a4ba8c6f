/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>

#include "live.h"

#include "await/loop.h"
#include "conductor.h"

#define ERASE "\r\x1b[K"

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
        char whole[32] = "";

        live->passed += second->seconds;
        live->errors += second->errors;
        if (!live->shown)
                return;
        if (live->duration > 0)
                snprintf(whole, sizeof(whole), " of %.0f", (double)live->duration / AW_SECOND);
        fprintf(stderr,
                ERASE "%s%.0f%s s  %.0f messages/s  p50 %.2f  p99 %.2f ms  %" PRIu64 " errors",
                measured ? "" : "warming up ", live->passed, whole,
                second->seconds > 0 ? (double)second->received / second->seconds : 0,
                (double)second->p50 / 1e6, (double)second->p99 / 1e6, live->errors);
}

void
live_clear(struct live *live)
{
        if (live->shown)
                fputs(ERASE, stderr);
}
