/* SPDX-License-Identifier: MIT */
/* Once: it needs no loop. */
/* Wraps: ws_info. */
/* What lines of the log and of the list of connections say, with texts of clients in them. */
#include "metrics.h"
#include "observe.h"
#include "unit/clock.h"
#include "unit/support.h"

static void
assert_shown(const char *text, size_t most, const char *shown)
{
        json_t *object = json_object();

        observe_set_text(object, "text", text, most);
        assert_string_equal(json_string_value(json_object_get(object, "text")), shown);
        json_decref(object);
}

static void
a_text_is_cut_at_its_bound_and_says_so(void **state)
{
        (void)state;
        assert_shown("", 5, "");
        assert_shown("abcde", 5, "abcde");
        assert_shown("abcdef", 5, "abcde...");
        /* Whole characters, and what is escaped counts as it is written. */
        assert_shown("abcd\xc3\xa4", 5, "abcd...");
        assert_shown("abc\xc3\xa4", 5, "abc\xc3\xa4");
        assert_shown("a\x01", 5, "a\\x01");
        assert_shown("ab\x01", 5, "ab...");
}

static void
there_is_no_text_where_there_is_none(void **state)
{
        json_t *object = json_object();

        (void)state;
        observe_set_text(object, "text", NULL, 5);
        assert_int_equal(json_object_size(object), 0);
        json_decref(object);
}

/* What there is to know of each connection. */
static struct ws_info known;

void __wrap_ws_info(const struct ws *ws, struct ws_info *info);

void
__wrap_ws_info(const struct ws *ws, struct ws_info *info)
{
        (void)ws;
        *info = known;
}

static void
assert_described(const struct ws_info *info, const char *wanted)
{
        json_t *object = observe_describe(info);
        char *text = json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(9));

        assert_string_equal(text, wanted);
        free(text);
        json_decref(object);
}

static void
a_connection_is_told_of_in_all_it_was(void **state)
{
        static const struct behave_limits limits = {.level = BEHAVE_LEVEL_SAFE,
                                                    .max_message = 1 << 20};
        static const struct ws_field fields[] = {{"User-Agent", "test/1"}};
        struct ws_request request = {.method = "GET",
                                     .target = "/a?basic=u:p&delay=1s",
                                     .path = "/a",
                                     .query = "basic=u:p&delay=1s",
                                     .fields = fields,
                                     .field_count = 1};
        struct ws_info info = {.peer = "192.0.2.1:5",
                               .request = &request,
                               .subprotocol = "chat",
                               .tls = "TLSv1.3",
                               .resumed = true,
                               .server_name = "me",
                               .client_subject = "CN=you",
                               .status = 101,
                               .accepted = 1000000,
                               .opened = 1500000,
                               .ended = 3456999,
                               .received = {.messages = {1, 20}, .bytes = {300, 4000}},
                               .sent = {.messages = {5, 60}, .bytes = {700, 8000}},
                               .received_close = 1000,
                               .sent_close = 1001,
                               .ended_by = WS_SIDE_CLIENT,
                               .why = "it closed"};

        (void)state;
        observe_connections(&limits);
        assert_described(
                &info,
                "{\"peer\":\"192.0.2.1:5\",\"method\":\"GET\",\"path\":\"/a?basic=...&delay=1s\","
                "\"behaviour\":\"basic=... "
                "delay=1s\",\"agent\":\"test/1\",\"subprotocol\":\"chat\","
                "\"status\":101,\"seconds\":2.456,\"received_messages\":21,\"received_bytes\":4300,"
                "\"sent_messages\":65,\"sent_bytes\":8700,\"received_close\":1000,"
                "\"sent_close\":1001,\"ended_by\":\"client\",\"why\":\"it closed\","
                "\"tls\":\"TLSv1.3\",\"resumed\":true,\"server_name\":\"me\","
                "\"client\":\"CN=you\"}");
        /* Of what the server does not understand there is nothing to tell. */
        request.query = "fault=rsv";
        request.target = "/";
        info = (struct ws_info){.peer = "p",
                                .request = &request,
                                .accepted = 1000,
                                .ended = 1000,
                                .ended_by = WS_SIDE_SERVER,
                                .why = "x"};
        assert_described(&info, "{\"peer\":\"p\",\"method\":\"GET\",\"path\":\"/\","
                                "\"agent\":\"test/1\",\"seconds\":0.0,\"received_messages\":0,"
                                "\"received_bytes\":0,\"sent_messages\":0,\"sent_bytes\":0,"
                                "\"ended_by\":\"server\",\"why\":\"x\"}");
}

