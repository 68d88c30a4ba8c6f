/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "ws/frame_private.h"

/* Two of these are a block: as wide as the registers are, or made of what is there. */
typedef uint64_t vector __attribute__((vector_size(32), aligned(1), may_alias));
#define BLOCK (2 * sizeof(vector))

static uint64_t
read_number(const uint8_t *data, size_t size)
{
        uint64_t number = 0;

        for (size_t i = 0; i < size; i++)
                number = number << 8 | data[i];
        return number;
}

static void
write_number(uint8_t *out, size_t size, uint64_t number)
{
        for (size_t i = size; i-- > 0; number >>= 8)
                out[i] = (uint8_t)number;
}

/* How many bytes of length follow the first two. */
static size_t
extended_size(unsigned short_length)
{
        return short_length == 126 ? 2 : short_length == 127 ? 8 : 0;
}

int
ws_frame_parse(const uint8_t *data, size_t available, struct ws_frame_header *header)
{
        uint8_t mask[4] = {0};
        uint64_t length;
        size_t size = 2, extended;

        if (available < size)
                return 0;
        length = data[1] & 0x7f;
        extended = extended_size((unsigned)length);
        size += extended;
        if (available < size)
                return 0;
        if (extended == 2) {
                length = read_number(data + 2, 2);
                if (length < 126)
                        return -1;
        } else if (extended == 8) {
                length = read_number(data + 2, 8);
                if (length <= UINT16_MAX || length > INT64_MAX)
                        return -1;
        }
        if (data[1] & 0x80) {
                if (available < size + 4)
                        return 0;
                memcpy(mask, data + size, 4);
                size += 4;
        }
        *header = (struct ws_frame_header){
                .length = length,
                .size = (uint8_t)size,
                .opcode = data[0] & 0x0f,
                .reserved = data[0] >> 4 & 0x7,
                .final = data[0] >> 7,
                .masked = data[1] >> 7,
                .mask = {mask[0], mask[1], mask[2], mask[3]},
        };
        return 1;
}

size_t
ws_frame_build(uint8_t out[WS_FRAME_HEADER_MAX], enum ws_opcode opcode, uint64_t length,
               const uint8_t mask[4])
{
        unsigned short_length = length < 126 ? (unsigned)length : length <= UINT16_MAX ? 126 : 127;
        size_t extended = extended_size(short_length), size = 2 + extended;

        out[0] = (uint8_t)(0x80 | opcode);
        out[1] = (uint8_t)((mask != NULL ? 0x80 : 0) | short_length);
        write_number(out + 2, extended, length);
        if (mask != NULL) {
                memcpy(out + size, mask, 4);
                size += 4;
        }
        return size;
}

/*
 * XORs whole blocks with the key, and returns how many bytes that were. The loads of a block come
 * before its stores, so that the compiler need not know whether to == from.
 */
static inline size_t
mask_blocks(uint8_t *to, const uint8_t *from, size_t length, uint64_t key)
{
        const vector keys = {key, key, key, key};
        size_t i;

        for (i = 0; length - i >= BLOCK; i += BLOCK) {
                vector low = *(const vector *)(from + i);
                vector high = *(const vector *)(from + i + sizeof(vector));

                *(vector *)(to + i) = low ^ keys;
                *(vector *)(to + i + sizeof(vector)) = high ^ keys;
        }
        return i;
}

/* The same with registers of 32 bytes, which not every processor has. */
#ifdef __x86_64__
__attribute__((target("avx2"))) static size_t
mask_blocks_avx2(uint8_t *to, const uint8_t *from, size_t length, uint64_t key)
{
        return mask_blocks(to, from, length, key);
}
#endif

static size_t
mask_most(uint8_t *to, const uint8_t *from, size_t length, uint64_t key)
{
        if (length < BLOCK)
                return 0;
#ifdef __x86_64__
        if (__builtin_cpu_supports("avx2"))
                return mask_blocks_avx2(to, from, length, key);
#endif
        return mask_blocks(to, from, length, key);
}

unsigned
ws_frame_mask(uint8_t *to, const uint8_t *from, size_t length, const uint8_t mask[4],
              unsigned phase)
{
        uint8_t bytes[8];
        uint32_t turned;
        uint64_t key, word;
        size_t i;

        memcpy(bytes, mask, 4);
        memcpy(bytes + 4, mask, 4);
        memcpy(&turned, bytes + phase, 4);
        key = (uint64_t)turned << 32 | turned;
        memcpy(bytes, &key, 8);
        i = mask_most(to, from, length, key);
        for (; length - i >= 8; i += 8) {
                memcpy(&word, from + i, 8);
                word ^= key;
                memcpy(to + i, &word, 8);
        }
        for (; i < length; i++)
                to[i] = from[i] ^ bytes[i % 4];
        return (unsigned)((phase + length) % 4);
}

bool
ws_close_code_valid(unsigned code)
{
        return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
               (code >= 3000 && code <= 4999);
}
