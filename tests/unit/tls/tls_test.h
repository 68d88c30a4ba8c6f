/* SPDX-License-Identifier: MIT */
/* Two sessions that talk to each other through memory. */
#ifndef TLS_TEST_H
#define TLS_TEST_H

#include <errno.h>
#include <openssl/err.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "await/log.h"
#include "tls/private.h"

/* One end: what it has to send, what it has decrypted, and what its calls returned last. */
struct side {
        struct aw_tls *tls;
        struct aw_tls_buffer out;
        size_t sent; /* bytes of out that the other side was given */
        struct aw_tls_buffer got;
        size_t room; /* bytes that aw_tls_read() may return at once */
        int handshake;
        ssize_t read;
};

struct pair {
        struct aw_tls_context *server_context, *client_context;
        struct side server, client;
};

static inline void
assert_no_errors(void)
{
        assert_int_equal(ERR_peek_error(), 0);
}

static inline void
append(struct aw_tls_buffer *buffer, const uint8_t *data, size_t length)
{
        if (buffer->length + length > buffer->capacity) {
                buffer->capacity = (buffer->length + length) * 2;
                buffer->data = realloc(buffer->data, buffer->capacity);
                assert_non_null(buffer->data);
        }
        memcpy(buffer->data + buffer->length, data, length);
        buffer->length += length;
}

/* Decrypts all there is. */
static inline void
drain(struct side *side)
{
        uint8_t buffer[40000];

        do {
                side->read = aw_tls_read(side->tls, buffer, side->room);
                assert_no_errors();
                if (side->read > 0)
                        append(&side->got, buffer, (size_t)side->read);
        } while (side->read > 0);
}

/* Gives the side bytes from the network, in memory that is gone when it has used them up. */
static inline void
feed(struct side *side, const uint8_t *data, size_t length)
{
        uint8_t *copy = malloc(length + 1);
        size_t before = side->out.length;

        assert_non_null(copy);
        if (length > 0)
                memcpy(copy + 1, data, length);
        aw_tls_output_begin(side->tls, &side->out);
        aw_tls_input(side->tls, copy + 1, length);
        if (side->handshake != 0) {
                side->handshake = aw_tls_handshake(side->tls);
                assert_no_errors();
        }
        if (side->handshake == 0)
                drain(side);
        assert_int_equal(aw_tls_output_end(side->tls), side->out.length - before);
        free(copy);
}

/* Gives `to` at most `step` bytes that `from` has to send. False if there were none. */
static inline bool
deliver(struct side *from, struct side *to, size_t step)
{
        size_t length = from->out.length - from->sent;
        size_t sent = from->sent;

        if (length == 0)
                return false;
        if (length > step)
                length = step;
        from->sent += length;
        feed(to, from->out.data + sent, length);
        return true;
}

/* Passes on all there is, `step` bytes at a time, until both sides are silent. */
static inline void
exchange(struct pair *pair, size_t step)
{
        bool busy = true;

        while (busy) {
                busy = deliver(&pair->client, &pair->server, step);
                busy |= deliver(&pair->server, &pair->client, step);
        }
}

static inline void
begin(struct pair *pair, struct aw_tls_context *server, struct aw_tls_context *client,
      const char *host)
{
        assert_non_null(server);
        assert_non_null(client);
        memset(pair, 0, sizeof(*pair));
        pair->server_context = server;
        pair->client_context = client;
        pair->server = (struct side){.room = 40000, .handshake = AW_TLS_AGAIN};
        pair->client = pair->server;
        pair->server.tls = aw_tls_create(server, NULL);
        pair->client.tls = aw_tls_create(client, host);
        assert_non_null(pair->server.tls);
        assert_non_null(pair->client.tls);
}

static inline void
shake_hands(struct pair *pair, size_t step)
{
        feed(&pair->client, NULL, 0);
        exchange(pair, step);
}

static inline void
assert_established(const struct pair *pair)
{
        assert_string_equal(aw_tls_error_text(pair->client.tls), "no error");
        assert_string_equal(aw_tls_error_text(pair->server.tls), "no error");
        assert_int_equal(pair->client.handshake, 0);
        assert_int_equal(pair->server.handshake, 0);
}

static inline void
end(struct pair *pair)
{
        struct side *sides[] = {&pair->client, &pair->server};

        for (int i = 0; i < 2; i++) {
                aw_tls_free(sides[i]->tls);
                free(sides[i]->out.data);
                free(sides[i]->got.data);
        }
        aw_tls_context_unref(pair->server_context);
        aw_tls_context_unref(pair->client_context);
}

static inline struct aw_tls_context *
any_server(void)
{
        struct aw_error error;

        return aw_tls_context_server(NULL, NULL, &error);
}

static inline struct aw_tls_context *
insecure_client(void)
{
        struct aw_error error;

        return aw_tls_context_client(NULL, true, &error);
}

/* A pair that has shaken hands. */
static inline void
begin_established(struct pair *pair)
{
        begin(pair, any_server(), insecure_client(), "localhost");
        shake_hands(pair, SIZE_MAX);
        assert_established(pair);
}

static inline int
write_to(struct side *side, const void *data, size_t length)
{
        int result;

        aw_tls_output_begin(side->tls, &side->out);
        result = aw_tls_write(side->tls, data, length);
        assert_no_errors();
        aw_tls_output_end(side->tls);
        return result;
}

static inline void
assert_got(struct side *side, const void *data, size_t length)
{
        assert_int_equal(side->got.length, length);
        if (length > 0)
                assert_memory_equal(side->got.data, data, length);
        side->got.length = 0;
}

/* The function is misuse: in a child, it aborts with the sentence. */
static inline void
assert_aborts(void (*misuse)(struct pair *), struct pair *pair, const char *sentence)
{
        int ends[2], status;
        char seen[200], expected[200];
        ssize_t length;
        pid_t child;

        assert_int_equal(pipe(ends), 0);
        child = fork();
        assert_true(child >= 0);
        if (child == 0) {
                setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
                signal(SIGABRT, SIG_DFL);
                dup2(ends[1], STDERR_FILENO);
                misuse(pair);
                _exit(0);
        }
        close(ends[1]);
        assert_int_equal(waitpid(child, &status, 0), child);
        length = read(ends[0], seen, sizeof(seen) - 1);
        close(ends[0]);
        assert_true(length >= 0);
        seen[length] = '\0';
        snprintf(expected, sizeof(expected), "error: %s\n", sentence);
        assert_string_equal(seen, expected);
        assert_true(WIFSIGNALED(status));
        assert_int_equal(WTERMSIG(status), SIGABRT);
}

#endif
