/* SPDX-License-Identifier: MIT */
/* Wraps: ws_listener_wait aw_spawn aw_group_spawn aw_signals_open access_log_start listeners_tell aw_log_say. */
/* Wraps: ws_accept ws_listen ws_peer ws_drop behave_create behave_free send malloc. */
/* Wraps: shared_create detach listeners_shut echo reconfigure_read aw_dump_print. */
/* A worker from its beginning to its end, where something cannot be had, and where it is cancelled. */
#include <semaphore.h>
#include <sys/socket.h>

#include "access_log.h"
#include "admin.h"
#include "await/signals.h"
#include "await/task_wait.h"
#include "base/say.h"
#include "behave/behave.h"
#include "detach.h"
#include "limit.h"
#include "unit/support.h"
#include "worker.h"

/* What fails: the function, or the task of this name. */
static const char *failing;
static int interrupted; /* so often ws_listener_wait() is cancelled */
static int waits;       /* that came to their end */

async int __real_ws_listener_wait(struct ws_listener *listener, aw_time deadline);
async int __wrap_ws_listener_wait(struct ws_listener *listener, aw_time deadline);
struct aw_task *__real_aw_spawn(const char *name, aw_task_function *function, void *argument);
struct aw_task *__wrap_aw_spawn(const char *name, aw_task_function *function, void *argument);
int __real_aw_group_spawn(struct aw_group *group, const char *name, aw_task_function *function,
                          void *argument);
int __wrap_aw_group_spawn(struct aw_group *group, const char *name, aw_task_function *function,
                          void *argument);
struct aw_signals *__real_aw_signals_open(const int *numbers, size_t count);
struct aw_signals *__wrap_aw_signals_open(const int *numbers, size_t count);
int __real_access_log_start(bool tells);
int __wrap_access_log_start(bool tells);
void __real_listeners_tell(const struct listeners *listeners);
void __wrap_listeners_tell(const struct listeners *listeners);

void __wrap_aw_log_say(const char *format, va_list arguments);

static bool
fails(const char *name)
{
        bool now = failing != NULL && strcmp(failing, name) == 0;

        if (now)
                errno = ENOMEM;
        return now;
}

async int
__wrap_ws_listener_wait(struct ws_listener *listener, aw_time deadline)
{
        int result;

        if (interrupted > 0) {
                interrupted--;
                errno = ECANCELED;
                return -1;
        }
        result = await(__real_ws_listener_wait(listener, deadline));
        waits += result == 0;
        return result;
}

struct aw_task *
__wrap_aw_spawn(const char *name, aw_task_function *function, void *argument)
{
        return fails(name) ? NULL : __real_aw_spawn(name, function, argument);
}

int
__wrap_aw_group_spawn(struct aw_group *group, const char *name, aw_task_function *function,
                      void *argument)
{
        return fails(name) ? -1 : __real_aw_group_spawn(group, name, function, argument);
}

struct aw_signals *
__wrap_aw_signals_open(const int *numbers, size_t count)
{
        return fails("aw_signals_open") ? NULL : __real_aw_signals_open(numbers, count);
}

int
__wrap_access_log_start(bool tells)
{
        return fails("access_log_start") ? -1 : __real_access_log_start(tells);
}

/* One connection comes: it has behaviours, or none, or there is no memory to find out. */
static enum { COMES_NOT, COMES_PLAIN, COMES_WITH_BEHAVIOURS, COMES_IN_VAIN } coming, come;

static char place; /* of all that is not looked into */

async struct ws *__real_ws_accept(struct ws_listener *listener, aw_time deadline);
async struct ws *__wrap_ws_accept(struct ws_listener *listener, aw_time deadline);
async struct ws_listener *__real_ws_listen(const struct ws_listen_options *options,
                                           struct aw_error *error);
async struct ws_listener *__wrap_ws_listen(const struct ws_listen_options *options,
                                           struct aw_error *error);
