/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "worker.h"

#include "await/log.h"
#include "await/signals.h"
#include "await/sync.h"
#include "await/task_wait.h"
#include "await/tls.h"
#include "await/ws.h"
#include "base/say.h"
#include "behave/behave.h"
#include "dump.h"
#include "echo.h"
#include "options.h"
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
        bool serving;
        struct page page;
        struct behave_server behave;
};

struct acceptor {
        struct server *server;
        struct ws_listener *listener;
};

/* A plain echo, or what the request asks for. 0, or -1: nobody has the connection. */
static int
start_connection(struct server *server, struct ws *ws)
{
        struct behave *behave = behave_create(&server->behave, ws);

        if (behave == NULL && errno != 0)
                return -1;
        if (behave == NULL)
                return aw_group_spawn(&server->group, ws_peer(ws), echo, ws);
        if (aw_group_spawn(&server->group, ws_peer(ws), behave_connection, behave) == 0)
                return 0;
        behave_free(behave);
        return -1;
}

static async int
accept_connections(void *argument)
{
        struct acceptor *acceptor = argument;
        struct ws *ws;

        while ((ws = await(ws_accept(acceptor->listener, AW_NEVER))) != NULL) {
                if (start_connection(acceptor->server, ws) == -1) {
                        aw_log_limited(AW_LOG_WARNING, "%s: no task for it: %s", ws_peer(ws),
                                       strerror(errno));
                        ws_drop(ws);
                }
        }
        free(acceptor);
        return 0;
}

/*
 * The first one ends the server gently, the second at once. While it still starts, and may wait for
 * a name, there is nothing to be gentle with.
 */
static void
stop(struct server *server)
{
        if (!server->serving || aw_event_is_set(&server->stop))
                aw_cancel(server->main);
        aw_event_set(&server->stop);
}

static async int
watch_signals(void *argument)
{
        struct server *server = argument;
        int number;

        while ((number = await(aw_signals_wait(server->signals, AW_NEVER))) != -1) {
                if (number == SIGUSR1)
                        dump_tasks();
                else if (number == SIGHUP)
                        aw_log(AW_LOG_INFO, "SIGHUP is ignored: to use another certificate, "
                                            "restart the server");
                else if (number == SIGUSR2)
                        aw_log(AW_LOG_INFO, "SIGUSR2 is ignored: it has no meaning here");
                else
                        stop(server);
        }
        return 0;
}

/* Starting. Each step says why it failed. */

static void
handle_request(const struct ws_request *request, struct ws_answer *answer, void *argument)
{
        struct server *server = argument;

        if (!behave_answer(&server->behave, request, answer))
                page_answer(request, answer, &server->page);
}

static struct behave_limits
limits_of(const struct server_options *options)
{
        enum behave_level level = strcmp(options->test, "off") == 0    ? BEHAVE_LEVEL_OFF
                                  : strcmp(options->test, "safe") == 0 ? BEHAVE_LEVEL_SAFE
                                                                       : BEHAVE_LEVEL_ALL;

        return (struct behave_limits){.level = level, .max_message = options->max_message};
}

/* What struct ws_listen_options calls it. */
static const char *
subprotocol_of(const struct server_options *options)
{
        if (strcmp(options->subprotocol, "first") == 0)
                return NULL;
        return strcmp(options->subprotocol, "none") == 0 ? "" : options->subprotocol;
}

/* This and the next return the exit status. */
static async int
server_listen(struct server *server, const char *url)
{
        const struct server_options *given = server->options;
        struct ws_listen_options options = {
                .url = url,
                .tls = given->tls,
                .max_message = given->max_message,
                .subprotocol = subprotocol_of(given),
                .socket_mode =
                        given->socket_mode == NULL ? 0 : options_socket_mode(given->socket_mode),
                .handler = handle_request,
                .argument = server};
        struct aw_error error;
        struct ws_listener *listener = await(ws_listen(&options, &error));

        if (listener == NULL && error.kind == AW_ERROR_CANCELLED)
                return 1;
        if (listener == NULL) {
                aw_log(AW_LOG_ERROR, "%s", error.text);
                return error.kind == AW_ERROR_USAGE ? 2 : 1;
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
                status = await(server_listen(server, urls[i]));
        return status;
}

/* Whatever the level: with port 0 there is no other way to learn the port. */
static void __attribute__((format(printf, 1, 2))) tell(const char *format, ...)
{
        va_list arguments;

        va_start(arguments, format);
        aw_log_say(format, arguments);
        va_end(arguments);
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
                tell("listening on %s", url);
        return 0;
}

static int
start(struct server *server)
{
        size_t i;

        if (server->options->fingerprint[0] != '\0')
                aw_log(AW_LOG_INFO, "made a self-signed certificate, SHA-256 fingerprint %s",
                       server->options->fingerprint);
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

        server->behave.draining = true;
        for (i = 0; i < server->count; i++)
                ws_listener_drain(server->listeners[i]);
        aw_timeout_enter(&timeout, aw_loop_now() + DRAIN_TIME);
        return aw_timeout_exit(&timeout, await(aw_group_join(&server->group)));
}

static async int
serve(struct server *server)
{
        int status = 1;

        server->serving = true;
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
        return status;
}

/* libwebsockets has its other back ends in packages of their own. */
static void
warn_of_poll(const struct server_options *options)
{
        if (strcmp(options->loop, "auto") == 0 &&
            strcmp(aw_loop_backend(aw_loop_get()), "poll") == 0)
                aw_log(AW_LOG_WARNING,
                       "the event loop is poll, which is slow with thousands of connections: "
                       "install libwebsockets' plug-in for libev or libuv (on Debian "
                       "libwebsockets-evlib-ev), or ask for it with --loop poll");
}

static void
close_listeners(struct server *server)
{
        size_t i;

        for (i = 0; i < server->count; i++)
                ws_listener_close(server->listeners[i]);
        free(server->listeners);
}

/*
 * Stopped while it waited for a name. The resolver cannot be interrupted: aw_run() would wait for
 * its thread, which may take a minute.
 */
static void
leave_at_once(struct server *server)
{
        aw_log(AW_LOG_INFO, "stopping");
        close_listeners(server);
        _exit(0);
}

static async int
listen_and_serve(struct server *server)
{
        struct aw_task *signals = aw_spawn("signals", watch_signals, server);
        int status;

        if (signals == NULL) {
                aw_log(AW_LOG_ERROR, "%s", strerror(errno));
                return 1;
        }
        warn_of_poll(server->options);
        status = await(listen_on_all(server));
        if (status == 0)
                status = await(serve(server));
        else if (aw_event_is_set(&server->stop))
                leave_at_once(server);
        aw_cancel(signals);
        await(aw_join(signals));
        close_listeners(server);
        return status;
}

async int
worker_run(void *argument)
{
        static const int numbers[] = {SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2};
        const struct server_options *options = argument;
        struct server server = {.options = options,
                                .main = aw_task_current(),
                                .page = {.self_signed = options->cert == NULL},
                                .behave = {.limits = limits_of(options)}};
        int status = 1;

        /* Before anyone can know that it listens. */
        server.signals = aw_signals_open(numbers, sizeof(numbers) / sizeof(numbers[0]));
        if (server.signals == NULL)
                aw_log(AW_LOG_ERROR, "signals: %s", strerror(errno));
        else
                status = await(listen_and_serve(&server));
        /* One that comes from now on is late: all is done, and that is what the status says. */
        signal(SIGTERM, SIG_IGN);
        signal(SIGINT, SIG_IGN);
        signal(SIGQUIT, SIG_IGN);
        aw_signals_close(server.signals);
        return status;
}
