/* SPDX-License-Identifier: MIT */
/* The order of callbacks and tasks, the end of a run, signals, and threads. */
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

#include "await/executor.h"
#include "await/log.h"
#include "await/signals.h"
#include "await/sync.h"
#include "oracle/oracle.h"

static void
say_word(void *word)
{
        say("%s", (const char *)word);
}

static void
call_nested(void *handle)
{
        aw_call_soon(handle, say_word, "nested");
}

static async int
callbacks_in_their_order(void *unused)
{
        struct aw_handle handles[8];
        aw_time now = aw_loop_now();

        (void)unused;
        memset(handles, 0, sizeof(handles));
        aw_call_at(&handles[0], now + milliseconds(5), say_word, "c");
        aw_call_at(&handles[1], now + milliseconds(5), say_word, "d");
        aw_call_at(&handles[2], now - AW_SECOND, say_word, "past");
        aw_call_later(&handles[3], 0, say_word, "zero");
        aw_call_soon(&handles[4], say_word, "soon");
        aw_call_soon(&handles[5], call_nested, &handles[7]);
        aw_call_soon(&handles[6], say_word, "soon2");
        return await(nap(20));
}

static async int
say_thrice(void *word)
{
        for (int i = 0; i < 3; i++) {
                say("%s", (const char *)word);
                await(aw_sleep(0));
        }
        return 0;
}

static async int
tasks_take_turns(void *unused)
{
        struct aw_task *tasks[] = {aw_spawn("a", say_thrice, "a"), aw_spawn("b", say_thrice, "b"),
                                   aw_spawn("c", say_thrice, "c")};

        (void)unused;
        return await(aw_gather(tasks, 3, NULL));
}

static void
run(aw_task_function *function)
{
        struct aw_loop_options options = {.backend = getenv("AW_TEST_LOOP"), .slow = -1};

        say_outcome(aw_run(&options, function, NULL));
}

static async int
leave_one_that_cleans_up(void *unused)
{
        (void)unused;
        aw_task_detach(aw_spawn("left", clean_up_for, NUMBER(5)));
        await(nap(1));
        say("returns");
        return 0;
}

/* test_runners: test_asyncio_run_cancels_hanging_tasks. */
static void
what_is_left_cleans_up_before_the_end(void)
{
        run(leave_one_that_cleans_up);
}

static void
say_level(enum aw_log_level level, const char *message)
{
        (void)message;
        say(level == AW_LOG_WARNING ? "logged" : "?");
}

static async int
leave_one_that_fails(void *unused)
{
        (void)unused;
        aw_task_detach(aw_spawn("left", fail_when_cancelled, NUMBER(EIO)));
        await(nap(1));
        say("returns");
        return 0;
}

/* test_runners: test_asyncio_run_reports_hanging_tasks_errors. */
static void
what_is_left_and_fails_is_logged(void)
{
        aw_log_set_sink(say_level);
        run(leave_one_that_fails);
        aw_log_set_sink(NULL);
}

static async int
fail_at_once(void *unused)
{
        (void)unused;
        errno = EIO;
        return -1;
}

static async int
succeed(void *unused)
{
        (void)unused;
        return 0;
}

/* test_runners: test_asyncio_run_raises, and one run after the other. */
static void
a_run_that_fails_and_one_that_does_not(void)
{
        run(fail_at_once);
        run(succeed);
}

static async int
a_signal_wakes_who_waits(void *unused)
{
        static const int numbers[] = {SIGUSR1};
        struct aw_signals *signals = aw_signals_open(numbers, 1);

        (void)unused;
        say_outcome(await(aw_signals_wait(signals, within(2))));
        kill(getpid(), SIGUSR1);
        say(await(aw_signals_wait(signals, AW_NEVER)) == SIGUSR1 ? "SIGUSR1" : "?");
        say_outcome(await(aw_signals_wait(signals, within(2))));
        aw_signals_close(signals);
        return 0;
}

