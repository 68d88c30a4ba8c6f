/* SPDX-License-Identifier: MIT */
#include "base/utf8.h"
#include "fuzz.h"
#include "ws/frame_private.h"

/* A header that was read is written back as it was, but for what is never written. */
static void
check_header(const uint8_t *data, size_t size)
{
        struct ws_frame_header header, shorter;
        uint8_t built[WS_FRAME_HEADER_MAX];
        int result = ws_frame_parse(data, size, &header);

        CHECK(result == 1 || result == -1 || size < WS_FRAME_HEADER_MAX);
        if (result != 1)
                return;
        CHECK(header.size <= size && header.size >= 2 && header.size <= WS_FRAME_HEADER_MAX);
        CHECK(header.opcode <= 0xf && header.reserved <= 0x7 && header.length <= INT64_MAX);
        CHECK(ws_frame_build(built, (enum ws_opcode)header.opcode, header.length,
                             header.masked ? header.mask : NULL) == header.size);
        built[0] = (uint8_t)((built[0] & 0xf) | header.reserved << 4 | header.final << 7);
        CHECK(memcmp(built, data, header.size) == 0);
        for (size_t i = 0; i < header.size; i++)
                CHECK(ws_frame_parse(data, i, &shorter) == 0);
}

static void
check_mask(const uint8_t *data, size_t size, size_t split, const uint8_t mask[4])
{
        uint8_t *to = malloc(size + 1);
        unsigned phase = mask[0] % 4, next;

        CHECK(to != NULL);
        next = ws_frame_mask(to, data, split, mask, phase);
        CHECK(next == (phase + split) % 4);
        next = ws_frame_mask(to + split, data + split, size - split, mask, next);
        CHECK(next == (phase + size) % 4);
        for (size_t i = 0; i < size; i++)
                CHECK(to[i] == (data[i] ^ mask[(phase + i) % 4]));
        ws_frame_mask(to, to, size, mask, phase);
        CHECK(memcmp(to, data, size) == 0);
        free(to);
}

/* Bytes in the character that begins the text; 0: there is none; -1: there is some of it. */
static int
character(const uint8_t *data, size_t size)
{
        static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
        size_t need = data[0] < 0x80             ? 1
                      : (data[0] & 0xe0) == 0xc0 ? 2
                      : (data[0] & 0xf0) == 0xe0 ? 3
                      : (data[0] & 0xf8) == 0xf0 ? 4
                                                 : 0;
        size_t have = size < need ? size : need;
        uint32_t low, high;

        if (need < 2)
                return (int)need;
        low = data[0] & (0x7fu >> need);
        for (size_t i = 1; i < have; i++) {
                if ((data[i] & 0xc0) != 0x80)
                        return 0;
                low = low << 6 | (data[i] & 0x3f);
        }
        /* All that it can still become. */
        high = ((low + 1) << 6 * (need - have)) - 1;
        low <<= 6 * (need - have);
        if (high < least[need] || low > 0x10ffff || (low >= 0xd800 && high <= 0xdfff))
                return 0;
        return have == need ? (int)need : -1;
}

static void
check_utf8(const uint8_t *data, size_t size, size_t split)
{
        struct aw_utf8 whole = {0}, pieces = {0};
        bool valid = aw_utf8_feed(&whole, data, size), first;
        int length = 1;
        size_t at = 0;

        first = aw_utf8_feed(&pieces, data, split);
        CHECK(aw_utf8_feed(&pieces, data + split, size - split) == valid);
        CHECK(first || !valid);
        CHECK(aw_utf8_complete(&pieces) == aw_utf8_complete(&whole));
        while (at < size && (length = character(data + at, size - at)) > 0)
                at += (size_t)length;
        CHECK(valid == (length != 0));
        CHECK(aw_utf8_complete(&whole) == (length > 0));
}

const unsigned fuzz_inputs = 20000;

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        size_t split;

        check_header(data, size);
        if (size < 5)
                return 0;
        split = data[4] % (size - 4);
        check_mask(data + 5, size - 5, split, data);
        check_utf8(data + 5, size - 5, split);
        return 0;
}
