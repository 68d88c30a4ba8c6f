/* SPDX-License-Identifier: MIT */
/* Once: it needs no loop. */
/* What a request asks for: the parser of queries and chains, and the table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "behave/plan.h"
#include "behave/target.h"

static const struct behave_limits all = {.level = BEHAVE_LEVEL_ALL, .max_message = 1 << 20};
static const struct behave_limits safe = {.level = BEHAVE_LEVEL_SAFE, .max_message = 1 << 20};

/* The plan for a target, or NULL; *refusal has status 0 if there is none. */
static struct behave_plan *
parse(const char *target, const struct behave_limits *limits, struct behave_refusal *refusal)
{
        char path[600];
        struct ws_request request = {.target = target, .path = path};
        struct behave_plan *plan;
        int result;

        snprintf(path, sizeof(path), "%.*s", (int)strcspn(target, "?"), target);
        request.query = strchr(target, '?');
        if (request.query != NULL)
                request.query++;
        refusal->status = 0;
        refusal->text[0] = '\0';
        result = behave_parse(&request, limits, &plan, refusal);
        assert_true((result == 0) == (refusal->status == 0));
        if (result == -1)
                assert_null(plan);
        return plan;
}

/* That it is understood as that. "": nothing is asked for. */
static void
assert_asks(const char *target, const char *confirm)
{
        struct behave_refusal refusal;
        struct behave_plan *plan = parse(target, &all, &refusal);

        if (refusal.status != 0)
                fail_msg("'%s' is refused with %d: %s", target, refusal.status, refusal.text);
        assert_string_equal(plan == NULL ? "" : plan->confirm, confirm);
        free(plan);
}

static void
assert_refused(const char *target, const struct behave_limits *limits, int status, const char *says)
{
        struct behave_refusal refusal;
        struct behave_plan *plan = parse(target, limits, &refusal);

        free(plan);
        if (refusal.status != status || strstr(refusal.text, says) == NULL)
                fail_msg("'%s' is refused with %d '%s', not %d '%s'", target, refusal.status,
                         refusal.text, status, says);
}

static void
a_request_that_asks_for_nothing_has_no_plan(void **state)
{
        (void)state;
        assert_asks("/", "");
        assert_asks("/chat?", "");
        assert_asks("/chat?&&=&x", "");
        assert_asks("/chat?user=7&token=%zz", "");
        assert_asks("/-", "");
        assert_asks("/-/", "");
        assert_asks("/x/-/close/4000", "");
        assert_asks("/?Close=4000", "");
}

static void
a_query_and_a_chain_mean_the_same(void **state)
{
        (void)state;
        assert_asks("/?delay=1s&close=4000&reason=bye", "delay=1s close=4000 reason=bye");
        assert_asks("/-/delay/1s/close/4000/bye", "delay=1s close=4000 reason=bye");
        assert_asks("/-/delay/1s?close=4000&reason=bye", "delay=1s close=4000 reason=bye");
        assert_asks("/-/close/4000/reason/bye/after/3/", "close=4000 reason=bye after=3");
        assert_asks("/-/send/1K/text/3/1s/7", "send=1K type=text count=3 every=1s seed=7");
        assert_asks("/-/send/1K/count/3", "send=1K count=3");
}

static void
values_are_decoded(void **state)
{
        struct behave_refusal refusal;
        struct behave_plan *plan;

        (void)state;
        plan = parse("/?greet=a+b%2bc%26%C3%bc", &all, &refusal);
        assert_string_equal(behave_find(plan, BEHAVE_GREET)->text, "a b+c&\xc3\xbc");
        free(plan);
        plan = parse("/-/greet/a+b%2Fc", &all, &refusal);
        assert_string_equal(behave_find(plan, BEHAVE_GREET)->text, "a+b/c");
        free(plan);
        assert_refused("/?greet=%", &all, 400, "must be UTF-8");
        assert_refused("/?greet=%a", &all, 400, "must be UTF-8");
        assert_refused("/?greet=%0g", &all, 400, "must be UTF-8");
        assert_refused("/?greet=%00", &all, 400, "must be UTF-8");
        assert_refused("/?greet=%c3", &all, 400, "must be UTF-8");
        assert_refused("/?greet=%c3&x=%bc", &all, 400, "must be UTF-8");
}

