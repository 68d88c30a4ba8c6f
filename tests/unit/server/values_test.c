/* SPDX-License-Identifier: MIT */
/* Once: it needs no loop. */
/* Parts of behaviours: what texts may be, what rows take in words, frames, digests, targets. */
#include "behave/digest.h"
#include "behave/session.h"
#include "behave/target.h"
#include "unit/support.h"

/* Texts. */

static void
assert_checked(const char *(*check)(const char *text), const char *text, const char *wrong)
{
        const char *said = check(text);

        if (said == NULL || wrong == NULL ? said != wrong : strcmp(said, wrong) != 0)
                fail_msg("'%s' is '%s', not '%s'", text, said, wrong);
}

/* RFC 6455 section 5.5: a control frame has 125 bytes, and a Close frame has the code in front. */
static void
texts_of_control_frames_fit_into_them(void **state)
{
        char text[127] = "";

        (void)state;
        memset(text, 'x', 123);
        assert_checked(behave_check_reason, text, NULL);
        strcat(text, "x");
        assert_checked(behave_check_reason, text, "a reason has at most 123 bytes");
        strcat(text, "x");
        assert_checked(behave_check_payload, text, NULL);
        strcat(text, "x");
        assert_checked(behave_check_payload, text, "a ping has at most 125 bytes");
}

static void
names_are_tokens(void **state)
{
        static const char wrong[] = "this is no name of a subprotocol or a room";

        (void)state;
        assert_checked(behave_check_own_field, "X-A: b", NULL);
        assert_checked(behave_check_own_field, "x-sendfil: b", NULL);
        assert_checked(behave_check_own_field, "A: b",
                       "the name of this field does not begin with X-");
        assert_checked(behave_check_own_field, "x-accel-redirect: b",
                       "this field is one that proxies obey");
        assert_checked(behave_check_own_field, "X-Sendfile: b",
                       "this field is one that proxies obey");
        assert_checked(behave_check_own_field, "X-LIGHTTPD-send-file: b",
                       "this field is one that proxies obey");
        assert_checked(behave_check_token, "a", NULL);
        assert_checked(behave_check_token, "!#$%&'*+-.^_`|~09AZaz", NULL);
        assert_checked(behave_check_token, "", wrong);
        assert_checked(behave_check_token, "a b", wrong);
        assert_checked(behave_check_token, "a,", wrong);
}

static void
a_field_is_a_name_a_colon_and_what_can_be_printed(void **state)
{
        static const char *const ours[] = {"sec-websocket-x:1", "Connection:1",
                                           "upgrade: x",        "Date:1",
                                           "content-x:1",       "keep-alive:1",
                                           "Trailer:",          "transfer-encoding:1",
                                           "x-wsechod:1",       "X-Content-Type-Options:nosniff"};
        static const char *const theirs[] = {"X:1",           "X:",          "Dates:1",
                                             "Connections:1", "X: \xc3\xa4", "Sec-WebSocket:1",
                                             "X:a b~"};
        static const char *const wrong[] = {"",       ":1",     "X",        "X 1:1",
                                            "X:\x1f", "X:\x7f", "X:a\r\nb", "X:\t"};

        (void)state;
        for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
                assert_checked(behave_check_field, ours[i], "this field is the server's own");
        for (size_t i = 0; i < sizeof(theirs) / sizeof(theirs[0]); i++)
                assert_checked(behave_check_field, theirs[i], NULL);
        for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
                assert_checked(behave_check_field, wrong[i], "this is not NAME:VALUE");
}

static void
cookies_credentials_and_paths_have_their_forms(void **state)
{
        static const char cookie[] = "this is not NAME=VALUE";
        static const char url[] = "this is not a path, which begins with one '/'";

        (void)state;
        assert_checked(behave_check_cookie, "a=", NULL);
        assert_checked(behave_check_cookie, "a=b; Secure", NULL);
        assert_checked(behave_check_cookie, "=b", cookie);
        assert_checked(behave_check_cookie, "a", cookie);
        assert_checked(behave_check_cookie, "a b=c", cookie);
        assert_checked(behave_check_cookie, "a=\x01", cookie);
        assert_checked(behave_check_credentials, ":", NULL);
        assert_checked(behave_check_credentials, "ab", "this is not USER:PASSWORD");
        assert_checked(behave_check_url, "/", NULL);
        assert_checked(behave_check_url, "/a//b\\", NULL);
        assert_checked(behave_check_url, "", url);
        assert_checked(behave_check_url, "a", url);
        assert_checked(behave_check_url, "//a", url);
        assert_checked(behave_check_url, "/\\a", url);
        assert_checked(behave_check_url, "/\na", url);
}