const char *__wrap_ws_peer(const struct ws *ws);
void __wrap_ws_drop(struct ws *ws);
struct behave *__wrap_behave_create(struct behave_server *server, struct ws *ws);
void __wrap_behave_free(struct behave *behave);
ssize_t __real_send(int fd, const void *data, size_t size, int flags);
ssize_t __wrap_send(int fd, const void *data, size_t size, int flags);
void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);

async struct ws *
__wrap_ws_accept(struct ws_listener *listener, aw_time deadline)
{
        come = coming;
        coming = COMES_NOT;
        return come == COMES_NOT ? await(__real_ws_accept(listener, deadline))
                                 : (struct ws *)&place;
}

/* Of sockets that are there: a worker's. */
async struct ws_listener *
__wrap_ws_listen(const struct ws_listen_options *options, struct aw_error *error)
{
        if (options->descriptor_count > 0 && fails("stopped while it listens")) {
                kill(getpid(), SIGTERM);
                while (await(aw_sleep(AW_SECOND)) == 0)
                        continue;
                *error = (struct aw_error){.kind = AW_ERROR_CANCELLED, .text = "cancelled"};
                return NULL;
        }
        if (options->descriptor_count > 0 && fails("ws_listen")) {
                *error = (struct aw_error){.kind = AW_ERROR_SYSTEM, .text = "no such luck"};
                return NULL;
        }
        return await(__real_ws_listen(options, error));
}

const char *
__wrap_ws_peer(const struct ws *ws)
{
        expect(ws == (struct ws *)&place);
        return "peer";
}

void
__wrap_ws_drop(struct ws *ws)
{
        expect(ws == (struct ws *)&place);
        trace("drop");
}

struct behave *
__wrap_behave_create(struct behave_server *server, struct ws *ws)
{
        (void)server;
        expect(ws == (struct ws *)&place);
        errno = come == COMES_IN_VAIN ? ENOMEM : 0;
        return come == COMES_WITH_BEHAVIOURS ? (struct behave *)&place : NULL;
}

void
__wrap_behave_free(struct behave *behave)
{
        expect(behave == (struct behave *)&place);
        errno = ENOMEM;
        trace("free");
}

/* Whoever cannot send finds nobody there any more. */
ssize_t
__wrap_send(int fd, const void *data, size_t size, int flags)
{
        if (!fails("send"))
                return __real_send(fd, data, size, flags);
        shutdown(fd, SHUT_RDWR);
        errno = ENOMEM;
        return -1;
}

/* That for reading the options. */
void *
__wrap_malloc(size_t size)
{
        return size == sizeof(struct server_options) + sizeof(void *) && fails("malloc")
                       ? NULL
                       : __real_malloc(size);
}

struct shared *__real_shared_create(size_t workers);
struct shared *__wrap_shared_create(size_t workers);
int __wrap_detach(int *ready);
void __real_listeners_shut(struct listeners *listeners);
void __wrap_listeners_shut(struct listeners *listeners);

/* For all of them: not by one of several workers. */
void
__wrap_listeners_shut(struct listeners *listeners)
{
        trace("shut");
        __real_listeners_shut(listeners);
}

struct shared *
__wrap_shared_create(size_t workers)
{
        return fails("shared_create") ? NULL : __real_shared_create(workers);
}

int
__wrap_detach(int *ready)
{
        trace("detach");
        *ready = -1;
        return fails("detach") ? -1 : 0;
}

static int before; /* a signal that comes before the end */

/* What is said whatever the level is. */
void
__wrap_aw_log_say(const char *format, va_list arguments)
{
        char text[200];

        vsnprintf(text, sizeof(text), format, arguments);
        test_sink(AW_LOG_INFO, text);
}

/* It serves: that is enough. */
void
__wrap_listeners_tell(const struct listeners *listeners)
{
        (void)listeners;
        trace("serves");
        if (before != 0)
                kill(getpid(), before);
        kill(getpid(), SIGTERM);
}

