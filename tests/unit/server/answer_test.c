/* SPDX-License-Identifier: MIT */
/* Once: it needs no loop. */
/* Wraps: calloc malloc. */
/* How behaviours answer a request: status, fields and body, to the letter. */
#include "behave/answer.h"
#include "unit/support.h"
#include "ws/raw_private.h"

static const char *failing = "";

void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);

void *
__wrap_calloc(size_t count, size_t size)
{
        return strcmp(failing, "calloc") == 0 ? NULL : __real_calloc(count, size);
}

void *
__wrap_malloc(size_t size)
{
        return strcmp(failing, "malloc") == 0 ? NULL : __real_malloc(size);
}

/* What is asked, of which server, and its answer. */
static struct behave_server server;
static struct ws_request request;
static struct ws_raw_answer raw;
static struct ws_field fields[4];
static char path[600];

/* As a client that sends no field, of a server that allows everything. */
static void
begin(void)
{
        server = (struct behave_server){
                .limits = {.level = BEHAVE_LEVEL_ALL, .max_message = 1 << 20},
                .deflate = {.mode = WS_DEFLATE_SHARED, .level = 3}};
        request = (struct ws_request){.method = "GET", .peer = "me", .fields = fields};
        memset(fields, 0, sizeof(fields));
}

static void
give_field(const char *name, const char *value)
{
        fields[request.field_count++] = (struct ws_field){name, value};
}

/* Whether that settles the answer. */
static bool
settles(const char *target)
{
        const char *query = strchr(target, '?');

        snprintf(path, sizeof(path), "%.*s", (int)strcspn(target, "?"), target);
        request.target = target;
        request.path = path;
        request.query = query == NULL ? NULL : query + 1;
        raw = (struct ws_raw_answer){.answer = {.status = request.upgrade ? 101 : 426}};
        return behave_answer(&server, &request, &raw.answer);
}

static void
done(void)
{
        if (raw.answer.done != NULL)
                raw.answer.done(&raw.answer);
}

static bool
has_field(const char *field)
{
        for (size_t i = 0; i < raw.answer.field_count; i++)
                if (strcmp(raw.answer.fields[i], field) == 0)
                        return true;
        return false;
}

/* That the target is answered so, with this field, unless that is NULL. */
static void
assert_answer(const char *target, int status, const char *field, const char *body)
{
        assert_true(settles(target));
        assert_int_equal(raw.answer.status, status);
        assert_string_equal(raw.answer.body, body);
        assert_int_equal(raw.answer.length, 0);
        if (field != NULL && !has_field(field))
                fail_msg("%s: no field '%s'", target, field);
        done();
}

static void
what_was_understood_is_the_first_field(void **state)
{
        (void)state;
        begin();
        assert_true(settles("/?status=503&retry-after=2s"));
        assert_int_equal(raw.answer.field_count, 2);
        assert_string_equal(raw.answer.fields[0], "X-Wsechod: status=503 retry-after=2s");
        assert_false(raw.held);
        done();
}

/* The field has whole seconds: none of them is too short. */
static void
a_status_may_tell_when_to_come_again(void **state)
{
        static const char *const times[][2] = {{"0", "0"},      {"1us", "1"},       {"1s", "1"},
                                               {"1500ms", "2"}, {"2000001us", "3"}, {"60s", "60"}};
        char target[60], field[40];

        (void)state;
        begin();
        assert_answer("/-/status/418", 418, NULL, "418, as asked for by status=418\n");
        for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
                snprintf(target, sizeof(target), "/?status=503&retry-after=%s", times[i][0]);
                snprintf(field, sizeof(field), "Retry-After: %s", times[i][1]);
                assert_answer(target, 503, field, "503, as asked for by status=503\n");
        }
        assert_true(settles("/?status=300"));
        assert_int_equal(raw.answer.field_count, 1);
        done();
}

static void
a_redirect_leads_to_itself_with_one_less(void **state)
{
        (void)state;
        begin();
        assert_answer("/-/redirect/2", 302, "Location: /-/redirect/1", "302: /-/redirect/1\n");
        assert_answer("/x?redirect=20&delay=1s", 302, "Location: /x?redirect=19&delay=1s",
                      "302: /x?redirect=19&delay=1s\n");
        assert_answer("/-/redirect/1/to/%2Fx?delay=1s", 302, "Location: /x", "302: /x\n");
        assert_answer("/?delay=1s&redirect=2&to=/x", 302, "Location: /?delay=1s&redirect=1&to=/x",
                      "302: /?delay=1s&redirect=1&to=/x\n");
        assert_false(settles("/?redirect=0&to=/x"));
        assert_int_equal(raw.answer.status, 426);
}

