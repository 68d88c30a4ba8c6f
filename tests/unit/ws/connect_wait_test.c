/* SPDX-License-Identifier: MIT */
/* Connecting: how long it takes, who ends it before, and which of several addresses it is. */
#include "task/private.h"
#include "unit/clock.h"
#include "unit/names.h"
#include "unit/ws/raw.h"

/* Time-outs and cancellation, at each stage. */

/* A listening socket on this address whose backlog is full: who connects to it waits. */
struct hole {
        int listener, fillers[3];
};

static struct hole
dig_hole(const char *address_text, uint16_t port)
{
        struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
        socklen_t size = sizeof(address);
        struct hole hole = {.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
        int i;

        inet_pton(AF_INET, address_text, &address.sin_addr);
        expect_int(bind(hole.listener, (struct sockaddr *)&address, size), 0);
        expect_int(listen(hole.listener, 0), 0);
        expect_int(getsockname(hole.listener, (struct sockaddr *)&address, &size), 0);
        for (i = 0; i < 3; i++) {
                hole.fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
                expect(connect(hole.fillers[i], (struct sockaddr *)&address, size) == 0 ||
                       errno == EINPROGRESS);
        }
        return hole;
}

static void
fill_in(const struct hole *hole)
{
        int i;

        for (i = 0; i < 3; i++)
                close(hole->fillers[i]);
        close(hole->listener);
}

static uint16_t
port_of(int fd)
{
        struct sockaddr_in address;
        socklen_t size = sizeof(address);

        expect_int(getsockname(fd, (struct sockaddr *)&address, &size), 0);
        return ntohs(address.sin_port);
}

/* The resolver waits for this. It outlives the thread that does. */
static sem_t gate;

/* Where connecting comes to a halt. */
struct stage {
        struct hole hole;
        int silent; /* a listener that says nothing */
        struct aw_tls_context *tls;
        char urls[4][64]; /* which stops in the resolver, connecting, in TLS, in HTTP */
};

#define STAGES 4

static void
stage_open(struct stage *stage)
{
        struct aw_error error;

        sem_init(&gate, 0, 0);
        names_waiting = 0;
        names_gate = &gate;
        stage->hole = dig_hole("127.0.0.1", 0);
        stage->silent = raw_listen(stage->urls[3], 100);
        stage->tls = aw_tls_context_client(NULL, true, &error);
        snprintf(stage->urls[0], 64, "ws://slow.test:%u/", port_of(stage->silent));
        snprintf(stage->urls[1], 64, "ws://127.0.0.1:%u/", port_of(stage->hole.listener));
        snprintf(stage->urls[2], 64, "wss://127.0.0.1:%u/", port_of(stage->silent));
}

static void
stage_close(struct stage *stage)
{
        sem_post(&gate);
        names_gate = NULL;
        close(stage->silent);
        fill_in(&stage->hole);
        aw_tls_context_unref(stage->tls);
}

static const char *const stage_names[STAGES] = {"resolving", "connecting", "handshake",
                                                "handshake"};

/* Whether the connection, which has so much time, comes to that stage, and no farther. */
static async bool
times_out_at(const struct stage *stage, size_t number, aw_time patience)
{
        struct connecting connecting = {.options = {.tls = stage->tls},
                                        .deadline = aw_loop_now() + patience};

        connect_start(&connecting, stage->urls[number]);
        expect_failure(&connecting, AW_ERROR_TIMEOUT, ETIMEDOUT, "time-out while ");
        return strstr(connecting.error.text, stage_names[number]) != NULL;
}

static async int
connecting_may_time_out_at_each_stage(NOTHING)
{
        struct stage stage;
        aw_time patience = 30 * AW_MILLISECOND;
        size_t i;

        stage_open(&stage);
        /* On a busy machine the time may be over at the stage before. */
        for (i = 0; i < STAGES; i++)
                while (!await(times_out_at(&stage, i, patience)) &&
                       expect(patience < 30 * AW_SECOND))
                        patience *= 2;
        stage_close(&stage);
        return 0;
}

/* Until the client has come to the stage; what it is connected to then, or -1. */
static async int
stage_reach(const struct stage *stage, size_t number)
{
        char byte;
        int fd;

        if (number == 0)
                wait_until(names_waiting > 0);
        await(idle_turns());
        if (number < 2)
                return -1;
        fd = await(raw_accept(stage->silent));
        expect_int(await(raw_read(fd, &byte, 1)), 1);
        return fd;
}

static async int
connecting_may_be_cancelled_at_each_stage(NOTHING)
{
        struct stage stage;
        struct connecting connecting;
        size_t i;
        int fd;

        stage_open(&stage);
        for (i = 0; i < STAGES; i++) {
                connecting = (struct connecting){.options = {.tls = stage.tls}};
                connect_start(&connecting, stage.urls[i]);
                fd = await(stage_reach(&stage, i));
                aw_cancel(connecting.task);
                expect_failure(&connecting, AW_ERROR_CANCELLED, ECANCELED, "cancelled while ");
                expect(strstr(connecting.error.text, stage_names[i]) != NULL);
                if (fd != -1)
                        close(fd);
        }
        stage_close(&stage);
        return 0;
}

/*
 * Cancelled each time when it has just been woken and not yet run: when it has what it waited for,
 * and does not know it.
 */
static async int
a_cancellation_is_never_lost(struct pair *pair)
{
        struct connecting connecting;
        bool cancelled = true;
        int wakes, i;

        for (wakes = 1; cancelled && test_failures == 0; wakes++) {
                connecting = (struct connecting){.options = {.tls = pair->client_tls}};
                connect_start(&connecting, ws_listener_url(pair->listener, 0));
                for (i = 0; i < wakes; i++) {
                        await(aw_sleep(0));
                        wait_until(connecting.task->state != AW_TASK_WAITING);
                }
                cancelled = aw_cancel(connecting.task);
                if (cancelled) {
                        expect_failure(&connecting, AW_ERROR_CANCELLED, ECANCELED, "cancelled");
                } else {
                        expect_int(await(aw_join(connecting.task)), 0);
                        ws_drop(connecting.ws);
                }
        }
        expect(wakes > 3);
        return 0;
}

/* Several addresses (RFC 8305). */

static async int
the_next_address_is_tried_when_one_fails(struct pair *pair)
{
        struct connecting connecting = {.deadline = 0};
        const char *port = strrchr(ws_listener_url(pair->listener, 0), ':');
        char url[64];

        names_are("::1", "127.0.0.2", "127.0.0.1", NULL);
        snprintf(url, sizeof(url), "ws://several.test%s", port);
        connect_start(&connecting, url);
        expect_int(await(aw_join(connecting.task)), 0);
        ws_drop(connecting.ws);
        return 0;
}

static async int
the_next_address_is_tried_when_one_takes_too_long(struct pair *pair)
{
        struct connecting connecting = {.deadline = 0};
        const char *port = strrchr(ws_listener_url(pair->listener, 0), ':');
        struct hole hole = dig_hole("127.0.0.2", (uint16_t)atoi(port + 1));
        char url[64];

        names_are("127.0.0.2", "127.0.0.1", NULL, NULL);
        snprintf(url, sizeof(url), "ws://two.test%s", port);
        connect_start(&connecting, url);
        await(aw_sleep(0));
        await(clock_advance(249 * AW_MILLISECOND));
        expect(!aw_task_done(connecting.task));
        await(clock_advance(2 * AW_MILLISECOND));
        expect_int(await(aw_join(connecting.task)), 0);
        ws_drop(connecting.ws);
        fill_in(&hole);
        return 0;
}

static async int
families_take_turns(struct pair *pair)
{
        struct connecting connecting = {.deadline = 0};
        const char *port = strrchr(ws_listener_url(pair->listener, 0), ':');
        struct hole hole = dig_hole("127.0.0.2", (uint16_t)atoi(port + 1));
        char url[64];
        struct ws_listener *six;
        struct ws *server;

        snprintf(url, sizeof(url), "ws://[::1]%s", port);
        six = await(listen_at(url, NULL));
        names_are("127.0.0.2", "127.0.0.1", "::1", NULL);
        snprintf(url, sizeof(url), "ws://several.test%s", port);
        connect_start(&connecting, url);
        server = await(ws_accept(six, SOON));
        expect_int(await(aw_join(connecting.task)), 0);
        ws_drop(connecting.ws);
        ws_drop(server);
        ws_listener_close(six);
        fill_in(&hole);
        return 0;
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                on_loop(connecting_may_time_out_at_each_stage),
                on_loop(connecting_may_be_cancelled_at_each_stage),
                on_both_pairs(a_cancellation_is_never_lost),
                on_pair(the_next_address_is_tried_when_one_fails),
                on_pair(the_next_address_is_tried_when_one_takes_too_long),
                on_pair(families_take_turns),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