/* A server's life, with these options besides; its status. */
static int
run_server(const char *first, const char *second, const char *third, const char *fourth)
{
        const char *const words[] = {"wsechod",
                                     "--listen",
                                     "ws://127.0.0.1:0",
                                     "--drain-timeout",
                                     "1",
                                     first,
                                     second,
                                     third,
                                     fourth,
                                     NULL};
        struct service service = {.inherited = {.ready = -1, .pidfile = -1, .tickets = -1},
                                  .pidfile = {.fd = -1},
                                  .detached = -1,
                                  .workers = 1,
                                  .process = getpid()};
        struct worker_start alone = {.service = &service, .channel = -1};
        static size_t descriptors; /* after the first time: libuv keeps a pipe */
        int count = 5, status;

        while (words[count] != NULL)
                count++;
        service.argc = count;
        service.argv = (char **)(uintptr_t)words;
        assert_int_equal(options_parse(count, service.argv, &service.options, NULL), AW_OPT_RUN);
        service.options.loop = getenv("AW_TEST_LOOP");
        service.options.slow_task = 0;
        service.inherited = (struct inherited){.ready = -1, .pidfile = -1, .tickets = -1};
        service.options.loop = "poll";
        assert_int_equal(service_open(&service), 0);
        status = service_loop(&service.options, worker_run, &alone);
        service_close(&service);
        if (descriptors == 0)
                descriptors = test_count_descriptors();
        assert_int_equal(test_count_descriptors(), descriptors);
        return status;
}

static void
begin(const char *what)
{
        test_begin();
        failing = what;
        coming = COMES_NOT;
        before = 0;
        interrupted = waits = 0;
}

static void
a_server_begins_serves_and_ends(void **state)
{
        (void)state;
        begin(NULL);
        assert_int_equal(run_server(NULL, NULL, NULL, NULL), 0);
        expect_trace("serves shut");
        expect_log("stopping");
        expect_int(waits, 1);
        test_end();
}

/* Whoever is asked for a password uses what is the worker's, so that goes last, whatever comes. */
static void
an_end_that_is_cancelled_waits_all_the_same(void **state)
{
        (void)state;
        begin(NULL);
        interrupted = 3;
        assert_int_equal(run_server(NULL, NULL, NULL, NULL), 0);
        expect_trace("serves shut");
        expect_int(interrupted, 0);
        expect_int(waits, 1);
        expect_log("stopping");
        test_end();
        /* The listener for operators waits first. */
        begin(NULL);
        interrupted = 3;
        assert_int_equal(run_server("--admin", "http://127.0.0.1:0", NULL, NULL), 0);
        expect_trace("serves shut");
        expect_int(interrupted, 0);
        expect_int(waits, 2);
        expect_log("metrics at http://127.0.0.1:");
        expect_log("stopping");
        test_end();
}

/* What cannot be had, and what is said then. It ends with status 1, and nobody was served. */
static void
assert_fails(const char *what, const char *says, const char *option, const char *value)
{
        begin(what);
        assert_int_equal(run_server(option, value, NULL, NULL), 1);
        expect_trace(strcmp(what, "accept") == 0 ? "shut" : "");
        expect_log(says);
        test_end();
}

static void
what_cannot_be_had_ends_it_with_a_sentence(void **state)
{
        (void)state;
        assert_fails("aw_signals_open", "error: signals: Cannot allocate memory", NULL, NULL);
        assert_fails("ws_listen", "error: no such luck", NULL, NULL);
        assert_fails("accept", "error: Cannot allocate memory", NULL, NULL);
        assert_fails("access_log_start", "error: --access-log: Cannot allocate memory", NULL, NULL);
        assert_fails("metrics", "error: --admin: Cannot allocate memory", "--admin",
                     "http://127.0.0.1:0");
}

