/* SPDX-License-Identifier: MIT */
/* Wraps: print_received print_text ws_compression ws_extension ws_subprotocol ws_info ws_peer ws_peer_close ws_problem. */
/* What is told with --verbose and --show-ping-pong, and printed with --json. */
#include "print.h"
#include "report.h"
#include "session.h"
#include "unit/client/balance.h"
#include "unit/client/peer.h"
#include "unit/client/said.h"
#include "unit/clock.h"
#include "unit/support.h"

/* What was printed: JSON without its times of the day. */
static char printed[1 << 22];
static size_t printed_length;
static int broken;
static const char *protocol, *extension;
static struct ws_compression compression;
static struct client_options options;
static struct report *report;
static char somewhere;
static struct printer *const printer = (struct printer *)&somewhere;

async int __wrap_print_text(struct printer *to, const char *text, size_t length);
async int __wrap_print_received(struct printer *to, const struct ws_message *message);
const char *__wrap_ws_subprotocol(const struct ws *ws);
const char *__wrap_ws_extension(const struct ws *ws);
void __wrap_ws_compression(const struct ws *ws, struct ws_compression *counts);

async int
__wrap_print_text(struct printer *to, const char *text, size_t length)
{
        expect(to == printer && printed_length + length < sizeof(printed));
        errno = broken;
        if (broken != 0)
                return -1;
        memcpy(printed + printed_length, text, length);
        printed_length += length;
        printed[printed_length] = '\0';
        return 0;
}

async int
__wrap_print_received(struct printer *to, const struct ws_message *message)
{
        expect(to == printer);
        return await(__wrap_print_text(to, (const char *)message->data, message->length));
}

const char *
__wrap_ws_subprotocol(const struct ws *ws)
{
        (void)ws;
        return protocol;
}

const char *
__wrap_ws_extension(const struct ws *ws)
{
        (void)ws;
        return extension;
}

void
__wrap_ws_compression(const struct ws *ws, struct ws_compression *counts)
{
        (void)ws;
        *counts = compression;
}

static void
begin(bool json, unsigned verbose, bool ping_pong)
{
        options = (struct client_options){
                .printing = {.json = json, .verbose = verbose, .ping_pong = ping_pong}};
        protocol = extension = NULL;
        compression = (struct ws_compression){.sent = {.messages = 0}};
        peer_close = (struct ws_peer_close){.code = 0};
        broken = 0;
        printed_length = 0;
        printed[0] = '\0';
        report_free(report);
        report = report_create(&options);
        expect(report != NULL);
        said_begin();
}

/* The first object printed, from the field on that follows the time, is this; it is forgotten. */
static void
prints(const char *event, const char *rest)
{
        char wanted[2000], got[2000];
        size_t length = strcspn(printed, "\n");
        const char *end = memmem(printed, length, "Z\"", 2);

        snprintf(wanted, sizeof(wanted), "{\"event\":\"%s\",\"time\":%s", event, rest);
        snprintf(got, sizeof(got), "%.*s%.*s",
                 (int)(strstr(printed, "\"time\":") == NULL
                               ? 0
                               : strstr(printed, "\"time\":") + 7 - printed),
                 printed, end == NULL ? 0 : (int)(printed + length - end - 2),
                 end == NULL ? "" : end + 2);
        test_expect(strcmp(got, wanted) == 0, __FILE__, __LINE__, "'%s' (it is '%s')", wanted, got);
        length += printed[length] == '\n';
        memmove(printed, printed + length, printed_length - length + 1);
        printed_length -= length;
}

static void
prints_nothing_more(void)
{
        test_expect(printed_length == 0, __FILE__, __LINE__, "nothing (it is '%.200s')", printed);
}

static void
tells(const char *words)
{
        test_expect(strcmp(said, words) == 0, __FILE__, __LINE__, "'%s' (it is '%s')", words, said);
        said_begin();
}

static void
step(enum ws_step which, const char *text)
{
        const struct ws_observer *observer = report_observer(report);

        observer->step(observer->argument, which, text);
}

static void
frame(bool sent, unsigned opcode, const char *payload)
{
        const struct ws_observer *observer = report_observer(report);
        struct ws_frame it = {.sent = sent,
                              .final = true,
                              .opcode = opcode,
                              .length = strlen(payload),
                              .payload = (const uint8_t *)payload};

        if (opcode < 8)
                it.payload = NULL;
        observer->frame(observer->argument, &it);
}

