/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "access_log.h"
#include "await/log.h"
#include "await/ws.h"
#include "echo.h"
#include "limit.h"
#include "metrics.h"
#include "notify.h"
#include "observe.h"
#include "worker_private.h"

struct acceptor {
        struct worker *worker;
        struct ws_listener *listener;
};

/* A plain echo, or what the request asks for. 0, or -1: nobody has the connection. */
static int
start_connection(struct worker *worker, struct ws *ws)
{
        struct behave *behave = behave_create(&worker->behave, ws);

        if (behave == NULL && errno != 0)
                return -1;
        if (behave == NULL)
                return aw_group_spawn(&worker->connections, ws_peer(ws), echo, ws);
        if (aw_group_spawn(&worker->connections, ws_peer(ws), behave_connection, behave) == 0)
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
                if (start_connection(acceptor->worker, ws) == -1) {
                        aw_log_limited(AW_LOG_WARNING, "%s: no task for it: %s", ws_peer(ws),
                                       strerror(errno));
                        ws_drop(ws);
                }
        }
        free(acceptor);
        return 0;
}

/* What it serves by, which a reload changes. */

/* For whoever may come in. */
static void
handle_guest(const struct ws_request *request, struct ws_answer *answer, struct worker *worker)
{
        if (!page_file(request, answer, &worker->page) &&
            !behave_answer(&worker->behave, request, answer))
                page_answer(request, answer, &worker->page);
        limit_count(request, answer);
}

static async void
handle_later(const struct ws_request *request, struct ws_answer *answer, void *argument)
{
        struct worker *worker = argument;

        if (await(auth_decide(&worker->auth, request, answer)))
                handle_guest(request, answer, worker);
}

/* A page from elsewhere was refused already. */
static void
handle_request(const struct ws_request *request, struct ws_answer *answer, void *argument)
{
        struct worker *worker = argument;
        enum auth_verdict verdict;

        if (limit_rate(request, answer) ||
            (!behave_is_probe(request) &&
             networks_refuse(&worker->service->options.networks, request, answer)) ||
            answer->status == 403)
                return;
        verdict = behave_is_probe(request) ? AUTH_IN : auth_look(&worker->auth, request, answer);
        if (verdict == AUTH_IN)
                handle_guest(request, answer, worker);
        else if (verdict == AUTH_LATER)
                answer->later = handle_later;
}

static struct behave_limits
limits_of(const struct server_options *options)
{
        enum behave_level level = strcmp(options->test, "off") == 0    ? BEHAVE_LEVEL_OFF
                                  : strcmp(options->test, "safe") == 0 ? BEHAVE_LEVEL_SAFE
                                                                       : BEHAVE_LEVEL_ALL;

        return (struct behave_limits){.level = level,
                                      .max_message = options->max_message,
                                      .passwords = options->access.passwords != NULL};
}

static struct ws_listen_options
listen_options(struct worker *worker)
{
        struct ws_listen_options options = listener_options(&worker->service->options);

        limit_listen(&options);
        options.handler = handle_request;
        options.argument = worker;
        options.watch = observe_connections(&worker->behave.limits);
        return options;
}

void
worker_use_options(struct worker *worker)
{
        const struct server_options *options = &worker->service->options;
        struct ws_listen_options listening;
        aw_time started = worker->page.started;

        page_close(&worker->page);
        page_open(&worker->page, tls_first_cert(&options->tls_settings), &worker->behave);
        if (started != 0)
                worker->page.started = started;
        auth_use(&worker->auth, options->access.passwords);
        metrics_block()->certificate_expiry = (uint64_t)tls_expiry(options) * AW_SECOND;
        worker->behave.limits = limits_of(options);
        listening = listen_options(worker);
        worker->behave.deflate = listening.deflate;
        for (size_t i = 0; i < worker->count; i++)
                ws_listener_update(worker->listeners[i], &listening);
}

/* For a supervisor, or a service manager, that wants to see turns of the loop. */
void
worker_show_life(void *argument)
{
        struct worker *worker = argument;
        const struct server_options *options = &worker->service->options;
        aw_time interval = notify_watchdog_interval();

        if (worker->channel != -1)
                interval = options->worker_timeout > 0 ? options->worker_timeout / 4 : AW_SECOND;
        else if (interval > 0)
                notify_watchdog();
        atomic_fetch_add(&worker->block->turns, 1);
        if (interval > 0)
                aw_call_later(&worker->alive, interval < AW_SECOND ? interval : AW_SECOND,
                              worker_show_life, worker);
}

void
worker_rotate_tickets(void *argument)
{
        struct worker *worker = argument;
        struct service *service = worker->service;

        if (worker->channel == -1 && service->options.tls != NULL)
                aw_call_at(&worker->rotate,
                           tickets_rotate_due(&service->shared->tickets,
                                              service->options.ticket_rotation),
                           worker_rotate_tickets, worker);
}

