/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "server.h"

#include "await/log.h"
#include "await/signals.h"
#include "await/sync.h"
#include "await/task_wait.h"
#include "await/tls.h"
#include "await/ws.h"
#include "echo.h"
#include "page.h"

/* Connections that have not ended this long after the first signal are dropped. */
#define DRAIN_TIME (8 * AW_SECOND)

struct server {
        const struct server_options *options;
        struct ws_listener **listeners;
        size_t count;
        struct aw_group group; /* accepting and connections */
        struct aw_task *main;
        struct aw_signals *signals;
        struct aw_event stop; /* the first signal came */
};

struct acceptor {
        struct server *server;
        struct ws_listener *listener;
};

static async int
accept_connections(void *argument)
{
        struct acceptor *acceptor = argument;
        struct aw_group *group = &acceptor->server->group;
        struct ws *ws;

        while ((ws = await(ws_accept(acceptor->listener, AW_NEVER))) != NULL) {
                if (aw_group_spawn(group, ws_peer(ws), echo, ws) == -1) {
                        aw_log_limited(AW_LOG_WARNING, "%s: no task for it: %s", ws_peer(ws),
                                       strerror(errno));
                        ws_drop(ws);
                }
        }
        free(acceptor);
        return 0;
}

/* SIGUSR1 shows the tasks. The first of the others ends the server gently, the second at once. */
static async int
watch_signals(void *argument)
{
        struct server *server = argument;
        int number;

        while ((number = await(aw_signals_wait(server->signals, AW_NEVER))) != -1) {
                if (number == SIGUSR1)
                        aw_task_dump(stderr);
                else if (aw_event_is_set(&server->stop))
                        aw_cancel(server->main);
                else
                        aw_event_set(&server->stop);
        }
        return 0;
}

/* Starting. Each step says why it failed. */

static bool
needs_tls(const struct server_options *options)
{
        size_t i;

        for (i = 0; i < options->listen.count; i++)
                if (strncasecmp(options->listen.items[i], "wss:", 4) == 0)
                        return true;
        return options->listen.count == 0;
}

int
server_load(struct server_options *options)
{
        struct aw_tls_error error;
        char fingerprint[AW_TLS_FINGERPRINT_SIZE];

        if (!needs_tls(options))
                return 0;
        options->tls = aw_tls_context_server(options->cert, options->key, &error);
        if (options->tls == NULL) {
                aw_log(AW_LOG_ERROR, "%s", error.text);
                return -1;
        }
        if (options->cert == NULL && aw_tls_context_fingerprint(options->tls, fingerprint) == 0)
                aw_log(AW_LOG_INFO, "made a self-signed certificate, SHA-256 fingerprint %s",
                       fingerprint);
        return 0;
}

/* This and the next return the exit status. */
static async int
listen_on(struct server *server, const char *url)
{
        struct ws_listen_options options = {.url = url,
                                            .tls = server->options->tls,
                                            .max_message = server->options->max_message,
                                            .answer = page_answer};
        struct ws_error error;
        struct ws_listener *listener = await(ws_listen(&options, &error));

        if (listener == NULL) {
                aw_log(AW_LOG_ERROR, "%s", error.text);
                return error.failure == WS_FAILED_URL ? 2 : 1;
        }
        server->listeners[server->count++] = listener;
        return 0;
}

static async int
listen_on_all(struct server *server)
{
        static const char *const standard[] = {SERVER_URL};
        const struct aw_opt_strings *given = &server->options->listen;
        const char *const *urls = given->count == 0 ? standard : given->items;
        size_t count = given->count == 0 ? 1 : given->count, i;
        int status = 0;

        server->listeners = calloc(count, sizeof(struct ws_listener *));
        if (server->listeners == NULL) {
                aw_log(AW_LOG_ERROR, "%s", strerror(errno));
                return 1;
        }
        for (i = 0; i < count && status == 0; i++)
                status = await(listen_on(server, urls[i]));
        return status;
}

static int
start_accepting(struct server *server, struct ws_listener *listener)
{
        struct acceptor *acceptor = malloc(sizeof(*acceptor));
        const char *url;
        size_t i;

        if (acceptor == NULL)
                return -1;
        *acceptor = (struct acceptor){.server = server, .listener = listener};
        if (aw_group_spawn(&server->group, "accept", accept_connections, acceptor) == -1) {
                free(acceptor);
                return -1;
        }
        for (i = 0; (url = ws_listener_url(listener, i)) != NULL; i++)
                aw_log(AW_LOG_INFO, "listening on %s", url);
        return 0;
}

static int
start(struct server *server)
{
        size_t i;

        for (i = 0; i < server->count; i++) {
                if (start_accepting(server, server->listeners[i]) == -1) {
                        aw_log(AW_LOG_ERROR, "%s", strerror(errno));
                        return -1;
                }
        }
        return 0;
}

/*
 * Ending: all connections close with 1001; those that do not in time, or at a second signal, are
 * dropped.
 */
static async int
drain(struct server *server)
{
        struct aw_timeout timeout;
        size_t i;

        for (i = 0; i < server->count; i++)
                ws_listener_drain(server->listeners[i]);
        aw_timeout_enter(&timeout, aw_loop_now() + DRAIN_TIME);
        return aw_timeout_exit(&timeout, await(aw_group_join(&server->group)));
}

static async int
serve(struct server *server)
{
        struct aw_task *signals = aw_spawn("signals", watch_signals, server);
        int status = 1;

        if (signals == NULL)
                return 1;
        aw_group_init(&server->group);
        if (start(server) == 0) {
                await(aw_event_wait(&server->stop, AW_NEVER));
                if (aw_event_is_set(&server->stop)) {
                        aw_log(AW_LOG_INFO, "stopping");
                        status = 0;
                }
        }
        if (await(drain(server)) == -1)
                aw_log(AW_LOG_INFO, "dropped the connections that did not close");
        aw_cancel(signals);
        await(aw_join(signals));
        return status;
}

async int
server_run(void *argument)
{
        static const int numbers[] = {SIGTERM, SIGINT, SIGUSR1};
        struct server server = {.options = argument, .main = aw_task_current()};
        int status = 1;
        size_t i;

        /* Before anyone can know that it listens. */
        server.signals = aw_signals_open(numbers, sizeof(numbers) / sizeof(numbers[0]));
        if (server.signals == NULL)
                aw_log(AW_LOG_ERROR, "signals: %s", strerror(errno));
        else
                status = await(listen_on_all(&server));
        if (status == 0)
                status = await(serve(&server));
        for (i = 0; i < server.count; i++)
                ws_listener_close(server.listeners[i]);
        free(server.listeners);
        aw_signals_close(server.signals);
        return status;
}