/* RFC 3986 section 2: what may not stand in a URI as it is. */
static void
the_path_of_a_redirect_is_encoded(void **state)
{
        (void)state;
        test_begin();
        begin();
        assert_answer("/?redirect=1&to=/a+b%22%3c%c3%a4%25~", 302, "Location: /a%20b%22%3C%C3%A4%~",
                      "302: /a%20b%22%3C%C3%A4%~\n");
        assert_answer("/?redirect=1&to=/%7b%7f%ff", 400, NULL,
                      "400 Bad Request: to: the value must be UTF-8 without NUL, with %XX where "
                      "that is needed\n");
        expect_log("me: /?redirect=1&to=/%7b%7f%ff: to: the value must be UTF-8");
        test_end();
}

/* RFC 4648 section 10, with a colon; the last has bytes with their highest bits. */
static void
credentials_are_wanted_until_they_are_right(void **state)
{
        static const char *const right[][2] = {
                {"f:", "Basic Zjo="},         {"f:o", "Basic Zjpv"},
                {"f:oo", "Basic Zjpvbw=="},   {"f:oob", "Basic Zjpvb2I="},
                {"f:ooba", "bAsIc Zjpvb2Jh"}, {"%c3%bf:%3f%3e", "Basic w786Pz4="},
        };
        static const char *const wrong[] = {"Basic Zjpv ", "Basic Zjpu",  "BasicZjpv",  "Basic",
                                            "Basix Zjpv",  "Basic  Zjpv", "Bearer Zjpv"};
        char target[80];

        (void)state;
        for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++) {
                begin();
                snprintf(target, sizeof(target), "/?basic=%s", right[i][0]);
                assert_answer(target, 401, "WWW-Authenticate: Basic realm=\"wsechod\"",
                              "401: Basic credentials are wanted, as in the URL\n");
                give_field("Authorization", right[i][1]);
                if (settles(target))
                        fail_msg("%s is not %s", right[i][1], right[i][0]);
        }
        for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
                begin();
                give_field("Authorization", wrong[i]);
                assert_answer("/?basic=f:o", 401, NULL,
                              "401: Basic credentials are wanted, as in the URL\n");
        }
        begin();
        give_field("Authorization", "bearer token");
        assert_false(settles("/?bearer=token"));
        assert_answer("/?bearer=tokes", 401, "WWW-Authenticate: Bearer realm=\"wsechod\"",
                      "401: Bearer credentials are wanted, as in the URL\n");
}

static void
fields_are_added_all_of_them(void **state)
{
        char rest[500] = "", target[600];

        (void)state;
        begin();
        for (int i = 0; i < 15; i++)
                snprintf(rest + strlen(rest), sizeof(rest) - strlen(rest),
                         "&header=A%d:%d&cookie=b%d=%d", i, i, i, i);
        /* The first settles it, so what is behind that has no say. */
        snprintf(target, sizeof(target), "/?status=503%s", rest);
        assert_true(settles(target));
        assert_int_equal(raw.answer.field_count, 1);
        done();
        request.upgrade = true;
        snprintf(target, sizeof(target), "/?delay=1s%s", rest);
        assert_false(settles(target));
        assert_int_equal(raw.answer.field_count, 31);
        assert_true(has_field("A0:0") && has_field("A14:14"));
        assert_true(has_field("Set-Cookie: b0=0") && has_field("Set-Cookie: b14=14"));
        done();
}

/* A handshake is held for those who go on with it; anything else is as if nobody had looked. */
static void
what_is_not_settled_is_left_to_others(void **state)
{
        (void)state;
        begin();
        assert_false(settles("/chat"));
        assert_null(raw.answer.done);
        assert_false(settles("/-x?delay=1s"));
        assert_null(raw.answer.done);
        assert_false(settles("/chat?delay=1s"));
        assert_null(raw.answer.done);
        assert_int_equal(raw.answer.status, 426);
        assert_int_equal(raw.answer.field_count, 0);
        assert_false(raw.held);
        assert_answer("/-/delay/1s/header/a:b", 426, "a:b",
                      "426 Upgrade Required: a WebSocket here has: delay=1s header=a:b\n");
        request.upgrade = true;
        assert_false(settles("/chat?x=1"));
        assert_null(raw.answer.done);
        assert_false(raw.held);
        assert_false(settles("/chat?delay=1s"));
        assert_true(raw.held);
        assert_int_equal(raw.answer.status, 101);
        assert_int_equal(raw.answer.field_count, 1);
        done();
}

static void
a_refusal_says_why_and_the_log_who(void **state)
{
        (void)state;
        test_begin();
        begin();
        assert_answer("/?bearer=secret&delay=x", 400, NULL,
                      "400 Bad Request: delay takes TIME up to 60s, not 'x'\n");
        expect_log("me: /?bearer=...&delay=x: delay takes TIME up to 60s, not 'x'");
        assert_answer("/-/nothing", 404, NULL,
                      "404 Not Found: there is no behaviour 'nothing': see /-/\n");
        expect_log("me: /-/nothing: there is no behaviour");
        server.limits.level = BEHAVE_LEVEL_SAFE;
        assert_answer("/?fault=rsv", 403, NULL,
                      "403 Forbidden: fault: this server was not started with --test all\n");
        expect_log("me: /?fault=rsv: fault: ");
        test_end();
}

