/* SPDX-License-Identifier: MIT */
/* Once: texts alone, no loop. */
/* What both sides agree on about compression (RFC 7692 section 7.1). */
#include <stdio.h>

#include "unit/support.h"
#include "ws/deflate_offer_private.h"
#include "ws/request_private.h"

#define PMD "permessage-deflate"
#define SF  "server_no_context_takeover"
#define CF  "client_no_context_takeover"
#define SB  "server_max_window_bits"
#define CB  "client_max_window_bits"

static const struct ws_deflate_options shared = {.mode = WS_DEFLATE_SHARED},
                                       context = {.mode = WS_DEFLATE_CONTEXT},
                                       small = {.mode = WS_DEFLATE_CONTEXT, .bits = 10};

/* The answer to a field, or to two of them with a line end in between; "" if there is none. */
static struct ws_deflate_agreed
answer_to(const char *field, const struct ws_deflate_options *options)
{
        struct ws_deflate_agreed agreed = {.text = ""};
        struct ws_request *request;
        struct aw_http_head head;
        char text[1024];
        int length = snprintf(text, sizeof(text),
                              "GET / HTTP/1.1\r\nSec-WebSocket-Extensions: %s\r\n\r\n", field);

        assert_int_equal(aw_http_parse_request(text, (size_t)length, &head), AW_HTTP_OK);
        request = ws_request_create(&head);
        assert_non_null(request);
        if (!ws_deflate_accept(request, options, &agreed))
                agreed.text[0] = '\0';
        ws_request_free(request);
        return agreed;
}

static void
assert_answers(const char *field, const struct ws_deflate_options *options, const char *answer)
{
        assert_string_equal(answer_to(field, options).text, answer);
}

static void
a_server_answers_the_first_right_offer(void **state)
{
        static const struct {
                const char *offer, *shared, *context, *small;
        } cases[] = {
                {PMD, PMD "; " SF "; " CF, PMD, PMD},
                {PMD "; " CB, PMD "; " SF "; " CF, PMD "; " CB "=15", PMD "; " CB "=10"},
                {PMD "; " CB "=9", PMD "; " SF "; " CF, PMD "; " CB "=9", PMD "; " CB "=9"},
                {PMD "; " SB "=12", PMD "; " SF "; " CF "; " SB "=12", PMD "; " SB "=12",
                 PMD "; " SB "=10"},
                {PMD ";" SB "=\"8\" ", PMD "; " SF "; " CF "; " SB "=8", PMD "; " SB "=8",
                 PMD "; " SB "=8"},
                {PMD "; " SF, PMD "; " SF "; " CF, PMD "; " SF, PMD "; " SF},
                {PMD "; " CF, PMD "; " SF "; " CF, PMD "; " CF, PMD "; " CF},
                {PMD "; " CB " = 11 ; " SF "; " SB "=15; " CF, PMD "; " SF "; " CF "; " SB "=15",
                 PMD "; " SF "; " CF "; " SB "=15; " CB "=11",
                 PMD "; " SF "; " CF "; " SB "=10; " CB "=10"},
                /* What cannot be accepted is as if it was not there. */
                {PMD "; x, " PMD "; " SF, PMD "; " SF "; " CF, PMD "; " SF, PMD "; " SF},
                {PMD "; x=\"a, b\\\", " PMD "\", " PMD "; " CF, PMD "; " SF "; " CF, PMD "; " CF,
                 PMD "; " CF},
                {PMD "; " SB "=16, , " PMD, PMD "; " SF "; " CF, PMD, PMD},
                {"x-other; " SB "=9; a=\"b\", " PMD, PMD "; " SF "; " CF, PMD, PMD},
                {"x-other\r\nSec-WebSocket-Extensions: " PMD, PMD "; " SF "; " CF, PMD, PMD},
        };

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                assert_answers(cases[i].offer, &shared, cases[i].shared);
                assert_answers(cases[i].offer, &context, cases[i].context);
                assert_answers(cases[i].offer, &small, cases[i].small);
        }
}

