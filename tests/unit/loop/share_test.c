/* SPDX-License-Identifier: MIT */
/* Work that takes long: whose turn it is, and how much a turn has of it. */
#include <sys/socket.h>
#include <sys/syscall.h>

#include "loop/share.h"
#include "unit/loop/loop_test.h"
#include "unit/loop/still_clock.h"

#define MIB ((size_t)1 << 20)

struct worker {
        struct aw_share share;
        char name[2];
        aw_time step;   /* what a piece takes */
        size_t bytes;   /* of a piece */
        unsigned left;  /* pieces */
        unsigned turns; /* in which it worked */
};

/* As all who have such work do it. */
static void
work(void *argument)
{
        struct worker *worker = argument;
        bool enough = !aw_share_begin(&worker->share);

        if (!enough) {
                note(worker->name);
                worker->turns++;
        }
        while (!enough && worker->left > 0) {
                clock_now += worker->step;
                worker->left--;
                enough = aw_share_use(&worker->share, worker->bytes);
        }
        if (worker->left > 0)
                aw_share_wait(&worker->share, work, worker);
}

static void
with_time(struct worker *workers, size_t count, aw_time step, size_t bytes, unsigned pieces)
{
        for (size_t i = 0; i < count; i++)
                workers[i] = (struct worker){
                        .name = {(char)('a' + i)}, .step = step, .bytes = bytes, .left = pieces};
        forget();
}

static void
expect_ran(const char *letters)
{
        test_expect(strcmp(ran, letters) == 0, __FILE__, __LINE__, "'%s' ran (it is '%s')", letters,
                    ran);
        forget();
}

/* Those who come new have as much of a turn as those who wait. */
static void
rounds_of(struct aw_loop *loop, aw_time step, size_t bytes)
{
        struct worker workers[6];

        with_time(workers, 6, step, bytes, 30);
        aw_loop_turn(loop, false);
        for (size_t i = 0; i < 6; i++)
                work(&workers[i]);
        expect_ran("abc");
        /* Who was served goes to the end. */
        aw_loop_turn(loop, false);
        expect_ran("abc");
        aw_loop_turn(loop, false);
        expect_ran("def");
        aw_loop_turn(loop, false);
        expect_ran("abc");
        for (size_t i = 0; i < 6; i++)
                aw_share_cancel(&workers[i].share);
        aw_loop_turn(loop, false);
        expect_ran("");
}

static void
those_who_wait_are_served_in_turn(void **state)
{
        rounds_of(*state, AW_MILLISECOND / 10, 0);
        /* However fast the machine is, a megabyte costs something. */
        rounds_of(*state, 0, MIB / 8);
}

static void
one_alone_has_its_share_of_each_turn(void **state)
{
        struct worker worker;

        with_time(&worker, 1, AW_MILLISECOND / 10, 0, 35);
        aw_loop_turn(*state, false);
        work(&worker);
        expect_int(worker.left, 25);
        aw_loop_turn(*state, false);
        expect_int(worker.left, 15);
        aw_loop_turn(*state, false);
        expect_int(worker.left, 5);
        aw_loop_turn(*state, false);
        expect_int(worker.left, 0);
        /* That is not enough for a turn. */
        expect(!worker.share.waiting);
        expect_ran("aaaa");
}

/* What takes longer than the budget is done nevertheless, one piece of it in a turn. */
static void
each_turn_serves_one_at_least(void **state)
{
        struct worker workers[3];

        with_time(workers, 3, 10 * AW_MILLISECOND, 0, 3);
        aw_loop_turn(*state, false);
        for (size_t i = 0; i < 3; i++)
                work(&workers[i]);
        expect_ran("a");
        for (int i = 0; i < 8; i++)
                aw_loop_turn(*state, false);
        expect_ran("abcabcbc");
        expect_int(workers[0].left + workers[1].left + workers[2].left, 0);
}

