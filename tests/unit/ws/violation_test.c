/* SPDX-License-Identifier: MIT */
/* Peers that break the protocol (RFC 6455 sections 5 and 7). */
#include "unit/clock.h"
#include "unit/ws/raw.h"

struct violation {
        const char *bytes;
        size_t length;
        unsigned code;
        const char *log;
};

static async void
expect_violation(struct pair *pair, const struct violation *violation)
{
        struct ws *server;
        struct ws_message message;
        int fd = await(raw_client(pair->listener, &server, 0));

        clock_ahead += AW_SECOND; /* or the log would leave out some of these lines */
        raw_text(fd, "good");
        raw_send(fd, violation->bytes, violation->length);
        expect_received(server, "good");
        expect_error(await(ws_receive(server, &message, SOON)), EPROTO);
        expect_log(violation->log);
        raw_expect_close(fd, violation->code);
        /* It needs no answer. */
        close(fd);
        expect_error(await(ws_close(server, WS_NORMAL, NULL)), EPIPE);
}

#define VIOLATION(bytes, code, log)                                                                \
        {                                                                                          \
                bytes, sizeof(bytes) - 1, code, log                                                \
        }

static async int
what_breaks_the_protocol_closes_with_1002_or_1007(struct pair *pair)
{
        static const struct violation violations[] = {
                VIOLATION("\x81\x01x", 1002, "a frame without mask"),
                VIOLATION("\xc1\x80\0\0\0\0", 1002, "reserved bits"),
                VIOLATION("\xa1\x80\0\0\0\0", 1002, "reserved bits"),
                VIOLATION("\x91\x80\0\0\0\0", 1002, "reserved bits"),
                VIOLATION("\x83\x80\0\0\0\0", 1002, "a reserved opcode"),
                VIOLATION("\x8f\x80\0\0\0\0", 1002, "a reserved opcode"),
                VIOLATION("\x80\x80\0\0\0\0", 1002, "a continuation of nothing"),
                VIOLATION("\x01\x80\0\0\0\0\x82\x80\0\0\0\0", 1002, "within another one's"),
                VIOLATION("\x09\x80\0\0\0\0", 1002, "a fragmented control frame"),
                VIOLATION("\x89\xfe\x00\x7e\0\0\0\0", 1002, "a control frame over 125 bytes"),
                VIOLATION("\x82\xfe\x00\x7d", 1002, "bad length"),
                VIOLATION("\x82\xff\x80\0\0\0\0\0\0\0", 1002, "bad length"),
                VIOLATION("\x81\x81\0\0\0\0\xff", 1007, "invalid UTF-8"),
                /* Known to be wrong before the frame is complete. */
                VIOLATION("\x81\x90\0\0\0\0\xf4\x90", 1007, "invalid UTF-8"),
                VIOLATION("\x81\x82\0\0\0\0\xe2\x82", 1007, "in the middle of a character"),
                VIOLATION("\x01\x81\0\0\0\0\xc3\x80\x81\0\0\0\0x", 1007, "invalid UTF-8"),
        };
        size_t i;

        for (i = 0; i < sizeof(violations) / sizeof(violations[0]); i++)
                await(expect_violation(pair, &violations[i]));
        return 0;
}

/* Whether it comes in the same read or in a later one. */
static async int
a_close_frame_behind_a_fault_does_not_hide_it(struct pair *pair)
{
        static const char bytes[] = "\x81\x81\0\0\0\0\xff\x88\x82\0\0\0\0\x03\xe8";
        struct ws *server;
        struct ws_message message;
        int fd = await(raw_client(pair->listener, &server, 0));

        clock_ahead += AW_SECOND;
        raw_send(fd, bytes, sizeof(bytes) - 1);
        expect_error(await(ws_receive(server, &message, SOON)), EPROTO);
        expect_log("invalid UTF-8");
        raw_expect_close(fd, 1007);
        expect_int(await(ws_close(server, WS_NORMAL, NULL)), 0);
        close(fd);
        return 0;
}

static async int
a_client_refuses_frames_with_a_mask(struct pair *pair)
{
        struct connecting connecting = {.deadline = 0};
        struct ws_message message;
        char url[64];
        int listener = raw_listen(url, 1), fd;

        (void)pair;
        clock_ahead += AW_SECOND;
        connect_start(&connecting, url);
        fd = await(raw_server(listener, "101 Switching Protocols", ""));
        expect_int(await(aw_join(connecting.task)), 0);
        raw_frame(fd, 0x81, NULL, "good", 4);
        raw_text(fd, "bad");
        expect_received(connecting.ws, "good");
        expect_error(await(ws_receive(connecting.ws, &message, SOON)), EPROTO);
        expect_log("a masked frame from a server");
        close(fd);
        expect_error(await(ws_close(connecting.ws, WS_NORMAL, NULL)), EPIPE);
        close(listener);
        return 0;
}

static async void
expect_refusal(struct pair *pair, const char *payload, size_t length, unsigned code)
{
        struct ws *server;
        struct ws_message message;
        int fd = await(raw_client(pair->listener, &server, 0));

        clock_ahead += AW_SECOND;
        raw_frame(fd, 0x88, RAW_MASK, payload, length);
        expect_error(await(ws_receive(server, &message, SOON)), EPROTO);
        expect_log("in a Close frame");
        raw_expect_close(fd, code);
        close(fd);
        expect_error(await(ws_close(server, WS_NORMAL, NULL)), EPIPE);
}