/* Once it is ready for more: the supervisor waits for this, or else the service manager. */
void
worker_say_ready(struct worker *worker)
{
        static const char ready = WORKER_READY;

        if (worker->channel == -1) {
                service_ready(worker->service);
                return;
        }
        service_worker_ready(worker->service);
        if (send(worker->channel, &ready, 1, MSG_DONTWAIT | MSG_NOSIGNAL) == -1)
                aw_log(AW_LOG_DEBUG, "worker: the supervisor does not listen: %s", strerror(errno));
}

/* Starting. Each step says why it failed. */

static async int
open_slot(struct worker *worker, const struct listener *listener, const struct listener_slot *slot)
{
        struct ws_listen_options options = listen_options(worker);
        struct ws_listener **listeners =
                realloc(worker->listeners, (worker->count + 1) * sizeof(*listeners));
        struct aw_error error = {.text = "out of memory"};

        if (listeners != NULL) {
                worker->listeners = listeners;
                options.url = listener->url;
                options.descriptors = slot->fds;
                options.descriptor_count = (size_t)slot->count;
                listeners[worker->count] = await(ws_listen(&options, &error));
        }
        if (listeners == NULL || listeners[worker->count] == NULL) {
                /* Whoever stops us knows why. */
                if (error.kind != AW_ERROR_CANCELLED)
                        aw_log(AW_LOG_ERROR, "%s", error.text);
                return -1;
        }
        worker->count++;
        return 0;
}

static async int
open_listeners(struct worker *worker)
{
        const struct service *service = worker->service;

        for (size_t i = 0; i < service->listeners.count; i++) {
                const struct listener *listener = &service->listeners.items[i];

                for (unsigned slot = 0;
                     slot < listener->slot_count && listener->kind != SOCKET_ADMIN; slot++)
                        if (listener_is_for(listener, slot, worker->number, service->workers) &&
                            await(open_slot(worker, listener, &listener->slots[slot])) == -1)
                                return -1;
        }
        return 0;
}

/* What shows the operator how it goes. */
static async int
open_admin_listener(struct worker *worker, const struct listener *listener)
{
        const struct service *service = worker->service;

        worker->admin = (struct admin){.listeners = worker->listeners,
                                       .count = &worker->count,
                                       .draining = &worker->behave.draining,
                                       .metrics = service->shared->metrics,
                                       .blocks = service->workers,
                                       .listing = {.shared = service->shared,
                                                   .worker = worker->number,
                                                   .listeners = worker->listeners,
                                                   .count = &worker->count},
                                       .descriptors = listener->slots[0].fds,
                                       .descriptor_count = (size_t)listener->slots[0].count,
                                       .silent = worker->number > 0 || service->serving};
        return await(admin_open(&worker->admin, service->options.admin));
}

/* Others show our figures, too. With --admin that is done anyway. */
static int
start_sampling(struct worker *worker)
{
        const struct service *service = worker->service;

        if (service->workers == 1 || service->options.admin != NULL)
                return 0;
        metrics_set_listeners(worker->listeners, &worker->count);
        worker->sampling = aw_spawn("metrics", metrics_watch_loop, NULL);
        return worker->sampling == NULL ? -1 : 0;
}

static async void
end_sampling(struct worker *worker)
{
        if (worker->sampling == NULL)
                return;
        aw_cancel(worker->sampling);
        await(aw_join(worker->sampling));
        metrics_set_listeners(NULL, NULL);
}

static async int
watch_worker(struct worker *worker)
{
        const struct service *service = worker->service;
        const struct listeners *listeners = &service->listeners;

        page_watch(&worker->page, worker->listeners, worker->count, service->shared->metrics,
                   service->workers);
        if (start_sampling(worker) == -1) {
                aw_log(AW_LOG_ERROR, "%s", strerror(errno));
                return -1;
        }
        if (access_log_start(worker->number == 0) == -1) {
                aw_log(AW_LOG_ERROR, "--access-log: %s", strerror(errno));
                return -1;
        }
        for (size_t i = 0; i < listeners->count; i++)
                if (listeners->items[i].kind == SOCKET_ADMIN &&
                    await(open_admin_listener(worker, &listeners->items[i])) != 0)
                        return -1;
        return 0;
}

static int
start_accepting(struct worker *worker, struct ws_listener *listener)
{
        struct acceptor *acceptor = malloc(sizeof(*acceptor));

        if (acceptor == NULL)
                return -1;
        *acceptor = (struct acceptor){.worker = worker, .listener = listener};
        if (aw_group_spawn(&worker->accepting, "accept", accept_connections, acceptor) == 0)
                return 0;
        free(acceptor);
        return -1;
}

