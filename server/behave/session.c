/* SPDX-License-Identifier: MIT */
/*
 * The life of a connection with behaviours: the handshake, what begins it, then the echo and what
 * runs beside it, and an end: the plan's, the peer's, or the server's.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "session.h"

#include "await/log.h"
#include "base/memory.h"
#include "ws/pages.h"

struct behave *
behave_create(struct behave_server *server, struct ws *ws)
{
        struct behave_refusal refusal;
        struct behave *behave;

        errno = 0;
        if (!behave_is_asked(ws_request(ws)))
                return NULL;
        behave = calloc(1, sizeof(*behave));
        if (behave == NULL)
                return NULL;
        behave->server = server;
        behave->ws = ws;
        errno = 0;
        /* What the handler let through is right, so there is no memory if it is not. */
        if (behave_parse(ws_request(ws), &server->limits, &behave->plan, &refusal) == -1 ||
            (behave->plan != NULL && ws_raw_begin(ws) == -1))
                errno = ENOMEM;
        if (behave->plan != NULL && errno != ENOMEM)
                return behave;
        behave_free(behave);
        return NULL;
}

void
behave_free(struct behave *behave)
{
        int error = errno;

        if (behave == NULL)
                return;
        behave_forget_delayed(behave);
        free(behave->plan);
        free(behave);
        errno = error;
}

/* Over --max-memory larger ones are refused. */
#define UNREFUSED ((size_t)64 << 10)

void *
behave_take(size_t bytes)
{
        void *memory;

        if (bytes > UNREFUSED && !ws_pages_room(bytes)) {
                errno = ENOBUFS;
                return NULL;
        }
        memory = malloc(bytes);
        if (memory != NULL)
                aw_memory_charge((ptrdiff_t)bytes);
        return memory;
}

void
behave_give_back(void *memory, size_t bytes)
{
        if (memory == NULL)
                return;
        free(memory);
        aw_memory_charge(-(ptrdiff_t)bytes);
}

async int
behave_sleep(struct behave *behave, aw_time duration)
{
        return await(ws_raw_sleep(behave->ws, aw_loop_now() + duration));
}

/* The echo. */

async int
behave_receive(struct behave *behave, struct ws_message *message)
{
        int result;

        if (behave_find(behave->plan, BEHAVE_DELAY) != NULL)
                result = await(behave_receive_delayed(behave, message));
        else
                result = await(ws_receive(behave->ws, message, AW_NEVER));
        clock_gettime(CLOCK_REALTIME, &behave->received);
        return result;
}

static async int
send_reply(struct behave *behave, const struct ws_message *message)
{
        const struct behave_plan *plan = behave->plan;

        for (size_t i = 0; i < plan->count; i++)
                if (behave_table[plan->items[i].id].on_deliver != NULL)
                        return await(behave_table[plan->items[i].id].on_deliver(behave, message));
        return await(ws_send(behave->ws, message, AW_NEVER));
}

/* The behaviours have their say in the order of the request. */
static async int
reply(struct behave *behave, struct ws_message *message)
{
        const struct behave_plan *plan = behave->plan;
        int result = 0;

        for (size_t i = 0; i < plan->count && result == 0; i++) {
                const struct behave_row *row = &behave_table[plan->items[i].id];

                if (row->on_reply != NULL)
                        result = await(row->on_reply(behave, message));
        }
        return result == 0 ? await(send_reply(behave, message)) : result;
}

/* Whether the plan's end comes after so many messages, and these were answered. */
static bool
is_enough(const struct behave *behave)
{
        const struct behave_value *after = behave_find(behave->plan, BEHAVE_AFTER);

        return after != NULL && after->kind != BEHAVE_DURATION &&
               behave->replies >= (uint64_t)after->number &&
               (behave->sent_all || behave_find(behave->plan, BEHAVE_SEND) == NULL);
}

/* Fails when no message comes any more, which ends what runs beside it. */
static async int
echo_with_behaviours(void *argument)
{
        struct behave *behave = argument;
        struct ws_message message;
        int error;

        while (await(behave_receive(behave, &message)) == 0) {
                if (await(reply(behave, &message)) == -1)
                        break;
                behave->replies++;
                /* In the turn in which it is sent: whoever has read it finds that it was the last. */
                if (is_enough(behave))
                        behave_stop_pongs(behave);
                aw_wake_all(&behave->replied);
        }
        error = errno;
        behave->ending = true;
        /* What is sent slowly goes out before the end. */
        if (error != ECANCELED)
                await(ws_raw_wait_sent(behave->ws, aw_loop_now() + BEHAVE_TIME_MAX));
        errno = error;
        return -1;
}

/* Beginnings and ends. */

