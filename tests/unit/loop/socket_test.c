/* SPDX-License-Identifier: MIT */
/* Wraps: epoll_wait. */
/*
 * Strangers, heavy sockets, those whose peer has ended, and timers: how many a turn has time for, and
 * that others do not wait for them.
 */
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "loop/socket.h"
#include "unit/loop/loop_test.h"
#include "unit/loop/still_clock.h"

#define MANY  40
#define CROWD 512 /* twice what a look takes from the kernel */

static unsigned fetches;

int __real_epoll_wait(int set, struct epoll_event *events, int most, int timeout);
int __wrap_epoll_wait(int set, struct epoll_event *events, int most, int timeout);

int
__wrap_epoll_wait(int set, struct epoll_event *events, int most, int timeout)
{
        fetches += most == 1;
        return __real_epoll_wait(set, events, most, timeout);
}

struct guest {
        struct aw_socket socket;
        aw_time takes;  /* for each of its events */
        unsigned calls; /* of readable() */
        unsigned writable;
        bool heavy;
        bool stays; /* ready, whatever happens */
        bool shy;   /* wants no more events after the first */
        bool leaves;
        struct guest *victim; /* is closed by it */
        bool owes;            /* has been served, and brings more a look later */
        bool brings;          /* the first of the guests, who has sent something */
};

/* They are closed with the loop, behind the test. */
static struct guest guests[CROWD], friend;
static int peers[CROWD]; /* of some */
static void strangers_come(size_t count, aw_time takes);

static struct guest *
guest_of(struct aw_socket *socket)
{
        return (struct guest *)((char *)socket - offsetof(struct guest, socket));
}

static void
guest_readable(struct aw_socket *socket)
{
        struct guest *guest = guest_of(socket);
        eventfd_t value;

        guest->calls++;
        clock_now += guest->takes;
        aw_socket_weigh(socket, guest->heavy);
        if (!guest->stays && !guest->shy)
                assert_int_equal(eventfd_read(socket->fd, &value), 0);
        if (guest->shy)
                aw_socket_read(socket, false);
        if (guest->brings)
                strangers_come(1, 0);
        if (guest->leaves)
                aw_socket_close(socket);
        if (guest->victim != NULL)
                aw_socket_close(&guest->victim->socket);
        came();
}

static void
guest_nothing(struct aw_socket *socket)
{
        (void)socket;
}

static void
guest_writable(struct aw_socket *socket)
{
        guest_of(socket)->writable++;
}

static const struct aw_socket_callbacks callbacks = {.readable = guest_readable,
                                                     .writable = guest_writable,
                                                     .flush = guest_nothing,
                                                     .closed = guest_nothing};

static void
guest_open(struct guest *guest, bool stranger)
{
        assert_int_equal(aw_socket_open(&guest->socket, eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC),
                                        stranger, &callbacks),
                         0);
}

static void
guest_send(struct guest *guest)
{
        assert_int_equal(eventfd_write(guest->socket.fd, 1), 0);
}

static void
a_friend_stays(void)
{
        friend = (struct guest){.stays = true};
        guest_open(&friend, false);
        guest_send(&friend);
}

/* That many strangers, each of whom takes so long and has sent something. */
static void
strangers_come(size_t count, aw_time takes)
{
        for (size_t i = 0; i < count; i++) {
                guests[i] = (struct guest){.takes = takes};
                guest_open(&guests[i], true);
                guest_send(&guests[i]);
        }
}

static unsigned
calls_of_first(size_t count)
{
        unsigned calls = 0;

        for (size_t i = 0; i < count; i++)
                calls += guests[i].calls;
        return calls;
}

/* One look at what the kernel has. */
static void
look(struct aw_loop *loop)
{
        uint64_t looks = loop->looks;

        while (loop->looks == looks)
                aw_loop_turn(loop, false);
}

/* The first is served first: nobody is served twice before another is served once. */
static void
a_turn_has_an_eighth_of_a_millisecond_for_strangers(void **state)
{
        strangers_come(MANY, AW_MILLISECOND / 15);
        for (unsigned turns = 1; turns <= MANY / 2; turns++) {
                look(*state);
                assert_int_equal(calls_of_first(MANY), 2 * turns);
                assert_int_equal(calls_of_first(2 * turns), 2 * turns);
        }
}

