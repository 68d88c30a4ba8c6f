/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "ws/frame_private.h"

/* As wide as the registers are, or made of what is there. Four of these are a block. */
typedef uint64_t vector __attribute__((vector_size(32), aligned(1), may_alias));
#define BLOCK (4 * sizeof(vector))

static uint64_t
read_number(const uint8_t *data, size_t size)
{
        uint64_t number = 0;

        for (size_t i = 0; i < size; i++)
                number = number << 8 | data[i];
        return number;
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
        extended = length == 126 ? 2 : length == 127 ? 8 : 0;
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

/* Returns the phase of what follows. */
static inline __attribute__((always_inline)) unsigned
mask_bytes(uint8_t *to, const uint8_t *from, size_t length, const uint8_t mask[4])
{
        const uint8_t *end = from + length;
        uint32_t half_key, half;
        uint64_t key, word;
        vector keys;

        memcpy(&half_key, mask, 4);
        key = (uint64_t)half_key << 32 | half_key;
        keys = (vector){key, key, key, key};
        for (; (size_t)(end - from) >= BLOCK; from += BLOCK, to += BLOCK) {
                const vector *in = (const vector *)from;
                vector *out = (vector *)to;

                out[0] = in[0] ^ keys;
                out[1] = in[1] ^ keys;
                out[2] = in[2] ^ keys;
                out[3] = in[3] ^ keys;
        }
        for (; (size_t)(end - from) >= sizeof(vector); from += sizeof(vector), to += sizeof(vector))
                *(vector *)to = *(const vector *)from ^ keys;
        for (; end - from >= 8; from += 8, to += 8) {
                memcpy(&word, from, 8);
                word ^= key;
                memcpy(to, &word, 8);
        }
        if (end - from >= 4) {
                memcpy(&half, from, 4);
                half ^= half_key;
                memcpy(to, &half, 4);
                from += 4;
                to += 4;
        }
        for (; from < end; mask++)
                *to++ = *from++ ^ *mask;
        return (unsigned)(length % 4);
}

static unsigned
mask_anywhere(uint8_t *to, const uint8_t *from, size_t length, const uint8_t mask[4])
{
        return mask_bytes(to, from, length, mask);
}

/* The same with registers of 32 bytes, which not every processor has. */
#ifdef __x86_64__
__attribute__((target("avx2"))) static unsigned
mask_avx2(uint8_t *to, const uint8_t *from, size_t length, const uint8_t mask[4])
{
        return mask_bytes(to, from, length, mask);
}
#endif

static inline unsigned
mask_from_start(uint8_t *to, const uint8_t *from, size_t length, const uint8_t mask[4])
{
#ifdef __x86_64__
        if (__builtin_cpu_supports("avx2"))
                return mask_avx2(to, from, length, mask);
#endif
        return mask_anywhere(to, from, length, mask);
}

/* The mask turned to the byte that comes next. */
static __attribute__((noinline)) unsigned
mask_turned(uint8_t *to, const uint8_t *from, size_t length, const uint8_t mask[4], unsigned phase)
{
        const uint8_t turned[4] = {mask[phase], mask[(phase + 1) % 4], mask[(phase + 2) % 4],
                                   mask[(phase + 3) % 4]};

        return (phase + mask_from_start(to, from, length, turned)) % 4;
}

unsigned
ws_frame_mask(uint8_t *to, const uint8_t *from, size_t length, const uint8_t mask[4],
              unsigned phase)
{
        return phase == 0 ? mask_from_start(to, from, length, mask)
                          : mask_turned(to, from, length, mask, phase);
}

bool
ws_close_code_valid(unsigned code)
{
        return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
               (code >= 3000 && code <= 4999);
}
