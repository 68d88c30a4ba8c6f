/* SPDX-License-Identifier: MIT */
/* Once: it needs no loop. */
/* What X-Forwarded-For and Forwarded say, from the last entry to the first. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "net/resolve.h"
#include "ws/forwarded_private.h"
#include "ws/request_private.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* All entries, the last one first, each with a space behind it; "-" is one that tells no address. */
static void
read_all(const char *name, const char *fields, char *out, size_t size)
{
        struct sockaddr_storage address;
        struct aw_http_head head;
        struct ws_forwarded forwarded;
        struct ws_request *request;
        char text[8192], shown[64];
        int result;

        snprintf(text, sizeof(text), "GET / HTTP/1.1\r\n%s\r\n", fields);
        assert_int_equal(aw_http_parse_request(text, strlen(text), &head), AW_HTTP_OK);
        request = ws_request_create(&head);
        assert_non_null(request);
        ws_forwarded_begin(&forwarded, request, name);
        out[0] = '\0';
        while ((result = ws_forwarded_previous(&forwarded, &address)) != -1) {
                if (result == 1)
                        aw_address_format(&address, shown, sizeof(shown));
                snprintf(out + strlen(out), size - strlen(out), "%s ", result == 1 ? shown : "-");
        }
        /* It stays at its end. */
        assert_int_equal(ws_forwarded_previous(&forwarded, &address), -1);
        ws_request_free(request);
}

static void
assert_all(const char *name, const char *const (*cases)[2], size_t count)
{
        char got[4096];

        for (size_t i = 0; i < count; i++) {
                read_all(name, cases[i][0], got, sizeof(got));
                if (strcmp(got, cases[i][1]) != 0)
                        fail_msg("'%s', not '%s', for %s", got, cases[i][1], cases[i][0]);
        }
}

static void
x_forwarded_for_is_a_list_of_addresses(void **state)
{
        static const char *const cases[][2] = {
                {"", ""},
                {"X-Forwarded-For: 192.0.2.7\r\n", "192.0.2.7:0 "},
                {"x-forwarded-for: 192.0.2.7:80\r\n", "192.0.2.7:80 "},
                {"X-Forwarded-For: 2001:db8::7\r\n", "[2001:db8::7]:0 "},
                {"X-Forwarded-For: [2001:db8::7]\r\n", "[2001:db8::7]:0 "},
                {"X-Forwarded-For: [2001:db8::7]:80\r\n", "[2001:db8::7]:80 "},
                {"X-Forwarded-For: 192.0.2.7, 192.0.2.8 ,\t192.0.2.9\r\n",
                 "192.0.2.9:0 192.0.2.8:0 192.0.2.7:0 "},
                {"X-Forwarded-For: 192.0.2.7\r\nOther: 1\r\nX-Forwarded-For: "
                 "192.0.2.8,192.0.2.9\r\n",
                 "192.0.2.9:0 192.0.2.8:0 192.0.2.7:0 "},
                {"X-Forwarded-For: ,, 192.0.2.7,,\r\nX-Forwarded-For: \r\n", "192.0.2.7:0 "},
                {"X-Forwarded-For: unknown, 192.0.2.7\r\n", "192.0.2.7:0 - "},
                {"X-Forwarded-For: 192.0.2.7:65536\r\n", "- "},
                {"X-Forwarded-For: 192.0.2.7:\r\n", "- "},
                {"X-Forwarded-For: 192.0.2.7x\r\n", "- "},
                {"X-Forwarded-For: [192.0.2.7]\r\n", "- "},
                {"X-Forwarded-For: [2001:db8::7\r\n", "- "},
                {"X-Forwarded-For: [2001:db8::7]80\r\n", "- "},
                {"X-Forwarded-For: 300.0.2.7\r\n", "- "},
                {"Forwarded: for=192.0.2.7\r\n", ""},
        };

        (void)state;
        assert_all("X-Forwarded-For", cases, COUNT(cases));
}

static void
forwarded_is_a_list_of_pairs(void **state)
{
        static const char *const cases[][2] = {
                {"Forwarded: for=192.0.2.7\r\n", "192.0.2.7:0 "},
                {"Forwarded: For=\"[2001:db8:cafe::17]:4711\"\r\n", "[2001:db8:cafe::17]:4711 "},
                {"Forwarded: for=192.0.2.60;proto=http;by=203.0.113.43\r\n", "192.0.2.60:0 "},
                {"Forwarded: by=203.0.113.43 ; proto=http ; FOR=\"192.0.2.60:47011\"\r\n",
                 "192.0.2.60:47011 "},
                {"Forwarded: for=192.0.2.43, for=198.51.100.17\r\n",
                 "198.51.100.17:0 192.0.2.43:0 "},
                {"Forwarded: for=192.0.2.43\r\nForwarded: for=198.51.100.17\r\n",
                 "198.51.100.17:0 192.0.2.43:0 "},
                {"Forwarded: for=\"192.0.2.7:_port\"\r\n", "192.0.2.7:0 "},
                {"Forwarded: for=\"\\1\\92.0.2.7\"\r\n", "192.0.2.7:0 "},
                {"Forwarded: host=\"a,b;for=192.0.2.1\";for=192.0.2.7\r\n", "192.0.2.7:0 "},
                {"Forwarded: host=\"\\\",\";for=192.0.2.7\r\n", "192.0.2.7:0 "},
                {"Forwarded: for=unknown\r\n", "- "},
                {"Forwarded: for=_gazonk, for=\"_a:80\"\r\n", "- - "},
                {"Forwarded: proto=http\r\n", "- "},
                {"Forwarded: for=\r\n", "- "},
                {"Forwarded: for=\"\"\r\n", "- "},
                {"Forwarded: 192.0.2.7\r\n", "- "},
                {"X-Forwarded-For: 192.0.2.7\r\n", ""},
        };

        (void)state;
        assert_all("Forwarded", cases, COUNT(cases));
}

/* A client sends what it likes, and our proxy adds to that. */
static void
what_stands_before_an_entry_does_not_change_it(void **state)
{
        static const char *const cases[][2] = {
                {"Forwarded: for=\"192.0.2.1, for=198.51.100.17\r\n", "198.51.100.17:0 - "},
                {"Forwarded: \", for=\"[2001:db8::7]\"\r\n", "[2001:db8::7]:0 - "},
                {"Forwarded: \\, for=\"[2001:db8::7]\"\r\n", "[2001:db8::7]:0 - "},
                {"Forwarded: \"\r\nForwarded: for=192.0.2.7\r\n", "192.0.2.7:0 - "},
                {"Forwarded: for=192.0.2.1;;;=\"\"\"\", for=192.0.2.7\r\n",
                 "192.0.2.7:0 192.0.2.1:0 "},
        };
        char field[6000] = "Forwarded: for=", got[64];

        (void)state;
        assert_all("Forwarded", cases, COUNT(cases));
        memset(field + strlen(field), '1', 5000);
        strcpy(field + 5014, ", for=192.0.2.7\r\n");
        read_all("Forwarded", field, got, sizeof(got));
        assert_string_equal(got, "192.0.2.7:0 - ");
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(x_forwarded_for_is_a_list_of_addresses),
                cmocka_unit_test(forwarded_is_a_list_of_pairs),
                cmocka_unit_test(what_stands_before_an_entry_does_not_change_it),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
