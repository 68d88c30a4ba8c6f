/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
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

/* On one line of the terminal, whose last column is left free. */
static void
draw_live(const char *text)
{
        struct winsize size;
        bool known = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;

        fprintf(stderr, ERASE "%.*s", known ? size.ws_col - 1 : -1, text);
}

void
live_phase(struct live *live, const char *phase, int64_t duration)
{
        char text[80];

        live->duration = duration;
        live->passed = 0;
        if (!live->shown || phase == NULL)
                return;
        snprintf(text, sizeof(text), "%s ...", phase);
        draw_live(text);
}

void
live_second(struct live *live, const struct result_second *second, bool measured)
{
        char text[250], whole[32] = "", latencies[80] = "", rate[NUMBER_ROOM], errors[NUMBER_ROOM];

        live->passed += second->seconds;
        live->errors += second->errors;
        if (!live->shown)
                return;
        if (live->duration > 0)
                snprintf(whole, sizeof(whole), " of %.0f", (double)live->duration / AW_SECOND);
        /* A second without an echo has no latencies. */
        if (second->max > 0)
                snprintf(latencies, sizeof(latencies), "  p50 %.2f  p99 %.2f ms",
                         (double)second->p50 / 1e6, (double)second->p99 / 1e6);
        snprintf(text, sizeof(text), "%s%.0f%s s  %s messages/s%s  %s errors",
                 measured ? "" : "warming up ", live->passed, whole,
                 number_grouped(second->seconds > 0
                                        ? (uint64_t)((double)second->received / second->seconds)
                                        : 0,
                                rate),
                 latencies, number_grouped(live->errors, errors));
        draw_live(text);
}

void
live_clear(struct live *live)
{
        if (live->shown)
                fputs(ERASE, stderr);
        live->shown = false;
}