static void
paths_that_are_no_chain_have_their_answers(void **state)
{
        (void)state;
        begin();
        assert_answer("/-/healthz", 200, NULL, "ok\n");
        assert_answer("/-/readyz", 200, NULL, "ready\n");
        assert_answer("/-/version", 200, NULL, "wsechod " AW_VERSION "\n");
        server.draining = true;
        assert_answer("/-/readyz", 503, NULL, "draining\n");
        assert_answer("/-/healthz", 200, NULL, "ok\n");
        /* What a server that has no behaviours answers is up to others. */
        server.limits.level = BEHAVE_LEVEL_OFF;
        assert_answer("/-/version", 200, NULL, "wsechod " AW_VERSION "\n");
        assert_false(settles("/-/"));
        assert_int_equal(raw.answer.status, 426);
        server.limits.level = BEHAVE_LEVEL_SAFE;
        assert_true(settles("/-/"));
        assert_int_equal(raw.answer.status, 200);
        assert_true(has_field("Vary: Accept"));
        assert_true(has_field("Content-Security-Policy: default-src 'none'; style-src 'self'; "
                              "img-src data:; base-uri 'none'; form-action 'none'; "
                              "frame-ancestors 'none'"));
        assert_non_null(strstr(raw.answer.body, "Test behaviours: "));
        done();
        request.upgrade = true;
        assert_false(settles("/-/"));
        assert_int_equal(raw.answer.status, 101);
}

static void
a_subprotocol_is_chosen_if_it_is_offered_or_all_is_allowed(void **state)
{
        (void)state;
        begin();
        give_field("Sec-WebSocket-Protocol", "a, b");
        request.upgrade = true;
        assert_false(settles("/?protocol=b"));
        assert_string_equal(raw.answer.subprotocol, "b");
        done();
        assert_false(settles("/?protocol=c"));
        assert_null(raw.answer.subprotocol);
        done();
        server.limits.level = BEHAVE_LEVEL_SAFE;
        assert_false(settles("/?protocol=none"));
        assert_null(raw.answer.subprotocol);
        done();
        assert_answer("/?protocol=c", 403, NULL,
                      "403 Forbidden: protocol: the client does not offer this one, and the server "
                      "was not started with --test all\n");
        request.upgrade = false;
        assert_false(settles("/?protocol=c"));
}

static void
compression_is_as_asked_for_where_the_server_compresses(void **state)
{
        (void)state;
        begin();
        request.upgrade = true;
        assert_false(settles("/?deflate=context&bits=10"));
        assert_int_equal(raw.answer.deflate->mode, WS_DEFLATE_CONTEXT);
        assert_int_equal(raw.answer.deflate->bits, 10);
        assert_int_equal(raw.answer.deflate->level, 3);
        done();
        assert_false(settles("/?deflate=shared"));
        assert_int_equal(raw.answer.deflate->mode, WS_DEFLATE_SHARED);
        assert_int_equal(raw.answer.deflate->bits, 0);
        done();
        assert_int_equal(server.deflate.bits, 0);
        server.deflate.mode = WS_DEFLATE_OFF;
        assert_false(settles("/?deflate=off"));
        assert_int_equal(raw.answer.deflate->mode, WS_DEFLATE_OFF);
        done();
        assert_answer("/?deflate=shared", 403, NULL,
                      "403 Forbidden: deflate: this server was started with --compress off\n");
}

static void
without_memory_the_status_says_so(void **state)
{
        bool settled;

        (void)state;
        test_begin();
        begin();
        failing = "calloc";
        settled = settles("/?delay=1s");
        failing = "";
        assert_true(settled);
        assert_int_equal(raw.answer.status, 500);
        assert_null(raw.answer.done);
        failing = "malloc";
        settled = settles("/?delay=1s");
        failing = "";
        assert_true(settled);
        assert_int_equal(raw.answer.status, 500);
        done();
        expect_log("me: a request: out of memory");
        test_end();
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_was_understood_is_the_first_field),
                cmocka_unit_test(a_status_may_tell_when_to_come_again),
                cmocka_unit_test(a_redirect_leads_to_itself_with_one_less),
                cmocka_unit_test(the_path_of_a_redirect_is_encoded),
                cmocka_unit_test(credentials_are_wanted_until_they_are_right),
                cmocka_unit_test(fields_are_added_all_of_them),
                cmocka_unit_test(what_is_not_settled_is_left_to_others),
                cmocka_unit_test(a_refusal_says_why_and_the_log_who),
                cmocka_unit_test(paths_that_are_no_chain_have_their_answers),
                cmocka_unit_test(a_subprotocol_is_chosen_if_it_is_offered_or_all_is_allowed),
                cmocka_unit_test(compression_is_as_asked_for_where_the_server_compresses),
                cmocka_unit_test(without_memory_the_status_says_so),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