static void
a_wrong_offer_is_declined(void **state)
{
        static const char *const wrong[] = {
                "",
                ",",
                "=",
                ";",
                "x",
                PMD "x",
                PMD " x",
                PMD ";",
                PMD "; ;" SF,
                PMD "; x",
                PMD "; x=1",
                PMD "; " SF "; " SF,
                PMD "; " SF "=1",
                PMD "; " CF "=true",
                PMD "; " CF "=",
                PMD "; " SB,
                PMD "; " SB "=",
                PMD "; " SB "=7",
                PMD "; " SB "=16",
                PMD "; " SB "=010",
                PMD "; " SB "=8.",
                PMD "; " SB "=\"9",
                PMD "; " SB "=9; " SB "=9",
                PMD "; " CB "=7",
                PMD "; " CB "=08",
                PMD "; " CB "=abc",
                PMD "; " CB "; " CB "=10",
                PMD "; " CB "=\"\"",
                "\"" PMD "\"",
                PMD "; " SF " " CF,
        };

        (void)state;
        for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
                assert_answers(wrong[i], &shared, "");
                assert_answers(wrong[i], &context, "");
        }
}

static void
both_directions_follow_the_answer(void **state)
{
        struct ws_deflate_agreed agreed = answer_to(PMD "; " SB "=12; " CB, &context);

        (void)state;
        assert_int_equal(agreed.send_bits, 12);
        assert_int_equal(agreed.receive_bits, 15);
        assert_true(agreed.send_context && agreed.receive_context);
        agreed = answer_to(PMD "; " CB "=9; " CF, &context);
        assert_int_equal(agreed.send_bits, 15);
        assert_int_equal(agreed.receive_bits, 9);
        assert_true(agreed.send_context && !agreed.receive_context);
        /* A client that does not offer it uses the largest window. */
        agreed = answer_to(PMD "; " SF, &small);
        assert_int_equal(agreed.send_bits, 10);
        assert_int_equal(agreed.receive_bits, 15);
        assert_true(!agreed.send_context && agreed.receive_context);
}

/* The client. */

static void
a_client_offers_what_it_is_told_to(void **state)
{
        static const struct ws_deflate_options small_shared = {.mode = WS_DEFLATE_SHARED,
                                                               .bits = 9};
        char text[WS_DEFLATE_TEXT_MAX];

        (void)state;
        ws_deflate_offer(&context, text);
        assert_string_equal(text, PMD "; " CB);
        ws_deflate_offer(&shared, text);
        assert_string_equal(text, PMD "; " SF "; " CF "; " CB);
        ws_deflate_offer(&small, text);
        assert_string_equal(text, PMD "; " SB "=10; " CB "=10");
        ws_deflate_offer(&small_shared, text);
        assert_string_equal(text, PMD "; " SF "; " CF "; " SB "=9; " CB "=9");
}

/* What the client thinks of an answer, or of none. */
static const char *
check(const char *fields, const struct ws_deflate_options *options,
      struct ws_deflate_agreed *agreed)
{
        struct aw_http_head head;
        static char text[1024];
        int length = snprintf(text, sizeof(text), "HTTP/1.1 101 Yes\r\n%s\r\n", fields);

        assert_int_equal(aw_http_parse_response(text, (size_t)length, &head), AW_HTTP_OK);
        return ws_deflate_check(&head, options, agreed);
}

#define ANSWER(value) "Sec-WebSocket-Extensions: " value "\r\n"

static void
a_client_takes_an_answer_to_its_offer(void **state)
{
        struct ws_deflate_agreed agreed;

        (void)state;
        assert_null(check("", &context, &agreed));
        assert_string_equal(agreed.text, "");
        assert_null(check(ANSWER(PMD), &context, &agreed));
        assert_string_equal(agreed.text, PMD);
        assert_int_equal(agreed.send_bits, 15);
        assert_int_equal(agreed.receive_bits, 15);
        assert_true(agreed.send_context && agreed.receive_context);
        assert_null(check(ANSWER(PMD "; " SB "=9; " CB "=11; " CF), &context, &agreed));
        assert_int_equal(agreed.send_bits, 11);
        assert_int_equal(agreed.receive_bits, 9);
        assert_true(!agreed.send_context && agreed.receive_context);
        /* It need not use as much as it may. */
        assert_null(check(ANSWER(PMD "; " SB "=8"), &small, &agreed));
        assert_int_equal(agreed.send_bits, 10);
        assert_int_equal(agreed.receive_bits, 8);
        assert_null(check(ANSWER(PMD "; " SF), &shared, &agreed));
        assert_true(!agreed.send_context && !agreed.receive_context);
        /* Elements of its list may be empty. */
        assert_null(check(ANSWER(", ,, " PMD " ,, ,"), &context, &agreed));
        assert_string_equal(agreed.text, PMD);
}

