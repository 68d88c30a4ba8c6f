/* SPDX-License-Identifier: MIT */
/* Connections in the raw, as wsechod's behaviours have them: what goes out, and what is waited for. */
#include "await/watch.h"
#include "unit/ws/raw.h"
#include "ws/raw.h"

/* A client of the pair's listener that is no more than a socket; the server's end is in the raw. */
static async int
raw_pair(struct pair *pair, struct ws **ws)
{
        int fd = await(raw_client(pair->listener, ws, 0));

        expect_int(ws_raw_begin(*ws), 0);
        return fd;
}

/* That nothing has come, and the connection is there. */
static async void
expect_nothing(int fd)
{
        char byte;

        await(idle_turns());
        expect_error(recv(fd, &byte, 1, MSG_DONTWAIT), EAGAIN);
}

static async void
expect_bytes(int fd, const char *bytes, size_t length)
{
        char got[200];

        if (await(raw_read_all(fd, got, length)))
                expect(memcmp(got, bytes, length) == 0);
}

/* Output. */

static async int
bytes_go_out_as_they_are(struct pair *pair)
{
        struct ws *ws;
        int fd = await(raw_pair(pair, &ws));

        expect_int(await(ws_raw_write(ws, "x", 1, SOON)), 0);
        expect_int(await(ws_raw_write(ws, "", 0, SOON)), 0);
        expect_int(await(ws_send_text(ws, "message", SOON)), 0);
        expect_int(await(ws_raw_write(ws, "\x81\x02yz", 4, SOON)), 0);
        await(expect_bytes(fd, "x\x81\x07message\x81\x02yz", 14));
        await(expect_nothing(fd));
        ws_drop(ws);
        close(fd);
        return 0;
}

static async int
no_more_goes_out_than_is_allowed(struct pair *pair)
{
        struct ws *ws;
        int fd = await(raw_pair(pair, &ws));

        ws_raw_allow(ws, 0);
        expect_int(await(ws_send_text(ws, "one", SOON)), 0);
        expect_int(await(ws_raw_write(ws, "two", 3, SOON)), 0);
        await(expect_nothing(fd));
        ws_raw_allow(ws, 3);
        await(expect_bytes(fd, "\x81\x03o", 3));
        await(expect_nothing(fd));
        /* Across the end of a frame. */
        ws_raw_allow(ws, 4);
        await(expect_bytes(fd, "netw", 4));
        await(expect_nothing(fd));
        expect_error(await(ws_raw_wait_sent(ws, NOW_OR_NOT)), ETIMEDOUT);
        ws_raw_allow(ws, WS_RAW_NO_LIMIT);
        await(expect_bytes(fd, "o", 1));
        expect_int(await(ws_raw_wait_sent(ws, SOON)), 0);
        ws_drop(ws);
        close(fd);
        return 0;
}

static async int
what_is_sent_without_a_limit_is_traffic(struct pair *pair)
{
        struct ws_traffic traffic = {.sent = 0};
        struct ws *ws;
        int fd = await(raw_pair(pair, &ws));
        uint64_t before;

        ws_traffic(ws, &traffic);
        before = traffic.sent;
        expect_int(await(ws_send_text(ws, "message", SOON)), 0);
        await(expect_bytes(fd, "\x81\x07message", 9));
        do {
                await(aw_sleep(0));
                ws_traffic(ws, &traffic);
        } while (aw_transport_outstanding(ws->transport) > 0);
        expect_int((long long)(traffic.sent - before) > 0, true);
        ws_drop(ws);
        close(fd);
        return 0;
}

static async int
messages_that_were_written_are_counted(struct pair *pair)
{
        struct ws_info before, after;
        struct ws *ws;
        int fd = await(raw_pair(pair, &ws));

        ws_info(ws, &before);
        ws_raw_count_sent(ws, WS_TEXT, 5);
        ws_raw_count_sent(ws, WS_BINARY, 7);
        ws_raw_count_sent(ws, WS_BINARY, 7);
        ws_info(ws, &after);
        for (int i = 0; i < 2; i++) {
                expect_int((long long)(after.sent.messages[i] - before.sent.messages[i]), i + 1);
                expect_int((long long)(after.sent.bytes[i] - before.sent.bytes[i]), 5 + 9 * i);
        }
        ws_drop(ws);
        close(fd);
        return 0;
}

static async int
wait_for_output(void *ws)
{
        return await(ws_raw_wait_output(ws, SOON));
}

static async int
wait_for_sent(void *ws)
{
        return await(ws_raw_wait_sent(ws, SOON));
}

