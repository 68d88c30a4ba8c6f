/* SPDX-License-Identifier: MIT */
/* What the tests of compressed connections share. */
#ifndef DEFLATE_TEST_H
#define DEFLATE_TEST_H

#include "unit/ws/raw.h"

#define MIB ((size_t)1 << 20)

static const struct ws_deflate_options shared = {.mode = WS_DEFLATE_SHARED,
                                                 .level = 6,
                                                 .threshold = 1},
                                       context = {.mode = WS_DEFLATE_CONTEXT, .threshold = 1};

static inline uint8_t *
noise(size_t length)
{
        uint8_t *data = malloc(length + 1);
        uint64_t state = 1;

        for (size_t i = 0; data != NULL && i < length; i++) {
                state = state * 6364136223846793005 + 1442695040888963407;
                data[i] = (uint8_t)(state >> 56);
        }
        expect(data != NULL);
        return data;
}

static inline struct ws_compression
counts_of(const struct ws *ws)
{
        struct ws_compression counts;

        ws_compression(ws, &counts);
        return counts;
}

static inline async void
send_parts(struct ws *ws, const char *const *parts, size_t count)
{
        struct ws_message part;

        for (size_t i = 0; i < count; i++) {
                part = message_of(WS_TEXT, parts[i], strlen(parts[i]));
                expect_int(await(ws_send_part(ws, &part, i == count - 1, SOON)), 0);
        }
}

/* Bytes of the message that is being received, or that has come. */
static inline size_t
inflated(const struct ws *ws)
{
        const struct ws_buffer *half = half_a_message(ws);

        return half != NULL ? half->length : inbox_bytes(ws);
}

static inline void
with_shared(void **state)
{
        test_on_pair((struct pair){.test = (async int (*)(struct pair *)) * state,
                                   .url = ANY_PORT,
                                   .deflate = shared});
}

static inline void
with_context(void **state)
{
        test_on_pair((struct pair){.test = (async int (*)(struct pair *)) * state,
                                   .url = ANY_PORT,
                                   .deflate = context});
}

static inline void
with_tls(void **state)
{
        test_on_tls_pair_with(state, shared);
}

#define on(pairs, test)                                                                            \
        {                                                                                          \
#test "_" #pairs, pairs, NULL, NULL, (void *)(test)                                \
        }

#endif