static async int
somebody_looks_on_only_if_asked_to(NOTHING)
{
        begin(false, 0, false);
        expect(report_observer(report) == NULL);
        begin(true, 0, false);
        expect(report_observer(report) != NULL);
        begin(false, 1, false);
        expect(report_observer(report) != NULL);
        begin(false, 0, true);
        expect(report_observer(report) != NULL);
        report_free(report);
        report = NULL;
        report_free(NULL);
        return 0;
}

static async int
verbose_tells_of_each_step_and_of_no_secret(NOTHING)
{
        begin(false, 1, false);
        step(WS_STEP_RESOLVED, "");
        step(WS_STEP_CONNECTED, "1.2.3.4:5");
        tells("* connected to 1.2.3.4:5\n");
        step(WS_STEP_SECURE, "TLS\ncertificate");
        tells("* TLS\n* certificate\n");
        step(WS_STEP_REQUEST,
             "GET / HTTP/1.1\r\nAuthorization: x\r\nProxy-Authorization: y\r\n"
             "cookie:z\r\nX-Cookie: a\r\nCookie2: b\r\nAuthorization-Info: c\r\n\r\n");
        tells("> GET / HTTP/1.1\n> Authorization: [not shown]\n> Proxy-Authorization: [not shown]\n"
              "> cookie: [not shown]\n> X-Cookie: a\n> Cookie2: b\n> Authorization-Info: c\n");
        step(WS_STEP_RESPONSE, "HTTP/1.1 101\r\nSet-Cookie: a=b\r\n c\r\n\td\r\nSET-COOKIE :e\r\n"
                               "Proxy-Authenticate: Basic\r\n f\r\n\r\n");
        tells("< HTTP/1.1 101\n< Set-Cookie: [not shown]\n<  [not shown]\n<  [not shown]\n"
              "< SET-COOKIE : [not shown]\n< Proxy-Authenticate: Basic\n<  f\n");
        step(WS_STEP_RESPONSE, "HTTP/1.1 200\r\n\r\r\n\nlast");
        tells("< HTTP/1.1 200\n< \\x0d\n< last\n");
        step(WS_STEP_BODY, "a");
        tells("< a\n");
        step(WS_STEP_BODY, "b");
        tells("< b\n");
        step(WS_STEP_FAULT, "odd");
        tells("");
        begin(true, 0, false);
        step(WS_STEP_CONNECTED, "a");
        step(WS_STEP_SECURE, "a");
        step(WS_STEP_REQUEST, "a");
        step(WS_STEP_RESPONSE, "a");
        step(WS_STEP_BODY, "a");
        tells("");
        return 0;
}

static async int
times_are_those_of_each_step(NOTHING)
{
        clock_stop();
        begin(true, 1, false);
        clock_ahead += 1000;
        report_start(report);
        clock_ahead += 1500;
        step(WS_STEP_RESOLVED, "");
        clock_ahead += 20000;
        step(WS_STEP_CONNECTED, "1.2.3.4:5");
        clock_ahead += 3000;
        step(WS_STEP_RESPONSE, "HTTP/1.1 101 Go\r\nA: b\r\n\r\n");
        said_begin();
        await(report_open(report, printer, peer_ws(), "ws://a"));
        tells("* open after name 1.5, tcp 20.0, http 3.0 ms\n");
        prints("open", ",\"url\":\"ws://a\",\"address\":\"1.2.3.4:5\",\"tls\":null,"
                       "\"subprotocol\":null,\"extensions\":[],\"status\":101,"
                       "\"headers\":[[\"A\",\"b\"]],\"ms\":{\"name\":1.5,\"tcp\":20.0,"
                       "\"http\":3.0}}");
        prints_nothing_more();

        /* Another attempt forgets what was. */
        report_start(report);
        clock_ahead += 250;
        step(WS_STEP_SECURE, "TLSv1.3, AES");
        step(WS_STEP_FAULT, "odd");
        step(WS_STEP_FAULT, "very");
        protocol = "p";
        extension = "e";
        said_begin();
        await(report_open(report, printer, peer_ws(), "ws://b"));
        tells("* open after tls 0.2 ms\n* subprotocol p\n* extension e\n");
        prints("open",
               ",\"url\":\"ws://b\",\"address\":\"\",\"tls\":{\"version\":\"TLSv1.3\","
               "\"cipher\":\"AES\"},\"subprotocol\":\"p\",\"extensions\":[\"e\"],\"headers\":[],"
               "\"faults\":[\"odd\",\"very\"],\"ms\":{\"tls\":0.25}}");
        report_start(report);
        protocol = extension = NULL;
        step(WS_STEP_FAULT, "new");
        await(report_open(report, printer, peer_ws(), "ws://c"));
        prints("open", ",\"url\":\"ws://c\",\"address\":\"\",\"tls\":null,\"subprotocol\":null,"
                       "\"extensions\":[],\"headers\":[],\"faults\":[\"new\"],\"ms\":{}}");
        clock_go_on();
        return 0;
}

