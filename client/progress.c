/* SPDX-License-Identifier: MIT */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "progress.h"

#include "await/log.h"

#define APPEARS  AW_SECOND
#define INTERVAL (200 * AW_MILLISECOND)

/* A terminal that is stopped gets nothing: it would stop us. */
static void
show(const char *text)
{
        struct pollfd ready = {.fd = STDERR_FILENO, .events = POLLOUT};

        /* What is not shown now is shown the next time. */
        if (poll(&ready, 1, 0) == 1 && (ready.revents & POLLOUT) != 0)
                (void)!write(STDERR_FILENO, text, strlen(text));
}

/* One that cannot go back to the beginning of the line, and shows escape sequences. */
static bool
is_dumb(void)
{
        const char *kind = getenv("TERM");

        return kind == NULL || strcmp(kind, "dumb") == 0;
}

void
progress_begin(struct progress *progress, int fd, const char *name, bool quiet)
{
        struct stat status;

        *progress = (struct progress){.name = name,
                                      .begin = aw_loop_now(),
                                      .silent = quiet || isatty(STDERR_FILENO) == 0 || is_dumb()};
        if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode))
                progress->size = (uint64_t)status.st_size;
}

void
progress_step(struct progress *progress, size_t bytes)
{
        aw_time now = aw_loop_now();
        char text[128], name[41];
        size_t used;

        progress->done += bytes;
        if (progress->silent || now < progress->begin + APPEARS || now < progress->shown + INTERVAL)
                return;
        progress->shown = now;
        progress->visible = true;
        aw_log_escape(progress->name, strlen(progress->name), "", name, sizeof(name), &used);
        if (progress->size > 0)
                snprintf(text, sizeof(text), "\r%s: %.1f of %.1f MB (%d %%)\x1b[K", name,
                         (double)progress->done / 1e6, (double)progress->size / 1e6,
                         (int)(100.0 * (double)progress->done / (double)progress->size));
        else
                snprintf(text, sizeof(text), "\r%s: %.1f MB\x1b[K", name,
                         (double)progress->done / 1e6);
        show(text);
}

void
progress_end(struct progress *progress)
{
        if (progress->visible)
                show("\r\x1b[K");
}
