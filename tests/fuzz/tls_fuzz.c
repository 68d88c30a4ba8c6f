/* SPDX-License-Identifier: MIT */
/*
 * Two TLS sessions that talk to each other. The input is what happens on the way, an operation of a
 * few bytes each: data is written, bytes are delivered in pieces, and some of them are changed, cut
 * out, or come twice. As long as nothing was changed all arrives, however it was cut. What arrives is
 * in any case what was sent; a session that has failed has said why, and stays that way.
 */
#include "fuzz.h"
#include "tls/session.h"

enum { WAY_MAX = 1 << 18, ROOM = 20000 };

const unsigned fuzz_inputs = 400;

struct end {
        struct aw_tls *tls;
        struct aw_tls_buffer out; /* not delivered yet from `delivered` on */
        size_t delivered;
        int handshake;
        ssize_t read; /* the last result */
        bool shut;
        size_t wrote, got; /* bytes of data: the n-th one is pattern(n) */
};

struct talk {
        struct end client, server;
        bool changed;
};

static uint8_t
pattern(size_t n)
{
        return (uint8_t)(n * 167 + (n >> 8));
}

static struct aw_tls_context *
context_of(bool client)
{
        static struct aw_tls_context *contexts[2];
        struct aw_error error;

        if (contexts[client] == NULL)
                contexts[client] = client ? aw_tls_context_client(NULL, true, &error)
                                          : aw_tls_context_server(NULL, NULL, &error);
        CHECK(contexts[client] != NULL);
        return contexts[client];
}

static void
open_end(struct end *end, bool client)
{
        *end = (struct end){.handshake = AW_TLS_AGAIN, .read = AW_TLS_AGAIN};
        end->tls = aw_tls_create(context_of(client), client ? "localhost" : NULL);
        CHECK(end->tls != NULL);
}

static void
close_end(struct end *end)
{
        aw_tls_free(end->tls);
        free(end->out.data);
}

static bool
has_failed(const struct end *end)
{
        return end->handshake == AW_TLS_FAILED || end->read == AW_TLS_FAILED;
}

static void
begin(struct end *end)
{
        aw_tls_output_begin(end->tls, &end->out);
}

static void
finish(struct end *end, size_t before)
{
        ssize_t added = aw_tls_output_end(end->tls);

        CHECK(added >= 0 && end->out.length == before + (size_t)added);
        CHECK(end->out.length <= WAY_MAX);
        if (has_failed(end))
                CHECK(aw_tls_error_text(end->tls)[0] != '\0');
}

/* Decrypts all there is. */
static void
read_all(struct end *end)
{
        static uint8_t data[ROOM];

        do {
                end->read = aw_tls_read(end->tls, data, sizeof(data));
                for (ssize_t i = 0; i < end->read; i++)
                        CHECK(data[i] == pattern(end->got++));
        } while (end->read > 0);
}

static void
feed(struct end *end, const uint8_t *data, size_t length)
{
        uint8_t *copy = malloc(length + 1);
        size_t before = end->out.length;

        CHECK(copy != NULL);
        if (length > 0)
                memcpy(copy, data, length);
        begin(end);
        if (has_failed(end) || end->read == AW_TLS_CLOSED) {
                /* Nobody asks it again. */
        } else {
                aw_tls_input(end->tls, copy, length);
                if (end->handshake == AW_TLS_AGAIN)
                        end->handshake = aw_tls_handshake(end->tls);
                if (end->handshake == 0)
                        read_all(end);
        }
        finish(end, before);
        free(copy);
}

static void
deliver(struct end *from, struct end *to, size_t length)
{
        size_t left = from->out.length - from->delivered;

        if (length > left)
                length = left;
        if (length > 0)
                feed(to, from->out.data + from->delivered, length);
        from->delivered += length;
        if (from->delivered == from->out.length)
                from->delivered = from->out.length = 0;
}

static void
send_data(struct end *end, size_t length)
{
        static uint8_t data[ROOM];
        size_t before = end->out.length;

        if (end->handshake != 0 || has_failed(end) || end->shut ||
            before + 2 * length > WAY_MAX / 2)
                return;
        for (size_t i = 0; i < length; i++)
                data[i] = pattern(end->wrote++);
        begin(end);
        CHECK(aw_tls_write(end->tls, data, length) == 0);
        finish(end, before);
}

static void
shut(struct end *end)
{
        size_t before = end->out.length;

        if (end->handshake != 0 || has_failed(end))
                return;
        begin(end);
        aw_tls_shutdown(end->tls);
        finish(end, before);
        end->shut = true;
}

/* What waits to be delivered. */

static void
change(struct talk *talk, struct end *from, size_t at, uint8_t bits)
{
        if (from->out.length == from->delivered || bits == 0)
                return;
        from->out.data[from->delivered + at % (from->out.length - from->delivered)] ^= bits;
        talk->changed = true;
}

static void
cut(struct talk *talk, struct end *from, size_t length)
{
        size_t left = from->out.length - from->delivered;

        if (length > left)
                length = left;
        from->delivered += length;
        talk->changed = talk->changed || length > 0;
}

/* Bytes that nobody sent come to the other side. */
static void
forge(struct talk *talk, struct end *to, struct fuzz_input bytes)
{
        if (bytes.left == 0)
                return;
        talk->changed = true;
        feed(to, bytes.data, bytes.left);
}

static void
operate(struct talk *talk, struct fuzz_input *input)
{
        uint8_t operation = fuzz_byte(input);
        struct end *one = operation & 1 ? &talk->client : &talk->server;
        struct end *other = operation & 1 ? &talk->server : &talk->client;
        size_t number = fuzz_byte(input);

        switch (operation >> 1 & 7) {
        case 0:
        case 1:
                deliver(one, other, number);
                break;
        case 2:
                deliver(one, other, number * 64);
                break;
        case 3:
                send_data(one, number * 67);
                break;
        case 4:
                change(talk, one, number, fuzz_byte(input));
                break;
        case 5:
                cut(talk, one, number % 8);
                break;
        case 6:
                shut(one);
                break;
        default:
                forge(talk, other, fuzz_piece(input, number % 16));
        }
}

/* The rest comes, in pieces of the size. */
static void
settle(struct talk *talk, size_t piece)
{
        for (int i = 0; i < 20000 && (talk->client.out.length > 0 || talk->server.out.length > 0);
             i++) {
                deliver(&talk->client, &talk->server, piece);
                deliver(&talk->server, &talk->client, piece);
        }
}

static void
check_end(const struct talk *talk, const struct end *end, const struct end *peer)
{
        CHECK(end->got <= peer->wrote);
        if (talk->changed)
                return;
        CHECK(end->handshake == 0 && !has_failed(end));
        CHECK(end->got == peer->wrote);
        CHECK((end->read == AW_TLS_CLOSED) == peer->shut);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct fuzz_input input = {data, size};
        struct talk talk = {.changed = false};
        size_t piece = 1 + 8 * (size_t)fuzz_byte(&input);
        bool early = fuzz_byte(&input) % 2 == 0;

        open_end(&talk.client, true);
        open_end(&talk.server, false);
        feed(&talk.client, NULL, 0);
        if (!early)
                settle(&talk, SIZE_MAX);
        for (int i = 0; i < 500 && input.left > 0; i++)
                operate(&talk, &input);
        settle(&talk, piece < 64 ? 64 : piece);
        check_end(&talk, &talk.client, &talk.server);
        check_end(&talk, &talk.server, &talk.client);
        close_end(&talk.client);
        close_end(&talk.server);
        return 0;
}
