/* SPDX-License-Identifier: MIT */
/* Once: addresses in digits wait for nothing. */
/* Which inherited sockets a URL gets, and which keep it from being bound. */
#include "adopt.h"
#include "unit/support.h"

static const char *(*const find)(const struct inherited *inherited, const char *url,
                                 enum socket_kind kind) = adopt_find;
static const char *(*const find_obstacle)(const struct inherited *inherited,
                                          const char *url) = adopt_find_obstacle;

#define URL(text) .url = (char *)(uintptr_t)(text)

static struct inherited_socket sockets[] = {
        {URL("ws://127.0.0.1:0"), .place = "127.0.0.1:7681"},
        {URL("ws://127.0.0.1:0"), .place = "127.0.0.1:7681", .slot = 1},
        {URL("ws://*:80"), .place = "0.0.0.0:80"},
        {URL("ws://*:80"), .place = "[::]:80"},
        {URL("ws://me:81"), .place = "127.0.0.1:81"},
        {URL("ws://me:81"), .place = "[::1]:81"},
        {URL("unix:///run/x"), .place = "unix:/run/x"},
        {URL("ws://127.0.0.1:9"), .place = "127.0.0.1:9", .kind = SOCKET_ADMIN},
        {URL("wss://127.0.0.1:10"), .place = "127.0.0.1:10", .kind = SOCKET_LENT},
        {URL("ws://127.0.0.1:11"), .place = "127.0.0.1:11", .fd = -1},
};

static const struct inherited inherited = {.sockets = sockets,
                                           .count = sizeof(sockets) / sizeof(sockets[0])};

static void
expect_url(const char *url, const char *wanted)
{
        assert_int_equal(url == NULL, wanted == NULL);
        if (wanted != NULL)
                assert_string_equal(url, wanted);
}

static void
sockets_are_for_the_same_url_or_the_same_addresses(void **state)
{
        static const struct {
                const char *url;
                enum socket_kind kind;
                const char *found;
        } all[] = {
                {"ws://127.0.0.1:0", SOCKET_OWN, "ws://127.0.0.1:0"},
                {"wss://127.0.0.1:7681", SOCKET_OWN, "ws://127.0.0.1:0"},
                {"wss://*:80", SOCKET_OWN, "ws://*:80"},
                {"ws+unix:/run/x", SOCKET_OWN, "unix:///run/x"},
                {"ws://127.0.0.1:9", SOCKET_ADMIN, "ws://127.0.0.1:9"},
                {"wss://127.0.0.1:10", SOCKET_LENT, "wss://127.0.0.1:10"},
                /* A free port is any; the others have less, more, or are not for this. */
                {"wss://127.0.0.1:0", SOCKET_OWN, NULL},
                {"ws://127.0.0.1:80", SOCKET_OWN, NULL},
                {"wss://127.0.0.1:81", SOCKET_OWN, NULL},
                {"ws://*:7681", SOCKET_OWN, NULL},
                {"ws://127.0.0.1:9", SOCKET_OWN, NULL},
                {"ws://127.0.0.1:10", SOCKET_LENT, NULL},
                {"ws://127.0.0.1:10", SOCKET_OWN, NULL},
                {"ws://127.0.0.1:11", SOCKET_OWN, NULL},
                {"unix:/run/y", SOCKET_OWN, NULL},
        };

        (void)state;
        for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
                expect_url(find(&inherited, all[i].url, all[i].kind), all[i].found);
        expect_url(find(&(struct inherited){.count = 0}, "ws://127.0.0.1:80", SOCKET_OWN), NULL);
}

static void
an_obstacle_is_what_nobody_took_at_an_address_that_overlaps(void **state)
{
        static const struct {
                const char *url, *found;
        } all[] = {
                {"ws://*:7681", "ws://127.0.0.1:0"},
                {"ws://127.0.0.1:80", "ws://*:80"},
                {"wss://127.0.0.1:81", "ws://me:81"},
                {"ws+unix:/run/x", "unix:///run/x"},
                {"wss://127.0.0.1:9", "ws://127.0.0.1:9"},
                /* Another port, another address, whose owner goes on, and who is gone. */
                {"ws://127.0.0.1:82", NULL},
                {"ws://127.0.0.2:7681", NULL},
                {"ws://127.0.0.1:10", NULL},
                {"ws://127.0.0.1:11", NULL},
        };

        (void)state;
        for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
                expect_url(find_obstacle(&inherited, all[i].url), all[i].found);
        expect_url(find_obstacle(&(struct inherited){.count = 0}, "ws://127.0.0.1:80"), NULL);
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(sockets_are_for_the_same_url_or_the_same_addresses),
                cmocka_unit_test(an_obstacle_is_what_nobody_took_at_an_address_that_overlaps),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
