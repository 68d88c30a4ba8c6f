/* SPDX-License-Identifier: MIT */
/*
 * A handshake that a task decides on: see ws_answer.later. The task may outlive the connection, whose
 * structure stays until it has returned; and the connection may outlive the task by some callbacks:
 * the answer goes out on the loop's stack, in the flush.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/list.h"
#include "ws/listener_private.h"

struct ws_decision {
        struct ws *ws;
        struct aw_task *task; /* NULL once it has returned */
        struct ws_listener *listener;
        struct {
                struct ws_decision *next, *previous;
        } link; /* of the listener */
        struct ws_raw_answer raw;
        async void (*later)(const struct ws_request *request, struct ws_answer *answer,
                            void *argument);
        void *argument;
};

static void
leave_listener(struct ws_decision *decision)
{
        struct ws_listener *listener = decision->listener;

        if (listener == NULL)
                return;
        aw_list_remove(&listener->decisions, decision, link);
        decision->listener = NULL;
        if (listener->decisions.first == NULL)
                aw_wake_all(&listener->deciders);
}

/* Nobody wants to know any more. */
static void
decision_free(struct ws_decision *decision)
{
        struct ws *ws = decision->ws;

        ws_server_forget_answer(&decision->raw);
        leave_listener(decision);
        free(decision);
        ws->waiting--;
        ws_connection_release(ws);
}

static async int
decide(void *argument)
{
        struct ws_decision *decision = argument;
        struct ws *ws = decision->ws;

        await(decision->later(ws->request, &decision->raw.answer, decision->argument));
        decision->task = NULL;
        if (ws->decision == decision)
                aw_transport_want_write(ws->transport);
        else
                decision_free(decision);
        return 0;
}

int
ws_decision_begin(struct ws *ws, struct ws_raw_answer *raw)
{
        struct ws_decision *decision = calloc(1, sizeof(*decision));
        char name[32];

        if (decision == NULL)
                return -1;
        snprintf(name, sizeof(name), "decide %.24s", ws->peer);
        *decision = (struct ws_decision){.ws = ws,
                                         .listener = ws->listener,
                                         .raw = *raw,
                                         .later = raw->answer.later,
                                         .argument = ws->listener->argument};
        decision->task = aw_spawn(name, decide, decision);
        if (decision->task == NULL) {
                free(decision);
                return -1;
        }
        aw_task_detach(decision->task);
        /* The decision now owns what the answer has. */
        *raw = (struct ws_raw_answer){.chosen = NULL};
        aw_list_append(&ws->listener->decisions, decision, link);
        ws->decision = decision;
        ws->waiting++;
        return 0;
}

void
ws_decision_input(struct ws *ws)
{
        if (ws->head_length >= AW_HTTP_HEAD_MAX)
                aw_transport_pause(ws->transport, true);
}

void
ws_decision_send(struct ws *ws)
{
        struct ws_decision *decision = ws->decision;
        struct aw_http_head head;

        if (decision->task != NULL)
                return;
        ws->decision = NULL;
        aw_transport_pause(ws->transport, false);
        /* It was one before; only where it lies may have changed. */
        if (aw_http_parse_request(ws->head, ws->head_length, &head) == AW_HTTP_OK)
                ws_server_answer(ws, &head, &decision->raw);
        decision_free(decision);
}

void
ws_decision_drop(struct ws *ws)
{
        struct ws_decision *decision = ws->decision;

        if (decision == NULL)
                return;
        ws->decision = NULL;
        if (decision->task == NULL)
                decision_free(decision);
        else
                aw_cancel(decision->task);
}

async int
ws_listener_wait(struct ws_listener *listener, aw_time deadline)
{
        int result = 0;

        listener->references++;
        while (result == 0 && listener->decisions.first != NULL)
                result = aw_wait_in(&listener->deciders, deadline, NULL);
        if (result == 0 && listener->closed) {
                errno = ESHUTDOWN;
                result = -1;
        }
        ws_listener_unref(listener);
        return result;
}

void
ws_decision_forget(struct ws_listener *listener)
{
        while (listener->decisions.first != NULL)
                leave_listener(listener->decisions.first);
}
