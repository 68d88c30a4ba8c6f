/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "target.h"

#include "clock.h"

/* Opens /proc/PID/NAME. */
static FILE *
open_proc(pid_t pid, const char *name)
{
        char path[64];

        snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
        return fopen(path, "re");
}

/* The parent of a process, or -1. */
static pid_t
parent_of(pid_t pid)
{
        FILE *file = open_proc(pid, "stat");
        char line[512], *end;
        int parent = -1;

        if (file == NULL)
                return -1;
        /* The name, in parentheses, may hold anything. */
        if (fgets(line, sizeof(line), file) != NULL && (end = strrchr(line, ')')) != NULL &&
            sscanf(end + 1, " %*c %d", &parent) != 1)
                parent = -1;
        fclose(file);
        return parent;
}

static bool
is_known(const struct target *target, pid_t pid)
{
        for (size_t i = 0; i < target->count; i++)
                if (target->pids[i] == pid)
                        return true;
        return false;
}

static void
add(struct target *target, pid_t pid)
{
        if (target->count < TARGET_MAX && !is_known(target, pid))
                target->pids[target->count++] = pid;
}

/* One look at all processes: adds the children of those that are known. */
static void
add_children(struct target *target)
{
        DIR *directory = opendir("/proc");
        struct dirent *entry;

        while (directory != NULL && (entry = readdir(directory)) != NULL) {
                uint64_t pid;

                if (aw_opt_number(entry->d_name, &pid) == 0 &&
                    is_known(target, parent_of((pid_t)pid)))
                        add(target, (pid_t)pid);
        }
        if (directory != NULL)
                closedir(directory);
}

/* Its number, or 0: it is no process. */
static pid_t
process_of(const char *text)
{
        uint64_t pid;

        return aw_opt_number(text, &pid) == 0 && pid > 0 && pid <= INT32_MAX &&
                               parent_of((pid_t)pid) != -1
                       ? (pid_t)pid
                       : 0;
}

const char *
target_missing(const struct aw_opt_strings *pids)
{
        for (size_t i = 0; i < pids->count; i++)
                if (process_of(pids->items[i]) == 0)
                        return pids->items[i];
        return NULL;
}

int
target_find(struct target *target, const struct aw_opt_strings *pids, const char **missing)
{
        size_t before;

        *target = (struct target){.empty = -1, .occupied = -1};
        for (size_t i = 0; i < pids->count; i++) {
                pid_t pid = process_of(pids->items[i]);

                if (pid == 0) {
                        *missing = pids->items[i];
                        return -1;
                }
                add(target, pid);
        }
        do {
                before = target->count;
                add_children(target);
        } while (target->count > before);
        return 0;
}

int64_t
target_cpu(const struct target *target)
{
        int64_t sum = 0;

        for (size_t i = 0; i < target->count; i++) {
                clockid_t clock;

                if (clock_getcpuclockid(target->pids[i], &clock) != 0)
                        return -1;
                sum += clock_read(clock);
        }
        return sum;
}

static int64_t
memory_of(pid_t pid)
{
        FILE *file = open_proc(pid, "smaps_rollup");
        long long kilobytes = -1;
        char line[256];

        while (file != NULL && fgets(line, sizeof(line), file) != NULL)
                if (sscanf(line, "Pss: %lld kB", &kilobytes) == 1)
                        break;
        if (file != NULL)
                fclose(file);
        return kilobytes * 1024;
}

int64_t
target_memory(const struct target *target)
{
        int64_t sum = 0;

        for (size_t i = 0; i < target->count; i++) {
                int64_t bytes = memory_of(target->pids[i]);

                if (bytes < 0)
                        return -1;
                sum += bytes;
        }
        return sum;
}
