/* SPDX-License-Identifier: MIT */
/* Wraps: aw_spawn malloc socketpair. */
/* A transport whose bytes go through a stream, as those to a proxy that is spoken to over TLS do. */
#include <sys/socket.h>

#include "await/task_wait.h"
#include "await/wait_fd.h"
#include "net/proxy_private.h"
#include "net/stream_private.h"
#include "unit/net/stream_test.h"

/* What fails: the function, or the task of this name. */
static const char *failing;

static bool
fails(const char *name)
{
        bool now = failing != NULL && strcmp(failing, name) == 0;

        if (now) {
                failing = NULL;
                errno = ENOMEM;
        }
        return now;
}

struct aw_task *__real_aw_spawn(const char *name, aw_task_function *function, void *argument);
struct aw_task *__wrap_aw_spawn(const char *name, aw_task_function *function, void *argument);
void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
int __real_socketpair(int family, int type, int protocol, int ends[2]);
int __wrap_socketpair(int family, int type, int protocol, int ends[2]);

struct aw_task *
__wrap_aw_spawn(const char *name, aw_task_function *function, void *argument)
{
        return fails(name) ? NULL : __real_aw_spawn(name, function, argument);
}

void *
__wrap_malloc(size_t size)
{
        return fails("malloc") ? NULL : __real_malloc(size);
}

int
__wrap_socketpair(int family, int type, int protocol, int ends[2])
{
        return fails("socketpair") ? -1 : __real_socketpair(family, type, protocol, ends);
}

/* The proxy's end, and the transport of a stream to it. */
static struct aw_transport *
relay_to(int *proxy)
{
        const struct aw_stream_options bounds = {.limit = 0};
        int ends[2];

        assert_int_equal(__real_socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
        *proxy = ends[0];
        return aw_proxy_relay(aw_stream_of_socket(ends[1], NULL, &bounds));
}

static struct aw_stream *
own(struct aw_transport *transport)
{
        const struct aw_stream_options bounds = {.limit = 0};

        return aw_stream_of_transport(transport, NULL, &bounds);
}

static async void
expect_end(int fd)
{
        char byte;

        expect(await(aw_wait_fd(fd, AW_READ, AW_NEVER)) != -1);
        expect_int(recv(fd, &byte, 1, MSG_DONTWAIT), 0);
}

static async int
bytes_go_both_ways(NOTHING)
{
        char got[20] = "";
        int proxy;
        struct aw_stream *stream = own(relay_to(&proxy)), *other = aw_stream_open(proxy, NULL);
        struct pattern_writer writing = {stream, 1000000}, writing_back = {other, 1000000};
        struct aw_task *tasks[2];

        expect_int(await(aw_stream_write(stream, "there", 5, AW_NEVER)), 0);
        expect_int(await(aw_stream_read_exactly(other, got, 5, NULL, AW_NEVER)), 0);
        expect(strcmp(got, "there") == 0);
        expect_int(await(aw_stream_write(other, "back!", 5, AW_NEVER)), 0);
        expect_int(await(aw_stream_read_exactly(stream, got, 5, NULL, AW_NEVER)), 0);
        expect(strcmp(got, "back!") == 0);
        tasks[0] = aw_spawn("there", write_pattern, &writing);
        tasks[1] = aw_spawn("back", write_pattern, &writing_back);
        await(expect_pattern(other, 1000000));
        await(expect_pattern(stream, 1000000));
        expect_int(await(aw_gather(tasks, 2, NULL)), 0);
        /* What was written last arrives before the end. */
        expect_int(await(aw_stream_write(stream, "bye", 3, AW_NEVER)), 0);
        expect_int(await(aw_stream_close(stream, AW_NEVER)), 0);
        expect_line(other, "bye");
        expect_line(other, "");
        aw_stream_drop(other);
        close(proxy);
        return 0;
}

static async int
the_proxys_end_is_seen(NOTHING)
{
        int proxy;
        struct aw_stream *stream = own(relay_to(&proxy));

        expect_int(send(proxy, "last", 4, MSG_NOSIGNAL), 4);
        close(proxy);
        expect_line(stream, "last");
        expect_line(stream, "");
        aw_stream_drop(stream);
        return 0;
}

static async void
relay_in_vain(const char *failure)
{
        const struct aw_stream_options bounds = {.limit = 0};
        struct aw_stream *stream;
        int ends[2];

        expect_int(__real_socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
        stream = aw_stream_of_socket(ends[1], NULL, &bounds);
        failing = failure;
        errno = 0;
        expect(aw_proxy_relay(stream) == NULL);
        expect_int(errno, ENOMEM);
        expect(failing == NULL);
        await(expect_end(ends[0]));
        close(ends[0]);
        for (int i = 0; i < 20; i++)
                await(aw_sleep(0));
}

static async int
what_there_is_no_memory_for_is_closed(NOTHING)
{
        static const char *const names[] = {"malloc", "socketpair", "us to proxy"};
        size_t before;

        /* What the loop keeps is there after the first time. */
        await(relay_in_vain(names[0]));
        before = test_count_descriptors();
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
                await(relay_in_vain(names[i]));
                expect_int((long long)test_count_descriptors(), (long long)before);
        }
        return 0;
}

static async int
without_a_task_back_both_sides_end(NOTHING)
{
        int proxy;
        struct aw_stream *stream = own(relay_to(&proxy));

        failing = "proxy to us";
        expect_line(stream, "");
        await(expect_end(proxy));
        aw_stream_drop(stream);
        close(proxy);
        return 0;
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                on_loop(bytes_go_both_ways),
                on_loop(the_proxys_end_is_seen),
                on_loop(what_there_is_no_memory_for_is_closed),
                on_loop(without_a_task_back_both_sides_end),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
