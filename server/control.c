/* SPDX-License-Identifier: MIT */
/* What a worker is told, by signals or by its supervisor. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "await/executor.h"
#include "await/log.h"
#include "await/signals.h"
#include "await/wait_fd.h"
#include "cli/dump.h"
#include "notify.h"
#include "reconfigure.h"
#include "reload.h"
#include "takeover.h"
#include "worker_private.h"

/* New options. */

struct reload {
        const struct service *service;
        struct server_options fresh;
};

static void
drop_reload(void *result)
{
        struct reload *reload = result;

        options_clear(&reload->fresh);
        free(reload);
}

/* In a thread, for files may be slow. */
static int
read_options(void *argument, void **result)
{
        struct reload *reload = argument;

        if (reconfigure_read(reload->service, &reload->fresh) == -1) {
                free(reload);
                errno = EINVAL;
                return -1;
        }
        *result = reload;
        return 0;
}

static async void
reload(struct worker *worker)
{
        struct reload *reload = malloc(sizeof(*reload));
        struct aw_job job = {
                .run = read_options, .argument = reload, .discard = free, .drop = drop_reload};
        void *read = NULL;

        if (reload != NULL)
                reload->service = worker->service;
        if (reload == NULL || (await(aw_run_in_executor(NULL, &job, &read)) == -1 &&
                               errno != EINVAL && errno != ECANCELED))
                aw_log(AW_LOG_ERROR, "SIGHUP: %s", strerror(errno));
        if (read == NULL)
                return;
        reload = read;
        reconfigure_apply(worker->service, &reload->fresh);
        worker_use_options(worker);
        worker_show_life(worker);
        worker_rotate_tickets(worker);
        drop_reload(reload);
}

static async int
reload_and_say(void *argument)
{
        struct worker *worker = argument;

        if (worker->channel == -1)
                notify_reloading();
        do {
                worker->reload_again = false;
                await(reload(worker));
        } while (worker->reload_again);
        worker->reloading = false;
        worker_say_ready(worker);
        return 0;
}

static void
begin_reload(struct worker *worker)
{
        /* What was read so far may be older than this. */
        worker->reload_again = true;
        if (worker->reloading || !worker->serving || aw_event_is_set(&worker->stop))
                return;
        worker->reloading = true;
        if (aw_group_spawn(&worker->orders, "reload", reload_and_say, worker) == 0)
                return;
        aw_log(AW_LOG_ERROR, "SIGHUP: %s", strerror(errno));
        worker->reloading = false;
}

/* What it is told. */

/*
 * The first time it ends gently, then at once. While it still starts there is nothing to be gentle
 * with.
 */
static void
stop(struct worker *worker, bool at_once)
{
        worker->at_once |= at_once;
        if (!worker->serving || at_once)
                aw_cancel(worker->main);
        /* A successor that does not serve yet is not to do so. */
        if (worker->takeover != NULL && !worker->service->handed_over)
                aw_cancel(worker->takeover);
        aw_event_set(&worker->stop);
}

static async int
watch_successor(void *argument)
{
        struct worker *worker = argument;
        struct takeover takeover;
        int result;

        worker->takeover = aw_task_current();
        if (!aw_event_is_set(&worker->stop) && takeover_begin(&takeover, worker->service) == 0) {
                result = await(
                        aw_wait_fd(takeover.ready, AW_READ,
                                   aw_loop_now() + worker->service->options.takeover_timeout));
                if (result == -1 && errno == ECANCELED)
                        takeover_cancel(&takeover, worker->service);
                else if (takeover_end(&takeover, worker->service, result == -1))
                        stop(worker, false);
        }
        worker->takeover = NULL;
        worker->handing_over = false;
        return 0;
}

static void
begin_takeover(struct worker *worker)
{
        if (!takeover_may_begin(worker->service, aw_event_is_set(&worker->stop),
                                worker->handing_over))
                return;
        worker->handing_over = true;
        if (aw_group_spawn(&worker->orders, "takeover", watch_successor, worker) == 0)
                return;
        aw_log(AW_LOG_ERROR, "SIGUSR2: %s", strerror(errno));
        worker->handing_over = false;
}

static void
reload_everything(struct worker *worker)
{
        reload_all();
        begin_reload(worker);
}

static async int
watch_signals(void *argument)
{
        struct worker *worker = argument;
        int number = 0;

        while (number != -1) {
                number = await(aw_signals_wait(worker->signals, AW_NEVER));
                if (number == SIGUSR1)
                        aw_dump_print();
                else if (number == SIGHUP)
                        reload_everything(worker);
                else if (number == SIGUSR2)
                        begin_takeover(worker);
                else if (number != -1)
                        stop(worker, aw_event_is_set(&worker->stop));
        }
        return 0;
}

static void
obey(struct worker *worker, char command)
{
        switch (command) {
        case WORKER_DUMP:
                aw_dump_print();
                break;
        case WORKER_REOPEN:
                reload_all();
                break;
        case WORKER_RELOAD:
                begin_reload(worker);
                break;
        case WORKER_HAND_OVER:
                worker->service->handed_over = true;
                stop(worker, false);
                break;
        default:
                stop(worker, command == WORKER_QUIT);
        }
}

static async int
watch_supervisor(void *argument)
{
        struct worker *worker = argument;
        char command;
        ssize_t length = 1;

        while (length != 0 && await(aw_wait_fd(worker->channel, AW_READ, AW_NEVER)) != -1) {
                length = recv(worker->channel, &command, 1, MSG_DONTWAIT);
                if (length == 1)
                        obey(worker, command);
                else if (length == 0) {
                        if (!aw_event_is_set(&worker->stop))
                                aw_log(AW_LOG_WARNING,
                                       "the supervisor is gone: worker %u closes its connections",
                                       worker->number);
                        stop(worker, false);
                }
        }
        return 0;
}

int
control_open(struct worker *worker)
{
        static const int numbers[] = {SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2};
        bool alone = worker->channel == -1;

        aw_group_init(&worker->orders);
        if (alone)
                worker->signals = aw_signals_open(numbers, sizeof(numbers) / sizeof(numbers[0]));
        if (!alone || worker->signals != NULL)
                worker->minding = aw_spawn(alone ? "signals" : "supervisor",
                                           alone ? watch_signals : watch_supervisor, worker);
        if (worker->minding != NULL)
                return 0;
        aw_log(AW_LOG_ERROR, "signals: %s", strerror(errno));
        return -1;
}

async void
control_close(struct worker *worker)
{
        if (worker->minding != NULL) {
                aw_cancel(worker->minding);
                await(aw_join(worker->minding));
        }
        aw_signals_close(worker->signals);
        aw_group_cancel(&worker->orders);
        await(aw_group_join(&worker->orders));
}
