/* SPDX-License-Identifier: MIT */
/* Whoever sends waits for the next connection, or is told that there will be none. */
#include "reconnect.h"
#include "unit/support.h"

static char first_place, second_place;
static struct ws *const first = (struct ws *)&first_place, *const second =
                                                                   (struct ws *)&second_place;
static struct client_options options;
static struct session session;

/* The first connection has ended; there may be another one. */
static void
begin(int64_t max)
{
        options_init(&options);
        options.connection.reconnect = max;
        session = (struct session){.options = &options, .ws = first};
}

struct waiting {
        const struct ws *ended;
        int error;
};

static async int
wait_for_another(void *argument)
{
        struct waiting *waiting = argument;
        bool another = await(reconnect_wait(&session, waiting->ended));

        waiting->error = errno;
        return another;
}

static async struct aw_task *
spawn_waiting(struct waiting *waiting)
{
        struct aw_task *task = aw_spawn("wait", wait_for_another, waiting);

        await(aw_sleep(0));
        return task;
}

static async int
a_sender_waits_for_the_next_connection(NOTHING)
{
        struct waiting waiting = {.ended = first};
        struct aw_task *task;

        begin(AW_SECOND);
        session.reconnecting = true;
        aw_event_set(&session.reopened); /* of the time before */
        task = await(spawn_waiting(&waiting));
        aw_event_set(&session.reopened); /* not for us */
        await(aw_sleep(0));
        expect(!aw_task_done(task));
        session.ws = second;
        aw_event_set(&session.reopened);
        expect_int(await(aw_join(task)), true);
        /* It is there already. */
        expect(await(reconnect_wait(&session, first)));
        return 0;
}

static async int
a_sender_is_told_that_there_will_be_none(NOTHING)
{
        struct waiting waiting = {.ended = first};
        struct aw_task *task;

        for (int i = 0; i < 2; i++) {
                begin(AW_SECOND);
                task = await(spawn_waiting(&waiting));
                expect(!aw_task_done(task));
                session.ended = i == 0;
                session.failed = i == 1;
                aw_event_set(&session.reopened);
                expect_int(await(aw_join(task)), false);
                expect_int(waiting.error, EPIPE);
        }
        begin(AW_SECOND);
        task = await(spawn_waiting(&waiting));
        aw_cancel(task);
        expect_int(await(aw_join(task)), false);
        expect_int(waiting.error, ECANCELED);
        begin(0);
        errno = 0;
        expect(!await(reconnect_wait(&session, first)));
        expect_int(errno, EPIPE);
        return 0;
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                on_loop(a_sender_waits_for_the_next_connection),
                on_loop(a_sender_is_told_that_there_will_be_none),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