static void
while_others_are_ready_every_second_turn_has(void **state)
{
        a_friend_stays();
        strangers_come(MANY, AW_MILLISECOND / 15);
        for (unsigned turns = 1; turns <= MANY; turns++) {
                look(*state);
                assert_int_equal(friend.calls, turns);
                assert_int_equal(calls_of_first(MANY), turns / 2 * 2);
        }
        look(*state);
        assert_int_equal(calls_of_first(MANY), MANY);
}

/* So an end that came before what it sends is seen before it. */
static void
who_is_accepted_in_a_turn_is_served_in_the_next(void **state)
{
        memset(guests, 0, sizeof(guests));
        friend = (struct guest){.brings = true};
        guest_open(&friend, false);
        guest_send(&friend);
        while (friend.calls == 0)
                look(*state);
        assert_int_equal(guests[0].calls, 0);
        look(*state);
        assert_int_equal(guests[0].calls, 1);
}

/* Their ends cost more than their events do. */
static void
those_that_take_no_time_are_counted(void **state)
{
        strangers_come(MANY, 0);
        look(*state);
        assert_int_equal(calls_of_first(MANY), 4);
        a_friend_stays();
        for (size_t i = 0; i < 4; i++)
                guest_send(&guests[i]);
        look(*state);
        assert_int_equal(calls_of_first(MANY), 4);
        look(*state);
        assert_int_equal(calls_of_first(MANY), 8);
        assert_int_equal(calls_of_first(8), 8);
}

static void
one_that_takes_longer_than_that_is_served_all_the_same(void **state)
{
        a_friend_stays();
        strangers_come(3, 10 * AW_MILLISECOND);
        for (unsigned turns = 1; turns <= 6; turns++) {
                look(*state);
                assert_int_equal(calls_of_first(3), turns / 2);
        }
}

static void
who_is_a_stranger_no_more_waits_for_none(void **state)
{
        strangers_come(MANY, AW_MILLISECOND);
        aw_socket_befriend(&guests[MANY - 1].socket);
        aw_socket_befriend(&guests[MANY - 1].socket);
        /* The turn before tells the kernel. */
        look(*state);
        look(*state);
        assert_int_equal(guests[MANY - 1].calls, 1);
        assert_in_range(calls_of_first(MANY), 2, 3);
        guest_send(&guests[MANY - 1]);
        look(*state);
        assert_int_equal(guests[MANY - 1].calls, 2);
}

/* Neither is asked for again and again while a turn still has time. */
static void
each_is_served_once_in_a_turn(void **state)
{
        strangers_come(3, 0);
        guests[0].stays = true;
        guests[1].shy = true;
        guests[2].leaves = guests[2].stays = true;
        fetches = 0;
        look(*state);
        assert_int_equal(guests[0].calls, 1);
        assert_int_equal(guests[1].calls, 1);
        assert_int_equal(guests[2].calls, 1);
        assert_in_range(fetches, 4, 4);
        for (unsigned turns = 2; turns < 10; turns++) {
                look(*state);
                assert_int_equal(guests[0].calls, turns);
        }
        assert_int_equal(guests[1].calls, 1);
        assert_int_equal(guests[2].calls, 1);
        assert_int_equal(guests[2].socket.fd, -1);
}

/* That many who were heavy when they were read last, and are ready for good. */
static void
heavy_ones_come(size_t count, aw_time takes)
{
        for (size_t i = 0; i < count; i++) {
                guests[i] = (struct guest){.takes = takes, .heavy = true, .stays = true};
                guest_open(&guests[i], false);
                aw_socket_weigh(&guests[i].socket, true);
                guest_send(&guests[i]);
        }
}

static void
heavy_ones_have_an_eighth_of_a_millisecond_by_turns(void **state)
{
        heavy_ones_come(3, AW_MILLISECOND / 12);
        for (unsigned turns = 1; turns <= 30; turns++) {
                look(*state);
                assert_int_equal(calls_of_first(3), 2 * turns);
        }
        for (size_t i = 0; i < 3; i++)
                assert_int_equal(guests[i].calls, 20);
}

