/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "observe.h"

#include "access_log.h"
#include "await/log.h"
#include "behave/target.h"
#include "limit.h"
#include "metrics.h"

/* Bytes of texts that a client writes, escaped: together they leave room for the rest of a line. */
#define TEXT_MAX   800
#define TARGET_MAX 700
#define AGENT_MAX  300
#define NAME_MAX   128

static struct behave_limits limits;

void
observe_set_text(json_t *object, const char *name, const char *text, size_t most)
{
        char escaped[TEXT_MAX + sizeof("...")];
        size_t length, used;

        if (text == NULL)
                return;
        length = aw_log_escape(text, strlen(text), "", escaped, most + 1, &used);
        if (used < strlen(text))
                memcpy(escaped + length, "...", sizeof("..."));
        json_object_set_new(object, name, json_string(escaped));
}

/* As the response confirmed it. */
static void
set_behaviour(json_t *object, const struct ws_request *request)
{
        struct behave_refusal refusal;
        struct behave_plan *plan = NULL;

        if (!behave_is_asked(request) || behave_parse(request, &limits, &plan, &refusal) == -1 ||
            plan == NULL)
                return;
        observe_set_text(object, "behaviour", plan->confirm, BEHAVE_CONFIRM_MAX);
        free(plan);
}

static void
set_request(json_t *object, const struct ws_request *request)
{
        char *target = behave_target_public(request->target);

        observe_set_text(object, "method", request->method, NAME_MAX);
        observe_set_text(object, "path", target, TARGET_MAX);
        free(target);
        set_behaviour(object, request);
        observe_set_text(object, "agent", ws_request_field(request, "User-Agent", 0), AGENT_MAX);
}

static void
set_number(json_t *object, const char *name, uint64_t number)
{
        json_object_set_new(object, name, json_integer((json_int_t)number));
}

static void
set_count(json_t *object, const char *messages, const char *bytes, const struct ws_count *count)
{
        set_number(object, messages, count->messages[0] + count->messages[1]);
        set_number(object, bytes, count->bytes[0] + count->bytes[1]);
}

static void
set_end(json_t *object, const struct ws_info *info)
{
        if (info->received_close != 0)
                set_number(object, "received_close", info->received_close);
        if (info->sent_close != 0)
                set_number(object, "sent_close", info->sent_close);
        if (info->ended_by == WS_SIDE_NONE)
                return;
        observe_set_text(object, "ended_by", info->ended_by == WS_SIDE_CLIENT ? "client" : "server",
                         NAME_MAX);
        observe_set_text(object, "why", info->why, NAME_MAX);
}

json_t *
observe_describe(const struct ws_info *info)
{
        json_t *object = json_object();
        aw_time until = info->ended != 0 ? info->ended : aw_loop_now();
        aw_time milliseconds;

        /* Without memory for it, what is set there is forgotten. */
        observe_set_text(object, "peer", info->peer, NAME_MAX);
        if (info->request != NULL)
                set_request(object, info->request);
        observe_set_text(object, "subprotocol", info->subprotocol, NAME_MAX);
        if (info->status != 0)
                set_number(object, "status", (uint64_t)info->status);
        /* Smaller numbers would be written with an exponent. */
        milliseconds = (until - info->accepted) / AW_MILLISECOND;
        json_object_set_new(object, "seconds", json_real((double)milliseconds / 1000));
        set_count(object, "received_messages", "received_bytes", &info->received);
        set_count(object, "sent_messages", "sent_bytes", &info->sent);
        set_end(object, info);
        if (info->tls != NULL) {
                observe_set_text(object, "tls", info->tls, NAME_MAX);
                json_object_set_new(object, "resumed", json_boolean(info->resumed));
                observe_set_text(object, "server_name", info->server_name, NAME_MAX);
                observe_set_text(object, "client", info->client_subject, NAME_MAX);
        }
        return object;
}

static void
observe_event(void *argument, enum ws_event event, const struct ws *ws)
{
        struct ws_info info;

        (void)argument;
        if (ws == NULL) {
                metrics_event(event, NULL);
                return;
        }
        ws_info(ws, &info);
        metrics_event(event, &info);
        limit_event(event, ws, &info);
        if (event == WS_EVENT_ENDED && access_log_is_open())
                access_log_write(observe_describe(&info));
}

const struct ws_watch *
observe_connections(const struct behave_limits *given)
{
        static const struct ws_watch watch = {.event = observe_event};

        limits = *given;
        return &watch;
}