static int
start_serving(struct worker *worker)
{
        for (size_t i = 0; i < worker->count; i++) {
                if (start_accepting(worker, worker->listeners[i]) == -1) {
                        aw_log(AW_LOG_ERROR, "%s", strerror(errno));
                        return -1;
                }
        }
        /* Nobody else has them to wait in. */
        if (worker->channel != -1)
                listeners_close(&worker->service->listeners);
        worker_rotate_tickets(worker);
        if (worker->number == 0)
                tls_watch_begin(&worker->dates, &worker->service->options);
        atomic_store(&worker->block->state, WORKER_SERVING);
        worker_show_life(worker);
        worker_say_ready(worker);
        return 0;
}

/*
 * Ending: all connections close with 1001; those that do not in time, or at a second signal, are
 * dropped.
 */

/* The successor gets all that comes from now on; whoever is half in comes in. */
static async int
finish_handshakes(struct worker *worker)
{
        struct aw_timeout timeout;

        for (size_t i = 0; i < worker->count; i++)
                ws_listener_stop(worker->listeners[i]);
        if (worker->admin.listener != NULL)
                ws_listener_stop(worker->admin.listener);
        aw_timeout_enter(&timeout, aw_loop_now() + WORKER_HANDSHAKE_TIME);
        return aw_timeout_exit(&timeout, await(aw_group_join(&worker->accepting)));
}

static async void
stop_accepting(struct worker *worker)
{
        if (worker->service->handed_over)
                await(finish_handshakes(worker));
        else if (worker->service->options.drain_delay > 0 && !worker->at_once)
                await(aw_sleep(worker->service->options.drain_delay));
        if (worker->channel == -1 && !worker->service->handed_over)
                listeners_shut(&worker->service->listeners);
        for (size_t i = 0; i < worker->count; i++)
                ws_listener_drain(worker->listeners[i]);
}

static async int
drain(struct worker *worker)
{
        struct aw_timeout timeout;
        int result;

        atomic_store(&worker->block->state, WORKER_DRAINING);
        worker->behave.draining = true;
        await(stop_accepting(worker));
        /* What waited until now may have taken the cancellation. */
        if (worker->at_once)
                aw_cancel(worker->main);
        aw_timeout_enter(&timeout, aw_loop_now() + worker->service->options.drain_timeout);
        result = aw_timeout_exit(&timeout, await(aw_group_join(&worker->connections)));
        await(aw_group_join(&worker->accepting));
        return result;
}

static async int
serve(struct worker *worker)
{
        int status = 1;

        aw_group_init(&worker->accepting);
        aw_group_init(&worker->connections);
        worker->serving = true;
        if (start_serving(worker) == 0) {
                await(aw_event_wait(&worker->stop, AW_NEVER));
                if (aw_event_is_set(&worker->stop)) {
                        if (worker->channel == -1)
                                service_stopping(worker->service);
                        status = 0;
                }
        }
        if (await(drain(worker)) == -1)
                aw_log(AW_LOG_INFO, "dropped the connections that did not close");
        return status;
}

/* Whoever still looks at a password does so with what is the worker's. */
static async void
close_listeners(struct worker *worker)
{
        aw_handle_cancel(&worker->alive);
        aw_handle_cancel(&worker->rotate);
        tls_watch_end(&worker->dates);
        for (size_t i = 0; i < worker->count; i++) {
                ws_listener_drain(worker->listeners[i]);
                /* A second signal may cancel this. */
                while (await(ws_listener_wait(worker->listeners[i], AW_NEVER)) == -1)
                        continue;
                ws_listener_close(worker->listeners[i]);
        }
        free(worker->listeners);
        auth_close(&worker->auth);
}

async int
worker_run(void *argument)
{
        const struct worker_start *start = argument;
        struct worker worker = {.service = start->service,
                                .number = start->number,
                                .channel = start->channel,
                                .block = &start->service->shared->workers[start->number],
                                .main = aw_task_current()};
        int status = 1;

        metrics_use(&start->service->shared->metrics[start->number]);
        limit_use(start->service->shared, start->number, &start->service->options.limits);
        worker_use_options(&worker);
        /* Before anyone can know that it serves. */
        if (control_open(&worker) == 0 && await(open_listeners(&worker)) == 0 &&
            await(watch_worker(&worker)) == 0)
                status = await(serve(&worker));
        else if (aw_event_is_set(&worker.stop))
                status = 0;
        await(control_close(&worker));
        await(admin_close(&worker.admin));
        await(end_sampling(&worker));
        page_watch(&worker.page, NULL, 0, NULL, 0);
        await(close_listeners(&worker));
        page_close(&worker.page);
        return status;
}