static async int
output_is_waited_for(struct pair *pair)
{
        struct ws *ws;
        int fd = await(raw_pair(pair, &ws));
        struct aw_task *task;

        expect_error(await(ws_raw_wait_output(ws, NOW_OR_NOT)), ETIMEDOUT);
        expect_int(await(ws_raw_wait_sent(ws, SOON)), 0);
        ws_raw_allow(ws, 0);
        task = aw_spawn("output", wait_for_output, ws);
        await(idle_turns());
        expect(!aw_task_done(task));
        expect_int(await(ws_raw_write(ws, "x", 1, SOON)), 0);
        expect_int(await(aw_join(task)), 0);
        expect_int(await(ws_raw_wait_output(ws, SOON)), 0);
        task = aw_spawn("sent", wait_for_sent, ws);
        await(idle_turns());
        expect(!aw_task_done(task));
        ws_raw_allow(ws, 1);
        expect_int(await(aw_join(task)), 0);
        task = aw_spawn("output", wait_for_output, ws);
        await(idle_turns());
        raw_reset(fd);
        expect_error(await(aw_join(task)), EPIPE);
        expect_error(await(ws_raw_wait_output(ws, SOON)), EPIPE);
        expect_error(await(ws_raw_wait_sent(ws, SOON)), EPIPE);
        ws_raw_allow(ws, 1);
        ws_drop(ws);
        return 0;
}

static async int
who_writes_waits_for_room(struct pair *pair)
{
        static const char piece[10000];
        struct ws *ws;
        int fd = await(raw_pair(pair, &ws));
        size_t pieces = 0;

        ws_raw_allow(ws, 0);
        while (ws_raw_has_room(ws) && pieces < 1000) {
                expect_int(await(ws_raw_write(ws, piece, sizeof(piece), SOON)), 0);
                pieces++;
        }
        expect(outbox_bytes(ws) > ws_queue_high(ws));
        expect_error(await(ws_raw_write(ws, "x", 1, NOW_OR_NOT)), ETIMEDOUT);
        ws_raw_allow(ws, WS_RAW_NO_LIMIT);
        expect_int(await(ws_raw_write(ws, "y", 1, SOON)), 0);
        for (size_t i = 0; i < pieces; i++) {
                char got[sizeof(piece)];

                expect(await(raw_read_all(fd, got, sizeof(got))));
        }
        await(expect_bytes(fd, "y", 1));
        ws_drop(ws);
        close(fd);
        return 0;
}

/* Which is found out by writing. */
static async int
what_is_allowed_is_lost_if_the_peer_is_gone(struct pair *pair)
{
        static const char large[10000];
        struct ws *ws;
        int fd = await(raw_pair(pair, &ws));

        ws_raw_allow(ws, 0);
        for (int i = 0; i < 3; i++)
                expect_int(await(ws_raw_write(ws, large, sizeof(large), SOON)), 0);
        await(idle_turns());
        raw_reset(fd);
        ws_raw_allow(ws, 25000);
        wait_until(ws->transport == NULL);
        ws_drop(ws);
        return 0;
}

static async int
nothing_is_written_behind_a_close_frame(struct pair *pair)
{
        struct ws *ws;
        int fd = await(raw_pair(pair, &ws));

        ws_raw_close(ws, 4000, "enough");
        expect_error(await(ws_raw_write(ws, "x", 1, SOON)), EPIPE);
        raw_expect_frame(fd, 0x88,
                         "\x0f\xa0"
                         "enough",
                         8);
        await(expect_nothing(fd));
        raw_reset(fd);
        wait_until(ws->transport == NULL);
        expect_error(await(ws_raw_write(ws, "x", 1, SOON)), EPIPE);
        ws_raw_close(ws, 4000, "enough");
        ws_raw_shutdown(ws, 4000, "enough");
        ws_raw_end(ws, WS_RAW_RESET);
        ws_drop(ws);
        return 0;
}

/* Input. */

static async int
who_has_stalled_reads_nothing(struct pair *pair)
{
        struct ws_message message;
        struct ws *ws;
        int fd = await(raw_pair(pair, &ws));

        ws_raw_stall(ws, true);
        expect(is_paused(ws));
        raw_text(fd, "later");
        expect_error(await(ws_receive(ws, &message, NOW_OR_NOT)), ETIMEDOUT);
        ws_raw_stall(ws, false);
        expect(!is_paused(ws));
        expect_received(ws, "later");
        ws_drop(ws);
        close(fd);
        return 0;
}

