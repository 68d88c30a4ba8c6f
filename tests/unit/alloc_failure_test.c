/* SPDX-License-Identifier: MIT */
/* Wraps: malloc calloc realloc free mmap munmap sysconf. */
/* LDFLAGS: -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=free,--wrap=mmap,--wrap=munmap */
/*
 * Memory runs out at the first request, at the second, and so on until a run needs no more: each
 * run fails with ENOMEM, leaks nothing and leaves nothing open. The linker leads our own calls here,
 * not those of other libraries.
 */
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "await/executor.h"
#include "await/process.h"
#include "await/signals.h"
#include "await/task_wait.h"
#include "await/ws.h"
#include "net/transport.h"
#include "unit/task/task_test.h"

#define LINKED __attribute__((weak)) /* or not, see main() */
void *__real_malloc(size_t size) LINKED;
void *__real_calloc(size_t count, size_t size) LINKED;
void *__real_realloc(void *old, size_t size) LINKED;
void __real_free(void *memory) LINKED;
void *__real_mmap(void *address, size_t length, int protection, int flags, int fd,
                  off_t offset) LINKED;
int __real_munmap(void *address, size_t length) LINKED;
long __real_sysconf(int name) LINKED;
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
void __wrap_free(void *memory);
void *__wrap_mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset);
int __wrap_munmap(void *address, size_t length);
long __wrap_sysconf(int name);

#define LIVE_MOST 4096

static struct {
        pthread_mutex_t lock;
        bool active;
        size_t requests;       /* so far */
        size_t first, last;    /* those that fail */
        void *live[LIVE_MOST]; /* what was given and not taken back */
        size_t live_count;
} memory = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* Whether there is memory this time. */
static bool
may_have(void)
{
        bool may = true;

        pthread_mutex_lock(&memory.lock);
        if (memory.active) {
                memory.requests++;
                may = memory.requests < memory.first || memory.requests > memory.last;
        }
        pthread_mutex_unlock(&memory.lock);
        if (!may)
                errno = ENOMEM;
        return may;
}

static void *
given(void *address)
{
        pthread_mutex_lock(&memory.lock);
        if (memory.active && address != NULL && address != MAP_FAILED) {
                if (memory.live_count == LIVE_MOST)
                        abort();
                memory.live[memory.live_count++] = address;
        }
        pthread_mutex_unlock(&memory.lock);
        return address;
}

/* What is taken back may be from before, or from another library. */
static void
taken_back(const void *address)
{
        size_t i;

        pthread_mutex_lock(&memory.lock);
        for (i = 0; i < memory.live_count; i++)
                if (memory.live[i] == address)
                        memory.live[i--] = memory.live[--memory.live_count];
        pthread_mutex_unlock(&memory.lock);
}

void *
__wrap_malloc(size_t size)
{
        return may_have() ? given(__real_malloc(size)) : NULL;
}

void *
__wrap_calloc(size_t count, size_t size)
{
        return may_have() ? given(__real_calloc(count, size)) : NULL;
}

void *
__wrap_realloc(void *old, size_t size)
{
        if (!may_have())
                return NULL;
        taken_back(old);
        return given(__real_realloc(old, size));
}

void
__wrap_free(void *address)
{
        taken_back(address);
        __real_free(address);
}

void *
__wrap_mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset)
{
        return may_have() ? given(__real_mmap(address, length, protection, flags, fd, offset))
                          : MAP_FAILED;
}

int
__wrap_munmap(void *address, size_t length)
{
        taken_back(address);
        return __real_munmap(address, length);
}

/*
 * Counting processors leaves errno behind as it does where there is no /sys; a caller who has an
 * error to report must not lose it over that.
 */
long
__wrap_sysconf(int name)
{
        long result = __real_sysconf(name);

        if (name == _SC_NPROCESSORS_ONLN)
                errno = ENOENT;
        return result;
}

/* What is done without memory. Each step may fail with ENOMEM, and then all that was begun is ended. */

enum { TASKS = 150 }; /* more stacks than are mapped at once */

