/* SPDX-License-Identifier: MIT */
/* A listener is closed while tasks wait in it: they get ESHUTDOWN, and the last one frees it. */
#include "unit/ws/raw.h"
#include "ws/listener_private.h"

static async int
accept_in_task(void *listener)
{
        struct ws *ws = await(ws_accept(listener, AW_NEVER));

        ws_drop(ws);
        return ws == NULL ? -1 : 0;
}

static async int
wait_in_task(void *listener)
{
        return await(ws_listener_wait(listener, AW_NEVER));
}

static async int
who_accepts_is_told_that_the_listener_was_closed(NOTHING)
{
        struct ws_listener *listener = await(listen_at(ANY_PORT, NULL));
        struct aw_task *tasks[] = {aw_spawn("first", accept_in_task, listener),
                                   aw_spawn("second", accept_in_task, listener)};

        await(idle_turns());
        ws_listener_close(listener);
        expect_error(await(aw_join(tasks[0])), ESHUTDOWN);
        expect_error(await(aw_join(tasks[1])), ESHUTDOWN);
        return 0;
}

static async int
so_it_is_if_the_listener_has_just_drained_or_stopped(NOTHING)
{
        for (int i = 0; i < 2; i++) {
                struct ws_listener *listener = await(listen_at(ANY_PORT, NULL));
                struct aw_task *task = aw_spawn("accept", accept_in_task, listener);

                await(idle_turns());
                if (i == 0)
                        ws_listener_drain(listener);
                else
                        ws_listener_stop(listener);
                ws_listener_close(listener);
                expect_error(await(aw_join(task)), ESHUTDOWN);
        }
        return 0;
}

static async int
who_is_cancelled_meanwhile_is_told_that(NOTHING)
{
        struct ws_listener *listener = await(listen_at(ANY_PORT, NULL));
        struct aw_task *task = aw_spawn("accept", accept_in_task, listener);

        await(idle_turns());
        ws_listener_close(listener);
        aw_cancel(task);
        expect_error(await(aw_join(task)), ECANCELED);
        return 0;
}

struct closer {
        struct ws_listener *listener;
        struct aw_handle handle;
};

static void
close_in_callback(void *argument)
{
        struct closer *closer = argument;

        if (closer->listener->accept_first == NULL) {
                aw_call_soon(&closer->handle, close_in_callback, closer);
                return;
        }
        ws_listener_close(closer->listener);
        closer->listener = NULL;
}

/* The task was woken for a connection, and the listener is closed before it runs. */
static async int
a_connection_that_nobody_has_taken_yet_is_dropped(NOTHING)
{
        struct closer closer = {.listener = await(listen_at(ANY_PORT, NULL))};
        struct aw_task *task = aw_spawn("accept", accept_in_task, closer.listener);
        char head[4096];
        int fd = raw_connect(ws_listener_url(closer.listener, 0), 0);

        await(idle_turns());
        raw_send(fd, RAW_REQUEST, strlen(RAW_REQUEST));
        close_in_callback(&closer);
        expect_error(await(aw_join(task)), ESHUTDOWN);
        expect(closer.listener == NULL);
        await(raw_read_head(fd, head));
        await(raw_expect_end(fd));
        close(fd);
        return 0;
}

/* Who decides, and does not end when it is told to. */
static struct aw_event begun, go;

static async void
decide_stubbornly(const struct ws_request *request, struct ws_answer *answer, void *argument)
{
        (void)request;
        (void)answer;
        (void)argument;
        aw_event_set(&begun);
        await(aw_event_wait(&go, AW_NEVER));
        await(aw_event_wait(&go, AW_NEVER));
}

static void
leave_it(const struct ws_request *request, struct ws_answer *answer, void *argument)
{
        (void)request;
        (void)argument;
        answer->later = decide_stubbornly;
}

static async int
who_waits_for_decisions_is_told_so_too(NOTHING)
{
        struct ws_listen_options options = {.url = ANY_PORT, .handler = leave_it};
        struct ws_listener *listener = await(ws_listen(&options, NULL));
        struct aw_task *task;
        int fd = raw_connect(ws_listener_url(listener, 0), 0);

        begun = (struct aw_event){.set = false};
        go = (struct aw_event){.set = false};
        raw_send(fd, RAW_REQUEST, strlen(RAW_REQUEST));
        expect_int(await(aw_event_wait(&begun, SOON)), 0);
        task = aw_spawn("wait", wait_in_task, listener);
        await(idle_turns());
        ws_listener_close(listener);
        expect_error(await(aw_join(task)), ESHUTDOWN);
        aw_event_set(&go);
        await(raw_expect_end(fd));
        close(fd);
        return 0;
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                on_loop(who_accepts_is_told_that_the_listener_was_closed),
                on_loop(so_it_is_if_the_listener_has_just_drained_or_stopped),
                on_loop(who_is_cancelled_meanwhile_is_told_that),
                on_loop(a_connection_that_nobody_has_taken_yet_is_dropped),
                on_loop(who_waits_for_decisions_is_told_so_too),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