/* Values. */

static void
assert_takes(enum behave_id id, const char *with_limits, const char *without)
{
        static const struct behave_limits limits = {.level = BEHAVE_LEVEL_ALL,
                                                    .max_message = 3 << 10};
        char takes[BEHAVE_TAKES_MAX];

        behave_value_describe(&behave_table[id], &limits, takes);
        assert_string_equal(takes, with_limits);
        behave_value_describe(&behave_table[id], NULL, takes);
        assert_string_equal(takes, without);
}

static void
what_a_row_takes_is_said_in_words(void **state)
{
        (void)state;
        assert_takes(BEHAVE_STATUS, "CODE from 300 to 599", "CODE from 300 to 599");
        assert_takes(BEHAVE_SEND, "BYTES from 0 to 3K", "BYTES from 0 to --max-message");
        assert_takes(BEHAVE_RATE, "BYTES from 1 to 1G", "BYTES from 1 to 1G");
        assert_takes(BEHAVE_REDIRECT, "COUNT from 0 to 20", "COUNT from 0 to 20");
        assert_takes(BEHAVE_AFTER, "COUNT from 0 to 1000000 or TIME up to 60s",
                     "COUNT from 0 to 1000000 or TIME up to 60s");
        assert_takes(BEHAVE_PING, "TIME from 1ms to 60s", "TIME from 1ms to 60s");
        assert_takes(BEHAVE_PONG, "none, wrong or TIME up to 60s", "none, wrong or TIME up to 60s");
        assert_takes(BEHAVE_CLOSE_REPLY, "none, echo, CODE from 1000 to 4999 or TIME up to 60s",
                     "none, echo, CODE from 1000 to 4999 or TIME up to 60s");
        assert_takes(BEHAVE_PROTOCOL, "none, first or NAME", "none, first or NAME");
        assert_takes(BEHAVE_TYPE, "binary or text", "binary or text");
        assert_takes(BEHAVE_TIME, "1", "1");
        assert_takes(BEHAVE_GREET, "TEXT", "TEXT");
        assert_takes(BEHAVE_BITS, "NUMBER from 9 to 15", "NUMBER from 9 to 15");
}

/* Whole thousands of units, up to gigabytes, and only of sizes. */
static void
sizes_are_said_in_the_largest_unit_that_fits(void **state)
{
        static const struct {
                int64_t maximum;
                const char *size, *number;
        } all[] = {{1023, "1023", "1023"},        {1024, "1K", "1024"},
                   {1536, "1536", "1536"},        {1 << 20, "1M", "1048576"},
                   {1 << 30, "1G", "1073741824"}, {INT64_C(2) << 40, "2048G", "2199023255552"}};
        struct behave_row row = {.argument = "N", .kinds = BEHAVE_SIZE};
        char takes[BEHAVE_TAKES_MAX], wanted[80];

        (void)state;
        for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
                row.maximum = all[i].maximum;
                row.kinds = BEHAVE_SIZE;
                behave_value_describe(&row, NULL, takes);
                snprintf(wanted, sizeof(wanted), "N from 0 to %s", all[i].size);
                assert_string_equal(takes, wanted);
                row.kinds = BEHAVE_NUMBER;
                behave_value_describe(&row, NULL, takes);
                snprintf(wanted, sizeof(wanted), "N from 0 to %s", all[i].number);
                assert_string_equal(takes, wanted);
        }
}

static void
assert_value(enum behave_id id, const char *text, enum behave_kind kind, int64_t number)
{
        static const struct behave_limits limits = {.level = BEHAVE_LEVEL_ALL, .max_message = 1000};
        struct behave_value value = {.text = text};
        bool read = behave_value_read(&behave_table[id], &limits, &value);

        if (read != (kind != 0) || (read && (value.kind != kind || value.number != number)))
                fail_msg("%s=%s is %d, %d, %lld", behave_table[id].name, text, read, value.kind,
                         (long long)value.number);
}