/* Waits for what `after` says: 0. -1 if the connection comes to another end before. */
static async int
wait_for_after(struct behave *behave)
{
        const struct behave_value *after = behave_find(behave->plan, BEHAVE_AFTER);

        while (behave_find(behave->plan, BEHAVE_SEND) != NULL && !behave->sent_all)
                if (await(aw_wait_in(&behave->replied, AW_NEVER, NULL)) == -1)
                        return -1;
        if (after == NULL)
                return 0;
        if (after->kind == BEHAVE_DURATION)
                return await(ws_raw_sleep(behave->ws, behave->opened + after->number));
        while (behave->replies < (uint64_t)after->number)
                if (await(aw_wait_in(&behave->replied, AW_NEVER, NULL)) == -1)
                        return -1;
        return 0;
}

static bool
has_end(const struct behave_plan *plan)
{
        for (size_t i = 0; i < plan->count; i++)
                if (behave_table[plan->items[i].id].on_end != NULL)
                        return true;
        return false;
}

static int
start_tasks(struct behave *behave)
{
        const struct behave_plan *plan = behave->plan;
        int result = aw_group_spawn(&behave->tasks, "echo", echo_with_behaviours, behave);

        for (size_t i = 0; i < plan->count && result == 0; i++) {
                const struct behave_row *row = &behave_table[plan->items[i].id];

                if (row->beside != NULL)
                        result = aw_group_spawn(&behave->tasks, row->name, row->beside, behave);
        }
        return result;
}

static async int
begin(struct behave *behave)
{
        const struct behave_plan *plan = behave->plan;
        int result = 0;

        for (size_t i = 0; i < plan->count && result == 0; i++) {
                const struct behave_row *row = &behave_table[plan->items[i].id];

                if (row->on_begin != NULL)
                        result = await(row->on_begin(behave, &plan->items[i].value));
        }
        return result;
}

/*
 * Echoes up to the end: 0 if that is the plan's, -1 with errno if it is another one. No task but
 * this one uses the connection then.
 */
static async int
run(struct behave *behave)
{
        int result, error, joined;

        aw_group_init(&behave->tasks);
        result = start_tasks(behave);
        if (result == 0 && has_end(behave->plan))
                result = await(wait_for_after(behave));
        else if (result == 0)
                return await(aw_group_join(&behave->tasks));
        error = errno;
        aw_group_cancel(&behave->tasks);
        joined = await(aw_group_join(&behave->tasks));
        if (joined == -1)
                return -1;
        errno = error;
        return result;
}

/* The plan's end. */
static async void
carry_out_end(struct behave *behave)
{
        const struct behave_plan *plan = behave->plan;
        int result = 0;

        for (size_t i = 0; i < plan->count && result == 0; i++) {
                const struct behave_row *row = &behave_table[plan->items[i].id];

                if (row->on_end != NULL)
                        result = await(row->on_end(behave, &plan->items[i].value));
        }
        if (result == 0)
                await(behave_farewell(behave, WS_NORMAL));
}

static async int
live(struct behave *behave)
{
        if (await(behave_shake_hands(behave)) == -1)
                return -1;
        behave->opened = aw_loop_now();
        if (await(begin(behave)) == -1)
                return -1;
        return await(run(behave));
}

/* What the peer is told of an end that is neither the plan's nor its own. */
static unsigned
code_of(int error)
{
        switch (error) {
        case EMSGSIZE:
                return WS_TOO_LARGE;
        case ENOMEM:
                return WS_INTERNAL_ERROR;
        case ENOBUFS:
                return WS_TRY_AGAIN_LATER;
        default:
                return WS_NORMAL;
        }
}

async int
behave_connection(void *argument)
{
        struct behave *behave = argument;
        int error;

        aw_log_limited(AW_LOG_INFO, "%s: %s", ws_peer(behave->ws), behave->plan->confirm);
        ws_raw_keep_close(behave->ws);
        if (behave_find(behave->plan, BEHAVE_PONG) != NULL)
                ws_raw_keep_pings(behave->ws);
        error = await(live(behave)) == -1 ? errno : 0;
        if (error == ENOBUFS)
                aw_log_limited(AW_LOG_INFO, "%s: closing with %u: no memory for large messages now",
                               ws_peer(behave->ws), WS_TRY_AGAIN_LATER);
        behave_leave_room(behave);
        /* Nor does a message have to wait for the peer's Close frame. */
        behave_forget_delayed(behave);
        if (error == 0)
                await(carry_out_end(behave));
        else if (error == ESHUTDOWN)
                await(ws_close(behave->ws, WS_GOING_AWAY, NULL));
        else if (error == ECANCELED)
                ws_drop(behave->ws);
        else
                await(behave_farewell(behave, code_of(error)));
        behave_free(behave);
        return 0;
}
