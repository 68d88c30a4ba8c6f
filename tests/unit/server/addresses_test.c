/* SPDX-License-Identifier: MIT */
/* Once: it waits for nothing. */
/* Counts by address, in memory that workers share. */
#include "addresses.h"
#include "limit.h"
#include "unit/support.h"

#define WORKERS 3
#define START   (1000 * AW_SECOND)

static struct addresses *
fresh(void)
{
        struct addresses *addresses = aligned_alloc(64, (addresses_size(WORKERS) + 63) / 64 * 64);

        assert_non_null(addresses);
        memset(addresses, 0, addresses_size(WORKERS));
        assert_int_equal(addresses_begin(addresses, WORKERS), 0);
        return addresses;
}

static uint64_t
key_of(const struct addresses *addresses, const char *peer)
{
        uint64_t key = 0;

        assert_true(addresses_key(addresses, peer, &key));
        return key;
}

static void
an_address_is_the_same_with_any_port(void **state)
{
        static const char *const same[][2] = {
                {"192.0.2.1:40312", "192.0.2.1:1"},
                {"192.0.2.1:40312", "192.0.2.1"},
                {"192.0.2.1:40312", "[::ffff:192.0.2.1]:40312"},
                {"192.0.2.1:40312", "::ffff:192.0.2.1"},
                {"[2001:db8::1]:40312", "[2001:db8::1]:1"},
                {"[2001:db8::1]:40312", "2001:db8::1"},
                {"[2001:db8::1]:40312", "[2001:db8::ffff:1:2:3]:1"},
                {"[fe80::1%eth0]:40312", "[fe80::2]:1"},
        };
        struct addresses *addresses = fresh();

        (void)state;
        for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++)
                if (key_of(addresses, same[i][0]) != key_of(addresses, same[i][1]))
                        fail_msg("%s is not %s", same[i][0], same[i][1]);
        free(addresses);
}

static void
others_are_others(void **state)
{
        static const char *const all[] = {
                "192.0.2.1:1",        "192.0.2.2:1", "1.2.0.192:1",          "[2001:db8::1]:1",
                "[2001:db8:0:1::]:1", "[::1]:1",     "[64:ff9b::c000:201]:1"};
        struct addresses *addresses = fresh(), *other = fresh();
        size_t count = sizeof(all) / sizeof(all[0]);

        (void)state;
        for (size_t i = 0; i < count; i++) {
                for (size_t j = 0; j < i; j++)
                        assert_int_not_equal(key_of(addresses, all[i]), key_of(addresses, all[j]));
                /* Nobody knows who shares a place with whom: the secret is another one each time. */
                assert_int_not_equal(key_of(addresses, all[i]), key_of(other, all[i]));
        }
        free(addresses);
        free(other);
}

static void
what_is_no_address_has_no_key(void **state)
{
        static const char *const all[] = {
                "unix",
                "",
                "example.org:80",
                "192.0.2.256:1",
                "[",
                "[]:1",
                "[2001:db8::g]:1",
                "1111111111222222222233333333334444444444555555555566666666667777:1"};
        struct addresses *addresses = fresh();
        uint64_t key;

        (void)state;
        for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
                if (addresses_key(addresses, all[i], &key))
                        fail_msg("'%s' is taken for an address", all[i]);
        free(addresses);
}

static void
the_connections_of_all_workers_count(void **state)
{
        struct addresses *addresses = fresh();
        uint64_t one = key_of(addresses, "192.0.2.1:1"), other = key_of(addresses, "192.0.2.2:1");

        (void)state;
        assert_int_equal(addresses_count(addresses, one), 0);
        for (size_t worker = 0; worker < WORKERS; worker++)
                for (size_t i = 0; i <= worker; i++)
                        addresses_add(addresses, worker, one);
        addresses_add(addresses, 1, other);
        assert_int_equal(addresses_count(addresses, one), 6);
        assert_int_equal(addresses_count(addresses, other), 1);
        addresses_remove(addresses, 0, one);
        assert_int_equal(addresses_count(addresses, one), 5);
        /* One is killed. */
        addresses_forget(addresses, 2);
        assert_int_equal(addresses_count(addresses, one), 2);
        assert_int_equal(addresses_count(addresses, other), 1);
        free(addresses);
}

