/* SPDX-License-Identifier: MIT */
/* Wraps: aw_call_soon_threadsafe. */
/* The conductor and its worker, where the one hears late of the other. */
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

/* That it is over is told together with that it is done. */
void
__wrap_aw_call_soon_threadsafe(struct aw_loop *loop, struct aw_handle *handle,
                               void (*callback)(void *argument), void *argument)
{
        struct worker_note *note = argument;
        bool is_note = (void *)handle == (void *)&note->handle;

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
                on_loop(closing_takes_as_long_as_may_be_waited_and_after_an_interrupt_a_second),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