static void
a_client_says_what_is_wrong_with_an_answer(void **state)
{
        static const struct {
                const char *fields;
                const struct ws_deflate_options *options;
                const char *words;
        } cases[] = {
                {ANSWER("x"), &context, "an extension that was not offered"},
                {ANSWER(PMD ", x"), &context, "an extension that was not offered"},
                {ANSWER(PMD ", " PMD), &context, "an extension that was not offered"},
                {ANSWER(PMD) ANSWER(PMD), &context, "an extension that was not offered"},
                {ANSWER(""), &context, "is not a list of extensions"},
                {ANSWER(PMD ";"), &context, "is not a list of extensions"},
                {ANSWER(PMD "; x"), &context, "a parameter that does not exist"},
                {ANSWER(PMD "; " SF "; " SF), &context, "a parameter twice"},
                {ANSWER(PMD "; " SB "=16"), &context, "a parameter with a bad value"},
                {ANSWER(PMD "; " SB), &context, "a parameter with a bad value"},
                {ANSWER(PMD "; " CB), &context, CB " has no value"},
                {ANSWER(PMD), &shared, "does not agree to " SF},
                {ANSWER(PMD "; " SB "=11"), &small, "does not agree to " SB},
                {ANSWER(PMD), &small, "does not agree to " SB},
                {ANSWER(PMD "; " SB "=9; " CB "=11"), &small, "is larger than what was offered"},
        };
        static const struct ws_deflate_options off = {.mode = WS_DEFLATE_OFF};
        struct ws_deflate_agreed agreed;

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                const char *sentence = check(cases[i].fields, cases[i].options, &agreed);

                assert_non_null(sentence);
                if (strstr(sentence, cases[i].words) == NULL)
                        fail_msg("'%s' is not in '%s'", cases[i].words, sentence);
        }
        assert_string_equal(check(ANSWER(PMD), &off, &agreed),
                            "the server chose an extension that was not offered");
        assert_null(check("", &off, &agreed));
}

/* Options. */

static void
options_are_checked(void **state)
{
        static const struct ws_deflate_options right[] = {{.bits = 0},
                                                          {.bits = 9, .level = 9},
                                                          {.bits = 15, .level = 1}},
                                               wrong[] = {{.bits = 8},
                                                          {.bits = 16},
                                                          {.level = 10},
                                                          {.level = -1},
                                                          {.mode = WS_DEFLATE_CONTEXT + 1}};

        (void)state;
        for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++)
                assert_true(ws_deflate_options_valid(&right[i]));
        for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
                assert_false(ws_deflate_options_valid(&wrong[i]));
}

static void
a_word_says_the_mode_and_the_bits(void **state)
{
        static const struct {
                const char *word;
                enum ws_deflate_mode mode;
                unsigned bits;
        } right[] = {{"off", WS_DEFLATE_OFF, 0},
                     {"shared", WS_DEFLATE_SHARED, 0},
                     {"context", WS_DEFLATE_CONTEXT, 0},
                     {"context:9", WS_DEFLATE_CONTEXT, 9},
                     {"context:15", WS_DEFLATE_CONTEXT, 15}};
        static const char *const wrong[] = {"",           "on",         "Shared",     "shared:",
                                            "shared:9",   "context:",   "context:8",  "context:16",
                                            "context:09", "context:9:", "context:x9", "off:9"};
        struct ws_deflate_options options = {.level = 7, .threshold = 5};

        (void)state;
        for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++) {
                assert_int_equal(ws_deflate_parse(right[i].word, &options), 0);
                assert_int_equal(options.mode, right[i].mode);
                assert_int_equal(options.bits, right[i].bits);
        }
        for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
                errno = 0;
                assert_int_equal(ws_deflate_parse(wrong[i], &options), -1);
                assert_int_equal(errno, EINVAL);
        }
        assert_int_equal(options.mode, WS_DEFLATE_CONTEXT);
        assert_int_equal(options.bits, 15);
        assert_int_equal(options.level, 7);
        assert_int_equal(options.threshold, 5);
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_server_answers_the_first_right_offer),
                cmocka_unit_test(a_wrong_offer_is_declined),
                cmocka_unit_test(both_directions_follow_the_answer),
                cmocka_unit_test(a_client_offers_what_it_is_told_to),
                cmocka_unit_test(a_client_takes_an_answer_to_its_offer),
                cmocka_unit_test(a_client_says_what_is_wrong_with_an_answer),
                cmocka_unit_test(options_are_checked),
                cmocka_unit_test(a_word_says_the_mode_and_the_bits),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
