/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "supervisor.h"

#include "await/log.h"
#include "cli/dump.h"
#include "notify.h"
#include "outside.h"
#include "reconfigure.h"
#include "reload.h"
#include "takeover.h"
#include "worker.h"

/* One that ends sooner than this is not started again at once, and each time later. */
#define SETTLED     (10 * AW_SECOND)
#define PAUSE_FIRST (AW_SECOND / 10)
#define PAUSE_MAX   (10 * AW_SECOND)

/* How long one that hangs has for showing where, and all of them at the end for what they must. */
#define DUMP_TIME (2 * AW_SECOND)
#define END_TIME  (5 * AW_SECOND)
#define KILL_TIME (2 * AW_SECOND)

struct child {
        pid_t pid;    /* 0: there is none */
        int channel;  /* -1: there is none */
        bool answers; /* it serves, and has done what it was told */
        aw_time started, again, pause;
        unsigned long turns; /* of its loop, when that was last looked at */
        aw_time turned;      /* how long we have seen no more of them */
        bool dumped;
};

struct supervisor {
        struct service *service;
        struct child *children;
        struct pollfd *polled; /* signals, successor, children */
        int signals;
        struct takeover takeover;
        aw_time takeover_end;
        bool stopping, forced;
        aw_time end; /* when those that are left are killed */
        aw_time looked;
        int status;
};

enum { POLL_SIGNALS, POLL_SUCCESSOR, POLL_CHILDREN };

static void
tell_child(struct child *child, char command)
{
        if (child->channel != -1 &&
            send(child->channel, &command, 1, MSG_DONTWAIT | MSG_NOSIGNAL) == -1)
                aw_log(AW_LOG_DEBUG, "worker %ld does not listen: %s", (long)child->pid,
                       strerror(errno));
}

static void
tell_all(struct supervisor *supervisor, char command)
{
        for (unsigned i = 0; i < supervisor->service->workers; i++)
                tell_child(&supervisor->children[i], command);
}

/* Starting a worker. */

/* What the others and the supervisor have is none of its business. */
static void __attribute__((noreturn))
become_worker(struct supervisor *supervisor, unsigned number, int channel)
{
        struct service *service = supervisor->service;
        struct worker_start start = {.service = service, .number = number, .channel = channel};
        int status;

        signal(SIGTERM, SIG_IGN);
        close(supervisor->signals);
        if (supervisor->takeover.ready != -1)
                close(supervisor->takeover.ready);
        for (unsigned i = 0; i < service->workers; i++)
                if (supervisor->children[i].channel != -1)
                        close(supervisor->children[i].channel);
        free(supervisor->children);
        free(supervisor->polled);
        service_become_worker(service);
        aw_dump_at_abort();
        status = service_loop(&service->options, worker_run, &start);
        close(channel);
        service_close(service);
        exit(status);
}

static void
start_child(struct supervisor *supervisor, unsigned number)
{
        struct child *child = &supervisor->children[number];
        int ends[2] = {-1, -1};
        pid_t pid = -1;

        child->started = aw_loop_now();
        atomic_store(&supervisor->service->shared->workers[number].state, WORKER_STARTING);
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0)
                pid = fork();
        if (pid == 0) {
                close(ends[0]);
                become_worker(supervisor, number, ends[1]);
        }
        if (ends[1] != -1)
                close(ends[1]);
        if (pid == -1) {
                aw_log(AW_LOG_ERROR, "worker %u cannot be started: %s", number, strerror(errno));
                if (ends[0] != -1)
                        close(ends[0]);
                child->again = child->started + PAUSE_MAX;
                return;
        }
        child->pid = pid;
        child->channel = ends[0];
        child->turned = 0;
        child->answers = child->dumped = false;
}

/* The end of all. */

