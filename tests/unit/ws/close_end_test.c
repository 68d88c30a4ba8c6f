/* SPDX-License-Identifier: MIT */
/* The end of a connection that was closed, and peers that do not take part in it. */
#include "unit/clock.h"
#include "unit/ws/raw.h"

/* The end of the TCP connection: the server begins with it (section 7.1.1). */

static async int
a_client_waits_for_the_server_to_end_the_connection(struct pair *pair)
{
        struct connecting connecting = {.deadline = 0};
        char url[64];
        int listener = raw_listen(url, 1), fd;
        struct aw_task *task;
        uint8_t frame[8];

        (void)pair;
        connect_start(&connecting, url);
        fd = await(raw_server(listener, "101 Switching Protocols", ""));
        expect_int(await(aw_join(connecting.task)), 0);
        clock_stop();
        task = close_start(&(struct closing){connecting.ws, WS_NORMAL, NULL});
        await(raw_read_all(fd, frame, 8));
        expect(frame[0] == 0x88 && frame[1] == 0x82);
        raw_frame(fd, 0x88, NULL, "\x03\xe8", 2);
        await(idle_turns());
        await(clock_advance(1990 * AW_MILLISECOND));
        expect(!aw_task_done(task));
        expect_error(recv(fd, frame, 1, MSG_DONTWAIT), EAGAIN); /* it has not ended the stream */
        clock_go_on();
        close(fd);
        expect_int(await(aw_join(task)), 0);
        close(listener);
        return 0;
}

static async int
an_end_that_does_not_come_is_waited_for_two_seconds(struct pair *pair)
{
        struct ws *server;
        int fd = await(raw_client(pair->listener, &server, 0));
        struct aw_task *task = close_start(&(struct closing){server, WS_NORMAL, NULL});

        clock_stop();
        raw_expect_close(fd, 1000);
        raw_frame(fd, 0x88, RAW_MASK, "\x03\xe8", 2);
        await(raw_expect_end(fd));
        await(clock_advance(1900 * AW_MILLISECOND));
        expect(!aw_task_done(task));
        clock_go_on();
        await(clock_advance(200 * AW_MILLISECOND));
        expect_int(await(aw_join(task)), 0);
        close(fd);
        return 0;
}

/* A peer that does not take part. */

static async int
an_answer_that_does_not_come_is_waited_for_five_seconds(struct pair *pair)
{
        struct ws *server;
        int fd = await(raw_client(pair->listener, &server, 0));
        struct aw_task *task = close_start(&(struct closing){server, WS_NORMAL, NULL});

        clock_stop();
        raw_expect_close(fd, 1000);
        await(clock_advance(4900 * AW_MILLISECOND));
        expect(!aw_task_done(task));
        clock_go_on();
        await(clock_advance(200 * AW_MILLISECOND));
        expect_error(await(aw_join(task)), ETIMEDOUT);
        await(raw_expect_end(fd));
        close(fd);
        return 0;
}

static async int
closing_can_be_cancelled(struct pair *pair)
{
        struct ws *server;
        int fd = await(raw_client(pair->listener, &server, 0));
        struct aw_task *task = close_start(&(struct closing){server, WS_NORMAL, NULL});

        raw_expect_close(fd, 1000);
        aw_cancel(task);
        expect_error(await(aw_join(task)), ECANCELED);
        await(raw_expect_end(fd));
        close(fd);

        /* Also while the end of the stream is waited for. */
        fd = await(raw_client(pair->listener, &server, 0));
        task = close_start(&(struct closing){server, WS_NORMAL, NULL});
        raw_expect_close(fd, 1000);
        raw_frame(fd, 0x88, RAW_MASK, "\x03\xe8", 2);
        await(raw_expect_end(fd));
        aw_cancel(task);
        expect_error(await(aw_join(task)), ECANCELED);
        close(fd);
        return 0;
}

static async int
a_connection_lost_while_closing_fails_with_epipe(struct pair *pair)
{
        struct ws *server;
        int fd = await(raw_client(pair->listener, &server, 0));
        struct aw_task *task = close_start(&(struct closing){server, WS_NORMAL, NULL});

        raw_expect_close(fd, 1000);
        raw_reset(fd);
        expect_error(await(aw_join(task)), EPIPE);

        fd = await(raw_client(pair->listener, &server, 0));
        raw_reset(fd);
        expect_error(await(ws_close(server, WS_NORMAL, NULL)), EPIPE);
        return 0;
}

/* What is queued goes out before the Close frame, and takes its time, if the peer reads at all. */
static async int
closing_waits_as_long_as_the_peer_goes_on_reading(struct pair *pair)
{
        struct ws *server;
        int fd = await(raw_client(pair->listener, &server, 4096)), i;
        size_t size = 1000000;
        uint8_t *data = pattern(size), *part = malloc(size);
        struct ws_message message = message_of(WS_BINARY, data, size);
        struct aw_task *task;
        uint64_t sent;

        expect_int(await(ws_send(server, &message, SOON)), 0);
        task = close_start(&(struct closing){server, WS_NORMAL, NULL});
        for (i = 0; i < 4; i++) {
                await(idle_turns());
                sent = aw_transport_delivered(server->transport);
                await(clock_advance(WS_CLOSE_TIME - AW_SECOND));
                while (aw_transport_delivered(server->transport) == sent)
                        if (!await(raw_read_all(fd, part, 1000)))
                                break;
                expect(!aw_task_done(task));
        }
        await(clock_advance(WS_CLOSE_TIME + AW_SECOND));
        expect_error(await(aw_join(task)), ETIMEDOUT);
        free(part);
        free(data);
        close(fd);
        return 0;
}

/* The same when the peer closed first, and only the end of the stream is waited for. */
static async int
the_end_waits_as_long_as_the_peer_goes_on_reading(struct pair *pair)
{
        struct ws *server;
        int fd = await(raw_client(pair->listener, &server, 4096)), i;
        size_t size = 1000000;
        uint8_t *data = pattern(size), *part = malloc(1000);
        struct ws_message message = message_of(WS_BINARY, data, size);
        struct aw_task *task;
        uint64_t sent;

        expect_int(await(ws_send(server, &message, SOON)), 0);
        raw_frame(fd, 0x88, RAW_MASK, "\x03\xe8", 2);
        wait_until(has_peers_close(server));
        task = close_start(&(struct closing){server, WS_NORMAL, NULL});
        for (i = 0; i < 4; i++) {
                await(idle_turns());
                sent = aw_transport_delivered(server->transport);
                await(clock_advance(WS_LINGER_TIME - AW_SECOND / 2));
                while (aw_transport_delivered(server->transport) == sent)
                        if (!await(raw_read_all(fd, part, 1000)))
                                break;
                expect(!aw_task_done(task));
        }
        /* Our Close frame, which is behind all that, has not gone out. */
        await(clock_advance(WS_LINGER_TIME + AW_SECOND));
        expect_error(await(aw_join(task)), EPIPE);
        free(part);
        free(data);
        close(fd);
        return 0;
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                on_pair(a_client_waits_for_the_server_to_end_the_connection),
                on_pair(an_end_that_does_not_come_is_waited_for_two_seconds),
                on_pair(an_answer_that_does_not_come_is_waited_for_five_seconds),
                on_pair(closing_can_be_cancelled),
                on_pair(a_connection_lost_while_closing_fails_with_epipe),
                on_pair(closing_waits_as_long_as_the_peer_goes_on_reading),
                on_pair(the_end_waits_as_long_as_the_peer_goes_on_reading),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
