/* SPDX-License-Identifier: MIT */
/* Once: it needs no loop. */
/* The objects of --json, and how frames are described. */
#include <time.h>

#include "await/ws.h"
#include "frame.h"
#include "json.h"
#include "json_text.h"
#include "unit/client/balance.h"
#include "unit/support.h"

/* The object as one line, which frees it; without time. */
static void
is(json_t *event, const char *line)
{
        char *text = json_line(event);

        assert_non_null(text);
        assert_string_equal(text, line);
        free(text);
}

static void
data_is(const char *data, size_t length, bool text, const char *line)
{
        json_t *event = json_object();

        json_add_data(event, (const uint8_t *)data, length, text);
        is(event, line);
}

static void
an_event_has_a_name_and_utc_to_the_microsecond(void **state)
{
        json_t *event = json_event("open");
        const char *text = json_string_value(json_object_get(event, "time"));
        struct tm then = {.tm_isdst = 0};
        time_t now = time(NULL), at;
        int micro = -1, length = 0;

        (void)state;
        assert_string_equal(json_string_value(json_object_get(event, "event")), "open");
        assert_int_equal(json_object_size(event), 2);
        assert_int_equal(strlen(text), strlen("2026-01-02T03:04:05.678901Z"));
        text = strptime(text, "%Y-%m-%dT%H:%M:%S", &then);
        assert_non_null(text);
        assert_int_equal(sscanf(text, ".%6dZ%n", &micro, &length), 1);
        assert_int_equal(length, 8);
        at = timegm(&then);
        assert_true(at <= now && at > now - 600);
        json_decref(event);
}

static void
data_is_text_or_base64_and_its_bytes_are_counted(void **state)
{
        (void)state;
        data_is("a\"\n", 3, true, "{\"bytes\":3,\"data\":\"a\\\"\\n\"}\n");
        data_is("", 0, true, "{\"bytes\":0,\"data\":\"\"}\n");
        data_is("a\0b", 3, true, "{\"bytes\":3,\"data\":\"a\\u0000b\"}\n");
        data_is("abc", 3, false, "{\"bytes\":3,\"base64\":\"YWJj\"}\n");
        data_is("\xff", 1, true, "{\"bytes\":1,\"base64\":\"/w==\"}\n");
}

static void
what_a_terminal_would_obey_is_written_as_an_escape(void **state)
{
        (void)state;
        data_is("\x1b\x7f", 2, true, "{\"bytes\":2,\"data\":\"\\u001B\\u007f\"}\n");
        data_is("\xc2\x80\xc2\x9b\xc2\x9f", 6, true,
                "{\"bytes\":6,\"data\":\"\\u0080\\u009b\\u009f\"}\n");
        data_is("\xe2\x80\xae", 3, true, "{\"bytes\":3,\"data\":\"\\u202e\"}\n");
        data_is("\xc3\xa9 \xe4\xb8\xad \xf0\x9f\x98\x80", 11, true,
                "{\"bytes\":11,\"data\":\"\xc3\xa9 \xe4\xb8\xad \xf0\x9f\x98\x80\"}\n");
        data_is("\xdf\xbf\xe0\xa0\x80\xef\xbf\xbd\xf0\x90\x80\x80", 12, true,
                "{\"bytes\":12,\"data\":\"\xdf\xbf\xe0\xa0\x80\xef\xbf\xbd\xf0\x90\x80\x80\"}\n");
}

static void
bytes_that_are_no_utf_8_are_iso_8859_1(void **state)
{
        json_t *text = json_any_text("a\xe9\xc3\xa9\xff\xc0", 6);

        (void)state;
        assert_string_equal(json_string_value(text), "a\xc3\xa9\xc3\xa9\xc3\xbf\xc3\x80");
        json_decref(text);
        text = json_any_text("abc", 2);
        assert_string_equal(json_string_value(text), "ab");
        json_decref(text);
        text = json_any_text("\xe9", 0);
        assert_string_equal(json_string_value(text), "");
        json_decref(text);
}

static void
head_is(const char *head, const char *line)
{
        json_t *event = json_object();

        json_add_head(event, head);
        is(event, line);
}