static async int
bytes_that_come_are_counted_once(struct pair *pair)
{
        struct ws *ws;
        int fd = await(raw_pair(pair, &ws));

        expect_error(await(ws_raw_wait_input(ws, NOW_OR_NOT)), ETIMEDOUT);
        raw_text(fd, "ab");
        expect_int(await(ws_raw_wait_input(ws, SOON)), 8);
        raw_text(fd, "c");
        raw_text(fd, "d");
        wait_until(inbox_bytes(ws) > 0);
        await(idle_turns());
        expect_int(await(ws_raw_wait_input(ws, SOON)), 14);
        expect_error(await(ws_raw_wait_input(ws, NOW_OR_NOT)), ETIMEDOUT);
        raw_text(fd, "e");
        raw_reset(fd);
        wait_until(ws->transport == NULL);
        expect_error(await(ws_raw_wait_input(ws, SOON)), EPIPE);
        ws_drop(ws);
        return 0;
}

static async int
sleep_long(void *ws)
{
        return await(ws_raw_sleep(ws, SOON));
}

static async int
wait_for_end(void *ws)
{
        return await(ws_raw_wait_end(ws, SOON));
}

static async int
wait_for_ping(void *ws)
{
        uint8_t payload[125];

        return await(ws_raw_ping(ws, payload, SOON));
}

static async int
wait_for_input(void *ws)
{
        return (int)await(ws_raw_wait_input(ws, SOON));
}

/* All that waits for something else than the output. */
static const struct {
        async int (*function)(void *ws);
} waits[] = {{sleep_long}, {wait_for_end}, {wait_for_ping}, {wait_for_input}};
#define WAITS (sizeof(waits) / sizeof(waits[0]))

static async int
a_drain_ends_what_is_waited_for(struct pair *pair)
{
        struct aw_task *tasks[WAITS];
        struct ws *ws[WAITS];
        int fds[WAITS];

        for (size_t i = 0; i < WAITS; i++) {
                fds[i] = await(raw_pair(pair, &ws[i]));
                ws_raw_keep_pings(ws[i]);
                ws_raw_keep_close(ws[i]);
                tasks[i] = aw_spawn("wait", waits[i].function, ws[i]);
        }
        await(idle_turns());
        for (size_t i = 0; i < WAITS; i++)
                expect(!aw_task_done(tasks[i]));
        ws_listener_drain(pair->listener);
        for (size_t i = 0; i < WAITS; i++) {
                expect_error(await(aw_join(tasks[i])), ESHUTDOWN);
                expect_error(await(waits[i].function(ws[i])), ESHUTDOWN);
                /* The program closes. */
                await(expect_nothing(fds[i]));
                ws_drop(ws[i]);
                close(fds[i]);
        }
        return 0;
}

static async int
the_end_of_the_connection_ends_what_is_waited_for(struct pair *pair)
{
        static const int errors[WAITS] = {EPIPE, 0, EPIPE, EPIPE};

        for (size_t i = 0; i < WAITS; i++) {
                struct ws *ws;
                int fd = await(raw_pair(pair, &ws));
                struct aw_task *task;

                ws_raw_keep_pings(ws);
                task = aw_spawn("wait", waits[i].function, ws);
                await(idle_turns());
                raw_reset(fd);
                if (errors[i] == 0) {
                        expect_int(await(aw_join(task)), 0);
                        expect_int(await(waits[i].function(ws)), 0);
                } else {
                        expect_error(await(aw_join(task)), errors[i]);
                        expect_error(await(waits[i].function(ws)), errors[i]);
                }
                ws_drop(ws);
        }
        return 0;
}

static async int
nobody_waits_while_the_program_closes(struct pair *pair)
{
        struct ws *ws;
        int fd = await(raw_pair(pair, &ws));
        struct aw_task *task;

        ws_raw_keep_pings(ws);
        raw_text(fd, "unread");
        raw_frame(fd, 0x89, RAW_MASK, "unanswered", 10);
        await(idle_turns());
        task = aw_spawn("close", close_in_task, ws);
        raw_expect_close(fd, WS_NORMAL);
        for (size_t i = 0; i < WAITS; i++)
                expect_error(await(waits[i].function(ws)), EPIPE);
        expect_error(await(ws_raw_write(ws, "x", 1, SOON)), EPIPE);
        raw_frame(fd, 0x88, RAW_MASK, "\x03\xe8", 2);
        expect_int(await(aw_join(task)), 0);
        close(fd);
        return 0;
}

