/* SPDX-License-Identifier: MIT */
/* Once: it has no loop. */
/* Wraps: poll read signalfd sigprocmask socketpair fork kill waitpid calloc outside_describe. */
/* Wraps: service_ready service_stopping service_show_status shared_forget_worker listeners_close. */
/* Wraps: notify_watchdog notify_reloading reconfigure_read reconfigure_apply options_clear. */
/* Wraps: takeover_may_begin takeover_begin takeover_end takeover_cancel. */
/*
 * What the supervisor does with its workers, step by step: here they are but sockets and numbers, and
 * time passes when a step says so.
 */
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>

#include "outside.h"
#include "reconfigure.h"
#include "supervisor.h"
#include "takeover.h"
#include "unit/clock.h"
#include "unit/support.h"
#include "worker.h"

#define WORKERS 2
#define FIRST   70001 /* the number of the first process */

/*
 * One thing that happens after so many milliseconds, and what had been done before, since the last
 * step: the commands that each worker got come behind the rest, and how long is waited at most.
 */
struct step {
        const char *done, *event;
        int number, status, passed;
};

static const struct step *step;
static const char *failing;
static bool quiet; /* about the watchdog */

/* The workers. */
static int ends[WORKERS];
static pid_t processes[WORKERS], next_process;
static int started; /* sockets for the next one: its number is that of a place without a process */
static bool ended[WORKERS];
static int statuses[WORKERS];

static int signals, pending, successor;
static bool succeeds;
static struct service service;

static bool
fails(const char *name)
{
        bool now = failing != NULL && strcmp(failing, name) == 0;

        if (now)
                errno = ENFILE;
        return now;
}

static void __attribute__((format(printf, 1, 2))) note(const char *format, ...)
{
        char word[60];
        va_list arguments;

        va_start(arguments, format);
        vsnprintf(word, sizeof(word), format, arguments);
        va_end(arguments);
        trace(word);
}

static int
worker_of(pid_t process)
{
        for (int i = 0; i < WORKERS; i++)
                if (processes[i] == process)
                        return i;
        return -1;
}

int __wrap_poll(struct pollfd *polled, nfds_t count, int timeout);
ssize_t __real_read(int fd, void *data, size_t size);
ssize_t __wrap_read(int fd, void *data, size_t size);
int __wrap_signalfd(int fd, const sigset_t *set, int flags);
int __wrap_sigprocmask(int how, const sigset_t *set, sigset_t *old);
int __real_socketpair(int domain, int type, int protocol, int pair[2]);
int __wrap_socketpair(int domain, int type, int protocol, int pair[2]);
pid_t __wrap_fork(void);
int __wrap_kill(pid_t process, int number);
pid_t __wrap_waitpid(pid_t process, int *status, int options);
void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
const char *__wrap_outside_describe(pid_t process, char *out, size_t size);
void __wrap_service_ready(struct service *which);
void __wrap_service_stopping(struct service *which);
void __wrap_service_show_status(const struct service *which);
void __wrap_shared_forget_worker(struct shared *shared, size_t worker);
void __wrap_listeners_close(struct listeners *listeners);
void __wrap_notify_watchdog(void);
void __wrap_notify_reloading(void);
int __wrap_reconfigure_read(const struct service *which, struct server_options *fresh);
void __wrap_reconfigure_apply(struct service *which, struct server_options *fresh);
void __wrap_options_clear(struct server_options *options);
bool __wrap_takeover_may_begin(const struct service *which, bool ending, bool under_way);
int __wrap_takeover_begin(struct takeover *takeover, const struct service *which);
bool __wrap_takeover_end(struct takeover *takeover, struct service *which, bool late);
void __wrap_takeover_cancel(struct takeover *takeover, struct service *which);

/* What happens in this step: whom the supervisor has to look at then. */
static int
happen(struct pollfd *polled)
{
        int at = -1, number = step->number;

        if (strcmp(step->event, "ready") == 0) {
                assert_int_equal(send(ends[number], "R", 1, 0), 1);
                at = 2 + number;
        } else if (strcmp(step->event, "gone") == 0) {
                close(ends[number]);
                ends[number] = -1;
                at = 2 + number;
        } else if (strcmp(step->event, "deaf") == 0) {
                close(ends[number]);
                ends[number] = -1;
        } else if (strcmp(step->event, "end") == 0) {
                ended[number] = true;
                statuses[number] = step->status;
                pending = SIGCHLD;
                at = 0;
        } else if (strcmp(step->event, "signal") == 0) {
                pending = number;
                at = 0;
        } else if (strcmp(step->event, "successor") == 0) {
                succeeds = number;
                at = 1;
        } else if (strcmp(step->event, "turn") == 0) {
                atomic_fetch_add(&service.shared->workers[number].turns, 1);
        }
        if (at == -1)
                return 0;
        polled[at].revents = POLLIN;
        return 1;
}

