/* SPDX-License-Identifier: MIT */
/* Once: TLS does no input or output of its own. */
/* What sessions allocate, and what they do when there is nothing left. */
#include <malloc.h>
#include <openssl/crypto.h>

#include "unit/tls/tls_test.h"

/*
 * What an idle session may hold, in bytes. With record buffers it would be 30,000 more. From
 * OpenSSL 3.2 on there are two record layers of 4,424 bytes each.
 */
#define IDLE_SESSION     (OPENSSL_VERSION_NUMBER < 0x30200000L ? 18000 : 22500)
#define BUFFERS_ARE_KEPT (OPENSSL_VERSION_NUMBER < 0x30200000L)

/* Of OpenSSL's allocations. */
static size_t bytes_in_use;
static long allocations;
static long failing; /* the number of the allocation from which on all fail; 0: none */

static bool
fails(void)
{
        allocations++;
        return failing != 0 && allocations >= failing;
}

static void *
allocate(size_t size, const char *file, int line)
{
        void *memory;

        (void)file;
        (void)line;
        memory = fails() ? NULL : malloc(size);
        bytes_in_use += malloc_usable_size(memory);
        return memory;
}

static void
release(void *memory, const char *file, int line)
{
        (void)file;
        (void)line;
        bytes_in_use -= malloc_usable_size(memory);
        free(memory);
}

static void *
reallocate(void *memory, size_t size, const char *file, int line)
{
        size_t before = malloc_usable_size(memory);
        void *moved;

        if (size == 0) {
                release(memory, file, line);
                return NULL;
        }
        moved = fails() ? NULL : realloc(memory, size);
        if (moved != NULL)
                bytes_in_use += malloc_usable_size(moved) - before;
        return moved;
}

/* The first session allocates what all share. */
static int
warm_up(void **state)
{
        struct pair pair;

        (void)state;
        begin_established(&pair);
        end(&pair);
        return 0;
}

static void
an_idle_session_holds_no_record_buffers(void **state)
{
        struct pair pair;
        uint8_t data[300] = {0};
        size_t before, held;

        (void)state;
        begin_established(&pair);
        assert_int_equal(write_to(&pair.client, data, sizeof(data)), 0);
        assert_int_equal(write_to(&pair.server, data, sizeof(data)), 0);
        exchange(&pair, SIZE_MAX);
        before = bytes_in_use;
        aw_tls_free(pair.server.tls);
        held = before - bytes_in_use;
        pair.server.tls = NULL;
        if (held > IDLE_SESSION)
                fail_msg("an idle session of a server holds %zu bytes", held);
        end(&pair);
}

static void
a_session_gives_everything_back(void **state)
{
        struct aw_tls_context *server = any_server(), *client = insecure_client();
        size_t before = 0;

        (void)state;
        for (int i = 0; i < 3; i++) {
                struct pair pair;

                begin(&pair, aw_tls_context_ref(server), aw_tls_context_ref(client), "localhost");
                shake_hands(&pair, SIZE_MAX);
                assert_established(&pair);
                end(&pair);
                if (i > 0)
                        assert_int_equal(bytes_in_use, before);
                before = bytes_in_use;
        }
        aw_tls_context_unref(server);
        aw_tls_context_unref(client);
}

/* A message there and back. */
static void
round_trip(struct pair *pair)
{
        assert_int_equal(write_to(&pair->client, "ping", 4), 0);
        exchange(pair, SIZE_MAX);
        assert_got(&pair->server, "ping", 4);
        assert_int_equal(write_to(&pair->server, "pong", 4), 0);
        exchange(pair, SIZE_MAX);
        assert_got(&pair->client, "pong", 4);
}

static void
make_busy(struct pair *pair)
{
        for (int i = 0; i < 10; i++)
                round_trip(pair);
}

