/* SPDX-License-Identifier: MIT */
/* Once: it waits for nothing. */
/* The keys of session tickets: when they change, and what a successor gets of them. */
#include <fcntl.h>
#include <unistd.h>

#include "tickets.h"
#include "unit/clock.h"
#include "unit/support.h"

static void
a_key_is_made_when_it_is_due(void **state)
{
        struct tickets tickets = {.rotated = 0};
        aw_time first;

        (void)state;
        clock_stop();
        assert_int_equal(tickets_rotate(&tickets), 0);
        first = aw_loop_now();
        assert_int_equal(tickets.keys.rotations, 1);
        clock_ahead += AW_SECOND - 1;
        assert_int_equal(tickets_rotate_due(&tickets, AW_SECOND), first + AW_SECOND);
        assert_int_equal(tickets.keys.rotations, 1);
        clock_ahead += 1;
        assert_int_equal(tickets_rotate_due(&tickets, AW_SECOND), first + 2 * AW_SECOND);
        assert_int_equal(tickets.keys.rotations, 2);
        clock_go_on();
}

static void
a_successor_has_the_keys_and_their_age(void **state)
{
        struct tickets ours = {.rotated = 0}, theirs = {.rotated = 0};
        int fd;

        (void)state;
        assert_int_equal(tickets_rotate(&ours), 0);
        assert_int_equal(tickets_rotate(&theirs), 0);
        assert_memory_not_equal(&ours.keys, &theirs.keys, sizeof(ours.keys));
        /* Made in this moment. */
        clock_stop();
        ours.rotated = aw_loop_now();
        fd = tickets_copy(&ours);
        assert_int_not_equal(fd, -1);
        assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
        assert_int_equal(tickets_take(&theirs, fd), 0);
        assert_memory_equal(&ours, &theirs, sizeof(ours));
        close(fd);
        clock_go_on();
}

/* Shorter, longer, of a time to come; or no file at all. */
static void
what_is_something_else_is_left_alone(void **state)
{
        struct tickets ours = {.rotated = 0}, now;
        int fds[4];

        (void)state;
        assert_int_equal(tickets_rotate(&ours), 0);
        now = ours;
        fds[0] = tickets_copy(&ours);
        assert_int_equal(ftruncate(fds[0], sizeof(ours) - 1), 0);
        fds[1] = tickets_copy(&ours);
        assert_int_equal(ftruncate(fds[1], sizeof(ours) + 1), 0);
        ours.rotated = aw_loop_now() + AW_SECOND;
        fds[2] = tickets_copy(&ours);
        fds[3] = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        ours = now;
        for (size_t i = 0; i < 4; i++) {
                test_begin();
                assert_int_equal(tickets_take(&ours, fds[i]), -1);
                expect_log("the keys of the server before this one are of another kind: its TLS "
                           "sessions do not resume");
                test_end();
                assert_memory_equal(&ours, &now, sizeof(ours));
                close(fds[i]);
        }
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_key_is_made_when_it_is_due),
                cmocka_unit_test(a_successor_has_the_keys_and_their_age),
                cmocka_unit_test(what_is_something_else_is_left_alone),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
