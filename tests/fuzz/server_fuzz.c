/* SPDX-License-Identifier: MIT */
/* Wraps: clock_gettime. */
/*
 * The whole of wsechod in one process: what a client sends goes through its socket, the handshake,
 * the behaviours, the echo. What comes back is an answer as HTTP has it, and then frames as RFC 6455
 * has them. When the client is gone, and in time if it is not, nothing of it is left.
 *
 * The first byte of the input says how the client sends, and how it ends; what follows is what it
 * sends. Time is the test's: nobody waits for it.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "await/log.h"
#include "coro/coro.h"
#include "fuzz.h"
#include "service.h"
#include "task/private.h"
#include "worker.h"
#include "ws/frame_private.h"
#include "ws/http_private.h"

/* Turns that a busy connection has, and seconds after which one that does nothing is gone. */
enum { TURNS = 60, IDLE_TURNS = 4, PATIENCE = 200, ANSWER_MAX = 1 << 20 };

const unsigned fuzz_inputs = 500;

int __real_clock_gettime(clockid_t clock, struct timespec *now);
int __wrap_clock_gettime(clockid_t clock, struct timespec *now);

static aw_time ahead;
static char path[100];

/* It stands still unless it is put forward. */
int
__wrap_clock_gettime(clockid_t clock, struct timespec *now)
{
        if (clock != CLOCK_MONOTONIC && clock != CLOCK_MONOTONIC_COARSE)
                return __real_clock_gettime(clock, now);
        now->tv_sec = 1000 + (time_t)(ahead / AW_SECOND);
        now->tv_nsec = (long)(ahead % AW_SECOND) * 1000;
        return 0;
}

static void
turn(int count)
{
        while (count-- > 0)
                aw_loop_turn(aw_loop_get(), false);
}

/* The server. */

static struct service service;

static void
open_service(void)
{
        static char url[120];
        static char *words[] = {"wsechod",     "--listen",    url,      "--test", "safe",
                                "--log-level", "error",       "--loop", "poll",   "--max-message",
                                "64K",         "--slow-task", "0",      NULL};

        snprintf(path, sizeof(path), "/tmp/wsechod-fuzz.%d", (int)getpid());
        snprintf(url, sizeof(url), "unix:%s", path);
        signal(SIGPIPE, SIG_IGN);
        aw_log_set_level(AW_LOG_ERROR);
        service = (struct service){.argc = 13,
                                   .argv = words,
                                   .inherited = {.ready = -1, .pidfile = -1},
                                   .pidfile = {.fd = -1},
                                   .detached = -1,
                                   .process = getpid(),
                                   .workers = 1};
        CHECK(options_parse(13, words, &service.options, NULL) == AW_OPT_RUN);
        CHECK(service_open(&service) == 0);
}

/* Before LeakSanitizer looks: it does not know the tasks' stacks. */
static void
stop_server(void)
{
        struct aw_task *task = NULL;

        if (service.process != getpid())
                return;
        while ((task = aw_task_next(task)) != NULL)
                aw_cancel(task);
        for (int i = 0; i < 1000 && aw_scheduler.count > 0; i++) {
                ahead += AW_SECOND;
                turn(1);
        }
        service_close(&service);
}

/* As aw_run() does it, without waiting for the end. */
static void
start_server(void)
{
        static struct worker_start start = {.service = &service, .channel = -1};
        static const struct aw_loop_options loop = {.backend = "poll", .slow = -1};

        open_service();
        atexit(stop_server);
        CHECK(aw_loop_create(&loop) != NULL);
        aw_scheduler.pool = aw_coro_pool_create(0);
        CHECK(aw_scheduler.pool != NULL);
        CHECK(aw_spawn("main", worker_run, &start) != NULL);
        turn(20);
}

/* The client. */

static int
connect_client(void)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

        strcpy(address.sun_path, path);
        CHECK(fd != -1 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
        return fd;
}

struct answer {
        uint8_t data[ANSWER_MAX];
        size_t length;
        bool ended;
};

