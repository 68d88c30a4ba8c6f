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

/* The parent of a process that runs (a zombie does not), or -1. */
static pid_t
parent_of(pid_t pid)
{
        FILE *file = open_proc(pid, "stat");
        char line[512], state = 'X', *end;
        int parent = -1;

        if (file == NULL)
                return -1;
        /* The name, in parentheses, may hold anything. */
        if (fgets(line, sizeof(line), file) != NULL && (end = strrchr(line, ')')) != NULL &&
            sscanf(end + 1, " %c %d", &state, &parent) != 2)
                parent = -1;
        fclose(file);
        return strchr("ZXx", state) == NULL ? parent : -1;
}

static bool
is_known(const struct target *target, pid_t pid)
{
        for (size_t i = 0; i < target->count; i++)
                if (target->processes[i].pid == pid)
                        return true;
        return false;
}

static void
add(struct target *target, pid_t pid)
{
        if (target->count < TARGET_MAX && !is_known(target, pid))
                target->processes[target->count++] = (struct target_process){.pid = pid};
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

static void
add_descendants(struct target *target)
{
        size_t before;

        do {
                before = target->count;
                add_children(target);
        } while (target->count > before);
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
        *target = (struct target){.empty = -1, .occupied = -1};
        for (size_t i = 0; i < pids->count; i++) {
                pid_t pid = process_of(pids->items[i]);

                if (pid == 0) {
                        *missing = pids->items[i];
                        return -1;
                }
                add(target, pid);
        }
        add_descendants(target);
        return 0;
}

/* What it has used by now, unless it has ended: then that stays as it was. */
static void
look_at(struct target_process *process)
{
        clockid_t clock;
        int64_t used;

        if (process->ended)
                return;
        used = clock_getcpuclockid(process->pid, &clock) == 0 ? clock_read(clock) : 0;
        if (used > process->used)
                process->used = used;
        process->ended = parent_of(process->pid) == -1;
}

static void
look_at_known(struct target *target)
{
        target->ended = 0;
        for (size_t i = 0; i < target->count; i++) {
                look_at(&target->processes[i]);
                target->ended += target->processes[i].ended;
        }
}

void
target_begin(struct target *target)
{
        look_at_known(target);
        for (size_t i = 0; i < target->count; i++)
                target->processes[i].base = target->processes[i].used;
}

void
target_look(struct target *target, bool thoroughly)
{
        look_at_known(target);
        /* To go through all processes takes time: while measuring only if one was replaced. */
        if (target->count > 0 && (thoroughly || target->ended > 0)) {
                add_descendants(target);
                look_at_known(target);
        }
        target->cpu = 0;
        for (size_t i = 0; i < target->count; i++)
                target->cpu += target->processes[i].used - target->processes[i].base;
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
                int64_t bytes = memory_of(target->processes[i].pid);

                if (bytes < 0)
                        return -1;
                sum += bytes;
        }
        return sum;
}
