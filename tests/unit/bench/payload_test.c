/* SPDX-License-Identifier: MIT */
/* Once: it needs no loop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bench/payload.h"

#define MAX 2000

static struct payload payload;

static int
make_payload(void **state)
{
        (void)state;
        return payload_init(&payload, MAX);
}

static int
free_payload(void **state)
{
        (void)state;
        payload_free(&payload);
        return 0;
}

static void
what_is_made_matches_and_nothing_else_does(void **state)
{
        static const size_t sizes[] = {0, 1, 7, 8, 11, 12, 13, 128, MAX};

        (void)state;
        for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
                const uint8_t *made = payload_make(&payload, 5, 77, sizes[i]);

                assert_true(payload_matches(&payload, 5, 77, made, sizes[i]));
                /* An empty message says nothing. */
                assert_int_equal(payload_matches(&payload, 5, 78, made, sizes[i]), sizes[i] == 0);
                if (sizes[i] >= 12)
                        assert_false(payload_matches(&payload, 6, 77, made, sizes[i]));
                payload_unmake(&payload, made, sizes[i]);
        }
}

static void
each_byte_counts(void **state)
{
        uint8_t copy[128];

        (void)state;
        payload_write(&payload, 3, 1234567, sizeof(copy), copy);
        for (size_t i = 0; i < sizeof(copy); i++) {
                copy[i] ^= 1;
                assert_false(payload_matches(&payload, 3, 1234567, copy, sizeof(copy)));
                assert_int_equal(payload_difference(&payload, 3, 1234567, 128, copy, 128), i);
                assert_int_equal(payload_difference(&payload, 3, 1234567, 128, copy, i), i);
                copy[i] ^= 1;
        }
        assert_true(payload_matches(&payload, 3, 1234567, copy, sizeof(copy)));
}

static void
the_tail_of_another_message_does_not_match(void **state)
{
        uint8_t one[128], other[128];

        (void)state;
        for (uint64_t number = 0; number < 1000; number++) {
                payload_write(&payload, 1, number, sizeof(one), one);
                payload_write(&payload, 1, number + 1, sizeof(other), other);
                memcpy(one + 12, other + 12, sizeof(one) - 12);
                assert_false(payload_matches(&payload, 1, number, one, sizeof(one)));
        }
}

static void
messages_are_printable_and_as_made_again_as_before(void **state)
{
        uint8_t before[MAX];

        (void)state;
        for (uint64_t number = 0; number < 300; number++) {
                const uint8_t *made = payload_make(&payload, (uint32_t)number * 7919, number, MAX);

                memcpy(before, made, MAX);
                for (size_t i = 0; i < MAX; i++)
                        assert_in_range(made[i], ' ', '~');
                payload_unmake(&payload, made, MAX);
                payload_write(&payload, (uint32_t)number * 7919, number, MAX, before);
                made = payload_make(&payload, (uint32_t)number * 7919, number, MAX);
                assert_memory_equal(made, before, MAX);
                payload_unmake(&payload, made, MAX);
        }
}

static void
a_message_says_its_number(void **state)
{
        static const uint64_t numbers[] = {0, 1, 63, 64, 4095, 4096, 123456789};
        uint8_t text[16];

        (void)state;
        for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
                payload_write(&payload, 9, numbers[i], sizeof(text), text);
                assert_int_equal(payload_number(text, sizeof(text), 0), numbers[i]);
                /* A short one its last digits: the number is near. */
                assert_int_equal(payload_number(text, 1, numbers[i]), numbers[i]);
                assert_int_equal(payload_number(text, 1, numbers[i] + 1), numbers[i] + 64);
        }
        assert_int_equal(payload_number(text, 0, 5), 5);
}

static void
a_message_of_the_users_is_sent_as_it_is(void **state)
{
        struct payload given;

        (void)state;
        assert_int_equal(payload_init_fixed(&given, "hello", 5), 0);
        assert_memory_equal(payload_make(&given, 1, 2, 5), "hello", 5);
        assert_true(payload_matches(&given, 7, 9, (const uint8_t *)"hello", 5));
        assert_false(payload_matches(&given, 7, 9, (const uint8_t *)"hellp", 5));
        assert_false(payload_matches(&given, 7, 9, (const uint8_t *)"hell", 4));
        payload_free(&given);
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_is_made_matches_and_nothing_else_does),
                cmocka_unit_test(each_byte_counts),
                cmocka_unit_test(the_tail_of_another_message_does_not_match),
                cmocka_unit_test(messages_are_printable_and_as_made_again_as_before),
                cmocka_unit_test(a_message_says_its_number),
                cmocka_unit_test(a_message_of_the_users_is_sent_as_it_is),
        };

        return cmocka_run_group_tests(tests, make_payload, free_payload);
}