static void
one_heavy_socket_is_served_however_long_it_takes(void **state)
{
        heavy_ones_come(3, 10 * AW_MILLISECOND);
        for (unsigned turns = 1; turns <= 30; turns++)
                look(*state);
        for (size_t i = 0; i < 3; i++)
                assert_int_equal(guests[i].calls, 10);
}

/* Who is ready now is served at once, and they do not wait for ever. */
static void
heavy_ones_wait_a_turn_for_others(void **state)
{
        heavy_ones_come(2, AW_MILLISECOND);
        a_friend_stays();
        for (unsigned turns = 1; turns <= 8; turns++) {
                look(*state);
                assert_int_equal(friend.calls, turns);
                assert_int_equal(calls_of_first(2), turns / 2);
        }
}

static void
who_brings_little_again_is_heavy_no_more(void **state)
{
        heavy_ones_come(2, AW_MILLISECOND);
        guests[0].heavy = guests[1].heavy = false;
        look(*state);
        look(*state);
        assert_int_equal(calls_of_first(2), 2);
        look(*state);
        assert_int_equal(calls_of_first(2), 4);
}

/* All the same whoever is ready in between, and whoever is seen in which look. */
static void
assert_equal_turns(size_t count)
{
        unsigned least = guests[0].calls, most = least;

        for (size_t i = 1; i < count; i++) {
                least = guests[i].calls < least ? guests[i].calls : least;
                most = guests[i].calls > most ? guests[i].calls : most;
        }
        assert_in_range(least, 1, most);
        assert_in_range(most - least, 0, 1);
}

static void
heavy_ones_have_equal_turns_though_their_floods_pause(void **state)
{
        unsigned seen[3] = {0};

        heavy_ones_come(3, AW_MILLISECOND);
        for (size_t i = 0; i < 3; i++)
                guests[i].stays = false;
        for (unsigned turns = 0; turns < 60; turns++) {
                look(*state);
                /* Who was served brings more when one more look has been without it. */
                for (size_t i = 0; i < 3; i++) {
                        if (guests[i].owes)
                                guest_send(&guests[i]);
                        guests[i].owes = seen[i] != guests[i].calls;
                        seen[i] = guests[i].calls;
                }
        }
        assert_equal_turns(3);
}

static void
none_of_a_crowd_of_heavy_ones_is_left_out(void **state)
{
        heavy_ones_come(CROWD, AW_MILLISECOND);
        for (unsigned turns = 0; turns < 4 * CROWD; turns++)
                look(*state);
        for (size_t i = 0; i < CROWD; i++)
                assert_int_equal(guests[i].calls, 4);
}

/* Who brings much but seldom waits for none of those that do nothing else. */
static void
who_was_heavy_longest_ago_is_served_first(void **state)
{
        heavy_ones_come(MANY, AW_MILLISECOND);
        assert_int_equal(eventfd_read(guests[0].socket.fd, &(eventfd_t){0}), 0);
        for (unsigned turns = 1; turns <= 2 * MANY; turns++)
                look(*state);
        assert_int_equal(guests[0].calls, 0);
        guest_send(&guests[0]);
        look(*state);
        assert_int_equal(guests[0].calls, 1);
        for (unsigned turns = 1; turns < MANY; turns++)
                look(*state);
        assert_int_equal(guests[0].calls, 1);
        look(*state);
        assert_int_equal(guests[0].calls, 2);
}

/* That many whose peer ends one direction, or both; they are closed when that is seen. */
static void
ended_ones_come(size_t count, bool both)
{
        int ends[2];

        for (size_t i = 0; i < count; i++) {
                guests[i] = (struct guest){.stays = true, .leaves = true};
                assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
                assert_int_equal(aw_socket_open(&guests[i].socket, ends[0], false, &callbacks), 0);
                if (both)
                        close(ends[1]);
                else
                        assert_int_equal(shutdown(peers[i] = ends[1], SHUT_WR), 0);
        }
}