static void
read_answer(int fd, struct answer *answer)
{
        ssize_t got = 1;

        while (got > 0 && !answer->ended) {
                got = recv(fd, answer->data + answer->length, ANSWER_MAX - answer->length, 0);
                CHECK(got >= 0 || errno == EAGAIN || errno == ECONNRESET || errno == EPIPE);
                answer->length += got > 0 ? (size_t)got : 0;
                answer->ended = got == 0 || (got == -1 && errno != EAGAIN);
                CHECK(answer->length < ANSWER_MAX);
        }
}

/* Sends all of it, in pieces, for as long as the server takes it. */
static void
talk(int fd, struct fuzz_input input, size_t piece, struct answer *answer)
{
        for (int i = 0; i < TURNS && input.left > 0 && !answer->ended; i++) {
                struct fuzz_input next = {input.data, piece < input.left ? piece : input.left};
                ssize_t sent = send(fd, next.data, next.left, MSG_NOSIGNAL);

                fuzz_piece(&input, sent > 0 ? (size_t)sent : 0);
                turn(2);
                read_answer(fd, answer);
        }
        turn(IDLE_TURNS);
        read_answer(fd, answer);
}

/* Time goes by, until nobody is there any more. */
static void
wait_for_end(int fd, struct answer *answer)
{
        for (int i = 0; i < PATIENCE && ws_connection_count() > 0; i++) {
                ahead += AW_SECOND;
                turn(3);
                read_answer(fd, answer);
        }
}

/* What came back. */

/* Nothing that a server must not send (RFC 6455 section 5). Bytes of it that make up frames. */
static void
check_frames(const uint8_t *data, size_t length)
{
        struct ws_frame_header frame;
        bool begun = false, closed = false;
        int result;

        while ((result = ws_frame_parse(data, length, &frame)) == 1) {
                bool control = (frame.opcode & 8) != 0;

                CHECK(!closed && !frame.masked && (frame.reserved & 3) == 0);
                CHECK(frame.opcode <= WS_OP_BINARY ||
                      (frame.opcode >= WS_OP_CLOSE && frame.opcode <= WS_OP_PONG));
                CHECK(!control || (frame.final && frame.length <= WS_FRAME_CONTROL_MAX));
                CHECK(control || begun == (frame.opcode == WS_OP_CONTINUATION));
                CHECK(frame.reserved == 0 || (!control && !begun));
                if (!control)
                        begun = !frame.final;
                if (frame.length > length - frame.size)
                        return;
                closed = frame.opcode == WS_OP_CLOSE;
                data += frame.size + frame.length;
                length -= frame.size + (size_t)frame.length;
        }
        CHECK(result == 0);
}

static void
check_answer(const struct answer *answer)
{
        static struct aw_http_head head;
        const uint8_t *data = answer->data;
        size_t length = answer->length;
        enum aw_http_result result;

        if (length == 0)
                return;
        do {
                result = aw_http_parse_response((const char *)data, length, &head);
                /* A behaviour may drip its answer, and the client be gone before it is whole. */
                if (result == AW_HTTP_INCOMPLETE)
                        return;
                CHECK(result == AW_HTTP_OK);
                data += head.length;
                length -= head.length;
        } while (head.status == 100);
        if (head.status == 101)
                check_frames(data, length);
        else
                CHECK(aw_http_field_has_token(&head, "Connection", "close"));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const size_t pieces[] = {1 << 20, 1, 7, 64};
        static struct answer answer;
        static bool started;
        struct fuzz_input input = {data, size};
        uint8_t kind = fuzz_byte(&input);
        uint64_t before;
        int fd;

        if (!started)
                start_server();
        started = true;
        before = ws_memory();
        answer.length = 0;
        answer.ended = false;
        fd = connect_client();
        talk(fd, input, pieces[kind & 3], &answer);
        /* It ends its direction, or stays, or is gone. */
        if (kind & 4)
                shutdown(fd, SHUT_WR);
        if (kind & 8)
                wait_for_end(fd, &answer);
        else
                turn(IDLE_TURNS);
        check_answer(&answer);
        close(fd);
        answer.ended = true;
        wait_for_end(fd, &answer);
        CHECK(ws_connection_count() == 0);
        /* Its tasks may still have a message. */
        turn(IDLE_TURNS);
        CHECK(ws_memory() <= before);
        return 0;
}