static void
a_connection_without_a_task_is_dropped(void **state)
{
        static const struct {
                int comes;
                const char *calls;
        } all[] = {{COMES_PLAIN, "drop"},
                   {COMES_WITH_BEHAVIOURS, "free drop"},
                   {COMES_IN_VAIN, "drop"}};
        char calls[40];

        (void)state;
        for (size_t i = 0; i < 3; i++) {
                begin(all[i].comes == COMES_IN_VAIN ? NULL : "peer");
                coming = all[i].comes;
                assert_int_equal(run_server(NULL, NULL, NULL, NULL), 0);
                snprintf(calls, sizeof(calls), "serves %s shut", all[i].calls);
                expect_trace(calls);
                expect(test_log_find("warning: peer: no task for it: Cannot allocate memory")[0] !=
                       '\0');
                test_end();
        }
}

static void
a_signal_that_cannot_be_obeyed_is_told_of(void **state)
{
        static const struct {
                int signal;
                const char *task, *says;
        } all[] = {{SIGHUP, "reload", "error: SIGHUP: Cannot allocate memory"},
                   {SIGHUP, "malloc", "error: SIGHUP: Cannot allocate memory"},
                   {SIGUSR2, "takeover", "error: SIGUSR2: Cannot allocate memory"}};

        (void)state;
        for (size_t i = 0; i < 3; i++) {
                begin(all[i].task);
                before = all[i].signal;
                assert_int_equal(run_server(NULL, NULL, NULL, NULL), 0);
                expect_trace("serves shut");
                expect(test_log_find(all[i].says)[0] != '\0');
                test_end();
        }
}

/* There is nobody to be gentle with. */
static void
a_server_that_is_stopped_while_it_starts_ends_well(void **state)
{
        (void)state;
        begin("stopped while it listens");
        assert_int_equal(run_server(NULL, NULL, NULL, NULL), 0);
        expect_trace("");
        test_end();
}

/* One of several, whose supervisor is a thread. */

/* A connection that does not end by itself. */
async int __wrap_echo(void *ws);

async int
__wrap_echo(void *ws)
{
        expect(ws == &place);
        while (await(aw_sleep(AW_NEVER)) == 0)
                continue;
        trace("end");
        return 0;
}

/* Once, while options are read, another reload is asked for; the dump shows that it was heard. */
static int asking = -1;
static int reads;
static sem_t heard;

int __real_reconfigure_read(const struct service *service, struct server_options *fresh);
int __wrap_reconfigure_read(const struct service *service, struct server_options *fresh);
void __wrap_aw_dump_print(void);

int
__wrap_reconfigure_read(const struct service *service, struct server_options *fresh)
{
        reads++;
        if (asking != -1) {
                expect_int(send(asking, "ru", 2, 0), 2);
                asking = -1;
                sem_wait(&heard);
        }
        return __real_reconfigure_read(service, fresh);
}

void
__wrap_aw_dump_print(void)
{
        sem_post(&heard);
}

struct supervising {
        int channel;
        const char *commands;          /* one for each time that it says it is ready */
        const struct service *service; /* to be looked at */
        char answers[8];               /* what it has said */
        int states[8];                 /* what it was then */
        unsigned long turns;           /* of its loop, at first */
};

static void *
supervise(void *argument)
{
        struct supervising *supervising = argument;
        const struct worker_block *block = &supervising->service->shared->workers[1];
        size_t i = 0;

        while (i < sizeof(supervising->answers) - 1 &&
               recv(supervising->channel, &supervising->answers[i], 1, 0) == 1) {
                supervising->states[i] = atomic_load(&block->state);
                if (i == 0)
                        supervising->turns = atomic_load(&block->turns);
                if (supervising->commands[i] == '\0')
                        break;
                send(supervising->channel, &supervising->commands[i++], 1, MSG_NOSIGNAL);
                /* One that ends says nothing any more. */
                if (strchr("dh", supervising->commands[i - 1]) == NULL ||
                    supervising->commands[i] == '\0')
                        continue;
                while (atomic_load(&block->state) != WORKER_DRAINING)
                        sched_yield();
                send(supervising->channel, &supervising->commands[i++], 1, MSG_NOSIGNAL);
        }
        /* Without another command it has no supervisor any more. */
        if (supervising->commands[i] == '\0')
                shutdown(supervising->channel, SHUT_RDWR);
        return NULL;
}

