/* SPDX-License-Identifier: MIT */
/* Many connections that end at once: each is told so, but not all of them in one turn. */
#include <poll.h>

#include "await/log.h"
#include "unit/clock.h"
#include "unit/ws/raw.h"

#define MANY 200

/* How many clients have an answer, or the end. */
static int
answered(struct pollfd *clients)
{
        int count = poll(clients, MANY, 0);

        test_expect(count >= 0, __FILE__, __LINE__, "poll: %s", strerror(errno));
        return count;
}

/* A server to which many have come. */
static async struct ws_listener *
all_come(struct pollfd clients[MANY])
{
        struct ws_listen_options options = {.url = ANY_PORT, .handshake_timeout = AW_SECOND};
        struct aw_error error;
        struct ws_listener *listener = await(ws_listen(&options, &error));

        for (int i = 0; i < MANY; i++) {
                clients[i] = (struct pollfd){.fd = raw_connect(ws_listener_url(listener, 0), 0),
                                             .events = POLLIN};
                wait_until(ws_connection_count() == (size_t)i + 1);
        }
        aw_log_set_level(AW_LOG_WARNING);
        return listener;
}

/* And whose time for a handshake is over just now. */
static async struct ws_listener *
all_late(struct pollfd clients[MANY])
{
        struct ws_listener *listener;

        clock_stop();
        listener = await(all_come(clients));
        clock_ahead += AW_SECOND;
        return listener;
}

static async void
all_leave(const struct pollfd clients[MANY])
{
        for (int i = 0; i < MANY; i++)
                if (clients[i].fd != -1)
                        close(clients[i].fd);
        wait_until(ws_connection_count() == 0);
        aw_log_set_level(AW_LOG_INFO);
}

/* Until all have it. */
static async int
most_in_a_turn(struct pollfd *clients)
{
        int before = 0, now = 0, most = 0;

        for (; now < MANY; before = now) {
                await(aw_sleep(0));
                now = answered(clients);
                most = now - before > most ? now - before : most;
        }
        return most;
}

static async int
late_ones_end_in_several_turns(NOTHING)
{
        struct pollfd clients[MANY];
        struct ws_listener *listener = await(all_late(clients));

        expect_int(await(most_in_a_turn(clients)), 8);
        clock_go_on();
        await(all_leave(clients));
        ws_listener_close(listener);
        return 0;
}

/* Those that wait for their end may go before it comes. */
static async int
a_listener_that_closes_ends_all_of_them(NOTHING)
{
        struct pollfd clients[MANY];
        struct ws_listener *listener = await(all_late(clients));

        while (answered(clients) == 0)
                await(aw_sleep(0));
        clock_go_on();
        expect(answered(clients) < MANY);
        ws_listener_close(listener);
        await(all_leave(clients));
        return 0;
}

static async int
a_listener_that_drains_ends_them_in_several_turns(NOTHING)
{
        struct pollfd clients[MANY];
        struct ws_listener *listener = await(all_come(clients));

        ws_listener_drain(listener);
        expect_int(await(most_in_a_turn(clients)), 16);
        await(all_leave(clients));
        ws_listener_close(listener);
        return 0;
}

/* No task would have it. */
static async int
who_asks_before_it_was_told_of_the_drain_is_refused(NOTHING)
{
        struct pollfd clients[MANY];
        struct ws_listener *listener = await(all_come(clients));
        char head[4096];

        ws_listener_drain(listener);
        expect_int(send(clients[0].fd, RAW_REQUEST, strlen(RAW_REQUEST), 0), strlen(RAW_REQUEST));
        await(raw_read_head(clients[0].fd, head));
        expect(strncmp(head, "HTTP/1.1 503 ", 13) == 0);
        expect(strstr(head, "\r\nRetry-After: ") != NULL);
        expect(await(ws_accept(listener, AW_NEVER)) == NULL);
        await(all_leave(clients));
        expect_int(await(ws_listener_wait(listener, aw_loop_now() + AW_SECOND)), 0);
        ws_listener_close(listener);
        return 0;
}

static async int
a_listener_that_drains_can_be_closed_meanwhile(NOTHING)
{
        struct pollfd clients[MANY];
        struct ws_listener *listener = await(all_come(clients));

        ws_listener_drain(listener);
        /* One of those that were not told yet goes by itself. */
        close(clients[0].fd);
        clients[0].fd = -1;
        await(aw_sleep(0));
        await(aw_sleep(0));
        expect(ws_connection_count() > MANY / 2);
        ws_listener_close(listener);
        wait_until(ws_connection_count() == 0);
        await(all_leave(clients));
        return 0;
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                on_loop(late_ones_end_in_several_turns),
                on_loop(a_listener_that_closes_ends_all_of_them),
                on_loop(a_listener_that_drains_ends_them_in_several_turns),
                on_loop(who_asks_before_it_was_told_of_the_drain_is_refused),
                on_loop(a_listener_that_drains_can_be_closed_meanwhile),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