/* What the server's session of the pair, which it ends, has held. */
static size_t
held_by(struct pair *pair)
{
        size_t before = bytes_in_use, held;

        aw_tls_free(pair->server.tls);
        held = before - bytes_in_use;
        pair->server.tls = NULL;
        end(pair);
        return held;
}

static struct pair *
begin_many(size_t count)
{
        struct aw_tls_context *server = any_server(), *client = insecure_client();
        struct pair *pairs = calloc(count, sizeof(*pairs));

        assert_non_null(pairs);
        for (size_t i = 0; i < count; i++) {
                begin(&pairs[i], aw_tls_context_ref(server), aw_tls_context_ref(client),
                      "localhost");
                shake_hands(&pairs[i], SIZE_MAX);
                assert_established(&pairs[i]);
        }
        aw_tls_context_unref(server);
        aw_tls_context_unref(client);
        return pairs;
}

static void
a_busy_session_does_not_allocate_its_buffers_for_each_record(void **state)
{
        struct pair pair;
        long idle, busy;

        (void)state;
        begin_established(&pair);
        round_trip(&pair);
        allocations = 0;
        round_trip(&pair);
        idle = allocations;
        make_busy(&pair);
        allocations = 0;
        round_trip(&pair);
        busy = allocations;
        /* One to read and one to write, of each side. */
        if (BUFFERS_ARE_KEPT)
                assert_int_equal(idle - busy, 4);
        end(&pair);
}

static void
as_many_busy_sessions_as_may_keep_their_buffers_do_and_no_more(void **state)
{
        /* Two sessions are a pair. */
        size_t count = AW_TLS_KEEPERS / 2 + 3, i;
        struct pair *pairs = begin_many(count);

        (void)state;
        for (i = 0; i < count; i++)
                make_busy(&pairs[i]);
        for (i = 0; i < count; i++) {
                bool kept = held_by(&pairs[i]) > IDLE_SESSION;

                assert_int_equal(kept, BUFFERS_ARE_KEPT && i >= 3);
        }
        free(pairs);
}

/* At `cut` bytes of a record others take its place. */
static void
check_lost_place(size_t cut)
{
        size_t count = AW_TLS_KEEPERS / 2 + 1;
        struct pair *pairs = begin_many(count);

        make_busy(&pairs[0]);
        assert_int_equal(write_to(&pairs[0].client, "ping", 4), 0);
        assert_true(deliver(&pairs[0].client, &pairs[0].server, cut));
        for (size_t i = 1; i < count; i++)
                make_busy(&pairs[i]);
        exchange(&pairs[0], 1);
        assert_got(&pairs[0].server, "ping", 4);
        round_trip(&pairs[0]);
        assert_true(held_by(&pairs[0]) <= IDLE_SESSION);
        for (size_t i = 1; i < count; i++)
                end(&pairs[i]);
        free(pairs);
}

static void
a_session_that_loses_its_place_within_a_record_goes_on(void **state)
{
        /* In the header (of 5 bytes), behind it, and in the payload. */
        static const size_t cuts[] = {1, 4, 5, 6, 20};

        (void)state;
        for (size_t i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++)
                check_lost_place(cuts[i]);
}

/* Lets all allocations from the n-th on fail, for the shortest of runs. */
static void
fail_from(long n)
{
        allocations = 0;
        failing = n;
}

static bool
failed(void)
{
        bool result = failing != 0 && allocations >= failing;

        failing = 0;
        return result;
}

static void
contexts_survive_the_lack_of_memory(void **state)
{
        struct aw_error error;
        bool lacked = true;

        (void)state;
        for (long n = 1; lacked; n += 1 + n / 16) {
                struct aw_tls_context *context;

                fail_from(n);
                errno = 0;
                context = aw_tls_context_server(NULL, NULL, &error);
                lacked = failed();
                if (context == NULL)
                        assert_int_equal(errno, ENOMEM);
                assert_no_errors();
                assert_true(context != NULL || lacked);
                aw_tls_context_unref(context);
        }
        lacked = true;
        for (long n = 1; lacked; n++) {
                struct aw_tls_context *context;

                fail_from(n);
                context = aw_tls_context_client(NULL, true, &error);
                lacked = failed();
                assert_no_errors();
                assert_true(context != NULL || lacked);
                aw_tls_context_unref(context);
        }
}