static void
a_value_is_the_first_of_its_kinds_that_fits(void **state)
{
        (void)state;
        assert_value(BEHAVE_STATUS, "299", 0, 0);
        assert_value(BEHAVE_STATUS, "300", BEHAVE_NUMBER, 300);
        assert_value(BEHAVE_STATUS, "599", BEHAVE_NUMBER, 599);
        assert_value(BEHAVE_STATUS, "600", 0, 0);
        assert_value(BEHAVE_SEND, "1000", BEHAVE_SIZE, 1000);
        assert_value(BEHAVE_SEND, "1001", 0, 0);
        assert_value(BEHAVE_SEND, "0", BEHAVE_SIZE, 0);
        assert_value(BEHAVE_RATE, "1G", BEHAVE_SIZE, 1 << 30);
        assert_value(BEHAVE_RATE, "1073741825", 0, 0);
        assert_value(BEHAVE_RATE, "0", 0, 0);
        assert_value(BEHAVE_PONG, "wrong", BEHAVE_WORD, 1);
        assert_value(BEHAVE_PONG, "2", BEHAVE_DURATION, 2 * AW_SECOND);
        assert_value(BEHAVE_PING, "999us", 0, 0);
        assert_value(BEHAVE_PING, "1ms", BEHAVE_DURATION, AW_MILLISECOND);
        assert_value(BEHAVE_PING, "60s", BEHAVE_DURATION, 60 * AW_SECOND);
        assert_value(BEHAVE_PING, "60000001us", 0, 0);
        /* Where a number may be one, a plain one is no time, also one that is too large. */
        assert_value(BEHAVE_AFTER, "1000000", BEHAVE_NUMBER, 1000000);
        assert_value(BEHAVE_AFTER, "1000001", 0, 0);
        assert_value(BEHAVE_CLOSE_REPLY, "999", 0, 0);
        assert_value(BEHAVE_CLOSE_REPLY, "1s", BEHAVE_DURATION, AW_SECOND);
        assert_value(BEHAVE_SEED, "4294967295", BEHAVE_NUMBER, UINT32_MAX);
        assert_value(BEHAVE_SEED, "4294967296", 0, 0);
}

static void
words_are_counted_and_listed(void **state)
{
        char out[16];

        (void)state;
        assert_int_equal(behave_words_index("a|bc|d", "a", 1), 0);
        assert_int_equal(behave_words_index("a|bc|d", "bcx", 2), 1);
        assert_int_equal(behave_words_index("a|bc|d", "d", 1), 2);
        assert_int_equal(behave_words_index("a|bc|d", "b", 1), -1);
        assert_int_equal(behave_words_index("a|bc|d", "", 0), -1);
        assert_int_equal(behave_words_index(NULL, "a", 1), -1);
        behave_words_list("a", out, sizeof(out));
        assert_string_equal(out, "a");
        behave_words_list("a|bc", out, sizeof(out));
        assert_string_equal(out, "a or bc");
        behave_words_list("a|bc|d", out, sizeof(out));
        assert_string_equal(out, "a, bc or d");
        behave_words_list("abcdefgh|ijklmnop", out, sizeof(out));
        assert_string_equal(out, "abcdefgh or ijk");
}

/* Frames: RFC 6455 section 5.2. */

static void
the_length_of_a_frame_has_the_fewest_bytes(void **state)
{
        static const struct {
                uint64_t length;
                size_t size;
                uint8_t bytes[BEHAVE_HEADER_MAX];
        } all[] = {
                {0, 2, {0x82, 0}},
                {125, 2, {0x82, 125}},
                {126, 4, {0x82, 126, 0, 126}},
                {65535, 4, {0x82, 126, 0xff, 0xff}},
                {65536, 10, {0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0}},
                {UINT64_C(0x0123456789abcdef),
                 10,
                 {0x82, 127, 0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef}},
        };
        uint8_t out[BEHAVE_HEADER_MAX];

        (void)state;
        for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
                assert_int_equal(behave_build_header(out, 0x82, all[i].length), all[i].size);
                assert_memory_equal(out, all[i].bytes, all[i].size);
        }
}

/* FIPS 180-4's example, in one piece and in three. */
static void
a_digest_is_that_of_all_pieces(void **state)
{
        static const char wanted[] =
                "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        char out[DIGEST_SIZE];
        struct digest *digest;

        (void)state;
        digest = digest_begin();
        digest_add(digest, "abc", 3);
        assert_int_equal(digest_end(digest, out), 0);
        assert_string_equal(out, wanted);
        digest = digest_begin();
        digest_add(digest, "ab", 2);
        digest_add(digest, "", 0);
        digest_add(digest, "c", 1);
        assert_int_equal(digest_end(digest, out), 0);
        assert_string_equal(out, wanted);
        errno = 0;
        assert_int_equal(digest_end(NULL, out), -1);
        assert_int_equal(errno, ENOMEM);
}

/* Targets. */