static async int
a_signal_that_comes_late_is_forgotten(void *unused)
{
        static const int numbers[] = {SIGTERM};
        struct aw_signals *signals = aw_signals_open(numbers, 1);

        (void)unused;
        kill(getpid(), SIGTERM);
        say(await(aw_signals_wait(signals, AW_NEVER)) == SIGTERM ? "SIGTERM" : "?");
        kill(getpid(), SIGTERM);
        aw_signals_close(signals);
        say("goes on");
        return 0;
}

static async int
cancel_at_sigint(void *task)
{
        static const int numbers[] = {SIGINT};
        struct aw_signals *signals = aw_signals_open(numbers, 1);

        if (await(aw_signals_wait(signals, AW_NEVER)) != -1)
                aw_cancel(task);
        aw_signals_close(signals);
        return 0;
}

static async int
wait_for_sigint(void *unused)
{
        (void)unused;
        aw_task_detach(aw_spawn("interrupt", cancel_at_sigint, aw_task_current()));
        await(nap(1));
        kill(getpid(), SIGINT);
        if (await(nap(1000)) == 0)
                return 0;
        say(await(nap(1)) == 0 ? "cleaned" : "cut");
        errno = EINTR;
        return -1;
}

/* test_runners: test_interrupt_call_soon. The main task is cancelled, and cleans up. */
static void
an_interrupt_cancels_the_main_task(void)
{
        run(wait_for_sigint);
}

static int
return_its_number(void *number, void **result)
{
        (void)result;
        if ((intptr_t)number >= 0)
                return (int)(intptr_t)number;
        errno = EIO;
        return -1;
}

static async int
a_thread_returns_or_fails(void *unused)
{
        struct aw_job good = {.run = return_its_number, .argument = NUMBER(5)};
        struct aw_job bad = {.run = return_its_number, .argument = NUMBER(-1)};

        (void)unused;
        say_outcome(await(aw_run_in_executor(NULL, &good, NULL)));
        say_outcome(await(aw_run_in_executor(NULL, &bad, NULL)));
        return 0;
}

static struct aw_executor *pool;
static atomic_int begun;

static int
block(void *count, void **result)
{
        (void)result;
        begun++;
        usleep((useconds_t)((double)(intptr_t)count * 1000 * scale));
        return 0;
}

static async int
block_in_the_pool(void *count)
{
        struct aw_job job = {.run = block, .argument = count};

        return await(aw_run_in_executor(pool, &job, NULL));
}

/* One thread: the second job waits for it, and is cancelled before it begins. */
static async int
a_job_that_has_not_begun_never_begins(void *unused)
{
        struct aw_thread_pool_options options = {.max_workers = 1};
        struct aw_task *tasks[2];

        (void)unused;
        pool = aw_thread_pool_create(&options);
        begun = 0;
        for (size_t i = 0; i < 2; i++)
                tasks[i] = aw_spawn("job", block_in_the_pool, NUMBER(20));
        await(nap(5));
        aw_cancel(tasks[1]);
        say_outcome(await(aw_join(tasks[1])));
        say_outcome(await(aw_join(tasks[0])));
        await(aw_executor_shutdown(pool, false));
        say("%d", begun);
        return 0;
}

static const struct scenario scenarios[] = {
        SCENARIO(callbacks_in_their_order),
        SCENARIO(tasks_take_turns),
        PLAIN(what_is_left_cleans_up_before_the_end),
        PLAIN(what_is_left_and_fails_is_logged),
        PLAIN(a_run_that_fails_and_one_that_does_not),
        SCENARIO(a_signal_wakes_who_waits),
        SCENARIO(a_signal_that_comes_late_is_forgotten),
        PLAIN(an_interrupt_cancels_the_main_task),
        SCENARIO(a_thread_returns_or_fails),
        SCENARIO(a_job_that_has_not_begun_never_begins),
};

ORACLE_MAIN(scenarios)
