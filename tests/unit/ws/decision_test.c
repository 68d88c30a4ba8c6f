/* SPDX-License-Identifier: MIT */
/* A handshake that a task decides on: success, refusal, time-out, cancellation, a lost connection. */
#include "unit/clock.h"
#include "unit/ws/raw.h"
#include "ws/listener_private.h"

/* What the task of a test does, and what became of it. */
struct deciding {
        struct ws_answer answer; /* status 0: what there is */
        struct aw_event begun, go, ended;
        int begins, ends, done, error; /* the last: of the wait for `go` */
        char target[100];
};

static void
deciding_done(struct ws_answer *answer)
{
        ((struct deciding *)answer->data)->done++;
}

static async void
decide_later(const struct ws_request *request, struct ws_answer *answer, void *argument)
{
        struct deciding *deciding = argument;

        deciding->begins++;
        aw_event_set(&deciding->begun);
        deciding->error = await(aw_event_wait(&deciding->go, AW_NEVER)) == -1 ? errno : 0;
        snprintf(deciding->target, sizeof(deciding->target), "%s", request->target);
        if (deciding->answer.status != 0) {
                *answer = deciding->answer;
                answer->done = deciding_done;
                answer->data = deciding;
        }
        deciding->ends++;
        aw_event_set(&deciding->ended);
}

static void
leave_it(const struct ws_request *request, struct ws_answer *answer, void *argument)
{
        struct deciding *deciding = argument;

        (void)request;
        answer->later = decide_later;
        answer->done = deciding_done;
        answer->data = deciding;
}

static async struct ws_listener *
listen_and_leave(struct deciding *deciding)
{
        struct ws_listen_options options = {
                .url = ANY_PORT, .handler = leave_it, .argument = deciding};
        struct ws_listener *listener = await(ws_listen(&options, NULL));

        expect(listener != NULL);
        return listener;
}

/* A client whose request is being decided on. */
static async int
ask(struct ws_listener *listener, struct deciding *deciding, const char *request)
{
        int fd = raw_connect(ws_listener_url(listener, 0), 0);

        raw_send(fd, request, strlen(request));
        expect_int(await(aw_event_wait(&deciding->begun, SOON)), 0);
        return fd;
}

static async void
expect_status(int fd, int status)
{
        char head[4096];
        int got = 0;

        await(raw_read_head(fd, head));
        sscanf(head, "HTTP/1.1 %d ", &got);
        expect_int(got, status);
}

static async int
a_task_accepts_and_what_came_meanwhile_is_not_lost(NOTHING)
{
        struct deciding deciding = {.begins = 0};
        struct ws_listener *listener = await(listen_and_leave(&deciding));
        int fd = await(ask(listener, &deciding, RAW_REQUEST));
        struct ws_message message;
        struct ws *server;

        raw_text(fd, "early");
        expect(await(ws_accept(listener, NOW_OR_NOT)) == NULL);
        aw_event_set(&deciding.go);
        await(expect_status(fd, 101));
        server = await(ws_accept(listener, SOON));
        expect_int(await(ws_receive(server, &message, SOON)), 0);
        expect_int((long long)message.length, 5);
        expect(strcmp(deciding.target, "/") == 0);
        expect_int(deciding.done, 1);
        expect_int(await(ws_listener_wait(listener, SOON)), 0);
        ws_drop(server);
        ws_listener_close(listener);
        close(fd);
        return 0;
}

static async int
a_task_refuses_plain_requests_and_handshakes(NOTHING)
{
        static const char *const requests[] = {RAW_REQUEST,
                                               "GET /page HTTP/1.1\r\nHost: localhost\r\n\r\n"};

        for (size_t i = 0; i < 2; i++) {
                struct deciding deciding = {.answer = {.status = 401, .body = "who?\n"}};
                struct ws_listener *listener = await(listen_and_leave(&deciding));
                int fd = await(ask(listener, &deciding, requests[i]));
                char body[5];

                aw_event_set(&deciding.go);
                await(expect_status(fd, 401));
                await(raw_read_all(fd, body, 5));
                expect(memcmp(body, "who?\n", 5) == 0);
                expect_int(deciding.done, 1);
                test_log.expected = test_log.count;
                ws_listener_close(listener);
                close(fd);
        }
        return 0;
}