static async int
sleep_a_little(void *argument)
{
        return await(aw_sleep(argument == NULL ? 0 : 100));
}

static async int
gather_tasks(NOTHING)
{
        struct aw_task *tasks[TASKS];
        size_t i, count;
        int result = 0, error = 0;

        for (count = 0; count < TASKS; count++) {
                tasks[count] = aw_spawn("sleeper", sleep_a_little, NUMBER(count % 2));
                if (tasks[count] == NULL)
                        break;
        }
        if (count < TASKS)
                error = errno;
        for (i = 0; error != 0 && i < count; i++)
                aw_cancel(tasks[i]);
        while (await(aw_gather(tasks, count, NULL)) == -1) {
                /* Those that failed are gone: the rest moves up. */
                size_t left = 0;

                for (i = 0; i < count; i++)
                        if (tasks[i] != NULL)
                                tasks[left++] = tasks[i];
                count = left;
        }
        result = error == 0 ? 0 : -1;
        errno = error;
        return result;
}

static async int
fill_a_queue(NOTHING)
{
        struct aw_queue queue;
        size_t i, put = 0;
        void *item;
        int error = 0;

        aw_queue_init(&queue, 100);
        for (i = 0; i < 100; i++)
                if (await(aw_queue_put(&queue, NUMBER(i), AW_NEVER)) == 0)
                        put++;
                else
                        error = errno;
        expect_int(aw_queue_size(&queue), put);
        /* A put that failed has left its room. */
        for (i = put; i < 100; i++)
                if (aw_queue_put_nowait(&queue, NUMBER(i)) == -1)
                        expect_int(errno, ENOMEM);
        while (aw_queue_get_nowait(&queue, &item) == 0)
                continue;
        aw_queue_free(&queue);
        errno = error;
        return error == 0 ? 0 : -1;
}

static async int
join_a_group(NOTHING)
{
        struct aw_group group;
        int i, error = 0, result;

        aw_group_init(&group);
        for (i = 0; i < TASKS && error == 0; i++)
                if (aw_group_spawn(&group, "sleeper", sleep_a_little, NUMBER(i % 2)) == -1)
                        error = errno;
        if (error != 0)
                aw_group_cancel(&group);
        result = await(aw_group_join(&group));
        expect_int(result, 0);
        errno = error;
        return error == 0 ? 0 : -1;
}

static int
take_argument(void *argument, void **result)
{
        *result = argument;
        return 1;
}

static void
discard_argument(void *argument)
{
        ++*(int *)argument;
}

static async int
run_a_job(struct aw_executor *executor)
{
        int discarded = 0, value, error;
        struct aw_job job = {
                .run = take_argument, .argument = &discarded, .discard = discard_argument};
        void *result = NULL;

        value = await(aw_run_in_executor(executor, &job, &result));
        error = errno;
        /* Either it ran or it was discarded. */
        expect(value == 1 ? result == &discarded && discarded == 0 : discarded == 1);
        errno = error;
        return value == 1 ? 0 : -1;
}

static async int
use_executors(NOTHING)
{
        struct aw_executor *pool = aw_thread_pool_create(NULL);
        int i, result = pool == NULL ? -1 : 0, error = errno;

        for (i = 0; i < 3 && result == 0; i++) {
                result = await(run_a_job(i == 2 ? NULL : pool));
                error = errno;
        }
        if (pool != NULL)
                expect_int(await(aw_executor_shutdown(pool, false)), 0);
        errno = error == EAGAIN ? ENOMEM : error;
        return result;
}

static ssize_t
do_nothing(const void *request, size_t length, void *reply, size_t size)
{
        (void)request, (void)length, (void)reply, (void)size;
        return 0;
}

static async int
make_processes(NOTHING)
{
        static aw_process_function *const table[] = {do_nothing};
        struct aw_process_pool_options options = {
                .functions = table, .function_count = 1, .max_workers = 1};
        struct aw_executor *pool = await(aw_process_pool_create(&options));

        return pool == NULL ? -1 : await(aw_executor_shutdown(pool, false));
}