static void
begin_end(struct supervisor *supervisor, char command, aw_time longest)
{
        supervisor->stopping = true;
        supervisor->end = aw_loop_now() + longest;
        takeover_cancel(&supervisor->takeover, supervisor->service);
        tell_all(supervisor, command);
        /* From now on the workers alone keep them. */
        listeners_close(&supervisor->service->listeners);
}

static void
stop_service(struct supervisor *supervisor)
{
        const struct server_options *options = &supervisor->service->options;

        service_stopping(supervisor->service);
        begin_end(supervisor, WORKER_DRAIN,
                  options->drain_delay + options->drain_timeout + END_TIME);
}

static void
kill_all(struct supervisor *supervisor)
{
        for (unsigned i = 0; i < supervisor->service->workers; i++)
                if (supervisor->children[i].pid != 0)
                        kill(supervisor->children[i].pid, SIGKILL);
}

static void
stop_or_force(struct supervisor *supervisor)
{
        if (!supervisor->stopping) {
                stop_service(supervisor);
                return;
        }
        supervisor->forced = true;
        supervisor->end = aw_loop_now() + KILL_TIME;
        tell_all(supervisor, WORKER_QUIT);
}

/* The end of a worker. */

static const char *
describe_end(int status, char *out, size_t size)
{
        if (WIFSIGNALED(status))
                snprintf(out, size, "was ended by signal %d (%s)", WTERMSIG(status),
                         strsignal(WTERMSIG(status)));
        else
                snprintf(out, size, "ended with status %d", WEXITSTATUS(status));
        return out;
}

static void
plan_successor(struct child *child, unsigned number, pid_t pid, const char *how)
{
        aw_time now = aw_loop_now(), pause = child->pause * 2;

        if (now - child->started >= SETTLED)
                pause = 0;
        else if (pause == 0)
                pause = PAUSE_FIRST;
        child->pause = pause > PAUSE_MAX ? PAUSE_MAX : pause;
        child->again = now + child->pause;
        aw_log(AW_LOG_WARNING,
               "worker %u (process %ld) %s: another one takes its place in %" PRId64 " ms", number,
               (long)pid, how, child->pause / AW_MILLISECOND);
}

static void
child_ended(struct supervisor *supervisor, unsigned number, int status)
{
        struct child *child = &supervisor->children[number];
        pid_t pid = child->pid;
        char how[80];

        if (child->channel != -1)
                close(child->channel);
        child->channel = -1;
        child->pid = 0;
        shared_forget_worker(supervisor->service->shared, number);
        service_show_status(supervisor->service);
        describe_end(status, how, sizeof(how));
        if (supervisor->stopping) {
                if (status != 0 && !supervisor->forced)
                        aw_log(AW_LOG_WARNING, "worker %u (process %ld) %s", number, (long)pid,
                               how);
        } else if (supervisor->service->serving) {
                plan_successor(child, number, pid, how);
        } else {
                /* It has said why, and the next one would say the same. */
                aw_log(AW_LOG_ERROR, "worker %u %s while the server started: giving up", number,
                       how);
                supervisor->status = 1;
                begin_end(supervisor, WORKER_QUIT, KILL_TIME);
        }
}

static void
reap_children(struct supervisor *supervisor)
{
        int status;

        for (unsigned i = 0; i < supervisor->service->workers; i++)
                if (supervisor->children[i].pid != 0 &&
                    waitpid(supervisor->children[i].pid, &status, WNOHANG) > 0)
                        child_ended(supervisor, i, status);
}

/*
 * What a worker that hangs does is said twice: as it looks from outside, and by itself. One that is
 * stopped has to go on for that, and meets the signal first.
 */
static void
make_child_show(struct child *child, unsigned number)
{
        char doing[120];

        aw_log(AW_LOG_ERROR,
               "worker %u (process %ld) hangs: its loop has not turned for %" PRId64
               " ms, and it %s; what its tasks were doing follows, if it can say so",
               number, (long)child->pid, child->turned / AW_MILLISECOND,
               outside_describe(child->pid, doing, sizeof(doing)));
        kill(child->pid, SIGABRT);
        kill(child->pid, SIGCONT);
        child->dumped = true;
}