static async int
an_answer_that_cannot_be_sent_is_500(NOTHING)
{
        struct deciding deciding = {.answer = {.status = 99}};
        struct ws_listener *listener = await(listen_and_leave(&deciding));
        int fd = await(ask(listener, &deciding, RAW_REQUEST));

        aw_event_set(&deciding.go);
        await(expect_status(fd, 500));
        expect_log("the handler's answer to GET / cannot be sent");
        test_log.expected = test_log.count;
        ws_listener_close(listener);
        close(fd);
        return 0;
}

/* It is cancelled, its answer is not sent, and what it has is freed. */
static async void
expect_cancelled(struct ws_listener *listener, struct deciding *deciding)
{
        expect_int(await(aw_event_wait(&deciding->ended, SOON)), 0);
        expect_int(await(ws_listener_wait(listener, SOON)), 0);
        expect_int(deciding->error, ECANCELED);
        expect_int(deciding->ends, 1);
        expect_int(deciding->done, 1);
}

static async int
a_connection_that_is_lost_cancels(NOTHING)
{
        struct deciding deciding = {.answer = {.status = 200, .body = "late"}};
        struct ws_listener *listener = await(listen_and_leave(&deciding));

        raw_reset(await(ask(listener, &deciding, RAW_REQUEST)));
        await(expect_cancelled(listener, &deciding));
        ws_listener_close(listener);
        return 0;
}

/* It may still read. */
static async int
who_has_ended_its_direction_gets_its_answer(NOTHING)
{
        static const int statuses[] = {101, 401};

        for (size_t i = 0; i < 2; i++) {
                struct deciding deciding = {.answer = {.status = i == 0 ? 0 : statuses[i]}};
                struct ws_listener *listener = await(listen_and_leave(&deciding));
                int fd = await(ask(listener, &deciding, RAW_REQUEST));
                struct ws *server;

                raw_text(fd, "early");
                shutdown(fd, SHUT_WR);
                await(idle_turns());
                expect_int(deciding.ends, 0);
                aw_event_set(&deciding.go);
                await(expect_status(fd, statuses[i]));
                if (i == 0) {
                        server = await(ws_accept(listener, SOON));
                        expect_received(server, "early");
                        expect_int(await(ws_send_text(server, "late", SOON)), 0);
                        raw_expect_frame(fd, 0x81, "late", 4);
                        expect_closed(server, WS_ABNORMAL, "");
                        ws_drop(server);
                }
                wait_until(ws_connection_count() == 0);
                test_log.expected = test_log.count;
                ws_listener_close(listener);
                close(fd);
        }
        return 0;
}

static async int
who_sends_without_end_meanwhile_is_not_read(NOTHING)
{
        struct deciding deciding = {.begins = 0};
        struct ws_listener *listener = await(listen_and_leave(&deciding));
        int fd = await(ask(listener, &deciding, RAW_REQUEST));
        struct aw_waiters nobody = {.first = NULL};
        static const char zeros[65536];
        ssize_t sent = 0, total = 0;

        /* Until the kernel's buffers are full, and the server has had turns enough to empty them. */
        for (int quiet = 0; quiet<3; quiet = sent> 0 ? 0 : quiet + 1) {
                sent = send(fd, zeros, sizeof(zeros), MSG_DONTWAIT | MSG_NOSIGNAL);
                total += sent > 0 ? sent : 0;
                expect_error(await(aw_wait_in(&nobody, NOW_OR_NOT, NULL)), ETIMEDOUT);
                if (!expect(total < 64 << 20))
                        break;
        }
        expect((size_t)listener->connections->head_length < 256 << 10);
        aw_event_set(&deciding.go);
        await(expect_status(fd, 101));
        expect_log("closing with 1002: a frame without mask");
        ws_drop(await(ws_accept(listener, SOON)));
        ws_listener_close(listener);
        close(fd);
        return 0;
}

static async int
a_task_that_takes_too_long_is_cancelled_and_the_client_told(NOTHING)
{
        struct deciding deciding = {.answer = {.status = 200, .body = "late"}};
        struct ws_listener *listener = await(listen_and_leave(&deciding));
        int fd = await(ask(listener, &deciding, RAW_REQUEST));

        await(clock_advance(9 * AW_SECOND));
        expect_int(deciding.ends, 0);
        await(clock_advance(2 * AW_SECOND));
        await(expect_status(fd, 503));
        expect_log("refused with 503: the server could not decide in time");
        await(expect_cancelled(listener, &deciding));
        ws_listener_close(listener);
        close(fd);
        return 0;
}

