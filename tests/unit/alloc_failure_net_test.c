/* SPDX-License-Identifier: MIT */
/* Wraps: malloc calloc realloc free mmap munmap sysconf. */
/* LDFLAGS: -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=free,--wrap=mmap,--wrap=munmap */
/* Streams, connections and child processes without memory. */
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>

#include "await/process.h"
#include "await/ws.h"
#include "unit/alloc_failure.h"

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

int
main(void)
{
        const struct CMUnitTest tests[] = {
                without_memory(use_streams),           without_memory(connect_streams),
                without_memory(run_a_program),         without_memory(talk),
                without_memory(talk_after_a_decision),
        };
        if (!ready_for_failures())
                return 0;
        return cmocka_run_group_tests(tests, NULL, NULL);
}