static async int
frames_before_the_opening_was_told_are_told_behind_it(NOTHING)
{
        begin(false, 2, false);
        step(WS_STEP_REQUEST, "");
        frame(false, 1, "abc");
        frame(false, 9, "p");
        tells("");
        await(report_open(report, printer, peer_ws(), "ws://a"));
        tells("* open after  ms\n< text, 3 bytes\n< ping: p\n");
        frame(true, 10, "p");
        tells("> pong: p\n");
        /* Another connection has an opening of its own, and frames of its own. */
        step(WS_STEP_REQUEST, "");
        frame(false, 9, "q");
        tells("");
        await(report_open(report, printer, peer_ws(), "ws://a"));
        tells("* open after  ms\n< ping: q\n");
        step(WS_STEP_REQUEST, "");
        await(report_open(report, printer, peer_ws(), "ws://a"));
        tells("* open after  ms\n");
        prints_nothing_more();
        return 0;
}

static size_t lines_told;
static char line_told[100];

static void
take_line(const char *line)
{
        lines_told++;
        snprintf(line_told, sizeof(line_told), "%s", line);
}

static async int
a_flood_before_the_opening_was_told_is_told_in_part_and_how_many_more_came(NOTHING)
{
        size_t told = ((size_t)1 << 20) / sizeof("< ping: 12345678901234567890");

        for (size_t more = 1; more < 3; more++) {
                begin(false, 2, false);
                step(WS_STEP_REQUEST, "");
                for (size_t i = 0; i < told + more; i++)
                        frame(false, 9, "12345678901234567890");
                lines_told = 0;
                client_set_sink(take_line);
                await(report_open(report, printer, peer_ws(), "ws://a"));
                said_begin();
                expect_int((long long)lines_told, (long long)told + 2);
                expect(strstr(line_told, more == 1 ? "* 1 more frame is not shown"
                                                   : "* 2 more frames are not shown") != NULL);
                step(WS_STEP_REQUEST, "");
                await(report_open(report, printer, peer_ws(), "ws://a"));
                tells("* open after  ms\n");
        }
        return 0;
}

static async int
which_frames_are_told(NOTHING)
{
        begin(false, 0, true);
        await(report_open(report, printer, peer_ws(), "ws://a"));
        tells("");
        frame(false, 9, "a");
        frame(false, 10, "b");
        frame(false, 8, "\x03\xe8");
        frame(false, 11, "d");
        frame(false, 1, "e");
        tells("< ping: a\n< pong: b\n");
        begin(false, 1, false);
        await(report_open(report, printer, peer_ws(), "ws://a"));
        said_begin();
        frame(false, 9, "a");
        tells("");
        begin(true, 0, false);
        await(report_open(report, printer, peer_ws(), "ws://a"));
        frame(false, 9, "a");
        tells("");
        return 0;
}

static async int
print_pings(NOTHING)
{
        return await(report_pings(report, printer));
}

static async int
pings_are_printed_behind_the_opening(NOTHING)
{
        struct aw_task *task;

        begin(true, 0, false);
        task = aw_spawn("pings", print_pings, NULL);
        frame(false, 9, "a");
        await(aw_sleep(0));
        await(aw_sleep(0));
        prints_nothing_more();
        await(report_open(report, printer, peer_ws(), "ws://a"));
        await(aw_sleep(0));
        await(aw_sleep(0));
        prints("open", ",\"url\":\"ws://a\",\"address\":\"\",\"tls\":null,\"subprotocol\":null,"
                       "\"extensions\":[],\"headers\":[],\"ms\":{}}");
        prints("ping", ",\"dir\":\"in\",\"bytes\":1,\"data\":\"a\"}");
        prints_nothing_more();
        frame(true, 10, "b");
        frame(true, 8, "");
        await(aw_sleep(0));
        await(aw_sleep(0));
        prints("pong", ",\"dir\":\"out\",\"bytes\":1,\"data\":\"b\"}");
        prints_nothing_more();
        /* What is printed comes behind those that wait. */
        frame(false, 9, "c");
        await(report_reconnect(report, printer, "lost", 1500 * AW_MILLISECOND));
        prints("ping", ",\"dir\":\"in\",\"bytes\":1,\"data\":\"c\"}");
        prints("reconnect", ",\"wait\":1.5,\"reason\":\"lost\"}");
        await(aw_sleep(0));
        prints_nothing_more();
        frame(false, 9, "d");
        broken = EIO;
        expect_int(await(aw_join(task)), 0);
        return 0;
}