static void
ignore(void *argument)
{
        (void)argument;
}

static void
ignore_data(void *owner, const uint8_t *data, size_t length)
{
        (void)owner, (void)data, (void)length;
}

static void
ignore_end(void *owner, bool truncated)
{
        (void)owner, (void)truncated;
}

static void
ignore_close(void *owner, int error, const char *text)
{
        (void)owner, (void)error, (void)text;
}

static const struct aw_transport_callbacks ignore_all = {.established = ignore,
                                                         .data = ignore_data,
                                                         .ended = ignore_end,
                                                         .writable = ignore,
                                                         .closed = ignore_close};

static async int
open_much(NOTHING)
{
        static const int numbers[] = {SIGUSR1};
        struct aw_signals *signals = aw_signals_open(numbers, 1);
        int error = signals == NULL ? errno : 0, ends[2], fd = eventfd(0, EFD_CLOEXEC);
        struct aw_watch *watch = aw_watch_open(fd, ignore, NULL);

        if (watch == NULL) {
                error = errno;
                close(fd);
        }
        /* One is closed by its owner, the other by the end of the loop. */
        expect_int(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
        if (aw_transport_open(ends[0], AW_TRANSPORT_CONNECTED, NULL, &ignore_all, NULL) == NULL)
                error = errno;
        if (aw_transport_open(ends[1], AW_TRANSPORT_CONNECTED, NULL, &ignore_all, NULL) == NULL)
                error = errno;
        await(yield(3));
        aw_watch_close(watch);
        aw_signals_close(signals);
        errno = error;
        return error == 0 ? 0 : -1;
}

/* The first error counts. */
static void
note(int *error, bool failed)
{
        if (failed && *error == 0)
                *error = errno;
}

/* The same of what says in a sentence why it failed. */
static void
note_why(int *error, bool failed, struct aw_error *why)
{
        note(error, failed);
        if (failed)
                expect(why->kind != AW_ERROR_NONE && why->text[0] != '\0');
        *why = (struct aw_error){.kind = AW_ERROR_NONE};
}

/* A line through a pipe, and through a file, which may take a thread. */
static async int
use_streams(NOTHING)
{
        char path[] = "/tmp/await-XXXXXX", *line;
        int ends[2], file = mkstemp(path), error = 0, i;
        struct aw_stream *streams[3];

        unlink(path);
        expect_int(write(file, "line\n", 5), 5);
        lseek(file, 0, SEEK_SET);
        expect_int(pipe2(ends, O_CLOEXEC), 0);
        streams[0] = aw_stream_open(ends[0], NULL);
        note(&error, streams[0] == NULL);
        streams[1] = aw_stream_open(ends[1], NULL);
        note(&error, streams[1] == NULL);
        streams[2] = aw_stream_open(file, NULL);
        note(&error, streams[2] == NULL);
        if (error == 0)
                note(&error,
                     await(aw_stream_write(streams[1], "line\n", 5, AW_NEVER)) == -1 ||
                             await(aw_stream_flush(streams[1], AW_NEVER)) == -1 ||
                             await(aw_stream_read_line(streams[0], &line, AW_NEVER)) != 5 ||
                             await(aw_stream_read_line(streams[2], &line, AW_NEVER)) != 5 ||
                             await(aw_stream_write(streams[2], "more\n", 5, AW_NEVER)) == -1);
        for (i = 2; i >= 0; i--)
                note(&error, await(aw_stream_close(streams[i], AW_NEVER)) == -1);
        close(ends[0]);
        close(ends[1]);
        close(file);
        errno = error == EAGAIN ? ENOMEM : error;
        return error == 0 ? 0 : -1;
}

/* To a socket that accepts into its backlog. */
static async int
connect_streams(NOTHING)
{
        struct sockaddr_in bound = {.sin_family = AF_INET,
                                    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t size = sizeof(bound);
        char address[32];
        struct aw_stream_connect_options there = {.address = address};
        struct aw_stream_listen_options here = {.address = "127.0.0.1:0"};
        struct aw_error why = {.kind = AW_ERROR_NONE};
        struct aw_stream_listener *listener = await(aw_stream_listen(&here, &why));
        struct aw_stream *stream;
        int error = 0, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        note_why(&error, listener == NULL, &why);
        aw_stream_listener_close(listener);
        expect_int(bind(fd, (struct sockaddr *)&bound, size), 0);
        expect_int(listen(fd, 1), 0);
        expect_int(getsockname(fd, (struct sockaddr *)&bound, &size), 0);
        snprintf(address, sizeof(address), "127.0.0.1:%u", ntohs(bound.sin_port));
        stream = await(aw_stream_connect(&there, &why, AW_NEVER));
        note_why(&error, stream == NULL, &why);
        if (stream != NULL)
                note(&error, await(aw_stream_write(stream, "line\n", 5, AW_NEVER)) == -1 ||
                                     await(aw_stream_flush(stream, AW_NEVER)) == -1);
        aw_stream_drop(stream);
        close(fd);
        errno = error;
        return error == 0 ? 0 : -1;
}

/* Both ends of a WebSocket connection in one process: a message there and back, and the end. */
static async int
echo_once(void *argument)
{
        struct ws_listener *listener = argument;
        struct ws *ws = await(ws_accept(listener, aw_loop_now() + 30 * AW_SECOND));
        struct ws_message message;
        int error = 0;

        note(&error, ws == NULL);
        while (error == 0 && await(ws_receive(ws, &message, AW_NEVER)) == 0)
                note(&error, await(ws_send(ws, &message, AW_NEVER)) == -1);
        note(&error, await(ws_close(ws, WS_NORMAL, NULL)) == -1);
        errno = error;
        return error == 0 ? 0 : -1;
}

static async int
ask(struct ws *ws)
{
        struct ws_message message;
        int error = 0;

        note(&error, await(ws_send_text(ws, "hello", AW_NEVER)) == -1);
        note(&error, error == 0 && await(ws_ping(ws, AW_NEVER)) == -1);
        note(&error, error == 0 && await(ws_receive(ws, &message, AW_NEVER)) == -1);
        note(&error, await(ws_close(ws, WS_NORMAL, NULL)) == -1);
        errno = error;
        return error == 0 ? 0 : -1;
}

typedef void request_handler(const struct ws_request *request, struct ws_answer *answer,
                             void *argument);

static async int
talk_as_decided(request_handler *handler)
{
        struct ws_listen_options here = {.url = "ws://127.0.0.1:0", .handler = handler};
        struct aw_error why = {.kind = AW_ERROR_NONE};
        struct ws_listener *listener = await(ws_listen(&here, &why));
        struct ws_connect_options there = {.url = NULL};
        struct aw_task *task = NULL;
        struct ws *ws = NULL;
        int error = 0;

        note_why(&error, listener == NULL, &why);
        if (error == 0) {
                there.url = ws_listener_url(listener, 0);
                task = aw_spawn("echo", echo_once, listener);
                note(&error, task == NULL);
        }
        if (error == 0) {
                ws = await(ws_connect(&there, &why, AW_NEVER));
                note_why(&error, ws == NULL, &why);
        }
        if (ws != NULL)
                note(&error, await(ask(ws)) == -1);
        else
                aw_cancel(task);
        if (task != NULL)
                note(&error, await(aw_join(task)) == -1);
        ws_listener_close(listener);
        /* The end that has memory sees the other one go, or its request refused; the log says why. */
        test_log_find("memory");
        errno = error == EPIPE || error == EPROTO || error == ECONNRESET ? ENOMEM : error;
        return error == 0 ? 0 : -1;
}

static async int
talk(NOTHING)
{
        return await(talk_as_decided(NULL));
}

static async void
decide_nothing(const struct ws_request *request, struct ws_answer *answer, void *argument)
{
        (void)request;
        (void)answer;
        (void)argument;
        await(aw_sleep(0));
}

static void
leave_it_to_a_task(const struct ws_request *request, struct ws_answer *answer, void *argument)
{
        (void)request;
        (void)argument;
        answer->later = decide_nothing;
}

static async int
talk_after_a_decision(NOTHING)
{
        return await(talk_as_decided(leave_it_to_a_task));
}

static async int
run_a_program(NOTHING)
{
        static const char *const words[] = {"cat", NULL};
        struct aw_process_options options = {
                .argv = words, .input = {.kind = AW_STDIO_PIPE}, .output = {.kind = AW_STDIO_PIPE}};
        struct aw_error why = {.kind = AW_ERROR_NONE};
        struct aw_process *process = aw_process_start(&options, &why);
        struct aw_process_status status;
        char *line;
        int error = 0;

        note_why(&error, process == NULL, &why);
        if (process == NULL)
                return -1;
        note(&error,
             await(aw_stream_write(aw_process_input(process), "line\n", 5, AW_NEVER)) == -1);
        aw_stream_shutdown(aw_process_input(process));
        if (error == 0)
                note(&error,
                     await(aw_stream_read_line(aw_process_output(process), &line, AW_NEVER)) != 5);
        if (error == 0)
                note(&error, await(aw_process_wait(process, &status, AW_NEVER)) == -1);
        /* One that runs on is reaped later, by a task, for which there may be no memory. */
        if (error != 0) {
                aw_process_signal(process, SIGKILL);
                waitid(P_PID, (id_t)aw_process_pid(process), &(siginfo_t){0}, WEXITED | WNOWAIT);
        }
        aw_process_free(process);
        errno = error;
        return error == 0 ? 0 : -1;
}

/* Runs it with less and less failing. How many requests it takes when none fails. */
static size_t
run_short_of_memory(aw_task_function *scenario, bool for_good)
{
        size_t n = 0, before;
        int result, error;

        test_begin();
        /* What is made once for all is made now. */
        expect_int(test_run(scenario, NULL), 0);
        before = test_count_descriptors();
        do {
                memory.requests = memory.live_count = 0;
                memory.first = ++n;
                memory.last = for_good ? SIZE_MAX : n;
                memory.active = true;
                result = test_run(scenario, NULL);
                error = errno;
                memory.active = false;
                if (memory.requests >= n) {
                        errno = error;
                        expect_error(result, ENOMEM);
                } else {
                        expect_int(result, 0);
                }
                expect_int(memory.live_count, 0);
                expect_int(test_count_descriptors(), before);
        } while (memory.requests >= n);
        test_end();
        return n;
}

static void
survives(void **state)
{
        aw_task_function *scenario = (aw_task_function *)*state;

        if (scenario == run_a_program && !test_has_pidfd())
                skip();
        /* At least the loop, the back end, and the stacks. */
        assert_true(run_short_of_memory(scenario, false) > 5);
        assert_true(run_short_of_memory(scenario, true) > 5);
}

#define without_memory(scenario)                                                                   \
        {                                                                                          \
#scenario "_without_memory", survives, NULL, NULL, (void *)(scenario)              \
        }

int
main(void)
{
        const struct CMUnitTest tests[] = {
                without_memory(gather_tasks),          without_memory(fill_a_queue),
                without_memory(join_a_group),          without_memory(use_executors),
                without_memory(make_processes),        without_memory(open_much),
                without_memory(use_streams),           without_memory(connect_streams),
                without_memory(run_a_program),         without_memory(talk),
                without_memory(talk_after_a_decision),
        };
        const char *loop = getenv("AW_TEST_LOOP");

        /* With "auto" the failure of one back end is the next one's turn. */
        if (loop == NULL || strcmp(loop, "auto") == 0)
                setenv("AW_TEST_LOOP", "ev", 1);
        if (__real_malloc == NULL) {
                puts("1..0 # SKIP not linked with the flags that this file names");
                return 0;
        }
        return cmocka_run_group_tests(tests, NULL, NULL);
}
