/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "service.h"

#include "access_log.h"
#include "await/log.h"
#include "await/signals.h"
#include "await/task_wait.h"
#include "cli/dump.h"
#include "detach.h"
#include "handover.h"
#include "notify.h"
#include "privilege.h"

/* What ends, or changes, the server. */
static const int numbers[] = {SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2};

#define NUMBERS (sizeof(numbers) / sizeof(numbers[0]))

int
service_loop(const struct server_options *options, aw_task_function *function, void *argument)
{
        struct aw_loop_options loop = {
                .backend = options->loop,
                .slow = options->slow_task == 0 ? -1 : options->slow_task,
        };
        int status = aw_run(&loop, function, argument);

        if (status != -1)
                return status;
        options_refuse_value(options, "loop", NULL, "event loop '%s': %s", options->loop,
                             strerror(errno));
        return 1;
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

/* A worker has but a copy; and what is handed over belongs to whoever serves, the last one first. */
static bool
owns_files(const struct service *service)
{
        return service->process == getpid() && !service->handed_over &&
               service->inherited.ready == -1;
}

/* Opening the sockets, which may wait for names. */

/*
 * Stopped while it waited for a name. The resolver cannot be interrupted: aw_run() would wait for
 * its thread, which may take a minute.
 */
static void __attribute__((noreturn)) leave_at_once(struct service *service)
{
        aw_log(AW_LOG_INFO, "stopping");
        if (owns_files(service))
                listeners_remove_files(&service->listeners);
        pidfile_close(&service->pidfile, owns_files(service));
        _exit(0);
}

static async int
watch_start(void *argument)
{
        struct aw_signals *signals = aw_signals_open(numbers, NUMBERS);
        int number = 0;

        while (signals != NULL && number != -1) {
                number = await(aw_signals_wait(signals, AW_NEVER));
                if (number == SIGUSR1)
                        aw_dump_print();
                else if (number == SIGHUP || number == SIGUSR2)
                        aw_log(AW_LOG_INFO, "SIG%s is ignored: the server still starts",
                               number == SIGHUP ? "HUP" : "USR2");
                else if (number != -1)
                        leave_at_once(argument);
        }
        aw_signals_close(signals);
        return 0;
}

static async int
open_sockets(void *argument)
{
        struct service *service = argument;
        struct aw_task *signals = aw_spawn("signals", watch_start, service);
        int status;

        if (signals == NULL) {
                aw_log(AW_LOG_ERROR, "%s", strerror(errno));
                return 1;
        }
        warn_of_poll(&service->options);
        status = await(listeners_open(&service->listeners, &service->options, &service->inherited,
                                      service->workers));
        aw_cancel(signals);
        await(aw_join(signals));
        return status;
}

/* From here on a signal waits for whoever asks for it, also between two loops. */
static void
block_signals(void)
{
        sigset_t set;

        sigemptyset(&set);
        for (size_t i = 0; i < NUMBERS; i++)
                sigaddset(&set, numbers[i]);
        sigprocmask(SIG_BLOCK, &set, NULL);
}

static bool
speaks_tls(const struct service *service)
{
        bool lent = false;

        for (size_t i = 0; i < service->inherited.count; i++) {
                if (service->inherited.sockets[i].kind != SOCKET_LENT)
                        continue;
                lent = true;
                if (strncmp(service->inherited.sockets[i].url, "wss:", 4) == 0)
                        return true;
        }
        return (service->options.listen.count > 0 || !lent) &&
               options_has_scheme(&service->options, "wss:");
}

static int
open_shared(struct service *service)
{
        service->shared = shared_create(service->workers);
        if (service->shared == NULL) {
                aw_log(AW_LOG_ERROR, "shared memory: %s", strerror(errno));
                return -1;
        }
        if (service->options.tls != NULL)
                aw_tls_context_set_tickets(service->options.tls, &service->shared->tickets.keys);
        if (service->inherited.tickets != -1) {
                tickets_take(&service->shared->tickets, service->inherited.tickets);
                close(service->inherited.tickets);
                service->inherited.tickets = -1;
        }
        return 0;
}

static int
open_access_log(const struct server_options *options)
{
        char place[AW_OPT_PLACE_SIZE];

        aw_opt_place(&options->config, "access-log", NULL, place);
        return options->access_log == NULL ? 0 : access_log_open(options->access_log, place);
}

static int
go_to_background(struct service *service)
{
        /* The successor of a server in the background is there already. */
        if (service->options.daemon &&
            (service->inherited.ready == -1 || service->inherited.asked) &&
            detach(&service->detached) == -1)
                return -1;
        service->process = getpid();
        return 0;
}

/* A successor's number is not the server's before that one serves. */
static int
write_pid(const struct service *service)
{
        return service->inherited.ready == -1 ? pidfile_write(&service->pidfile, getpid()) : 0;
}

int
service_open(struct service *service)
{
        struct server_options *options = &service->options;
        int pidfile = service->inherited.pidfile, status;
        char place[AW_OPT_PLACE_SIZE];

        if (open_access_log(options) == -1 || tls_load(options, speaks_tls(service)) == -1 ||
            access_load(options) == -1 || open_shared(service) == -1)
                return 1;
        tls_warn(options);
        /* The file now owns it. Who has it locked has the ports, too, and is named. */
        service->inherited.pidfile = -1;
        aw_opt_place(&options->config, "pidfile", NULL, place);
        if (pidfile_open(&service->pidfile, options->pidfile, place, pidfile) == -1)
                return 1;
        block_signals();
        status = service_loop(options, open_sockets, service);
        if (status != 0)
                return status;
        if (go_to_background(service) == -1 || write_pid(service) == -1)
                return 1;
        listeners_settle_files(&service->listeners, options);
        return privilege_drop(options) == -1 ? 1 : 0;
}

static async int
check_sockets(void *argument)
{
        return await(listeners_check(argument));
}

/* The files that the start makes, or writes to. */
static int
check_files(const struct server_options *options)
{
        char log[AW_OPT_PLACE_SIZE], pidfile[AW_OPT_PLACE_SIZE];

        aw_opt_place(&options->config, "access-log", NULL, log);
        aw_opt_place(&options->config, "pidfile", NULL, pidfile);
        if ((options->access_log != NULL && access_log_check(options->access_log, log) == -1) ||
            (options->pidfile != NULL && pidfile_check(options->pidfile, pidfile) == -1))
                return -1;
        return options->takeover ? handover_check(options->pidfile) : 0;
}

int
service_check(struct service *service)
{
        struct server_options *options = &service->options;
        int status;

        if ((options->user != NULL && privilege_check(options) == -1) ||
            tls_load(options, speaks_tls(service)) == -1 || tls_check(options, NULL) == -1 ||
            access_load(options) == -1 || check_files(options) == -1)
                return 1;
        status = service_loop(options, check_sockets, options);
        if (status == 0)
                aw_log(AW_LOG_INFO, "all that can be checked without starting is right");
        return status;
}

/* Its life. */

/*
 * That it serves from now on. False: the predecessor has given it up meanwhile, and goes on; this one
 * ends, and leaves all that is shared as it is.
 */
static bool
tell_predecessor(struct service *service)
{
        if (service->inherited.ready == -1)
                return true;
        if (service->inherited.asked && !handover_accept(&service->inherited)) {
                pidfile_write(&service->pidfile, handover_process(&service->inherited));
                aw_log(AW_LOG_ERROR, "the running server has not waited for this one, and goes on: "
                                     "this one ends");
                service->handed_over = service->unwanted = true;
                kill(getpid(), SIGTERM);
                return false;
        }
        inherit_remove_files(&service->inherited);
        if (!service->inherited.asked && write(service->inherited.ready, "", 1) == -1)
                aw_log(AW_LOG_WARNING, "the server before this one is gone: %s", strerror(errno));
        close(service->inherited.ready);
        service->inherited.ready = -1;
        inherit_drop_sockets(&service->inherited);
        return true;
}

static void
describe_status(const struct service *service, char *out, size_t size)
{
        unsigned serving = 0;

        for (unsigned i = 0; i < service->workers; i++)
                serving += atomic_load(&service->shared->workers[i].state) == WORKER_SERVING;
        if (serving < service->workers)
                snprintf(out, size, "serving with %u of %u workers", serving, service->workers);
        else
                snprintf(out, size, "serving with %u worker%s", serving, serving == 1 ? "" : "s");
}

void
service_show_status(const struct service *service)
{
        char status[80];

        if (!service->serving || service->draining)
                return;
        describe_status(service, status, sizeof(status));
        notify_status(status);
}

void
service_ready(struct service *service)
{
        char status[80];

        describe_status(service, status, sizeof(status));
        if (!service->serving) {
                service->serving = true;
                pidfile_write(&service->pidfile, getpid());
                if (!tell_predecessor(service))
                        return;
                if (service->options.fingerprint[0] != '\0')
                        aw_log(AW_LOG_INFO,
                               "made a self-signed certificate, SHA-256 fingerprint %s",
                               service->options.fingerprint);
                listeners_tell(&service->listeners);
        }
        notify_ready(status);
        detach_done(&service->detached);
}

void
service_stopping(struct service *service)
{
        const struct server_options *options = &service->options;

        if (!service->draining && !service->handed_over) {
                aw_log(AW_LOG_INFO, "stopping");
                notify_stopping(options->drain_delay + options->drain_timeout + 5 * AW_SECOND);
        }
        service->draining = true;
}

void
service_become_worker(struct service *service)
{
        pidfile_close(&service->pidfile, false);
        inherit_free(&service->inherited);
        service->lets_go = service->detached != -1;
        if (service->lets_go)
                close(service->detached);
        service->detached = -1;
}

void
service_worker_ready(struct service *service)
{
        if (service->lets_go)
                detach_standard();
        service->lets_go = false;
}

void
service_close(struct service *service)
{
        bool owner = owns_files(service);

        if (owner)
                listeners_remove_files(&service->listeners);
        pidfile_close(&service->pidfile, owner);
        listeners_free(&service->listeners);
        access_log_close();
        /* It stays open: the predecessor takes the pipe's end for that of this process. */
        service->inherited.ready = -1;
        inherit_free(&service->inherited);
        /* The certificate's context knows the keys for tickets that are there. */
        options_clear(&service->options);
        shared_free(service->shared);
}