/* A worker whose loop does not turn: first it shows where it is, then it goes. */
static void
mind_child(struct supervisor *supervisor, unsigned number, aw_time passed)
{
        struct child *child = &supervisor->children[number];
        aw_time limit = supervisor->service->options.worker_timeout;
        unsigned long turns = atomic_load(&supervisor->service->shared->workers[number].turns);

        /* What passed between two of our looks counts as a look at most: we may have been stopped. */
        child->turned = turns == child->turns ? child->turned + passed : 0;
        child->turns = turns;
        if (limit == 0 || child->turned < limit)
                return;
        if (!child->dumped)
                make_child_show(child, number);
        else if (child->turned >= limit + DUMP_TIME)
                kill(child->pid, SIGKILL);
}

/* How often all is looked at. */
static aw_time
interval_of(const struct supervisor *supervisor)
{
        aw_time interval = supervisor->service->options.worker_timeout / 4;
        aw_time watchdog = notify_watchdog_interval();

        if (interval == 0 || interval > AW_SECOND)
                interval = AW_SECOND;
        return watchdog > 0 && watchdog < interval ? watchdog : interval;
}

/* What has to happen at times. */
static void
look_at_all(struct supervisor *supervisor)
{
        struct service *service = supervisor->service;
        aw_time now = aw_loop_now(), interval = interval_of(supervisor);

        if (supervisor->takeover.ready != -1 && now >= supervisor->takeover_end)
                takeover_end(&supervisor->takeover, service, true);
        tickets_rotate_due(&service->shared->tickets, service->options.ticket_rotation);
        if (supervisor->stopping && now >= supervisor->end)
                kill_all(supervisor);
        for (unsigned i = 0; i < service->workers; i++)
                if (supervisor->children[i].pid == 0 && !supervisor->stopping &&
                    now >= supervisor->children[i].again)
                        start_child(supervisor, i);
        if (now - supervisor->looked < interval)
                return;
        supervisor->looked = now;
        notify_watchdog();
        for (unsigned i = 0; i < service->workers; i++)
                if (supervisor->children[i].pid != 0)
                        mind_child(supervisor, i, interval);
}

/* What comes from outside. */

static void
reload_all_workers(struct supervisor *supervisor)
{
        struct service *service = supervisor->service;
        struct server_options fresh;

        /* First here: a worker that comes later begins with what the supervisor has. */
        reload_all();
        tell_all(supervisor, WORKER_REOPEN);
        if (supervisor->stopping || !service->serving)
                return;
        notify_reloading();
        if (reconfigure_read(service, &fresh) == -1) {
                service_ready(service);
                return;
        }
        reconfigure_apply(service, &fresh);
        options_clear(&fresh);
        for (unsigned i = 0; i < service->workers; i++)
                supervisor->children[i].answers = false;
        tell_all(supervisor, WORKER_RELOAD);
}

static void
obey_signal(struct supervisor *supervisor, int number)
{
        if (number == SIGCHLD)
                reap_children(supervisor);
        else if (number == SIGHUP)
                reload_all_workers(supervisor);
        else if (number == SIGUSR1)
                tell_all(supervisor, WORKER_DUMP);
        else if (number != SIGUSR2)
                stop_or_force(supervisor);
        else if (takeover_may_begin(supervisor->service, supervisor->stopping,
                                    supervisor->takeover.ready != -1) &&
                 takeover_begin(&supervisor->takeover, supervisor->service) == 0)
                supervisor->takeover_end =
                        aw_loop_now() + supervisor->service->options.takeover_timeout;
}

static void
take_signals(struct supervisor *supervisor)
{
        struct signalfd_siginfo info;

        while (read(supervisor->signals, &info, sizeof(info)) == (ssize_t)sizeof(info))
                obey_signal(supervisor, (int)info.ssi_signo);
}