int
__wrap_poll(struct pollfd *polled, nfds_t count, int timeout)
{
        char command;
        int looks;

        assert_int_equal(count, 2 + WORKERS);
        assert_int_equal(polled[0].fd, signals);
        assert_int_equal(polled[1].fd, successor);
        for (int i = 0; i < WORKERS; i++)
                while (ends[i] != -1 && recv(ends[i], &command, 1, MSG_DONTWAIT) == 1)
                        note("%d:%c", i, command);
        for (nfds_t i = 0; i < count; i++) {
                assert_int_equal(polled[i].events, POLLIN);
                polled[i].revents = 0;
        }
        note("%d", timeout);
        if (!expect_trace(step->done) || step->event == NULL)
                fail_msg("before '%s' %d", step->event == NULL ? "nothing" : step->event,
                         step->number);
        clock_ahead += step->passed * AW_MILLISECOND;
        looks = happen(polled);
        step++;
        return looks;
}

ssize_t
__wrap_read(int fd, void *data, size_t size)
{
        struct signalfd_siginfo info = {.ssi_signo = (uint32_t)pending};

        if (fd != signals)
                return __real_read(fd, data, size);
        if (pending == 0) {
                errno = EAGAIN;
                return -1;
        }
        pending = 0;
        memcpy(data, &info, sizeof(info));
        return (ssize_t)size;
}

int
__wrap_signalfd(int fd, const sigset_t *set, int flags)
{
        static const int wanted[] = {SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2, SIGCHLD};

        for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
                assert_int_equal(sigismember(set, wanted[i]), 1);
        assert_int_equal(sigismember(set, SIGABRT), 0);
        assert_int_equal(fd, -1);
        assert_int_equal(flags, SFD_NONBLOCK | SFD_CLOEXEC);
        return signals = fails("signalfd") ? -1 : dup(0);
}

int
__wrap_sigprocmask(int how, const sigset_t *set, sigset_t *old)
{
        (void)set;
        (void)old;
        assert_int_equal(how, SIG_BLOCK);
        return 0;
}

int
__wrap_socketpair(int domain, int type, int protocol, int pair[2])
{
        if (fails("socketpair") || __real_socketpair(domain, type, protocol, pair) == -1)
                return -1;
        for (started = 0; started < WORKERS - 1 && processes[started] != 0; started++)
                continue;
        if (ends[started] != -1)
                close(ends[started]);
        ends[started] = dup(pair[1]);
        return 0;
}

pid_t
__wrap_fork(void)
{
        if (fails("fork")) {
                close(ends[started]);
                ends[started] = -1;
                return -1;
        }
        note("fork%d", started);
        return processes[started] = next_process++;
}

int
__wrap_kill(pid_t process, int number)
{
        note("kill%d:%d", worker_of(process), number);
        return 0;
}

pid_t
__wrap_waitpid(pid_t process, int *status, int options)
{
        int number = worker_of(process);

        assert_int_equal(options, WNOHANG);
        if (number == -1 || !ended[number])
                return 0;
        *status = statuses[number];
        ended[number] = false;
        processes[number] = 0;
        return process;
}

void *
__wrap_calloc(size_t count, size_t size)
{
        return fails("calloc") ? NULL : __real_calloc(count, size);
}

const char *
__wrap_outside_describe(pid_t process, char *out, size_t size)
{
        snprintf(out, size, "is %d", (int)process);
        return out;
}

void
__wrap_service_ready(struct service *which)
{
        trace("ready");
        which->serving = true;
}

void
__wrap_service_stopping(struct service *which)
{
        (void)which;
        trace("stopping");
}

void
__wrap_service_show_status(const struct service *which)
{
        (void)which;
        trace("status");
}

void
__wrap_shared_forget_worker(struct shared *shared, size_t worker)
{
        assert_ptr_equal(shared, service.shared);
        note("forget%zu", worker);
}