static void
values_have_kinds_and_bounds(void **state)
{
        struct behave_refusal refusal;
        struct behave_plan *plan =
                parse("/?delay=250ms&close=4999&after=3&pong=none&fragment=1M", &all, &refusal);

        (void)state;
        assert_int_equal(behave_number(plan, BEHAVE_DELAY, 0), 250000);
        assert_int_equal(behave_number(plan, BEHAVE_CLOSE, 0), 4999);
        assert_int_equal(behave_find(plan, BEHAVE_AFTER)->kind, BEHAVE_NUMBER);
        assert_true(behave_is(plan, BEHAVE_PONG, "none"));
        assert_false(behave_is(plan, BEHAVE_PONG, "wrong"));
        assert_int_equal(behave_number(plan, BEHAVE_FRAGMENT, 0), 1 << 20);
        assert_int_equal(behave_number(plan, BEHAVE_JITTER, 5), 5);
        free(plan);
        plan = parse("/?close=1000&after=3s", &all, &refusal);
        assert_int_equal(behave_find(plan, BEHAVE_AFTER)->kind, BEHAVE_DURATION);
        free(plan);
        /* What is shown of a value is text. */
        assert_refused("/?time=123456789012345678901234567890123456789012345678901234567890%c3%a4",
                       &all, 400, "67890'");
        assert_refused("/?time=12345678901234567890123456789012345678901234567890123456789%c3%a4",
                       &all, 400, "6789'");
        assert_refused("/?time=%0d%0a%1b[31m", &all, 400, "not '\\x0d\\x0a\\x1b[31m'");
        assert_asks("/?delay=60s", "delay=60s");
        assert_refused("/?delay=60001ms", &all, 400, "delay takes TIME up to 60s, not '60001ms'");
        assert_refused("/?fragment=1048577", &all, 400,
                       "fragment takes BYTES from 1 to 1M, not '1048577'");
        assert_refused("/?close=", &all, 400, "close takes CODE from 1000 to 4999, not ''");
        assert_refused("/?close", &all, 400, "close takes CODE from 1000 to 4999, not ''");
        assert_refused("/?time=0", &all, 400, "time takes 1, not '0'");
        assert_refused("/?ping=0", &all, 400, "ping takes TIME from 1ms to 60s, not '0'");
        assert_asks("/?ping=1ms", "ping=1ms");
        assert_asks("/?pong=0", "pong=0");
        assert_refused("/?echo=Upper", &all, 400,
                       "echo takes none, length, sha256, hash, hex, upper or reverse, not 'Upper'");
        assert_refused(
                "/?close-reply=x", &all, 400,
                "close-reply takes none, echo, CODE from 1000 to 4999 or TIME up to 60s, not 'x'");
}

static void
what_is_wrong_is_told(void **state)
{
        char many[600] = "/?cookie=a=b";

        (void)state;
        assert_refused("/-/nothing/x", &all, 404, "there is no behaviour 'nothing': see /-/");
        assert_refused("/-/greet/hi/more", &all, 404, "'more'");
        assert_refused("/-/greet/hi?token=1", &all, 404, "'token'");
        assert_refused("/-//greet/hi", &all, 404, "''");
        assert_refused("/-/close", &all, 400, "close: its value is missing");
        assert_refused("/-/greet/hi/after/3", &all, 400,
                       "after is a detail of close, drop or fault, so one needs the other: "
                       "?close=4000&after=3");
        assert_refused("/-/greet/hi?count=3", &all, 400, "count is a detail of send");
        assert_refused("/?jitter=5s", &all, 400,
                       "jitter is a detail of delay, so one needs the other: "
                       "?delay=1s&jitter=200ms");
        assert_refused("/?delay=1s&delay=2s", &all, 400, "delay: it is given twice");
        assert_refused("/?fault=rsv", &safe, 403, "--test all");
        assert_refused("/?close=1005", &safe, 403,
                       "close: 1005 is a code that must not be sent, and this server was not "
                       "started with --test all");
        assert_refused("/?close-reply=2000", &safe, 403, "close-reply: 2000");
        assert_asks("/?close=1005", "close=1005");
        for (int i = 0; i < 32; i++)
                strcat(many, "&cookie=a=b");
        assert_refused(many, &all, 400, "more than 32");
}

static void
long_requests_are_confirmed_as_far_as_there_is_room(void **state)
{
        struct behave_refusal refusal;
        char target[600] = "/?greet=";
        struct behave_plan *plan;

        (void)state;
        memset(target + 8, 'x', 500);
        plan = parse(target, &all, &refusal);
        assert_int_equal(strlen(plan->confirm), BEHAVE_CONFIRM_MAX - 1);
        assert_int_equal(strlen(behave_find(plan, BEHAVE_GREET)->text), 500);
        free(plan);
}