static void
a_piece_ends_at_a_stop_which_is_skipped(void **state)
{
        const char *rest = "ab/c?";
        struct behave_piece piece = behave_piece_next(&rest, "/?");

        (void)state;
        assert_true(piece.length == 2 && memcmp(piece.data, "ab", 2) == 0);
        assert_string_equal(rest, "c?");
        piece = behave_piece_next(&rest, "/");
        assert_int_equal(piece.length, 2);
        assert_string_equal(rest, "");
        piece = behave_piece_next(&rest, "/");
        assert_int_equal(piece.length, 0);
        assert_string_equal(rest, "");
}

static void
digits_are_hexadecimal_in_either_case(void **state)
{
        static const char wrong[] = "gG/:@`\xff ";

        (void)state;
        for (int i = 0; i < 16; i++) {
                assert_int_equal(behave_hex_digit("0123456789abcdef"[i]), i);
                assert_int_equal(behave_hex_digit("0123456789ABCDEF"[i]), i);
        }
        for (size_t i = 0; i < sizeof(wrong); i++)
                assert_int_equal(behave_hex_digit(wrong[i]), -1);
}

/* What the target asks for, as "name=value name=value". */
static void
assert_walk(const char *target, const char *wanted)
{
        struct behave_walk walk = behave_walk_begin(target);
        struct behave_piece value;
        char found[200] = "";
        int id;

        while (behave_walk_next(&walk, &id, &value)) {
                size_t used = strlen(found);

                snprintf(found + used, sizeof(found) - used, "%s%s=%.*s", used > 0 ? " " : "",
                         behave_table[id].name, (int)value.length, value.data);
        }
        assert_string_equal(found, wanted);
}

static void
what_a_target_asks_for_is_found_wherever_it_stands(void **state)
{
        (void)state;
        assert_walk("/?delay=1s&x=2&close=4000", "delay=1s close=4000");
        assert_walk("/?status=503", "status=503");
        assert_walk("/x://h/-/delay/1s", "");
        assert_walk("/-xdelay/1s", "");
        assert_walk("/?delay&close=", "delay= close=");
        assert_walk("/delay/1s?close=1000", "close=1000");
        assert_walk("/-/delay/1s/x/close/4000/bye", "delay=1s close=4000");
        assert_walk("/-/delay/1s?close=1", "delay=1s close=1");
        assert_walk("/-/delay/close/greet", "delay=close");
        assert_walk("/-/delay?close=1", "close=1");
        assert_walk("http://h/-/delay/1s", "delay=1s");
        assert_walk("http://h?delay=1s", "delay=1s");
        assert_walk("/x://-/delay/1s", "");
        assert_walk("", "");
        assert_walk("?", "");
}

static void
a_name_is_decoded_up_to_the_longest_that_there_is(void **state)
{
        (void)state;
        assert_int_equal(behave_row_named("delay", 5), BEHAVE_DELAY);
        assert_int_equal(behave_row_named("delays", 5), BEHAVE_DELAY);
        assert_int_equal(behave_row_named("delay", 4), -1);
        assert_int_equal(behave_row_named("%64elay", 7), BEHAVE_DELAY);
        assert_int_equal(behave_row_named("dela%79", 7), BEHAVE_DELAY);
        assert_int_equal(behave_row_named("dela%79", 6), -1);
        assert_int_equal(behave_row_named("dela%7", 6), -1);
        assert_int_equal(behave_row_named("dela%", 5), -1);
        assert_int_equal(behave_row_named("", 0), -1);
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(texts_of_control_frames_fit_into_them),
                cmocka_unit_test(names_are_tokens),
                cmocka_unit_test(a_field_is_a_name_a_colon_and_what_can_be_printed),
                cmocka_unit_test(cookies_credentials_and_paths_have_their_forms),
                cmocka_unit_test(what_a_row_takes_is_said_in_words),
                cmocka_unit_test(sizes_are_said_in_the_largest_unit_that_fits),
                cmocka_unit_test(a_value_is_the_first_of_its_kinds_that_fits),
                cmocka_unit_test(words_are_counted_and_listed),
                cmocka_unit_test(the_length_of_a_frame_has_the_fewest_bytes),
                cmocka_unit_test(a_digest_is_that_of_all_pieces),
                cmocka_unit_test(a_piece_ends_at_a_stop_which_is_skipped),
                cmocka_unit_test(digits_are_hexadecimal_in_either_case),
                cmocka_unit_test(what_a_target_asks_for_is_found_wherever_it_stands),
                cmocka_unit_test(a_name_is_decoded_up_to_the_longest_that_there_is),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