void
__wrap_listeners_close(struct listeners *listeners)
{
        assert_ptr_equal(listeners, &service.listeners);
        trace("close");
}

void
__wrap_notify_watchdog(void)
{
        if (!quiet)
                trace("alive");
}

void
__wrap_notify_reloading(void)
{
        trace("reloading");
}

int
__wrap_reconfigure_read(const struct service *which, struct server_options *fresh)
{
        (void)which;
        (void)fresh;
        trace("read");
        return fails("reconfigure_read") ? -1 : 0;
}

void
__wrap_reconfigure_apply(struct service *which, struct server_options *fresh)
{
        (void)which;
        (void)fresh;
        trace("apply");
}

void
__wrap_options_clear(struct server_options *options)
{
        (void)options;
        trace("clear");
}

bool
__wrap_takeover_may_begin(const struct service *which, bool ending, bool under_way)
{
        (void)which;
        note("may-%d%d", ending, under_way);
        return !ending && !under_way;
}

int
__wrap_takeover_begin(struct takeover *takeover, const struct service *which)
{
        (void)which;
        trace("begin");
        if (fails("takeover_begin"))
                return -1;
        takeover->ready = successor = 1000;
        return 0;
}

bool
__wrap_takeover_end(struct takeover *takeover, struct service *which, bool late)
{
        (void)which;
        trace(late ? "late" : "over");
        takeover->ready = successor = -1;
        return succeeds;
}

void
__wrap_takeover_cancel(struct takeover *takeover, struct service *which)
{
        (void)which;
        trace("cancel");
        takeover->ready = successor = -1;
}

static size_t descriptors;

static int
begin(void **state)
{
        (void)state;
        descriptors = test_count_descriptors();
        service = (struct service){.workers = WORKERS,
                                   .shared = shared_create(WORKERS),
                                   .options = {.drain_delay = AW_SECOND,
                                               .drain_timeout = 3 * AW_SECOND,
                                               .takeover_timeout = 7 * AW_SECOND,
                                               .ticket_rotation = 1000 * AW_SECOND}};
        for (int i = 0; i < WORKERS; i++) {
                ends[i] = -1;
                processes[i] = 0;
                ended[i] = false;
        }
        next_process = FIRST;
        pending = 0;
        successor = -1;
        failing = NULL;
        quiet = false;
        /* A command that arrives is nothing to talk of. */
        aw_log_set_level(AW_LOG_DEBUG);
        test_begin();
        return 0;
}

static int
end(void **state)
{
        (void)state;
        for (int i = 0; i < WORKERS; i++)
                if (ends[i] != -1)
                        close(ends[i]);
        shared_free(service.shared);
        assert_int_equal(test_count_descriptors(), descriptors);
        aw_log_set_level(AW_LOG_INFO);
        test_end();
        return 0;
}

/* Runs it through these steps; what was done behind the last one is looked at, too. */
static void
supervise(const struct step *steps, const char *last, int status)
{
        step = steps;
        assert_int_equal(supervisor_run(&service), status);
        expect_trace(last);
        assert_null(step->done);
}

#define STARTING                                                                                   \
        {.done = "0", .event = "time"},                                                            \
        {                                                                                          \
                .done = "fork0 fork1 1001", .event = "ready", .number = 0                          \
        }
#define SERVING                                                                                    \
        STARTING,                                                                                  \
        {                                                                                          \
                .done = "1001", .event = "ready", .number = 1                                      \
        }
#define STOPPED "stopping cancel close 0:d 1:d 1001"

static void
all_workers_end_gently(void **state)
{
        static const struct step steps[] = {
                SERVING,
                {.done = "ready 1001", .event = "time", .passed = 999},
                {.done = "1001", .event = "time", .passed = 1},
                {.done = "alive 1001", .event = "signal", .number = SIGUSR1},
                {.done = "0:u 1:u 1001", .event = "signal", .number = SIGTERM},
                {.done = STOPPED, .event = "signal", .number = SIGHUP},
                {.done = "0:o 1:o 1001", .event = "end", .number = 0},
                /* There is nothing to start any more, and no hurry. */
                {.done = "forget0 status 1001", .event = "gone", .number = 1},
                {.done = "1001", .event = "end", .number = 1},
                {.done = NULL},
        };

        (void)state;
        supervise(steps, "forget1 status", 0);
}

