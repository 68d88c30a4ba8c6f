/* SPDX-License-Identifier: MIT */
/*
 * What the scenarios share. A scenario does something that is about order, says in words what
 * happened, and prints them behind its name; the Python program beside it does the same on asyncio.
 * See oracle_test.py.
 */
#ifndef ORACLE_H
#define ORACLE_H

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "await/task_wait.h"

#define NUMBER(number) ((void *)(intptr_t)(number))

struct scenario {
        const char *name;
        aw_task_function *task; /* run by aw_run() */
        void (*plain)(void);    /* or called, and may run what it likes */
};
#define SCENARIO(function)                                                                         \
        {                                                                                          \
                .name = #function, .task = (function)                                              \
        }
#define PLAIN(function)                                                                            \
        {                                                                                          \
                .name = #function, .plain = (function)                                             \
        }

static double scale = 1;
static char line[400];

static inline void __attribute__((format(printf, 1, 2))) say(const char *format, ...)
{
        size_t length = strlen(line);
        va_list arguments;

        if (length > 0 && length < sizeof(line) - 1)
                line[length++] = ' ';
        va_start(arguments, format);
        vsnprintf(line + length, sizeof(line) - length, format, arguments);
        va_end(arguments);
}

/* What came of an await: a number, or the name of the error. */
static inline void
say_outcome(int result)
{
        if (result == -1)
                say("%s", strerrorname_np(errno));
        else
                say("%d", result);
}

static inline aw_time
milliseconds(int count)
{
        return (aw_time)(count * scale * AW_MILLISECOND);
}

static inline aw_time
within(int count)
{
        return aw_loop_now() + milliseconds(count);
}

static inline async int
nap(int count)
{
        return await(aw_sleep(milliseconds(count)));
}

/* Whether a cancellation is still to come. */
static inline async void
say_what_is_left(void)
{
        say(await(nap(1)) == -1 ? "pending" : "clean");
}

/* Tasks. */

static inline async int
nap_for(void *count)
{
        return await(nap((int)(intptr_t)count));
}

/* Fails with EIO after this time. */
static inline async int
fail_after(void *count)
{
        if (await(nap((int)(intptr_t)count)) == -1)
                return -1;
        errno = EIO;
        return -1;
}

/* Fails with this error when it is cancelled. */
static inline async int
fail_when_cancelled(void *error)
{
        if (await(nap(1000)) == -1)
                errno = (int)(intptr_t)error;
        return -1;
}

/* Takes this long to clean up. */
static inline async int
clean_up_for(void *count)
{
        if (await(nap(1000)) == 0)
                return 0;
        say(await(nap((int)(intptr_t)count)) == -1 ? "cut" : "cleaned");
        errno = ECANCELED;
        return -1;
}

/* Runs a function as a task of its own, to its end. */
static inline async void
run_alone(aw_task_function *function)
{
        struct aw_task *task = aw_spawn("alone", function, NULL);

        await(aw_join(task));
}

/* The same, and cancels it after this time. */
static inline async void
run_and_cancel(aw_task_function *function, int count)
{
        struct aw_task *task = aw_spawn("cancelled", function, NULL);

        await(nap(count));
        aw_cancel(task);
        await(aw_join(task));
}

/* Usage: PROGRAM SCALE [SCENARIO...], all of them by default; the loop is $AW_TEST_LOOP. */
static inline int
oracle_main(int argc, char **argv, const struct scenario *scenarios, size_t count)
{
        struct aw_loop_options options = {.backend = getenv("AW_TEST_LOOP"), .slow = -1};
        bool wanted;

        scale = argc > 1 ? strtod(argv[1], NULL) : 1;
        for (size_t i = 0; i < count; i++) {
                wanted = argc < 3;
                for (int k = 2; k < argc; k++)
                        wanted = wanted || strcmp(argv[k], scenarios[i].name) == 0;
                if (!wanted)
                        continue;
                line[0] = '\0';
                if (scenarios[i].plain != NULL)
                        scenarios[i].plain();
                else if (aw_run(&options, scenarios[i].task, NULL) == -1)
                        say("(failed: %s)", strerror(errno));
                printf("%s: %s\n", scenarios[i].name, line);
                fflush(stdout);
        }
        return 0;
}

#define ORACLE_MAIN(scenarios)                                                                     \
        int main(int argc, char **argv)                                                            \
        {                                                                                          \
                return oracle_main(argc, argv, scenarios,                                          \
                                   sizeof(scenarios) / sizeof((scenarios)[0]));                    \
        }

#endif