/* Those who come new take nothing from those who wait, and have their own in the next turn. */
static void
those_who_come_new_have_a_budget_of_their_own(void **state)
{
        struct worker waiting, new;

        with_time(&waiting, 1, AW_MILLISECOND / 10, 0, 100);
        with_time(&new, 1, 3 * AW_MILLISECOND, 0, 100);
        new.name[0] = 'n';
        aw_loop_turn(*state, false);
        work(&waiting);
        forget();
        work(&new);
        expect_ran("n");
        aw_share_cancel(&new.share);
        expect(!aw_share_begin(&new.share));
        aw_loop_turn(*state, false);
        expect_ran("a");
        expect(aw_share_begin(&new.share));
        aw_share_cancel(&waiting.share);
}

/* Waiting. */

static struct worker *victim;

static void
cancel_the_victim(void *argument)
{
        note(argument);
        aw_share_cancel(&victim->share);
        aw_share_cancel(&victim->share);
}

static void
who_is_cancelled_is_not_served(void **state)
{
        struct worker workers[3];
        struct aw_share canceller = {.waiting = false};

        with_time(workers, 3, 0, 0, 1);
        victim = &workers[1];
        aw_share_wait(&workers[0].share, work, &workers[0]);
        aw_share_wait(&canceller, cancel_the_victim, "x");
        aw_share_wait(&workers[1].share, work, &workers[1]);
        aw_share_wait(&workers[2].share, work, &workers[2]);
        /* A second time makes no difference. */
        aw_share_wait(&workers[0].share, work, &workers[0]);
        aw_loop_turn(*state, false);
        expect_ran("axc");
        aw_share_wait(&workers[1].share, work, &workers[1]);
        aw_share_cancel(&workers[1].share);
        aw_loop_turn(*state, false);
        expect_ran("");
}

static void
wait_anew(void *argument)
{
        struct aw_share *share = argument;

        aw_share_wait(share, wait_anew, share);
}

static void
note_readable(void *argument)
{
        struct aw_watch **watch = argument;

        note("r");
        aw_watch_pause(*watch, true);
}

/* Others see that something came, though the line is always ready. */
static void
each_turn_asks_the_kernel_while_somebody_waits(void **state)
{
        struct aw_share share = {.waiting = false};
        struct aw_watch *watch;
        int fds[2];

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
        watch = aw_watch_open(fds[0], note_readable, &watch);
        assert_non_null(watch);
        wait_anew(&share);
        for (int i = 0; i < 20; i++) {
                aw_loop_turn(*state, true);
                expect_ran("");
                expect_int(write(fds[1], "x", 1), 1);
                aw_loop_turn(*state, true);
                expect_ran("r");
                expect_int(read(fds[0], &(char){0}, 1), 1);
                aw_watch_pause(watch, false);
        }
        aw_share_cancel(&share);
        aw_watch_close(watch);
        aw_loop_turn(*state, false);
        close(fds[1]);
}

static void
a_loop_may_end_while_somebody_waits(void **state)
{
        struct worker worker;
        struct aw_loop *loop;

        (void)state;
        test_begin();
        loop = test_loop();
        with_time(&worker, 1, AW_MILLISECOND, 0, 5);
        aw_share_wait(&worker.share, work, &worker);
        aw_loop_destroy(loop);
        expect_ran("");
        loop = test_loop();
        with_time(&worker, 1, AW_MILLISECOND, 0, 1);
        aw_share_wait(&worker.share, work, &worker);
        aw_loop_turn(loop, false);
        expect_ran("a");
        aw_loop_destroy(loop);
        test_end();
}

/* The slow-callback watch. */

static void
be_busy(void *argument)
{
        clock_now += *(const aw_time *)argument;
}