static async int
a_flood_of_pings_is_told_in_part_and_how_many_more_came(NOTHING)
{
        char payload[126] = "", omitted[64];
        size_t one, told, rest = 10;

        memset(payload, 'x', 125);
        begin(true, 0, false);
        await(report_open(report, printer, peer_ws(), "ws://a"));
        printed_length = 0;
        frame(false, 9, payload);
        expect_int(await(report_message(report, printer, &(struct ws_message){.type = WS_TEXT}, 1)),
                   0);
        one = strcspn(printed, "\n") + 1;
        printed_length = 0;
        told = ((size_t)1 << 20) / one;
        for (size_t i = 0; i < told + rest; i++)
                frame(false, 9, i <= told ? payload : "short");
        await(report_end(report, printer, &(struct session){.sent = 0}, CLIENT_OK));
        expect(printed_length > ((size_t)1 << 20) - one);
        expect(printed_length < ((size_t)1 << 20) + 400);
        snprintf(omitted, sizeof(omitted), ",\"count\":%zu}", rest);
        expect(printed_length > told * one);
        memmove(printed, printed + told * one, printed_length - told * one + 1);
        prints("omitted", omitted);
        /* There is room again. */
        printed_length = 0;
        printed[0] = '\0';
        frame(false, 9, "a");
        await(report_reconnect(report, printer, "lost", 1500 * AW_MILLISECOND));
        prints("ping", ",\"dir\":\"in\",\"bytes\":1,\"data\":\"a\"}");
        prints("reconnect", ",\"wait\":1.5,\"reason\":\"lost\"}");
        return 0;
}

static async int
a_message_is_numbered_and_is_text_or_base64(NOTHING)
{
        const struct ws_message text = {
                .type = WS_TEXT, .data = (const uint8_t *)"ab", .length = 2};
        const struct ws_message binary = {
                .type = WS_BINARY, .data = (const uint8_t *)"ab", .length = 2};

        begin(true, 0, false);
        expect_int(await(report_message(report, printer, &text, 7)), 0);
        prints("message", ",\"dir\":\"in\",\"n\":7,\"type\":\"text\",\"bytes\":2,\"data\":\"ab\"}");
        expect_int(await(report_message(report, printer, &binary, 8)), 0);
        prints("message",
               ",\"dir\":\"in\",\"n\":8,\"type\":\"binary\",\"bytes\":2,\"base64\":\"YWI=\"}");
        broken = ENOSPC;
        expect_error(await(report_message(report, printer, &text, 9)), ENOSPC);
        begin(false, 0, false);
        expect_int(await(report_message(report, printer, &text, 7)), 0);
        expect(strcmp(printed, "ab") == 0);
        broken = ENOSPC;
        expect_error(await(report_message(report, printer, &text, 9)), ENOSPC);
        await(report_reconnect(report, printer, "lost", AW_SECOND));
        await(report_close(report, printer, peer_ws()));
        await(report_end(report, printer, &(struct session){.sent = 0}, CLIENT_OK));
        tells("");
        return 0;
}

