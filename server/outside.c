/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "outside.h"

/* A file of the process's in /proc, as far as it fits: "" if it cannot be read. */
static void
read_proc(pid_t process, const char *name, char *out, size_t size)
{
        char path[64];
        ssize_t length = -1;
        int fd;

        snprintf(path, sizeof(path), "/proc/%ld/%s", (long)process, name);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd != -1) {
                length = read(fd, out, size - 1);
                close(fd);
        }
        out[length > 0 ? length : 0] = '\0';
}

/* See proc(5). The name before it may have any bytes. */
static char
state_of(pid_t process)
{
        char text[256];
        const char *end;

        read_proc(process, "stat", text, sizeof(text));
        end = strrchr(text, ')');
        return end != NULL && end[1] == ' ' ? end[2] : '\0';
}

/* The number behind "TracerPid:", or 0. */
static long
tracer_of(pid_t process)
{
        static const char field[] = "\nTracerPid:";
        char text[1024];
        const char *found;

        read_proc(process, "status", text, sizeof(text));
        found = strstr(text, field);
        return found == NULL ? 0 : strtol(found + sizeof(field) - 1, NULL, 10);
}

const char *
outside_describe(pid_t process, char *out, size_t size)
{
        char place[64], state = state_of(process);

        /* The kernel's function; "0" if it is a secret. */
        read_proc(process, "wchan", place, sizeof(place));
        if (place[0] == '\0' || strcmp(place, "0") == 0)
                snprintf(place, sizeof(place), "where is not known");
        if (state == 'T')
                snprintf(out, size, "is stopped (SIGSTOP)");
        else if (state == 't')
                snprintf(out, size, "is stopped by process %ld, which traces it",
                         tracer_of(process));
        else if (strcmp(place, "do_freezer_trap") == 0)
                snprintf(out, size, "is frozen, with its control group");
        else if (state == 'D')
                snprintf(out, size, "waits in the kernel (%s)", place);
        else if (state == 'S')
                snprintf(out, size, "sleeps (%s)", place);
        else if (state == 'R')
                snprintf(out, size, "runs");
        else
                snprintf(out, size, "is in a state that is not known");
        return out;
}