/* What clients write is cut, so that a line has an end. */
static void
texts_of_a_client_have_bounds(void **state)
{
        static const struct {
                const char *name;
                size_t most;
        } bounds[] = {{"peer", 128},  {"method", 128},      {"path", 700},
                      {"agent", 300}, {"subprotocol", 128}, {"why", 128},
                      {"tls", 128},   {"server_name", 128}, {"client", 128}};
        static char text[900], wanted[900];
        const struct ws_field field = {"User-Agent", text};
        struct ws_request request = {
                .method = text, .target = text, .path = text, .fields = &field, .field_count = 1};
        struct ws_info info = {.peer = text,
                               .request = &request,
                               .subprotocol = text,
                               .tls = text,
                               .server_name = text,
                               .client_subject = text,
                               .ended = 1,
                               .ended_by = WS_SIDE_SERVER,
                               .why = text};
        json_t *object;

        (void)state;
        memset(text, 'x', sizeof(text) - 1);
        object = observe_describe(&info);
        for (size_t i = 0; i < sizeof(bounds) / sizeof(bounds[0]); i++) {
                snprintf(wanted, sizeof(wanted), "%.*s...", (int)bounds[i].most, text);
                assert_string_equal(json_string_value(json_object_get(object, bounds[i].name)),
                                    wanted);
        }
        json_decref(object);
}

static void
one_that_goes_on_is_told_of_until_now(void **state)
{
        struct ws_info info = {.peer = "p", .why = ""};

        (void)state;
        clock_stop();
        info.accepted = aw_loop_now() - 1234567;
        assert_described(&info, "{\"peer\":\"p\",\"seconds\":1.234,\"received_messages\":0,"
                                "\"received_bytes\":0,\"sent_messages\":0,\"sent_bytes\":0}");
        clock_go_on();
}

static void
what_happens_is_counted(void **state)
{
        static const struct behave_limits limits = {.level = BEHAVE_LEVEL_SAFE,
                                                    .max_message = 1 << 20};
        static struct metrics block;
        const struct ws_watch *watch = observe_connections(&limits);
        const struct ws *some = (const struct ws *)(const void *)&block;

        (void)state;
        metrics_use(&block);
        known = (struct ws_info){.peer = "p", .tls = "TLSv1.2"};
        watch->event(watch->argument, WS_EVENT_TURNED_AWAY, NULL);
        assert_int_equal(block.accepted, 1);
        watch->event(watch->argument, WS_EVENT_ACCEPTED, some);
        assert_int_equal(block.accepted, 2);
        watch->event(watch->argument, WS_EVENT_SECURE, some);
        assert_int_equal(block.tls[0][0], 1);
        watch->event(watch->argument, WS_EVENT_OPENED, some);
        assert_int_equal(block.open, 1);
        known.opened = known.ended = 1;
        watch->event(watch->argument, WS_EVENT_ENDED, some);
        assert_int_equal(block.open, 0);
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_text_is_cut_at_its_bound_and_says_so),
                cmocka_unit_test(there_is_no_text_where_there_is_none),
                cmocka_unit_test(a_connection_is_told_of_in_all_it_was),
                cmocka_unit_test(texts_of_a_client_have_bounds),
                cmocka_unit_test(one_that_goes_on_is_told_of_until_now),
                cmocka_unit_test(what_happens_is_counted),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
