/* SPDX-License-Identifier: MIT */
/* Once: the requests are zlib's and the buffers', whatever polls. */
/* Wraps: malloc calloc realloc mmap mremap. */
/* Memory runs out while messages are compressed and inflated, at the first request, the second, ... */
#include <sys/mman.h>

#include "unit/ws/raw.h"

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__real_mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset);
void *__real_mremap(void *address, size_t before, size_t length, int flags, ...);
void *__wrap_mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset);
void *__wrap_mremap(void *address, size_t before, size_t length, int flags, ...);

#define ALL SIZE_MAX

static size_t until_none = ALL; /* requests that are met before one is not */
static bool ran_out;

static bool
there_is_memory(void)
{
        if (until_none == ALL || until_none-- > 0)
                return true;
        until_none = ALL;
        ran_out = true;
        errno = ENOMEM;
        return false;
}

void *
__wrap_malloc(size_t size)
{
        return there_is_memory() ? __real_malloc(size) : NULL;
}

void *
__wrap_calloc(size_t count, size_t size)
{
        return there_is_memory() ? __real_calloc(count, size) : NULL;
}

void *
__wrap_realloc(void *old, size_t size)
{
        return there_is_memory() ? __real_realloc(old, size) : NULL;
}

/* Pages of large messages; a task's stack is none. */
static bool
there_are_pages(int flags)
{
        return flags != (MAP_PRIVATE | MAP_ANONYMOUS) || there_is_memory();
}

void *
__wrap_mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset)
{
        return there_are_pages(flags) ? __real_mmap(address, length, protection, flags, fd, offset)
                                      : MAP_FAILED;
}

void *
__wrap_mremap(void *address, size_t before, size_t length, int flags, ...)
{
        return there_is_memory() ? __real_mremap(address, before, length, flags) : MAP_FAILED;
}

static size_t number; /* of the request that fails */

enum { LENGTH = 5 << 20, NOISE = 256 << 10 };
static uint8_t data[LENGTH];

/* A received message goes back once more, as it is. Each step may fail, and then says ENOMEM, or ends. */
static async int
a_failure_ends_the_connection_at_most(struct pair *pair)
{
        struct ws_message message = message_of(WS_BINARY, data, LENGTH), echo;
        int result;

        until_none = number;
        result = await(ws_send(pair->client, &message, SOON));
        if (result == 0)
                result = await(ws_receive(pair->server, &message, SOON));
        if (result == 0)
                expect_message(&message, WS_BINARY, data, LENGTH);
        if (result == 0)
                result = await(ws_send(pair->server, &message, SOON));
        if (result == 0)
                result = await(ws_receive(pair->client, &echo, SOON));
        until_none = ALL;
        if (result == 0)
                expect_message(&echo, WS_BINARY, data, LENGTH);
        else
                expect(ran_out && (errno == ENOMEM || errno == EPIPE));
        if (test_log.count > 0)
                expect(*test_log_find("closing with 1011: out of memory") != '\0');
        return 0;
}

static void
run_out(enum ws_deflate_mode mode)
{
        uint64_t before = ws_memory();

        /* Bytes that need a large buffer, and others. */
        for (size_t i = 0; i < LENGTH; i++)
                data[i] = i < LENGTH - NOISE ? 'x' : (uint8_t)(i * 2654435761u >> 13);
        ran_out = true;
        for (number = 0; ran_out; number++) {
                ran_out = false;
                test_on_pair((struct pair){.test = a_failure_ends_the_connection_at_most,
                                           .url = ANY_PORT,
                                           .deflate = {.mode = mode, .threshold = 1}});
                assert_int_equal(ws_memory(), before);
        }
        assert_true(number > 20);
}

static void
with_a_shared_compressor_a_failure_ends_the_connection_at_most(void **state)
{
        (void)state;
        run_out(WS_DEFLATE_SHARED);
}

static void
with_a_context_a_failure_ends_the_connection_at_most(void **state)
{
        (void)state;
        run_out(WS_DEFLATE_CONTEXT);
}

/* The handshake. */

static async int
open_and_close(struct pair *pair)
{
        struct connecting connecting = {.options = {.deflate = pair->deflate}};
        struct ws *server;
        struct ws_message message;

        until_none = number;
        connect_start(&connecting, ws_listener_url(pair->listener, 0));
        if (connecting.task == NULL) {
                until_none = ALL;
                return 0;
        }
        await(aw_join(connecting.task));
        until_none = ALL;
        test_log_find("");
        if (connecting.ws == NULL) {
                expect(connecting.error.kind != AW_ERROR_NONE &&
                       connecting.error.kind != AW_ERROR_TIMEOUT);
                return 0;
        }
        server = await(ws_accept(pair->listener, SOON));
        expect(ws_extension(connecting.ws) != NULL);
        expect_int(await(ws_send_text(connecting.ws, "aaaaaaaaaaaaaaaaaaaaaaaa", SOON)), 0);
        expect_int(await(ws_receive(server, &message, SOON)), 0);
        ws_drop(connecting.ws);
        ws_drop(server);
        return 0;
}

static void
handshakes_that_run_out_of_memory_fail(void **state)
{
        (void)state;
        ran_out = true;
        for (number = 0; ran_out; number++) {
                ran_out = false;
                test_on_pair(
                        (struct pair){.test = open_and_close,
                                      .url = ANY_PORT,
                                      .deflate = {.mode = WS_DEFLATE_CONTEXT, .threshold = 1}});
        }
        assert_true(number > 10);
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(with_a_shared_compressor_a_failure_ends_the_connection_at_most),
                cmocka_unit_test(with_a_context_a_failure_ends_the_connection_at_most),
                cmocka_unit_test(handshakes_that_run_out_of_memory_fail),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