static async int
a_bad_close_frame_is_refused(struct pair *pair)
{
        static const unsigned bad[] = {0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535};
        char payload[2];
        size_t i;

        await(expect_refusal(pair, "\x03", 1, WS_PROTOCOL_ERROR));
        for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                payload[0] = (char)(bad[i] >> 8);
                payload[1] = (char)bad[i];
                await(expect_refusal(pair, payload, 2, WS_PROTOCOL_ERROR));
        }
        await(expect_refusal(pair, "\x03\xe8\xff", 3, WS_INVALID_DATA));
        await(expect_refusal(pair, "\x03\xe8 cut \xc3", 8, WS_INVALID_DATA));
        return 0;
}

/* The loss of the connection, or a listener that drains, does not hide what came before it. */
static async int
what_was_wrong_is_told_after_the_end_as_well(struct pair *pair)
{
        static const struct {
                const char *data;
                size_t length;
                int error;
                const char *log;
                bool drained;
        } wrong[] = {
                {"\xc1\x80\0\0\0\0", 6, EPROTO, "reserved bits", false},
                {"\x82\xff\0\0\0\1\0\0\0\0\0\0\0\0", 14, EMSGSIZE, "closing with 1009", false},
                {"\x82\xff\0\0\0\1\0\0\0\0\0\0\0\0", 14, EMSGSIZE, "closing with 1009", true},
        };
        struct linger reset = {.l_onoff = 1, .l_linger = 0};
        struct ws *server;
        struct ws_message message;
        size_t i;

        for (i = 0; i < 3; i++) {
                int fd = await(raw_client(pair->listener, &server, 0));

                raw_send(fd, wrong[i].data, wrong[i].length);
                raw_expect_close(fd, i == 0 ? 1002 : 1009);
                expect_log(wrong[i].log);
                if (wrong[i].drained)
                        ws_listener_drain(pair->listener);
                else
                        setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
                close(fd);
                wait_until(server->transport == NULL || wrong[i].drained);
                expect_error(await(ws_receive(server, &message, SOON)), wrong[i].error);
                expect_error(await(ws_send_text(server, "x", SOON)), EPIPE);
                expect_error(await(ws_close(server, WS_NORMAL, NULL)), EPIPE);
        }
        return 0;
}

/* Bytes that are no TLS, once the connection is open: neither side takes them for anything else. */
static async int
what_is_no_tls_ends_an_open_connection(struct pair *pair)
{
        struct ws *ends[] = {pair->server, pair->client};
        struct ws_message message;

        for (size_t i = 0; i < 2; i++) {
                struct pair other = *pair;

                if (!expect_int(await(pair_open(&other)), 0))
                        break;
                ends[0] = other.server;
                ends[1] = other.client;
                raw_send(socket_of(ends[i]), "this is no record", 17);
                expect_error(await(ws_receive(ends[!i], &message, SOON)), EPROTO);
                expect_error(await(ws_send_text(ends[!i], "x", SOON)), EPIPE);
                expect_int(ws_peer_close(ends[!i])->code, WS_ABNORMAL);
                test_log_find("TLS");
                ws_drop(other.client);
                ws_drop(other.server);
                ws_listener_close(other.listener);
        }
        return 0;
}

/* Who answers our Close frame in the middle of a frame has given that up. */
static async int
an_answer_within_a_refused_frame_is_heard(struct pair *pair)
{
        static const struct {
                const char *data;
                size_t length;
        } refused[] = {
                {"\x89\xfe\x10\x00\0\0\0\0 begun", 14},          /* a ping of 4096 bytes */
                {"\x82\xff\x80\0\0\0\0\0\0\0\0\0\0\0 lost", 19}, /* a length of 2^63 bytes */
                {"\x81\xfe\x10\x00\0\0\0\0\xff", 9},             /* no UTF-8 */
        };
        struct ws *server;
        struct ws_message message;
        size_t i;

        for (i = 0; i < 3; i++) {
                int fd = await(raw_client(pair->listener, &server, 0));

                raw_send(fd, refused[i].data, refused[i].length);
                expect_error(await(ws_receive(server, &message, SOON)), EPROTO);
                expect_log("closing with 100");
                raw_expect_close(fd, i == 2 ? 1007 : 1002);
                raw_send(fd, "no Close frame: \x88\x82 it is", 25);
                await(idle_turns());
                raw_frame(fd, 0x88, RAW_MASK, "\x03\xea", 2);
                expect_int(await(ws_close(server, WS_NORMAL, NULL)), 0);
                await(raw_expect_end(fd));
                close(fd);
        }
        return 0;
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                on_pair(a_bad_close_frame_is_refused),
                on_pair(what_breaks_the_protocol_closes_with_1002_or_1007),
                on_pair(a_close_frame_behind_a_fault_does_not_hide_it),
                on_pair(a_client_refuses_frames_with_a_mask),
                on_pair(what_was_wrong_is_told_after_the_end_as_well),
                {"what_is_no_tls_ends_an_open_connection", test_on_tls_pair, NULL, NULL,
                 (void *)what_is_no_tls_ends_an_open_connection},
                on_pair(an_answer_within_a_refused_frame_is_heard),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
