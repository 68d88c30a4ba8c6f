/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "base/utf8.h"

/* Bytes in a block, and in 8-byte words: what compilers turn into vector instructions. */
enum { BLOCK = 32, WORDS = BLOCK / 8 };

/*
 * The states of the UTF-8 automaton, as the bit positions of their entries in a row of the table:
 * the next state is the row of the byte, shifted by the state. One load and one shift per byte,
 * no branch.
 */
enum {
        ACCEPT = 0, /* between characters */
        ONE = 6,    /* one continuation byte to come */
        TWO = 12,
        THREE = 18,
        AFTER_E0 = 24, /* the next byte must not make an overlong form */
        AFTER_ED = 30, /* ... a surrogate */
        AFTER_F0 = 36, /* ... an overlong form */
        AFTER_F4 = 42, /* ... a number over 0x10ffff */
        REJECT = 48,
        STATE_BITS = 63,
};

#define ROW(accept, one, two, three, e0, ed, f0, f4)                                               \
        ((uint64_t)(accept) << ACCEPT | (uint64_t)(one) << ONE | (uint64_t)(two) << TWO |          \
         (uint64_t)(three) << THREE | (uint64_t)(e0) << AFTER_E0 | (uint64_t)(ed) << AFTER_ED |    \
         (uint64_t)(f0) << AFTER_F0 | (uint64_t)(f4) << AFTER_F4 | (uint64_t)REJECT << REJECT)
#define FIRST(next) ROW(next, REJECT, REJECT, REJECT, REJECT, REJECT, REJECT, REJECT)

static const uint64_t rows[256] = {
        [0x00 ... 0x7f] = FIRST(ACCEPT),
        [0x80 ... 0x8f] = ROW(REJECT, ACCEPT, ONE, TWO, REJECT, ONE, REJECT, TWO),
        [0x90 ... 0x9f] = ROW(REJECT, ACCEPT, ONE, TWO, REJECT, ONE, TWO, REJECT),
        [0xa0 ... 0xbf] = ROW(REJECT, ACCEPT, ONE, TWO, ONE, REJECT, TWO, REJECT),
        [0xc0 ... 0xc1] = FIRST(REJECT),
        [0xc2 ... 0xdf] = FIRST(ONE),
        [0xe0] = FIRST(AFTER_E0),
        [0xe1 ... 0xec] = FIRST(TWO),
        [0xed] = FIRST(AFTER_ED),
        [0xee ... 0xef] = FIRST(TWO),
        [0xf0] = FIRST(AFTER_F0),
        [0xf1 ... 0xf3] = FIRST(THREE),
        [0xf4] = FIRST(AFTER_F4),
        [0xf5 ... 0xff] = FIRST(REJECT),
};

static uint64_t
step(uint64_t state, const uint8_t *data, size_t length)
{
        for (size_t i = 0; i < length; i++)
                state = rows[data[i]] >> (state & STATE_BITS);
        return state & STATE_BITS;
}

static bool
is_ascii_block(const uint8_t *data)
{
        uint64_t words[WORDS], all = 0;

        memcpy(words, data, BLOCK);
        for (int i = 0; i < WORDS; i++)
                all |= words[i];
        return (all & UINT64_C(0x8080808080808080)) == 0;
}

bool
aw_utf8_feed(struct aw_utf8 *utf8, const uint8_t *data, size_t length)
{
        uint64_t state = utf8->state;
        size_t i = 0;

        for (; length - i >= BLOCK && state != REJECT; i += BLOCK)
                if (state != ACCEPT || !is_ascii_block(data + i))
                        state = step(state, data + i, BLOCK);
        if (state != REJECT)
                state = step(state, data + i, length - i);
        utf8->state = (uint8_t)state;
        return state != REJECT;
}

bool
aw_utf8_complete(const struct aw_utf8 *utf8)
{
        return utf8->state == ACCEPT;
}

bool
aw_utf8_valid(const uint8_t *data, size_t length)
{
        struct aw_utf8 utf8 = {0};

        return aw_utf8_feed(&utf8, data, length) && aw_utf8_complete(&utf8);
}

size_t
aw_utf8_character(const uint8_t *data, size_t length)
{
        struct aw_utf8 utf8 = {0};

        for (size_t i = 0; i < length && aw_utf8_feed(&utf8, data + i, 1); i++)
                if (aw_utf8_complete(&utf8))
                        return i + 1;
        return 0;
}
