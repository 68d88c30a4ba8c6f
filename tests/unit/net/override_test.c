/* SPDX-License-Identifier: MIT */
/* Once: digits need no loop. */
/* What stands in for a URL's host: another one, with its zone, or addresses. */
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>

#include "net/override_private.h"
#include "unit/support.h"

/* The zone goes with the host that it belongs to; the brackets are for the colons. */
static void
another_host_brings_its_own_zone(void **state)
{
        static const struct {
                const char *url, *place, *host, *zone, *shown;
        } all[] = {
                {"ws://[fe80::1%25no]:5", "::127.0.0.1:1", "127.0.0.1", "", "127.0.0.1:1"},
                {"ws://[fe80::1%25no]:5", "[fe80::1]::[::1]:", "::1", "", "[::1]:5"},
                {"ws://[fe80::1%25no]:5", ":::1", "fe80::1", "no", "[fe80::1]:1"},
                {"ws://h", "::[fe80::1%eth0]:", "fe80::1", "eth0", "[fe80::1]:80"},
                {"ws://h", "h:80:[fe80::1%25eth0]:1", "fe80::1", "eth0", "[fe80::1]:1"},
                {"ws://[fe80::1%25no]:5", "::elsewhere:", "elsewhere", "", "elsewhere:5"},
        };

        (void)state;
        for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
                const struct aw_connect_options options = {.connect_to = &all[i].place,
                                                           .connect_to_count = 1};
                struct aw_error error;
                struct aw_url url;

                assert_int_equal(aw_url_parse(all[i].url, &url, &error), 0);
                assert_int_equal(aw_override_target(&options, &url, &error), 0);
                assert_string_equal(url.host, all[i].host);
                assert_string_equal(url.zone, all[i].zone);
                assert_string_equal(url.host_header, all[i].shown);
        }
}

static void
a_zone_that_is_too_long_or_alone_is_refused(void **state)
{
        static const char *const places[] = {"::[fe80::1%abcdefghijklmnopqrstuvwxyz012345]:1",
                                             "::%lo:1", "::[%25lo]:"};
        struct aw_error error;
        struct aw_url url;

        (void)state;
        for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
                const struct aw_connect_options options = {.connect_to = &places[i],
                                                           .connect_to_count = 1};

                assert_int_equal(aw_url_parse("ws://h", &url, &error), 0);
                assert_int_equal(aw_override_target(&options, &url, &error), -1);
                assert_int_equal(errno, EINVAL);
                assert_int_equal(error.kind, AW_ERROR_USAGE);
        }
}

static async int
an_address_may_have_a_zone(NOTHING)
{
        static const char *const places[] = {"h:80:[fe80::1%lo],::1%lo", "h:80:[fe80::1%none]"};
        struct aw_connect_options options = {.resolve = &places[0], .resolve_count = 1};
        struct aw_addresses found;
        struct aw_error error;
        struct aw_url url;

        expect_int(aw_url_parse("ws://h", &url, &error), 0);
        expect_int(await(aw_override_resolve(&options, &url, &found, &error)), 1);
        expect_int((long long)found.count, 2);
        for (size_t i = 0; i < found.count; i++) {
                struct sockaddr_in6 address;

                memcpy(&address, &found.items[i].storage, sizeof(address));
                expect_int(address.sin6_scope_id, if_nametoindex("lo"));
        }
        aw_addresses_free(&found);
        options.resolve = &places[1];
        expect_int(await(aw_override_resolve(&options, &url, &found, &error)), -1);
        expect_int(error.kind, AW_ERROR_USAGE);
        return 0;
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(another_host_brings_its_own_zone),
                cmocka_unit_test(a_zone_that_is_too_long_or_alone_is_refused),
                on_loop(an_address_may_have_a_zone),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