static void
ends_are_few_in_a_turn_and_wait_for_others(void **state)
{
        for (int both = 0; both < 2; both++) {
                ended_ones_come(MANY, both);
                for (unsigned turns = 1; turns <= 5; turns++) {
                        look(*state);
                        assert_int_equal(calls_of_first(MANY), 4 * turns);
                }
                a_friend_stays();
                for (unsigned turns = 1; turns <= 10; turns++) {
                        look(*state);
                        assert_int_equal(friend.calls, turns);
                        assert_int_equal(calls_of_first(MANY), 20 + turns / 2 * 4);
                }
                aw_socket_close(&friend.socket);
                look(*state);
                for (size_t i = 0; i < MANY; i++) {
                        assert_int_equal(guests[i].calls, 1);
                        assert_int_equal(both || close(peers[i]) == 0, 1);
                }
        }
}

static void
a_crowd_that_leaves_does_not_keep_heavy_ones_waiting(void **state)
{
        ended_ones_come(MANY, true);
        a_friend_stays();
        friend.heavy = true;
        aw_socket_weigh(&friend.socket, true);
        for (unsigned turns = 1; turns <= MANY / 4; turns++) {
                look(*state);
                assert_int_equal(friend.calls, turns);
                assert_int_equal(calls_of_first(MANY), 4 * turns);
        }
        look(*state);
}

/* It may still read, but not yet. */
static void
that_the_peer_sends_no_more_is_no_room_for_output(void **state)
{
        char data[4096] = {0};

        ended_ones_come(1, false);
        guests[0].leaves = false;
        while (send(guests[0].socket.fd, data, sizeof(data), 0) > 0)
                continue;
        aw_socket_want_writable(&guests[0].socket);
        for (unsigned turns = 0; turns < 4; turns++)
                look(*state);
        assert_in_range(guests[0].calls, 3, 4);
        assert_int_equal(guests[0].writable, 0);
        while (recv(peers[0], data, sizeof(data), 0) > 0)
                continue;
        look(*state);
        assert_int_equal(guests[0].writable, 1);
        close(peers[0]);
}

/* Timers. */

static unsigned fired;

static void
fire(void *argument)
{
        (void)argument;
        fired++;
        came();
}

static void
timers_come(struct aw_handle handles[], size_t count)
{
        fired = 0;
        for (size_t i = 0; i < count; i++)
                aw_call_later(&handles[i], AW_SECOND, fire, NULL);
        clock_now += AW_SECOND;
}

static void
of_timers_that_are_due_at_once_each_turn_runs_a_few(void **state)
{
        struct aw_handle handles[MANY] = {{.state = 0}};

        a_friend_stays();
        timers_come(handles, MANY);
        look(*state);
        for (unsigned turns = 1; turns <= MANY / 8; turns++) {
                look(*state);
                assert_int_equal(fired, 8 * turns);
                assert_int_equal(friend.calls, turns + 1);
        }
        /* One that became due meanwhile is behind them; and one that is cancelled is none. */
        timers_come(handles, 10);
        aw_handle_cancel(&handles[9]);
        look(*state);
        look(*state);
        assert_int_equal(fired, 8);
        look(*state);
        assert_int_equal(fired, 9);
}

static struct aw_handle again[20];

static void
run_again(void *argument)
{
        clock_now += AW_MILLISECOND;
        aw_call_at(argument, AW_SECOND / 2, run_again, argument);
}

/* Which is the first of all each time. */
static void
those_that_are_set_for_a_time_that_is_over_starve_no_others(void **state)
{
        struct aw_handle handle = {.state = 0};

        a_friend_stays();
        fired = 0;
        clock_now = AW_SECOND;
        for (size_t i = 0; i < 20; i++)
                aw_call_at(&again[i], AW_SECOND, run_again, &again[i]);
        aw_call_at(&handle, AW_SECOND, fire, NULL);
        for (unsigned turns = 0; turns < 10 && fired == 0; turns++)
                look(*state);
        assert_int_equal(fired, 1);
        for (size_t i = 0; i < 20; i++)
                aw_handle_cancel(&again[i]);
}

static void
where_no_socket_is_all_run_at_once(void **state)
{
        struct aw_handle handles[MANY] = {{.state = 0}};

        timers_come(handles, MANY);
        look(*state);
        look(*state);
        assert_int_equal(fired, MANY);
}