static async int
time_passes_and_nothing_comes(struct pair *pair)
{
        struct ws *ws;
        int fd = await(raw_pair(pair, &ws));
        uint8_t payload[125];

        ws_raw_keep_pings(ws);
        expect_int(await(ws_raw_sleep(ws, NOW_OR_NOT)), 0);
        expect_error(await(ws_raw_wait_end(ws, NOW_OR_NOT)), ETIMEDOUT);
        expect_error(await(ws_raw_ping(ws, payload, NOW_OR_NOT)), ETIMEDOUT);
        shutdown(fd, SHUT_WR);
        expect_int(await(ws_raw_wait_end(ws, SOON)), 0);
        ws_drop(ws);
        close(fd);
        return 0;
}

/* Control frames. */

static async int
the_programs_close_is_the_only_one(struct pair *pair)
{
        struct ws_message message;
        struct ws *ws;
        int fd = await(raw_pair(pair, &ws));

        ws_raw_keep_close(ws);
        raw_frame(fd, 0x88, RAW_MASK, "\x03\xe8", 2);
        expect_error(await(ws_receive(ws, &message, SOON)), EPIPE);
        await(expect_nothing(fd));
        expect_int(await(ws_raw_write(ws, "x", 1, SOON)), 0);
        await(expect_bytes(fd, "x", 1));
        ws_raw_shutdown(ws, 4001, "at last");
        raw_expect_frame(fd, 0x88,
                         "\x0f\xa1"
                         "at last",
                         9);
        ws_drop(ws);
        close(fd);
        /* But for that of a peer that breaks the protocol. */
        fd = await(raw_pair(pair, &ws));
        ws_raw_keep_close(ws);
        raw_frame(fd, 0xf1, RAW_MASK, "reserved bits", 13);
        expect_error(await(ws_receive(ws, &message, SOON)), EPROTO);
        expect_log("reserved bits");
        raw_expect_close(fd, WS_PROTOCOL_ERROR);
        ws_drop(ws);
        close(fd);
        return 0;
}

/* The first 64 that wait. */
static async int
the_programs_pongs_are_the_only_ones(struct pair *pair)
{
        struct ws *ws;
        int fd = await(raw_pair(pair, &ws));
        uint8_t payload[125];

        raw_frame(fd, 0x89, RAW_MASK, "before", 6);
        raw_expect_frame(fd, 0x8a, "before", 6);
        ws_raw_keep_pings(ws);
        for (int round = 0; round < 2; round++) {
                for (char i = 0; i < 70; i++)
                        raw_frame(fd, 0x89, RAW_MASK, &i, 1);
                raw_text(fd, "end");
                expect_received(ws, "end");
                for (int i = 0; i < 64; i++) {
                        expect_int(await(ws_raw_ping(ws, payload, SOON)), 1);
                        expect_int(payload[0], i);
                }
                expect_error(await(ws_raw_ping(ws, payload, NOW_OR_NOT)), ETIMEDOUT);
        }
        await(expect_nothing(fd));
        for (int i = 0; i < 64; i++)
                raw_frame(fd, 0x89, RAW_MASK, "left", 4);
        raw_text(fd, "end");
        expect_received(ws, "end");
        ws_drop(ws);
        close(fd);
        /* With the last connection goes what is kept for the next. */
        ws_drop(pair->client);
        ws_drop(pair->server);
        pair->client = pair->server = NULL;
        wait_until(ws_connection_count() == 0);
        expect(ws_memory() < 1024);
        return 0;
}

static async int
a_code_is_right_or_not(struct pair *pair)
{
        (void)pair;
        expect(ws_raw_code_is_right(1000) && ws_raw_code_is_right(4999));
        expect(!ws_raw_code_is_right(1005) && !ws_raw_code_is_right(5000));
        return 0;
}

/* The end. */

static async int
each_end_is_its_own(struct pair *pair)
{
        static const struct {
                enum ws_raw_end how;
                int result, error; /* of the peer's next read */
        } ends[] = {{WS_RAW_FIN, 0, 0},
                    {WS_RAW_NOTIFY, -1, EAGAIN},
                    {WS_RAW_RESET, -1, ECONNRESET},
                    {WS_RAW_MUTE, -1, EAGAIN}};

        for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
                struct ws *ws;
                int fd = await(raw_pair(pair, &ws)), result;
                char byte;

                ws_raw_allow(ws, 0);
                expect_int(await(ws_send_text(ws, "never", SOON)), 0);
                expect_int(ws_send_ping(ws, "", 0), 0);
                ws_raw_end(ws, ends[i].how);
                ws_raw_allow(ws, WS_RAW_NO_LIMIT);
                await(idle_turns());
                errno = 0;
                result = (int)recv(fd, &byte, 1, MSG_DONTWAIT);
                expect_int(result, ends[i].result);
                expect_int(result == -1 ? errno : 0, ends[i].error);
                expect_int((long long)outbox_bytes(ws), 0);
                expect_error(await(ws_raw_write(ws, "x", 1, SOON)), EPIPE);
                expect_error(await(ws_send_text(ws, "x", SOON)), EPIPE);
                if (ends[i].how != WS_RAW_RESET) {
                        raw_text(fd, "heard");
                        expect_received(ws, "heard");
                }
                ws_drop(ws);
                close(fd);
        }
        return 0;
}