/* Never too few, and seldom too many, also where a worker that is gone had as many others. */
static void
many_addresses_are_counted_almost_exactly(void **state)
{
        struct addresses *addresses = fresh();
        unsigned wrong = 0, count;
        char peer[32];

        (void)state;
        for (unsigned i = 0; i < 60000; i++) {
                snprintf(peer, sizeof(peer), "172.16.%u.%u:1", i / 250, i % 250);
                addresses_add(addresses, 1, key_of(addresses, peer));
        }
        addresses_forget(addresses, 1);
        for (unsigned round = 0; round < 2; round++) {
                for (unsigned i = 0; i < 10000; i++) {
                        snprintf(peer, sizeof(peer), "10.0.%u.%u:1", i / 250, i % 250);
                        if (round == 0) {
                                addresses_add(addresses, i % WORKERS, key_of(addresses, peer));
                                continue;
                        }
                        count = addresses_count(addresses, key_of(addresses, peer));
                        assert_true(count >= 1);
                        wrong += count > 1;
                }
        }
        /* The square of 14 in a hundred, which is 200, and not once in a million years 400. */
        assert_true(wrong < 400);
        free(addresses);
}

static void
a_burst_is_allowed_and_then_the_rate(void **state)
{
        struct addresses *addresses = fresh();
        uint64_t one = key_of(addresses, "192.0.2.1:1"), other = key_of(addresses, "192.0.2.2:1");
        aw_time now = START;

        (void)state;
        for (int i = 0; i < 5; i++)
                assert_true(addresses_allow(addresses, one, 10, 5, now));
        assert_false(addresses_allow(addresses, one, 10, 5, now));
        assert_true(addresses_allow(addresses, other, 10, 5, now));
        /* Those that were refused do not count. */
        for (int i = 0; i < 100; i++)
                assert_false(addresses_allow(addresses, one, 10, 5, now));
        now += AW_SECOND / 10;
        assert_true(addresses_allow(addresses, one, 10, 5, now));
        assert_false(addresses_allow(addresses, one, 10, 5, now));
        /* What is not used is saved, up to a burst. */
        now += 1000 * AW_SECOND;
        for (int i = 0; i < 5; i++)
                assert_true(addresses_allow(addresses, one, 10, 5, now));
        assert_false(addresses_allow(addresses, one, 10, 5, now));
        free(addresses);
}

enum { HANDSHAKES = 1000000 };

static pthread_barrier_t both;

static void *
allow_many(void *argument)
{
        struct addresses *addresses = argument;
        uint64_t key = key_of(addresses, "192.0.2.1:1");

        pthread_barrier_wait(&both);
        for (int i = 0; i < HANDSHAKES; i++)
                assert_true(addresses_allow(addresses, key, 1, 2 * HANDSHAKES, START));
        return NULL;
}

/* As workers do: none is forgotten. */
static void
handshakes_that_come_at_once_count_all(void **state)
{
        struct addresses *addresses = fresh();
        pthread_t thread;

        (void)state;
        assert_int_equal(pthread_barrier_init(&both, NULL, 2), 0);
        assert_int_equal(pthread_create(&thread, NULL, allow_many, addresses), 0);
        allow_many(addresses);
        pthread_join(thread, NULL);
        pthread_barrier_destroy(&both);
        assert_false(addresses_allow(addresses, key_of(addresses, "192.0.2.1:1"), 1, 2 * HANDSHAKES,
                                     START));
        assert_true(addresses_allow(addresses, key_of(addresses, "192.0.2.1:1"), 1,
                                    2 * HANDSHAKES + 1, START));
        free(addresses);
}

static void
a_rate_is_read_with_its_burst(void **state)
{
        static const char *const wrong[] = {"",
                                            "x",
                                            "10:",
                                            "10:0",
                                            ":5",
                                            "1:x",
                                            "-1",
                                            "1000001",
                                            "1:10000000",
                                            "1:2:3",
                                            "1.5",
                                            "10 5",
                                            "000000000000000000000000000001"};
        uint64_t rate, burst;

        (void)state;
        assert_int_equal(limit_parse_rate("10", &rate, &burst), 0);
        assert_true(rate == 10 && burst == 20);
        assert_int_equal(limit_parse_rate("10:3", &rate, &burst), 0);
        assert_true(rate == 10 && burst == 3);
        assert_int_equal(limit_parse_rate("0", &rate, &burst), 0);
        assert_true(rate == 0);
        for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
                if (limit_parse_rate(wrong[i], &rate, &burst) == 0)
                        fail_msg("'%s' is taken for a rate", wrong[i]);
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(an_address_is_the_same_with_any_port),
                cmocka_unit_test(others_are_others),
                cmocka_unit_test(what_is_no_address_has_no_key),
                cmocka_unit_test(the_connections_of_all_workers_count),
                cmocka_unit_test(many_addresses_are_counted_almost_exactly),
                cmocka_unit_test(a_burst_is_allowed_and_then_the_rate),
                cmocka_unit_test(handshakes_that_come_at_once_count_all),
                cmocka_unit_test(a_rate_is_read_with_its_burst),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