static aw_time drain_delay;
static bool asks; /* for a reload during another one */

static struct supervising
run_worker(const char *commands, int status)
{
        const char *const words[] = {"wsechod",   "--listen", "ws://127.0.0.1:0",
                                     "--workers", "2",        "--worker-timeout",
                                     "0",         NULL};
        struct service service = {
                .pidfile = {.fd = -1}, .detached = -1, .workers = 2, .process = getpid()};
        struct supervising supervising = {.commands = commands, .service = &service};
        struct worker_start start = {.service = &service, .number = 1};
        int pair[2];
        pthread_t thread;

        service.argc = 7;
        service.argv = (char **)(uintptr_t)words;
        assert_int_equal(options_parse(7, service.argv, &service.options, NULL), AW_OPT_RUN);
        service.options.loop = getenv("AW_TEST_LOOP");
        service.options.slow_task = 0;
        service.options.drain_timeout = 3600 * AW_SECOND;
        service.options.drain_delay = drain_delay;
        service.inherited = (struct inherited){.ready = -1, .pidfile = -1, .tickets = -1};
        service.options.loop = "poll";
        assert_int_equal(service_open(&service), 0);
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
        start.channel = pair[0];
        supervising.channel = pair[1];
        asking = asks ? pair[1] : -1;
        service.process = 1;
        assert_int_equal(pthread_create(&thread, NULL, supervise, &supervising), 0);
        assert_int_equal(service_loop(&service.options, worker_run, &start), status);
        shutdown(pair[0], SHUT_RDWR);
        pthread_join(thread, NULL);
        close(pair[0]);
        close(pair[1]);
        assert_int_equal(atomic_load(&service.shared->workers[1].state),
                         status == 0 ? WORKER_DRAINING : WORKER_NONE);
        service_close(&service);
        return supervising;
}

static void
a_worker_says_when_it_is_ready_and_does_what_it_is_told(void **state)
{
        static const char *const ends[] = {"d", "h", "q", "rd", "rrh"};

        (void)state;
        for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
                struct supervising supervising;

                begin(NULL);
                supervising = run_worker(ends[i], 0);
                /* Once for the beginning, and once for each reload. */
                expect_int((long long)strlen(supervising.answers), (long long)strlen(ends[i]));
                expect(strspn(supervising.answers, "R") == strlen(ends[i]));
                expect_int(supervising.states[0], WORKER_SERVING);
                expect(supervising.turns >= 1);
                expect_trace("");
                test_end();
        }
}

/* With connections that would go on for an hour. */
static void
a_worker_that_is_to_end_at_once_does_so(void **state)
{
        static const struct {
                const char *commands;
                aw_time delay;
        } all[] = {
                {"q", 0}, {"dq", 0}, {"dq", 3600 * AW_SECOND}, {"hq", 0}, {"q", 3600 * AW_SECOND}};

        (void)state;
        for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
                begin(NULL);
                coming = COMES_PLAIN;
                drain_delay = all[i].delay;
                run_worker(all[i].commands, 0);
                drain_delay = 0;
                expect_trace("end");
                expect_log("dropped the connections that did not close");
                test_end();
        }
}

/* What was read so far may be older. */
static void
a_reload_that_is_asked_for_during_another_one_is_not_forgotten(void **state)
{
        struct supervising supervising;

        (void)state;
        begin(NULL);
        asks = true;
        reads = 0;
        assert_int_equal(sem_init(&heard, 0, 0), 0);
        supervising = run_worker("rd", 0);
        asks = false;
        expect_int(reads, 2);
        expect(strcmp(supervising.answers, "RR") == 0);
        sem_destroy(&heard);
        test_end();
}

