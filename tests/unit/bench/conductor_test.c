/* SPDX-License-Identifier: MIT */
/* Wraps: aw_call_soon_threadsafe. */
/* The conductor and its worker, where the one hears late of the other. */
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/worker.h"
#include "unit/bench/serve.h"

void __real_aw_call_soon_threadsafe(struct aw_loop *loop, struct aw_handle *handle,
                                    void (*callback)(void *argument), void *argument);
void __wrap_aw_call_soon_threadsafe(struct aw_loop *loop, struct aw_handle *handle,
                                    void (*callback)(void *argument), void *argument);

static struct {
        struct aw_handle *handle;
        void (*callback)(void *argument);
} held;

static bool interrupting;

/* That it is over is told together with that it is done; and an interrupt is faster than its first note. */
void
__wrap_aw_call_soon_threadsafe(struct aw_loop *loop, struct aw_handle *handle,
                               void (*callback)(void *argument), void *argument)
{
        struct worker_note *note = argument;
        bool is_note = (void *)handle == (void *)&note->handle;

        if (is_note && note->stage == WORKER_STARTED && interrupting) {
                kill(getpid(), SIGINT);
                usleep(50000);
        }
        if (is_note && note->stage == WORKER_OVER) {
                held.handle = handle;
                held.callback = callback;
                return;
        }
        if (is_note && note->stage == WORKER_DONE)
                __real_aw_call_soon_threadsafe(loop, held.handle, held.callback,
                                               &note->worker->notes[WORKER_OVER]);
        __real_aw_call_soon_threadsafe(loop, handle, callback, argument);
}

static void
the_last_second_is_not_lost(void **state)
{
        char text[] = "five";
        struct bench_options options = {
                .messages = 5, .in_flight = 1, .text = text, .text_length = 4};
        struct result *result;
        uint64_t received = 0;

        (void)state;
        server.connections = 1;
        server.echoes = true;
        result = run_against_server(&options);
        assert_int_equal(record_total(&result->record).received, 5);
        for (size_t i = 0; i < result->second_count; i++)
                received += result->seconds[i].received;
        assert_int_equal(received, 5);
        conductor_free(result);
}

/* A server that nobody runs: its kernel connects, and that is all. */
static void
an_interrupt_before_a_worker_can_be_told_ends_the_run(void **state)
{
        struct sockaddr_in address = {.sin_family = AF_INET,
                                      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t length = sizeof(address);
        int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        char text[] = "five", url[40];
        const struct bench_options options = {.messages = 5,
                                              .in_flight = 1,
                                              .text = text,
                                              .text_length = 4,
                                              .connections = 1,
                                              .thread_count = 1,
                                              .timeout = 3600 * AW_SECOND,
                                              .loop = getenv("AW_TEST_LOOP")};
        const struct aw_opt_strings pids = {.count = 0};
        struct result *result;

        (void)state;
        assert_int_equal(bind(listener, (struct sockaddr *)&address, length), 0);
        assert_int_equal(listen(listener, 1), 0);
        assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &length), 0);
        snprintf(url, sizeof(url), "ws://127.0.0.1:%d/", ntohs(address.sin_port));
        interrupting = true;
        result = conductor_run(&options, url, &pids, false);
        interrupting = false;
        assert_non_null(result);
        assert_true(result->interrupted);
        assert_int_equal(result->record.opened, 0);
        conductor_free(result);
        close(listener);
}

/* When a connection that is being closed is dropped. */
static void
expect_limit(const struct worker *worker, aw_time patience)
{
        aw_time before = aw_loop_now(), limit = worker_closing_limit(worker);

        expect(limit >= before + patience && limit <= aw_loop_now() + patience);
}

static async int
closing_takes_as_long_as_may_be_waited_and_after_an_interrupt_a_second(NOTHING)
{
        const struct bench_options options = {.timeout = 7 * AW_SECOND};
        struct worker worker = {.options = &options};

        expect_limit(&worker, 7 * AW_SECOND);
        worker.interrupted = true;
        expect_limit(&worker, AW_SECOND);
        return 0;
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_last_second_is_not_lost),
                cmocka_unit_test(an_interrupt_before_a_worker_can_be_told_ends_the_run),
                on_loop(closing_takes_as_long_as_may_be_waited_and_after_an_interrupt_a_second),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