static async int
a_listener_that_drains_cancels(NOTHING)
{
        struct deciding deciding = {.answer = {.status = 101}};
        struct ws_listener *listener = await(listen_and_leave(&deciding));
        int fd = await(ask(listener, &deciding, RAW_REQUEST));
        char byte;

        ws_listener_drain(listener);
        await(expect_cancelled(listener, &deciding));
        expect_int(await(raw_read(fd, &byte, 1)), 0);
        ws_listener_close(listener);
        close(fd);
        return 0;
}

static async int
a_listener_may_go_before_the_task_has_returned(NOTHING)
{
        struct deciding deciding = {.answer = {.status = 101}};
        struct ws_listener *listener = await(listen_and_leave(&deciding));
        int fd = await(ask(listener, &deciding, RAW_REQUEST));

        ws_listener_close(listener);
        expect_int(await(aw_event_wait(&deciding.ended, SOON)), 0);
        await(aw_sleep(0));
        expect_int(deciding.error, ECANCELED);
        expect_int(deciding.done, 1);
        close(fd);
        return 0;
}

/* It does not take it to heart that nobody wants to know any more. */
static async void
decide_stubbornly(const struct ws_request *request, struct ws_answer *answer, void *argument)
{
        struct deciding *deciding = argument;

        await(decide_later(request, answer, argument));
        await(aw_event_wait(&deciding->go, AW_NEVER));
        deciding->ends++;
}

static void
leave_it_to_a_stubborn_one(const struct ws_request *request, struct ws_answer *answer,
                           void *argument)
{
        (void)request;
        (void)argument;
        answer->later = decide_stubbornly;
}

static async int
waiting_for_a_task_that_goes_on_times_out_and_can_be_cancelled(NOTHING)
{
        struct deciding deciding = {.begins = 0};
        struct ws_listen_options options = {
                .url = ANY_PORT, .handler = leave_it_to_a_stubborn_one, .argument = &deciding};
        struct ws_listener *listener = await(ws_listen(&options, NULL));
        int fd = await(ask(listener, &deciding, RAW_REQUEST));

        raw_reset(fd);
        expect_int(await(aw_event_wait(&deciding.ended, SOON)), 0);
        expect_error(await(ws_listener_wait(listener, NOW_OR_NOT)), ETIMEDOUT);
        aw_cancel(aw_task_current());
        expect_error(await(ws_listener_wait(listener, AW_NEVER)), ECANCELED);
        aw_event_set(&deciding.go);
        expect_int(await(ws_listener_wait(listener, SOON)), 0);
        expect_int(deciding.ends, 2);
        ws_listener_close(listener);
        return 0;
}

/* The client goes in the very turn in which the task returns. */
static async int
a_connection_that_is_lost_with_the_answer_ready_is_no_leak(NOTHING)
{
        struct deciding deciding = {.answer = {.status = 200, .body = "late"}};
        struct ws_listener *listener = await(listen_and_leave(&deciding));
        int fd = await(ask(listener, &deciding, RAW_REQUEST));

        aw_event_set(&deciding.go);
        ws_listener_drain(listener);
        expect_int(await(ws_listener_wait(listener, SOON)), 0);
        expect_int(deciding.done, 1);
        ws_listener_close(listener);
        close(fd);
        return 0;
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                on_loop(a_task_accepts_and_what_came_meanwhile_is_not_lost),
                on_loop(a_task_refuses_plain_requests_and_handshakes),
                on_loop(an_answer_that_cannot_be_sent_is_500),
                on_loop(a_connection_that_is_lost_cancels),
                on_loop(who_has_ended_its_direction_gets_its_answer),
                on_loop(who_sends_without_end_meanwhile_is_not_read),
                on_loop(a_task_that_takes_too_long_is_cancelled_and_the_client_told),
                on_loop(a_listener_that_drains_cancels),
                on_loop(a_listener_may_go_before_the_task_has_returned),
                on_loop(waiting_for_a_task_that_goes_on_times_out_and_can_be_cancelled),
                on_loop(a_connection_that_is_lost_with_the_answer_ready_is_no_leak),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