static void
who_does_not_end_in_time_is_killed(void **state)
{
        static const struct step steps[] = {
                SERVING,
                {.done = "ready 1001", .event = "signal", .number = SIGINT},
                {.done = STOPPED, .event = "end", .number = 0},
                {.done = "forget0 status 1001", .event = "time", .passed = 8999},
                {.done = "alive 1001", .event = "time", .passed = 1},
                {.done = "kill1:9 1001", .event = "end", .number = 1, .status = SIGKILL},
                {.done = NULL},
        };

        (void)state;
        supervise(steps, "forget1 status", 0);
        expect_log("warning: worker 1 (process 70002) was ended by signal 9 (Killed)");
}

static void
a_second_signal_ends_all_at_once(void **state)
{
        static const struct step steps[] = {
                SERVING,
                {.done = "ready 1001", .event = "signal", .number = SIGQUIT},
                {.done = STOPPED, .event = "signal", .number = SIGTERM},
                {.done = "0:q 1:q 1001", .event = "time", .passed = 1999},
                {.done = "alive 1001", .event = "time", .passed = 1},
                {.done = "kill0:9 kill1:9 1001", .event = "end", .number = 0, .status = SIGKILL},
                {.done = "forget0 status kill1:9 1001", .event = "end", .number = 1},
                {.done = NULL},
        };

        (void)state;
        supervise(steps, "forget1 status", 0);
}

static void
where_one_cannot_start_none_goes_on(void **state)
{
        static const struct step steps[] = {
                STARTING,
                {.done = "1001", .event = "end", .number = 1, .status = 256},
                {.done = "forget1 status cancel close 0:q 1001", .event = "ready", .number = 0},
                {.done = "1001", .event = "time", .passed = 2000},
                {.done = "kill0:9 alive 1001", .event = "end", .number = 0, .status = 9},
                {.done = NULL},
        };

        (void)state;
        supervise(steps, "forget0 status", 1);
        expect_log("error: worker 1 ended with status 1 while the server started: giving up");
        expect_log("warning: worker 0 (process 70001) was ended by signal 9 (Killed)");
}

/* One that lives for ten seconds is forgiven. */
static void
who_ends_early_is_replaced_later_each_time(void **state)
{
        static const struct {
                int life, pause;
        } all[] = {{0, 100},  {0, 200},  {0, 400},   {0, 800},      {0, 1600},
                   {0, 3200}, {0, 6400}, {0, 10000}, {9999, 10000}, {10000, 0}};
        static const struct step begins[] = {SERVING};
        static const struct step stops[] = {
                {.done = "forget0 status fork0 1001", .event = "signal", .number = SIGTERM},
                {.done = STOPPED, .event = "end", .number = 0},
                {.done = "forget0 status 1001", .event = "end", .number = 1},
                {.done = NULL},
        };
        struct step steps[50];
        char texts[10][80], line[160];
        size_t count = 3;

        (void)state;
        quiet = true;
        memcpy(steps, begins, sizeof(begins));
        for (size_t i = 0; i < 10; i++) {
                steps[count++] = (struct step){.done = i == 0 ? "ready 1001" : "fork0 1001",
                                               .event = "end",
                                               .status = 256,
                                               .passed = all[i].life};
                if (all[i].pause == 0)
                        break;
                snprintf(texts[i], sizeof(texts[i]), "forget0 status %d",
                         all[i].pause < 1000 ? all[i].pause + 1 : 1001);
                steps[count++] = (struct step){
                        .done = texts[i], .event = "time", .passed = all[i].pause - 1};
                steps[count++] = (struct step){.done = "2", .event = "time", .passed = 1};
        }
        memcpy(&steps[count], stops, sizeof(stops));
        supervise(steps, "forget1 status", 0);
        for (size_t i = 0; i < 10; i++) {
                snprintf(
                        line, sizeof(line),
                        "warning: worker 0 (process %d) ended with status 1: another one takes its "
                        "place in %d ms",
                        FIRST + (i == 0 ? 0 : 1 + (int)i), all[i].pause);
                expect_log(line);
        }
}

static void
a_process_that_cannot_be_had_is_tried_again(void **state)
{
        static const char *const names[] = {"fork", "socketpair"};
        static const struct step steps[] = {
                {.done = "0", .event = "time"},
                {.done = "1001", .event = "time", .passed = 9999},
                {.done = "alive 2", .event = "signal", .number = SIGTERM},
                {.done = NULL},
        };

        (void)state;
        for (size_t i = 0; i < 2; i++) {
                failing = names[i];
                supervise(steps, "stopping cancel close", 0);
                expect_log("error: worker 0 cannot be started: Too many open files in system");
                expect_log("error: worker 1 cannot be started: Too many open files in system");
        }
}