static void
a_worker_whose_supervisor_is_gone_ends_and_says_so(void **state)
{
        (void)state;
        begin(NULL);
        run_worker("", 0);
        expect_log("warning: the supervisor is gone: worker 1 closes its connections");
        test_end();
        /* It says nothing of one that has told it to end. */
        begin(NULL);
        run_worker("r", 0);
        expect_log("warning: the supervisor is gone: worker 1 closes its connections");
        test_end();
}

static void
a_worker_that_cannot_say_so_or_be_watched_does_so_too(void **state)
{
        (void)state;
        aw_log_set_level(AW_LOG_DEBUG);
        begin("send");
        run_worker("", 0);
        expect(test_log_find("debug: worker: the supervisor does not listen: Cannot allocate")[0] !=
               '\0');
        test_end();
        aw_log_set_level(AW_LOG_INFO);
        begin("metrics");
        run_worker("", 1);
        expect_log("error: Cannot allocate memory");
        test_end();
}

/* Opening. */

static void
without_a_task_for_signals_nothing_is_opened(void **state)
{
        struct service service = {.inherited = {.ready = -1, .pidfile = -1, .tickets = -1},
                                  .pidfile = {.fd = -1},
                                  .detached = -1,
                                  .workers = 1,
                                  .process = getpid()};
        const char *const words[] = {"wsechod", "--listen", "ws://127.0.0.1:0", NULL};

        (void)state;
        begin("signals");
        assert_int_equal(options_parse(3, (char **)(uintptr_t)words, &service.options, NULL),
                         AW_OPT_RUN);
        service.options.loop = getenv("AW_TEST_LOOP");
        service.options.loop = "poll";
        assert_int_equal(service_open(&service), 1);
        expect_log("error: Cannot allocate memory");
        expect_int((long long)service.listeners.count, 0);
        service_close(&service);
        test_end();
}

/* A server that has opened all, or not; the number is where others find it if all went well. */
static void
assert_opens(const char *what, int status, const char *calls)
{
        char path[60], number[24] = "";
        const char *const words[] = {
                "wsechod", "--listen", "ws://127.0.0.1:0", "--daemon", "--pidfile", path, NULL};
        struct service service = {.inherited = {.ready = -1, .pidfile = -1, .tickets = -1},
                                  .pidfile = {.fd = -1},
                                  .detached = -1,
                                  .workers = 1};
        int ends[2];

        begin(what);
        snprintf(path, sizeof(path), "/tmp/worker_test.%d", (int)getpid());
        assert_int_equal(pipe(ends), 0);
        assert_int_equal(options_parse(6, (char **)(uintptr_t)words, &service.options, NULL),
                         AW_OPT_RUN);
        service.options.loop = getenv("AW_TEST_LOOP");
        if (calls[0] == '\0' && what == NULL)
                service.inherited.ready = ends[1];
        service.options.loop = "poll";
        assert_int_equal(service_open(&service), status);
        expect_trace(calls);
        if (service.pidfile.fd != -1)
                assert_true(pread(service.pidfile.fd, number, sizeof(number) - 1, 0) >= 0);
        assert_int_equal(atoi(number), status == 0 && service.inherited.ready == -1 ? getpid() : 0);
        assert_int_equal(service.process, status == 0 ? getpid() : 0);
        if (service.inherited.ready == -1)
                close(ends[1]);
        service_close(&service);
        close(ends[0]);
        unlink(path);
}

static void
to_the_background_goes_who_is_not_there_yet(void **state)
{
        (void)state;
        assert_opens(NULL, 0, "detach");
        test_end();
        assert_opens(NULL, 0, "");
        test_end();
        assert_opens("detach", 1, "detach");
        test_end();
        assert_opens("shared_create", 1, "");
        expect_log("error: shared memory: Cannot allocate memory");
        test_end();
}

