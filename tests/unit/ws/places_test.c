/* SPDX-License-Identifier: MIT */
/* Once: addresses in digits wait for nothing. */
/* Where sockets listen, as texts: of a URL, of a socket, and which of them exclude each other. */
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "unit/support.h"
#include "ws/places.h"

static int (*const find_places)(const char *url, struct ws_places *places) = ws_places_find;

static void
a_url_has_the_places_that_it_would_be_bound_to(void **state)
{
        static const struct {
                const char *url, *places[3];
        } all[] = {{"ws://127.0.0.1:7681", {"127.0.0.1:7681"}},
                   {"wss://127.0.0.1", {"127.0.0.1:443"}},
                   {"ws://*:80", {"0.0.0.0:80", "[::]:80"}},
                   {"unix:/run/x", {"unix:/run/x"}},
                   {"unix:///run/x", {"unix:/run/x"}},
                   {"ws+unix:/run/x", {"unix:/run/x"}},
                   {"unix:@name", {"unix:@name"}},
                   /* A free port is nobody's, and the last two are nowhere. */
                   {"ws://127.0.0.1:0", {NULL}},
                   {"ws://192.0.2.1:80", {NULL}},
                   {"http://127.0.0.1:80", {NULL}}};
        struct ws_places places;

        (void)state;
        for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
                size_t count = 0;

                assert_int_equal(find_places(all[i].url, &places), 0);
                for (; all[i].places[count] != NULL; count++)
                        assert_true(ws_places_have(&places, all[i].places[count]));
                assert_int_equal(places.count, count);
                assert_false(ws_places_have(&places, "127.0.0.1:1"));
                ws_places_free(&places);
        }
}

static void
expect_place(const void *address, socklen_t size, const char *wanted)
{
        const struct sockaddr *name = address;
        int fd = socket(name->sa_family, SOCK_STREAM, 0);
        char place[WS_PLACE_SIZE];

        assert_int_equal(bind(fd, name, size), 0);
        assert_int_equal(ws_place_of(fd, place), 0);
        assert_int_equal(strncmp(place, wanted, strlen(wanted)), 0);
        close(fd);
}

static void
a_socket_has_the_place_that_it_is_bound_to(void **state)
{
        struct sockaddr_in v4 = {.sin_family = AF_INET,
                                 .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
        struct sockaddr_un local = {.sun_family = AF_UNIX};
        size_t begin = offsetof(struct sockaddr_un, sun_path);
        char place[WS_PLACE_SIZE], wanted[WS_PLACE_SIZE];

        (void)state;
        expect_place(&v4, sizeof(v4), "127.0.0.1:");
        snprintf(local.sun_path, sizeof(local.sun_path), "/tmp/places_test.%d", (int)getpid());
        snprintf(wanted, sizeof(wanted), "unix:%s", local.sun_path);
        expect_place(&local, sizeof(local), wanted);
        unlink(local.sun_path);
        snprintf(local.sun_path, sizeof(local.sun_path), "@places_test.%d", (int)getpid());
        snprintf(wanted, sizeof(wanted), "unix:%s", local.sun_path);
        local.sun_path[0] = '\0';
        expect_place(&local, (socklen_t)(begin + strlen(wanted) - strlen("unix:")), wanted);
        assert_int_equal(ws_place_of(-1, place), -1);
}

static void
places_meet_where_one_is_all_addresses_of_a_port(void **state)
{
        static const struct {
                const char *one, *other;
                bool meet;
        } all[] = {{"127.0.0.1:80", "127.0.0.1:80", true},
                   {"127.0.0.1:80", "127.0.0.1:8", false},
                   {"127.0.0.1:80", "127.0.0.2:80", false},
                   {"0.0.0.0:80", "127.0.0.1:80", true},
                   {"0.0.0.0:80", "127.0.0.1:81", false},
                   {"[::]:80", "[::1]:80", true},
                   {"0.0.0.0:80", "[::1]:80", false},
                   {"[::]:80", "127.0.0.1:80", false},
                   {"unix:/a", "unix:/a", true},
                   {"unix:/a", "unix:/b", false},
                   {"0.0.0.0:80", "unix:/a:80", false}};

        (void)state;
        for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
                assert_int_equal(ws_place_meets(all[i].one, all[i].other), all[i].meet);
                assert_int_equal(ws_place_meets(all[i].other, all[i].one), all[i].meet);
        }
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_url_has_the_places_that_it_would_be_bound_to),
                cmocka_unit_test(a_socket_has_the_place_that_it_is_bound_to),
                cmocka_unit_test(places_meet_where_one_is_all_addresses_of_a_port),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
