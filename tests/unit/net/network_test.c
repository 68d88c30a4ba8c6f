/* SPDX-License-Identifier: MIT */
/* Once: it needs no loop. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "await/network.h"

/* How narrow the network of the list is that has the address, which is in digits or "unix". */
static int
find(const char *const *texts, const char *address)
{
        struct sockaddr_storage storage = {.ss_family = AF_UNIX};
        struct sockaddr_in *v4 = (void *)&storage;
        struct sockaddr_in6 *v6 = (void *)&storage;
        struct aw_network list[8];
        struct aw_error error;
        size_t count = 0;

        for (; texts[count] != NULL; count++)
                if (aw_network_parse(texts[count], &list[count], &error) == -1)
                        fail_msg("%s", error.text);
        if (strcmp(address, "unix") == 0)
                return aw_network_find(list, count, (struct sockaddr *)&storage);
        storage.ss_family = strchr(address, ':') == NULL ? AF_INET : AF_INET6;
        assert_int_equal(inet_pton(storage.ss_family, address,
                                   storage.ss_family == AF_INET ? (void *)&v4->sin_addr
                                                                : (void *)&v6->sin6_addr),
                         1);
        return aw_network_find(list, count, (struct sockaddr *)&storage);
}

#define LIST(...)                                                                                  \
        (const char *const[])                                                                      \
        {                                                                                          \
                __VA_ARGS__, NULL                                                                  \
        }

static void
a_network_has_the_addresses_that_begin_like_it(void **state)
{
        (void)state;
        assert_int_equal(find(LIST("10.0.0.0/8"), "10.255.0.1"), 8);
        assert_int_equal(find(LIST("10.0.0.0/8"), "11.0.0.1"), -1);
        assert_int_equal(find(LIST("192.0.2.128/25"), "192.0.2.128"), 25);
        assert_int_equal(find(LIST("192.0.2.128/25"), "192.0.2.127"), -1);
        assert_int_equal(find(LIST("192.0.2.7"), "192.0.2.7"), 32);
        assert_int_equal(find(LIST("192.0.2.7"), "192.0.2.6"), -1);
        assert_int_equal(find(LIST("0.0.0.0/0"), "198.51.100.1"), 0);
        assert_int_equal(find(LIST("2001:db8::/32"), "2001:db8:ffff::1"), 32);
        assert_int_equal(find(LIST("2001:db8::/32"), "2001:db9::1"), -1);
        assert_int_equal(find(LIST("2001:db8:0:8::/61"), "2001:db8:0:f::1"), 61);
        assert_int_equal(find(LIST("2001:db8:0:8::/61"), "2001:db8:0:10::1"), -1);
        assert_int_equal(find(LIST("::1"), "::1"), 128);
}

static void
the_narrowest_network_counts_wherever_it_stands(void **state)
{
        (void)state;
        assert_int_equal(find(LIST("10.0.0.0/8", "10.1.0.0/16", "0.0.0.0/0"), "10.1.2.3"), 16);
        assert_int_equal(find(LIST("10.1.0.0/16", "10.0.0.0/8"), "10.1.2.3"), 16);
        assert_int_equal(find(LIST("10.1.0.0/16", "10.0.0.0/8"), "10.2.2.3"), 8);
        assert_int_equal(
                aw_network_find(NULL, 0,
                                (struct sockaddr *)&(struct sockaddr_in){.sin_family = AF_INET}),
                -1);
}

static void
mapped_addresses_are_ipv4(void **state)
{
        (void)state;
        assert_int_equal(find(LIST("10.0.0.0/8"), "::ffff:10.1.2.3"), 8);
        assert_int_equal(find(LIST("::ffff:10.0.0.0/104"), "10.1.2.3"), 8);
        assert_int_equal(find(LIST("::ffff:192.0.2.7"), "192.0.2.7"), 32);
        assert_int_equal(find(LIST("::/0"), "192.0.2.7"), -1);
        assert_int_equal(find(LIST("::/0"), "::ffff:192.0.2.7"), -1);
        assert_int_equal(find(LIST("::/0"), "::1"), 0);
        assert_int_equal(find(LIST("0.0.0.0/0"), "::1"), -1);
}

static void
unix_sockets_are_a_network_of_their_own(void **state)
{
        (void)state;
        assert_int_equal(find(LIST("unix"), "unix"), 128);
        assert_int_equal(find(LIST("unix"), "127.0.0.1"), -1);
        assert_int_equal(find(LIST("0.0.0.0/0", "::/0"), "unix"), -1);
        /* Of what has no address at all none has it. */
        assert_int_equal(aw_network_find(&(struct aw_network){.family = AF_UNSPEC}, 1,
                                         &(struct sockaddr){.sa_family = AF_UNSPEC}),
                         -1);
}

static void
what_is_no_network_is_refused_with_the_cure(void **state)
{
        static const struct {
                const char *text, *words;
        } cases[] = {
                {"", "write an address in digits"},
                {"localhost", "write an address in digits"},
                {"[::1]", "without brackets"},
                {"192.0.2.7:80", "or port"},
                {"192.0.2", "write an address in digits"},
                {"192.0.2.0 /24", "write an address in digits"},
                {"fe80::1%lo/64", "write an address in digits"},
                {"unix:/a", "or unix"},
                {"192.0.2.0/", "from 0 to 32"},
                {"192.0.2.0/33", "from 0 to 32"},
                {"192.0.2.0/-1", "from 0 to 32"},
                {"192.0.2.0/24x", "from 0 to 32"},
                {"192.0.2.0/0024", "from 0 to 32"},
                {"2001:db8::/129", "from 0 to 128"},
                {"10.1.2.3/8", "write 10.0.0.0/8, or the address alone"},
                {"2001:db8::1/32", "write 2001:db8::/32, or the address alone"},
        };
        struct aw_network network;
        struct aw_error error;

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                errno = 0;
                assert_int_equal(aw_network_parse(cases[i].text, &network, &error), -1);
                assert_int_equal(errno, EINVAL);
                assert_int_equal(error.kind, AW_ERROR_USAGE);
                if (strstr(error.text, cases[i].words) == NULL)
                        fail_msg("no '%s' in '%s'", cases[i].words, error.text);
        }
        assert_int_equal(aw_network_parse("nonsense", &network, NULL), -1);
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_network_has_the_addresses_that_begin_like_it),
                cmocka_unit_test(the_narrowest_network_counts_wherever_it_stands),
                cmocka_unit_test(mapped_addresses_are_ipv4),
                cmocka_unit_test(unix_sockets_are_a_network_of_their_own),
                cmocka_unit_test(what_is_no_network_is_refused_with_the_cure),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