static void
nothing_is_understood_if_behaviours_are_off(void **state)
{
        static const struct behave_limits off = {.level = BEHAVE_LEVEL_OFF, .max_message = 1 << 20};
        struct behave_refusal refusal;

        (void)state;
        assert_null(parse("/-/nothing?close=x", &off, &refusal));
        assert_int_equal(refusal.status, 0);
}

/* Each behaviour has one function, or is looked up by others; a detail belongs to some row. */
static void
each_row_of_the_table_is_complete(void **state)
{
        (void)state;
        for (int i = 0; i < BEHAVE_ROWS; i++) {
                const struct behave_row *row = &behave_table[i];

                assert_non_null(row->name);
                assert_non_null(row->argument);
                assert_non_null(row->help);
                assert_non_null(row->example);
                assert_true(row->kinds != 0);
                assert_true(((row->kinds & BEHAVE_WORD) != 0) == (row->words != NULL));
                /* It stands in JSON as it is, and gets its full stop from who prints it. */
                assert_null(strpbrk(row->help, "\"\\"));
                assert_null(strpbrk(row->example, "\"\\"));
                assert_int_not_equal(row->help[strlen(row->help) - 1], '.');
                for (int j = 0; j < i; j++)
                        assert_string_not_equal(row->name, behave_table[j].name);
        }
}

/* Of those that are not texts. That all of them are understood is shown in tests/e2e/behave_test.py. */
static void
each_example_is_a_value(void **state)
{
        (void)state;
        for (int i = 0; i < BEHAVE_ROWS; i++) {
                struct behave_value value = {.text = behave_table[i].example};

                if (!behave_value_read(&behave_table[i], &safe, &value))
                        fail_msg("%s=%s", behave_table[i].name, value.text);
        }
        assert_non_null(behave_table[0].heading);
}

static void
assert_public(const char *target, const char *wanted)
{
        char *shown = behave_target_public(target);

        assert_string_equal(shown, wanted);
        free(shown);
}

static void
a_target_is_shown_without_secrets(void **state)
{
        (void)state;
        assert_public("/chat?x=basic&delay=1s", "/chat?x=basic&delay=1s");
        assert_public("/?basic=a:b", "/?basic=...");
        assert_public("/?delay=1s&basic=a:b&bearer=c", "/?delay=1s&basic=...&bearer=...");
        assert_public("/?basic=&bearer", "/?basic=...&bearer...");
        assert_public("/-/basic/a:b/bearer/c?bearer=d", "/-/basic/.../bearer/...?bearer=...");
        assert_public("/-/bearer?x", "/-/bearer?x");
        assert_public("/-/bearer/", "/-/bearer/...");
        assert_public("/bearer/x", "/bearer/x");
        assert_public("ws://h?b%61sic=x", "ws://h?b%61sic=...");
        assert_public("*", "*");
        assert_public("", "");
}

static void
a_name_may_be_encoded(void **state)
{
        (void)state;
        assert_asks("/?del%61y=1s&%63lose=1001", "delay=1s close=1001");
        assert_asks("/-/d%65lay/1s", "delay=1s");
        assert_asks("/?%70ing=1s&de%6Cay=1s", "ping=1s delay=1s");
        assert_asks("/?delay%=1s&delay%0=1s&%zzdelay=1s&delay%00=1s", "");
        assert_asks("/?ddddddddddddddddddddddddddddddddddddddddddddddddddddddddddelay=1s", "");
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_request_that_asks_for_nothing_has_no_plan),
                cmocka_unit_test(a_query_and_a_chain_mean_the_same),
                cmocka_unit_test(values_are_decoded),
                cmocka_unit_test(values_have_kinds_and_bounds),
                cmocka_unit_test(what_is_wrong_is_told),
                cmocka_unit_test(long_requests_are_confirmed_as_far_as_there_is_room),
                cmocka_unit_test(nothing_is_understood_if_behaviours_are_off),
                cmocka_unit_test(each_row_of_the_table_is_complete),
                cmocka_unit_test(each_example_is_a_value),
                cmocka_unit_test(a_target_is_shown_without_secrets),
                cmocka_unit_test(a_name_may_be_encoded),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