static async int
a_message_is_kept_beyond_the_next(struct pair *pair)
{
        struct ws_message kept, other;
        struct ws *ws;
        int fd = await(raw_pair(pair, &ws));
        struct ws_buffer *buffer;
        uint8_t *bytes;

        raw_text(fd, "kept");
        raw_text(fd, "other");
        expect_int(await(ws_receive(ws, &kept, SOON)), 0);
        ws_raw_keep(&kept);
        expect_int(await(ws_receive(ws, &other, SOON)), 0);
        expect_text(&kept, "kept");
        bytes = ws_raw_bytes(&kept);
        bytes[0] = 'w';
        expect_text(&kept, "wept");
        ws_drop(ws);
        close(fd);
        await(idle_turns());
        expect_text(&kept, "wept");
        buffer = kept.buffer;
        buffer->references++;
        ws_raw_release(&kept);
        expect(kept.buffer == NULL);
        expect_int((long long)buffer->references, 1);
        ws_buffer_unref(buffer);
        return 0;
}

/* A response that is held. */

static async int
a_response_that_is_held_is_the_programs(struct pair *pair)
{
        struct ws_listen_options options = {.url = ANY_PORT, .handler = raw_hold};
        struct aw_error error;
        struct ws_listener *listener = await(ws_listen(&options, &error));
        struct ws *ws;
        int fd = await(raw_held_client(listener, &ws));
        char head[4096];

        expect_int(ws_raw_begin(ws), 0);
        expect(strncmp(ws_raw_head(ws), "HTTP/1.1 101 ", 13) == 0);
        expect(strcmp(strchr(ws_raw_head(ws), '\0') - 4, "\r\n\r\n") == 0);
        await(expect_nothing(fd));
        /* A ping is not answered before there is WebSocket. */
        raw_frame(fd, 0x89, RAW_MASK, "early", 5);
        raw_text(fd, "early");
        expect_received(ws, "early");
        await(expect_nothing(fd));
        expect_int(await(ws_raw_write(ws, ws_raw_head(ws), strlen(ws_raw_head(ws)), SOON)), 0);
        await(raw_read_head(fd, head));
        expect(strcmp(head, ws_raw_head(ws)) == 0);
        ws_raw_open(ws);
        expect_int(await(ws_send_text(ws, "open", SOON)), 0);
        raw_expect_frame(fd, 0x81, "open", 4);
        /* It opens nothing that has been closed. */
        ws_raw_close(ws, WS_NORMAL, NULL);
        ws_raw_open(ws);
        expect_error(await(ws_send_text(ws, "closed", SOON)), EPIPE);
        raw_end(listener, ws, fd);
        fd = await(raw_pair(pair, &ws));
        expect(strcmp(ws_raw_head(ws), "") == 0);
        ws_drop(ws);
        close(fd);
        return 0;
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                on_pair(bytes_go_out_as_they_are),
                on_pair(no_more_goes_out_than_is_allowed),
                on_pair(what_is_sent_without_a_limit_is_traffic),
                on_pair(messages_that_were_written_are_counted),
                on_pair(output_is_waited_for),
                on_pair(who_writes_waits_for_room),
                on_pair(what_is_allowed_is_lost_if_the_peer_is_gone),
                on_pair(nothing_is_written_behind_a_close_frame),
                on_pair(who_has_stalled_reads_nothing),
                on_pair(bytes_that_come_are_counted_once),
                on_pair(a_drain_ends_what_is_waited_for),
                on_pair(the_end_of_the_connection_ends_what_is_waited_for),
                on_pair(nobody_waits_while_the_program_closes),
                on_pair(time_passes_and_nothing_comes),
                on_pair(the_programs_close_is_the_only_one),
                on_pair(the_programs_pongs_are_the_only_ones),
                on_pair(a_code_is_right_or_not),
                on_pair(each_end_is_its_own),
                on_pair(a_message_is_kept_beyond_the_next),
                on_pair(a_response_that_is_held_is_the_programs),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