/* How many slow ones it saw when so many callbacks took so long in one turn. */
static uint64_t
watch_callbacks(size_t count, aw_time duration)
{
        struct aw_loop_options options = {.backend = getenv("AW_TEST_LOOP"),
                                          .slow = 100 * AW_MILLISECOND};
        struct aw_loop *loop = aw_loop_create(&options);
        struct aw_handle handles[8] = {{.state = 0}};
        uint64_t slow;

        assert_non_null(loop);
        aw_loop_turn(loop, false);
        for (size_t i = 0; i < count; i++)
                aw_call_soon(&handles[i], be_busy, &duration);
        aw_loop_turn(loop, false);
        aw_loop_turn(loop, false);
        slow = aw_loop_slow_count(loop);
        aw_loop_destroy(loop);
        return slow;
}

static void
a_turn_that_is_slow_is_reported_though_no_callback_is(void **state)
{
        (void)state;
        test_begin();
        expect_int((long long)watch_callbacks(3, 30 * AW_MILLISECOND), 0);
        expect_int((long long)watch_callbacks(5, 30 * AW_MILLISECOND), 1);
        expect_log("A turn of the event loop took 0.150 seconds");
        /* Once: the callback's name says more. */
        expect_int((long long)watch_callbacks(1, 150 * AW_MILLISECOND), 1);
        expect_log("Executing a callback took 0.150 seconds");
        test_end();
}

/* A program that turns the loop itself does other things meanwhile. */
static void
what_happens_between_turns_is_not_the_loops(void **state)
{
        struct aw_loop_options options = {.backend = getenv("AW_TEST_LOOP"),
                                          .slow = 100 * AW_MILLISECOND};
        struct aw_handle handles[2] = {{.state = 0}};
        aw_time nothing = 0, duration = 60 * AW_MILLISECOND;
        struct aw_loop *loop;

        (void)state;
        test_begin();
        loop = aw_loop_create(&options);
        for (int i = 0; i < 3; i++) {
                clock_now += AW_SECOND;
                aw_call_soon(&handles[0], be_busy, i == 1 ? &duration : &nothing);
                aw_loop_turn(loop, false);
        }
        expect_int((long long)aw_loop_slow_count(loop), 0);
        aw_loop_destroy(loop);
        test_end();
}

static void
busy_reader(void *argument)
{
        struct aw_watch **watch = argument;

        clock_now += 150 * AW_MILLISECOND;
        aw_watch_pause(*watch, true);
}

static void
what_comes_is_part_of_the_turn_and_waiting_for_it_is_not(void **state)
{
        struct aw_loop_options options = {.backend = getenv("AW_TEST_LOOP"),
                                          .slow = 100 * AW_MILLISECOND};
        struct aw_loop *loop;
        struct aw_watch *watch;
        int fds[2];

        (void)state;
        test_begin();
        loop = aw_loop_create(&options);
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
        watch = aw_watch_open(fds[0], busy_reader, &watch);
        assert_non_null(watch);
        aw_loop_turn(loop, false);
        expect_int(write(fds[1], "x", 1), 1);
        aw_loop_turn(loop, true);
        aw_loop_turn(loop, false);
        expect_int((long long)aw_loop_slow_count(loop), 1);
        expect_log("A turn of the event loop took 0.150 seconds");
        aw_loop_destroy(loop);
        close(fds[1]);
        test_end();
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                with_loop(those_who_wait_are_served_in_turn),
                with_loop(one_alone_has_its_share_of_each_turn),
                with_loop(each_turn_serves_one_at_least),
                with_loop(those_who_come_new_have_a_budget_of_their_own),
                with_loop(who_is_cancelled_is_not_served),
                with_loop(each_turn_asks_the_kernel_while_somebody_waits),
                cmocka_unit_test(a_loop_may_end_while_somebody_waits),
                cmocka_unit_test(a_turn_that_is_slow_is_reported_though_no_callback_is),
                cmocka_unit_test(what_happens_between_turns_is_not_the_loops),
                cmocka_unit_test(what_comes_is_part_of_the_turn_and_waiting_for_it_is_not),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