static void
one_that_does_not_listen_is_told_of_where_it_matters(void **state)
{
        static const struct step steps[] = {
                SERVING,
                {.done = "ready 1001", .event = "deaf", .number = 1},
                {.done = "1001", .event = "signal", .number = SIGUSR1},
                {.done = "0:u 1001", .event = "gone", .number = 0},
                /* Without a channel there is nobody to tell. */
                {.done = "1001", .event = "signal", .number = SIGTERM},
                {.done = "stopping cancel close 1001", .event = "end", .number = 0},
                {.done = "forget0 status 1001", .event = "end", .number = 1},
                {.done = NULL},
        };

        (void)state;
        supervise(steps, "forget1 status", 0);
        expect_log("debug: worker 70002 does not listen: Broken pipe");
        expect_log("debug: worker 70002 does not listen: Broken pipe");
}

static void
one_that_hangs_shows_where_and_goes(void **state)
{
        static const struct step steps[] = {
                SERVING,
                {.done = "ready 1001", .event = "turn", .number = 1, .passed = 1000},
                {.done = "alive 1001", .event = "turn", .number = 1, .passed = 1000},
                /* However long this process was stopped, that was one look. */
                {.done = "alive 1001", .event = "turn", .number = 1, .passed = 9000},
                {.done = "alive 1001", .event = "turn", .number = 1, .passed = 1000},
                {.done = "alive kill0:6 kill0:18 1001",
                 .event = "turn",
                 .number = 1,
                 .passed = 1000},
                {.done = "alive 1001", .event = "turn", .number = 1, .passed = 1000},
                {.done = "alive kill0:9 1001", .event = "turn", .number = 0, .passed = 1000},
                {.done = "alive 1001", .event = "signal", .number = SIGTERM},
                {.done = STOPPED, .event = "end", .number = 0},
                {.done = "forget0 status 1001", .event = "end", .number = 1},
                {.done = NULL},
        };

        (void)state;
        service.options.worker_timeout = 4 * AW_SECOND;
        supervise(steps, "forget1 status", 0);
        expect_log(
                "error: worker 0 (process 70001) hangs: its loop has not turned for 4000 ms, and "
                "it is 70001; what its tasks were doing follows, if it can say so");
}

static void
who_takes_the_place_of_one_that_hung_has_all_its_time(void **state)
{
        static const struct step steps[] = {
                SERVING,
                {.done = "ready 1001", .event = "turn", .number = 1, .passed = 1000},
                {.done = "alive 1001", .event = "turn", .number = 1, .passed = 1000},
                {.done = "alive 1001", .event = "turn", .number = 1, .passed = 1000},
                {.done = "alive 1001", .event = "turn", .number = 1, .passed = 1000},
                {.done = "alive kill0:6 kill0:18 1001",
                 .event = "end",
                 .number = 0,
                 .status = SIGABRT},
                {.done = "forget0 status 101", .event = "turn", .number = 1, .passed = 100},
                {.done = "fork0 1001", .event = "turn", .number = 1, .passed = 900},
                {.done = "alive 1001", .event = "turn", .number = 1, .passed = 1000},
                {.done = "alive 1001", .event = "turn", .number = 1, .passed = 1000},
                {.done = "alive 1001", .event = "turn", .number = 1, .passed = 1000},
                {.done = "alive kill0:6 kill0:18 1001", .event = "signal", .number = SIGTERM},
                {.done = STOPPED, .event = "end", .number = 0},
                {.done = "forget0 status 1001", .event = "end", .number = 1},
                {.done = NULL},
        };

        (void)state;
        service.options.worker_timeout = 4 * AW_SECOND;
        supervise(steps, "forget1 status", 0);
        test_log.expected = test_log.count;
}