static void
a_head_is_its_status_and_its_fields(void **state)
{
        (void)state;
        head_is("HTTP/1.1 404 Not Found\r\nA: b\r\nC:\t d \r\nE:\r\n\r\nno: field\r\n",
                "{\"status\":404,\"headers\":[[\"A\",\"b\"],[\"C\",\"d \"],[\"E\",\"\"]]}\n");
        head_is("HTTP/1.1 200\nA:b\n\nno: field\n",
                "{\"status\":200,\"headers\":[[\"A\",\"b\"]]}\n");
        head_is("HTTP/1.1 200 OK\r\nA: b\r\nno field\r\nC: d\r\n\r\n",
                "{\"status\":200,\"headers\":[[\"A\",\"b\"]]}\n");
        head_is("HTTP/1.1 200 OK\r\nset-cookie: a=b\r\nAuthorization : c\r\nD: e\r\n\r\n",
                "{\"status\":200,\"headers\":[[\"set-cookie\",\"[not shown]\"],"
                "[\"Authorization \",\"[not shown]\"],[\"D\",\"e\"]]}\n");
        head_is("HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\n c: d\r\n\r\n",
                "{\"status\":200,\"headers\":[[\"Set-Cookie\",\"[not shown]\"]]}\n");
        head_is("garbage", "{\"headers\":[]}\n");
        head_is("", "{\"headers\":[]}\n");
        head_is("HTTP/1.1 200 OK\r\nA: b", "{\"status\":200,\"headers\":[[\"A\",\"b\"]]}\n");
        head_is("HTTP/1.1 200 OK\r\nA: \xe9\r\n",
                "{\"status\":200,\"headers\":[[\"A\",\"\xc3\xa9\"]]}\n");
}

static void
tls_is(const char *secure, const char *line)
{
        json_t *event = json_object();

        json_add_tls(event, secure);
        is(event, line);
}

static void
tls_is_version_cipher_and_whose_certificate_it_is(void **state)
{
        (void)state;
        tls_is(NULL, "{\"tls\":null}\n");
        tls_is("TLSv1.3, AES\ncertificate 0: CN = a; issuer: b\ncertificate 1: CN = c",
               "{\"tls\":{\"version\":\"TLSv1.3\",\"cipher\":\"AES\",\"subject\":\"CN = a\"}}\n");
        tls_is("TLSv1.2, AES\ncertificate 0: CN = a\nmore",
               "{\"tls\":{\"version\":\"TLSv1.2\",\"cipher\":\"AES\",\"subject\":\"CN = a\"}}\n");
        tls_is("TLSv1.2", "{\"tls\":{\"version\":\"TLSv1.2\",\"cipher\":\"\"}}\n");
        tls_is("TLSv1.2\n, x", "{\"tls\":{\"version\":\"TLSv1.2\",\"cipher\":\"\"}}\n");
}

static void
numbers_have_six_digits(void **state)
{
        (void)state;
        is(json_pack("{s:f}", "a", 1.23456789), "{\"a\":1.23457}\n");
}

static void
described(struct ws_frame frame, const char *payload, const char *line)
{
        char *text;

        frame.payload = (const uint8_t *)payload;
        text = frame_describe(&frame);
        assert_non_null(text);
        assert_string_equal(text, line);
        free(text);
}

static void
a_frame_is_described_in_a_line(void **state)
{
        (void)state;
        described((struct ws_frame){.sent = true, .final = true, .opcode = 1, .length = 5}, NULL,
                  "> text, 5 bytes");
        described((struct ws_frame){.opcode = 2, .length = 1}, NULL,
                  "< binary, 1 bytes, more follows");
        described((struct ws_frame){.final = true, .opcode = 0, .length = 0}, NULL,
                  "< continuation, 0 bytes");
        described((struct ws_frame){.final = true, .opcode = 9, .length = 2}, "abc", "< ping: ab");
        described((struct ws_frame){.final = true, .opcode = 9, .length = 1}, "abc", "< ping: a");
        described((struct ws_frame){.final = true, .opcode = 9, .length = 8}, "a\0b\x1b[31m",
                  "< ping: a\\x00b\\x1b[31m");
        described((struct ws_frame){.final = true, .opcode = 10, .length = 1}, "\0",
                  "< pong: \\x00");
        described((struct ws_frame){.final = true, .opcode = 8, .length = 5}, "\x03\xe8\0b\n",
                  "< close 1000 \\x00b\\x0a");
        described((struct ws_frame){.final = true, .opcode = 10, .length = 0}, "", "< pong");
        described((struct ws_frame){.final = true, .opcode = 8, .length = 0}, "", "< close");
        described((struct ws_frame){.final = true, .opcode = 8, .length = 2}, "\x03\xe8z",
                  "< close 1000");
        described((struct ws_frame){.sent = true, .final = true, .opcode = 8, .length = 5},
                  "\x0f\xa1"
                  "byez",
                  "> close 4001 bye");
        assert_string_equal(frame_name(3), "reserved");
        assert_string_equal(frame_name(15), "reserved");
        assert_string_equal(frame_name(0x11), "text");
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(an_event_has_a_name_and_utc_to_the_microsecond),
                cmocka_unit_test(data_is_text_or_base64_and_its_bytes_are_counted),
                cmocka_unit_test(what_a_terminal_would_obey_is_written_as_an_escape),
                cmocka_unit_test(bytes_that_are_no_utf_8_are_iso_8859_1),
                cmocka_unit_test(a_head_is_its_status_and_its_fields),
                cmocka_unit_test(tls_is_version_cipher_and_whose_certificate_it_is),
                cmocka_unit_test(numbers_have_six_digits),
                cmocka_unit_test(a_frame_is_described_in_a_line),
        };

        return run_balanced(tests, NULL);
}