static void
take_successor(struct supervisor *supervisor)
{
        if (!takeover_end(&supervisor->takeover, supervisor->service, false) ||
            supervisor->stopping)
                return;
        service_stopping(supervisor->service);
        begin_end(supervisor, WORKER_HAND_OVER,
                  WORKER_HANDSHAKE_TIME + supervisor->service->options.drain_timeout + END_TIME);
}

static void
take_answer(struct supervisor *supervisor, unsigned number)
{
        struct child *child = &supervisor->children[number];
        char answer;
        ssize_t length = recv(child->channel, &answer, 1, MSG_DONTWAIT);

        if (length == 0 || (length == -1 && errno != EAGAIN)) {
                close(child->channel);
                child->channel = -1;
        }
        if (length != 1 || child->answers)
                return;
        child->answers = true;
        for (unsigned i = 0; i < supervisor->service->workers; i++)
                if (!supervisor->children[i].answers)
                        return;
        if (!supervisor->stopping)
                service_ready(supervisor->service);
}

static void
wait_for_something(struct supervisor *supervisor)
{
        struct pollfd *polled = supervisor->polled;
        unsigned count = supervisor->service->workers;
        aw_time now = aw_loop_now(), next = now + interval_of(supervisor);

        for (unsigned i = 0; i < count; i++) {
                polled[POLL_CHILDREN + i].fd = supervisor->children[i].channel;
                if (supervisor->children[i].pid == 0 && !supervisor->stopping &&
                    supervisor->children[i].again < next)
                        next = supervisor->children[i].again;
        }
        polled[POLL_SUCCESSOR].fd = supervisor->takeover.ready;
        if (poll(polled, POLL_CHILDREN + count,
                 next <= now ? 0 : (int)((next - now) / AW_MILLISECOND) + 1) <= 0)
                return;
        if (polled[POLL_SIGNALS].revents != 0)
                take_signals(supervisor);
        if (polled[POLL_SUCCESSOR].revents != 0 && supervisor->takeover.ready != -1)
                take_successor(supervisor);
        for (unsigned i = 0; i < count; i++)
                if (polled[POLL_CHILDREN + i].revents != 0 && supervisor->children[i].channel != -1)
                        take_answer(supervisor, i);
}

static bool
has_children(const struct supervisor *supervisor)
{
        for (unsigned i = 0; i < supervisor->service->workers; i++)
                if (supervisor->children[i].pid != 0)
                        return true;
        return false;
}

static int
open_signalfd(void)
{
        static const int numbers[] = {SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2, SIGCHLD};
        sigset_t set;

        sigemptyset(&set);
        for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
                sigaddset(&set, numbers[i]);
        sigprocmask(SIG_BLOCK, &set, NULL);
        return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

int
supervisor_run(struct service *service)
{
        aw_time now = aw_loop_now();
        struct supervisor supervisor = {
                .service = service,
                .children = calloc(service->workers, sizeof(struct child)),
                .polled = calloc(POLL_CHILDREN + service->workers, sizeof(struct pollfd)),
                .signals = open_signalfd(),
                .takeover = {.ready = -1},
                .looked = now,
        };

        if (supervisor.children == NULL || supervisor.polled == NULL || supervisor.signals == -1) {
                aw_log(AW_LOG_ERROR, "%s", strerror(errno));
                supervisor.status = 1;
        } else {
                for (unsigned i = 0; i < service->workers; i++)
                        supervisor.children[i].channel = -1;
                for (unsigned i = 0; i < POLL_CHILDREN + service->workers; i++)
                        supervisor.polled[i].events = POLLIN;
                supervisor.polled[POLL_SIGNALS].fd = supervisor.signals;
                while (!supervisor.stopping || has_children(&supervisor)) {
                        wait_for_something(&supervisor);
                        look_at_all(&supervisor);
                }
        }
        if (supervisor.signals != -1)
                close(supervisor.signals);
        free(supervisor.polled);
        free(supervisor.children);
        return supervisor.status;
}