static async int
the_servers_close_is_told_and_printed(NOTHING)
{
        begin(true, 1, false);
        await(report_close(report, printer, peer_ws()));
        tells("");
        prints_nothing_more();
        peer_close = (struct ws_peer_close){.code = 4000, .reason = "bye"};
        await(report_close(report, printer, peer_ws()));
        tells("* closed by 192.0.2.1:7681: 4000 bye\n");
        prints("close", ",\"dir\":\"in\",\"code\":4000,\"reason\":\"bye\"}");
        peer_close = (struct ws_peer_close){.code = 1000};
        compression.received.messages = 1;
        compression.received.plain = 30;
        compression.received.compressed = 20;
        await(report_close(report, printer, peer_ws()));
        tells("* compressed: 0 sent, 0 to 0 bytes; 1 received, 30 from 20 bytes\n"
              "* closed by 192.0.2.1:7681: 1000\n");
        prints("close", ",\"dir\":\"in\",\"code\":1000,\"reason\":\"\"}");
        compression =
                (struct ws_compression){.sent = {.messages = 1, .plain = 50, .compressed = 40}};
        peer_close = (struct ws_peer_close){.code = 1006, .cut_off = true};
        await(report_close(report, printer, peer_ws()));
        tells("* compressed: 1 sent, 50 to 40 bytes; 0 received, 0 from 0 bytes\n"
              "* closed by 192.0.2.1:7681: 1006\n");
        prints("lost", ",\"reason\":\"the connection to 192.0.2.1:7681 was lost (1006), in the "
                       "middle of a message\",\"cut_off\":true}");
        compression.received = compression.sent;
        peer_close.code = 0;
        await(report_close(report, printer, peer_ws()));
        tells("* compressed: 1 sent, 50 to 40 bytes; 1 received, 50 from 40 bytes\n");
        begin(false, 0, false);
        peer_close = (struct ws_peer_close){.code = 4000, .reason = "bye"};
        await(report_close(report, printer, peer_ws()));
        tells("");
        prints_nothing_more();
        return 0;
}

static async int
the_end_has_counts_and_an_error_its_stage(NOTHING)
{
        static const char *const stages[] = {
                "",          "local",    "local",   "tcp",         "tls",
                "handshake", "protocol", "timeout", "expectation", "local"};
        const struct session session = {
                .sent = 1, .received = 2, .bytes_sent = 3, .bytes_received = 4};
        char words[300];

        clock_stop();
        for (int status = 0; status <= 9; status++) {
                begin(true, 0, false);
                step(WS_STEP_RESOLVED, "");
                step(WS_STEP_RESPONSE, "HTTP/1.1 404 No\r\n\r\n");
                step(WS_STEP_BODY, "why");
                clock_ahead += 1500 * AW_MILLISECOND;
                client_say("sentence %d", status);
                await(report_end(report, printer, &session, (enum client_status)status));
                snprintf(words, sizeof(words), ",\"stage\":\"%s\",\"text\":\"sentence %d\"%s}",
                         stages[status], status,
                         status == CLIENT_HANDSHAKE
                                 ? ",\"status\":404,\"headers\":[],\"body\":\"why\""
                                 : "");
                if (status != 0)
                        prints("error", words);
                snprintf(words, sizeof(words),
                         ",\"exit\":%d,\"sent\":1,\"received\":2,\"bytes_sent\":3,"
                         "\"bytes_received\":4,\"seconds\":1.5}",
                         status);
                prints("end", words);
                prints_nothing_more();
        }
        begin(true, 0, false);
        client_say("no");
        await(report_end(report, printer, &session, CLIENT_CONNECTION));
        prints("error", ",\"stage\":\"name\",\"text\":\"no\"}");
        begin(true, 0, false);
        client_say("no");
        await(report_end(report, printer, &session, CLIENT_HANDSHAKE));
        prints("error", ",\"stage\":\"handshake\",\"text\":\"no\"}");
        begin(true, 0, false);
        client_say("%s", "");
        await(report_end(report, printer, &session, CLIENT_SIGNAL + 15));
        prints("end", ",\"exit\":143,\"sent\":1,\"received\":2,\"bytes_sent\":3,"
                      "\"bytes_received\":4,\"seconds\":0.0}");
        clock_go_on();
        return 0;
}

static int
end(void **state)
{
        said_end(state);
        report_free(report);
        report = NULL;
        return 0;
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                on_loop(somebody_looks_on_only_if_asked_to),
                on_loop(verbose_tells_of_each_step_and_of_no_secret),
                on_loop(times_are_those_of_each_step),
                on_loop(frames_before_the_opening_was_told_are_told_behind_it),
                on_loop(a_flood_before_the_opening_was_told_is_told_in_part_and_how_many_more_came),
                on_loop(which_frames_are_told),
                on_loop(pings_are_printed_behind_the_opening),
                on_loop(a_flood_of_pings_is_told_in_part_and_how_many_more_came),
                on_loop(a_message_is_numbered_and_is_text_or_base64),
                on_loop(the_servers_close_is_told_and_printed),
                on_loop(the_end_has_counts_and_an_error_its_stage),
        };

        return run_balanced(tests, end);
}