/* The listener for operators. */

static struct shared *shared;
static size_t none;
static bool draining;

static struct admin
admin_of(bool silent)
{
        return (struct admin){.count = &none,
                              .draining = &draining,
                              .metrics = shared->metrics,
                              .blocks = 1,
                              .listing = {.shared = shared, .count = &none},
                              .silent = silent};
}

static async int
admin_says_where_it_is_or_why_not(NOTHING)
{
        struct admin admin, second;
        char url[80];

        failing = NULL;
        shared = shared_create(1);
        metrics_use(&shared->metrics[0]);
        limit_use(shared, 0, &(struct limit_options){.max_memory = 1 << 20});
        admin = admin_of(false);
        expect_int(await(admin_open(&admin, "http://127.0.0.1:0")), 0);
        expect_log("metrics at http://127.0.0.1:");
        snprintf(url, sizeof(url), "http://%s", ws_listener_url(admin.listener, 0) + 5);
        second = admin_of(true);
        expect_int(await(admin_open(&second, url)), 1);
        expect_log("error: --admin: ");
        expect(second.listener == NULL && second.watching == NULL);
        await(admin_close(&second));
        expect_int(await(admin_open(&second, "http://127.0.0.1:99999")), 2);
        expect_log("error: --admin: ");
        expect_int(await(admin_open(&second, "http://127.0.0.1:0")), 0);
        interrupted = 2;
        waits = 0;
        await(admin_close(&second));
        expect_int(interrupted, 0);
        expect_int(waits, 1);
        expect(second.listener == NULL && second.watching == NULL);
        await(admin_close(&admin));
        await(admin_close(&admin));
        failing = "metrics";
        expect_int(await(admin_open(&second, "http://127.0.0.1:0")), 1);
        expect_log("error: --admin: Cannot allocate memory");
        expect(second.listener == NULL);
        failing = NULL;
        shared_free(shared);
        return 0;
}

static void
admin_takes_its_own_kinds_of_urls(void **state)
{
        char *url = admin_listen_url("http://127.0.0.1:80");

        (void)state;
        assert_string_equal(url, "ws://127.0.0.1:80");
        free(url);
        url = admin_listen_url("unix:/run/x");
        assert_string_equal(url, "unix:/run/x");
        free(url);
        assert_true(admin_is_url("http://x") && admin_is_url("unix:/x"));
        assert_false(admin_is_url("https://x") || admin_is_url("unix:x") ||
                     admin_is_url("http:/x") || admin_is_url("ws://x"));
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_server_begins_serves_and_ends),
                cmocka_unit_test(an_end_that_is_cancelled_waits_all_the_same),
                cmocka_unit_test(what_cannot_be_had_ends_it_with_a_sentence),
                cmocka_unit_test(a_connection_without_a_task_is_dropped),
                cmocka_unit_test(a_signal_that_cannot_be_obeyed_is_told_of),
                cmocka_unit_test(a_server_that_is_stopped_while_it_starts_ends_well),
                cmocka_unit_test(a_worker_that_cannot_say_so_or_be_watched_does_so_too),
                cmocka_unit_test(a_worker_says_when_it_is_ready_and_does_what_it_is_told),
                cmocka_unit_test(a_worker_that_is_to_end_at_once_does_so),
                cmocka_unit_test(a_reload_that_is_asked_for_during_another_one_is_not_forgotten),
                cmocka_unit_test(a_worker_whose_supervisor_is_gone_ends_and_says_so),
                cmocka_unit_test(to_the_background_goes_who_is_not_there_yet),
                cmocka_unit_test(without_a_task_for_signals_nothing_is_opened),
                on_loop(admin_says_where_it_is_or_why_not),
                cmocka_unit_test(admin_takes_its_own_kinds_of_urls),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