static void
a_fingerprint_survives_the_lack_of_memory(void **state)
{
        struct aw_tls_context *context = aw_tls_context_server(NULL, NULL, NULL);
        char text[AW_TLS_FINGERPRINT_SIZE];
        bool lacked = true;
        int result, failures = 0;

        (void)state;
        for (long n = 1; lacked; n++) {
                fail_from(n);
                errno = 0;
                result = aw_tls_context_fingerprint(context, text);
                lacked = failed();
                assert_int_equal(errno, result == 0 ? 0 : ENOMEM);
                assert_no_errors();
                assert_true(result == 0 || lacked);
                failures += result == -1;
        }
        assert_true(failures > 0);
        aw_tls_context_unref(context);
}

static void
a_session_that_cannot_be_made_is_not(void **state)
{
        struct aw_tls_context *client = insecure_client();
        bool lacked = true;

        (void)state;
        for (long n = 1; lacked; n++) {
                struct aw_tls *tls;

                fail_from(n);
                errno = 0;
                tls = aw_tls_create(client, "localhost");
                lacked = failed();
                if (tls == NULL)
                        assert_int_equal(errno, ENOMEM);
                assert_no_errors();
                assert_true(tls != NULL || lacked);
                aw_tls_free(tls);
        }
        aw_tls_context_unref(client);
}

static void
a_handshake_survives_the_lack_of_memory(void **state)
{
        struct aw_tls_context *server = any_server(), *client = insecure_client();
        bool lacked = true;

        (void)state;
        for (long n = 1; lacked; n += 1 + n / 16) {
                struct pair pair;

                begin(&pair, aw_tls_context_ref(server), aw_tls_context_ref(client), "localhost");
                fail_from(n);
                shake_hands(&pair, SIZE_MAX);
                lacked = failed();
                if (!lacked)
                        assert_established(&pair);
                end(&pair);
        }
        aw_tls_context_unref(server);
        aw_tls_context_unref(client);
}

static void
reading_and_writing_survive_the_lack_of_memory(void **state)
{
        bool lacked = true;

        (void)state;
        for (long n = 1; lacked; n++) {
                struct pair pair;
                int result;

                begin_established(&pair);
                fail_from(n);
                result = write_to(&pair.client, "ping", 4);
                exchange(&pair, SIZE_MAX);
                lacked = failed();
                if (result == AW_TLS_FAILED)
                        assert_string_equal(aw_tls_error_text(pair.client.tls), "out of memory");
                else if (pair.server.read == AW_TLS_FAILED)
                        assert_string_equal(aw_tls_error_text(pair.server.tls), "out of memory");
                else
                        assert_got(&pair.server, "ping", 4);
                end(&pair);
        }
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(an_idle_session_holds_no_record_buffers),
                cmocka_unit_test(a_session_gives_everything_back),
                cmocka_unit_test(a_busy_session_does_not_allocate_its_buffers_for_each_record),
                cmocka_unit_test(as_many_busy_sessions_as_may_keep_their_buffers_do_and_no_more),
                cmocka_unit_test(a_session_that_loses_its_place_within_a_record_goes_on),
                cmocka_unit_test(contexts_survive_the_lack_of_memory),
                cmocka_unit_test(a_fingerprint_survives_the_lack_of_memory),
                cmocka_unit_test(a_session_that_cannot_be_made_is_not),
                cmocka_unit_test(a_handshake_survives_the_lack_of_memory),
                cmocka_unit_test(reading_and_writing_survive_the_lack_of_memory),
        };

        if (CRYPTO_set_mem_functions(allocate, reallocate, release) != 1)
                return 1;
        return cmocka_run_group_tests(tests, warm_up, NULL);
}