static void
a_reload_is_over_when_all_have_answered(void **state)
{
        static const struct step steps[] = {
                SERVING,
                {.done = "ready 1001", .event = "signal", .number = SIGHUP},
                {.done = "reloading read apply clear 0:o 0:r 1:o 1:r 1001",
                 .event = "ready",
                 .number = 1},
                {.done = "1001", .event = "ready", .number = 1},
                {.done = "1001", .event = "ready", .number = 0},
                {.done = "ready 1001", .event = "ready", .number = 0},
                {.done = "1001", .event = "signal", .number = SIGTERM},
                {.done = STOPPED, .event = "end", .number = 0},
                {.done = "forget0 status 1001", .event = "end", .number = 1},
                {.done = NULL},
        };

        (void)state;
        supervise(steps, "forget1 status", 0);
}

static void
what_a_reload_cannot_read_changes_nothing(void **state)
{
        static const struct step steps[] = {
                STARTING,
                /* It does not serve yet. */
                {.done = "1001", .event = "signal", .number = SIGHUP},
                {.done = "0:o 1:o 1001", .event = "ready", .number = 1},
                {.done = "ready 1001", .event = "signal", .number = SIGHUP},
                {.done = "reloading read ready 0:o 1:o 1001", .event = "signal", .number = SIGTERM},
                {.done = STOPPED, .event = "end", .number = 0},
                {.done = "forget0 status 1001", .event = "end", .number = 1},
                {.done = NULL},
        };

        (void)state;
        failing = "reconfigure_read";
        supervise(steps, "forget1 status", 0);
}

static void
a_successor_has_its_time(void **state)
{
        static const struct step steps[] = {
                SERVING,
                {.done = "ready 1001", .event = "signal", .number = SIGUSR2},
                {.done = "may-00 begin 1001", .event = "signal", .number = SIGUSR2},
                {.done = "may-01 1001", .event = "time", .passed = 6999},
                {.done = "alive 1001", .event = "time", .passed = 1},
                {.done = "late 1001", .event = "signal", .number = SIGUSR2},
                {.done = "may-00 begin 1001", .event = "successor", .number = false},
                {.done = "over 1001", .event = "signal", .number = SIGUSR2},
                {.done = "may-00 begin 1001", .event = "successor", .number = true},
                {.done = "over stopping cancel close 0:h 1:h 1001", .event = "end", .number = 0},
                {.done = "forget0 status 1001", .event = "time", .passed = 17999},
                {.done = "alive 1001", .event = "signal", .number = SIGUSR2, .passed = 1},
                {.done = "may-10 kill1:9 1001", .event = "end", .number = 1},
                {.done = NULL},
        };

        (void)state;
        supervise(steps, "forget1 status", 0);
}

static void
a_successor_that_does_not_begin_has_no_end(void **state)
{
        static const struct step steps[] = {
                SERVING,
                {.done = "ready 1001", .event = "signal", .number = SIGUSR2},
                {.done = "may-00 begin 1001", .event = "time", .passed = 7000},
                {.done = "alive 1001", .event = "signal", .number = SIGTERM},
                {.done = STOPPED, .event = "end", .number = 0},
                {.done = "forget0 status 1001", .event = "end", .number = 1},
                {.done = NULL},
        };

        (void)state;
        failing = "takeover_begin";
        supervise(steps, "forget1 status", 0);
}

static void
without_memory_or_signals_nothing_is_supervised(void **state)
{
        static const struct step none[] = {{.done = NULL}};

        (void)state;
        failing = "calloc";
        supervise(none, "", 1);
        failing = "signalfd";
        supervise(none, "", 1);
        for (int i = 0; i < 2; i++)
                expect_log("error: Too many open files in system");
}

#define with_workers(test) cmocka_unit_test_setup_teardown(test, begin, end)

int
main(void)
{
        const struct CMUnitTest tests[] = {
                with_workers(all_workers_end_gently),
                with_workers(who_does_not_end_in_time_is_killed),
                with_workers(a_second_signal_ends_all_at_once),
                with_workers(where_one_cannot_start_none_goes_on),
                with_workers(who_ends_early_is_replaced_later_each_time),
                with_workers(a_process_that_cannot_be_had_is_tried_again),
                with_workers(one_that_does_not_listen_is_told_of_where_it_matters),
                with_workers(one_that_hangs_shows_where_and_goes),
                with_workers(who_takes_the_place_of_one_that_hung_has_all_its_time),
                with_workers(a_reload_is_over_when_all_have_answered),
                with_workers(what_a_reload_cannot_read_changes_nothing),
                with_workers(a_successor_has_its_time),
                with_workers(a_successor_that_does_not_begin_has_no_end),
                with_workers(without_memory_or_signals_nothing_is_supervised),
        };

        clock_stop();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