/* What happens between the look in which somebody waits and the next. */

static void
the_loop_does_not_sleep_while_they_wait(void **state)
{
        heavy_ones_come(1, 0);
        a_friend_stays();
        friend.stays = false;
        look(*state);
        assert_int_equal(friend.calls, 1);
        assert_int_equal(guests[0].calls, 0);
        aw_loop_turn(*state, true);
        assert_int_equal(guests[0].calls, 1);
}

static void
who_is_closed_by_another_one_of_the_same_look_is_not_served(void **state)
{
        heavy_ones_come(3, 0);
        a_friend_stays();
        friend.victim = &guests[0];
        guests[1].victim = &guests[2];
        look(*state);
        assert_int_equal(calls_of_first(3), 0);
        friend.victim = NULL;
        for (unsigned turns = 0; turns < 8; turns++)
                look(*state);
        assert_int_equal(guests[0].calls, 0);
        assert_int_equal(guests[1].calls, 4);
        assert_int_equal(guests[2].calls, 0);
        assert_int_equal(guests[0].socket.fd, -1);
        assert_int_equal(guests[2].socket.fd, -1);
}

static void
who_wants_nothing_while_it_waits_is_served_when_it_wants_again(void **state)
{
        heavy_ones_come(1, 0);
        a_friend_stays();
        aw_socket_read(&guests[0].socket, false);
        for (unsigned turns = 0; turns < 4; turns++)
                look(*state);
        assert_int_equal(guests[0].calls, 0);
        aw_socket_read(&guests[0].socket, true);
        /* The turn before tells the kernel, and in the next it may wait. */
        for (unsigned turns = 0; turns < 3; turns++)
                look(*state);
        assert_in_range(guests[0].calls, 1, 2);
}

static void
a_stranger_who_is_befriended_while_it_waits_waits_no_more(void **state)
{
        a_friend_stays();
        strangers_come(1, 0);
        look(*state);
        assert_int_equal(guests[0].calls, 0);
        aw_socket_befriend(&guests[0].socket);
        guests[0].stays = true;
        for (unsigned turns = 1; turns <= 4; turns++) {
                look(*state);
                assert_int_equal(guests[0].calls, turns);
        }
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                with_loop(a_turn_has_an_eighth_of_a_millisecond_for_strangers),
                with_loop(while_others_are_ready_every_second_turn_has),
                with_loop(who_is_accepted_in_a_turn_is_served_in_the_next),
                with_loop(those_that_take_no_time_are_counted),
                with_loop(one_that_takes_longer_than_that_is_served_all_the_same),
                with_loop(who_is_a_stranger_no_more_waits_for_none),
                with_loop(each_is_served_once_in_a_turn),
                with_loop(heavy_ones_have_an_eighth_of_a_millisecond_by_turns),
                with_loop(one_heavy_socket_is_served_however_long_it_takes),
                with_loop(heavy_ones_wait_a_turn_for_others),
                with_loop(who_brings_little_again_is_heavy_no_more),
                with_loop(heavy_ones_have_equal_turns_though_their_floods_pause),
                with_loop(none_of_a_crowd_of_heavy_ones_is_left_out),
                with_loop(who_was_heavy_longest_ago_is_served_first),
                with_loop(ends_are_few_in_a_turn_and_wait_for_others),
                with_loop(a_crowd_that_leaves_does_not_keep_heavy_ones_waiting),
                with_loop(that_the_peer_sends_no_more_is_no_room_for_output),
                with_loop(of_timers_that_are_due_at_once_each_turn_runs_a_few),
                with_loop(those_that_are_set_for_a_time_that_is_over_starve_no_others),
                with_loop(where_no_socket_is_all_run_at_once),
                with_loop(the_loop_does_not_sleep_while_they_wait),
                with_loop(who_is_closed_by_another_one_of_the_same_look_is_not_served),
                with_loop(who_wants_nothing_while_it_waits_is_served_when_it_wants_again),
                with_loop(a_stranger_who_is_befriended_while_it_waits_waits_no_more),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
