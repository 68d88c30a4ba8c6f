/* SPDX-License-Identifier: MIT */
/* Compressed data from a peer. */
#include "fuzz.h"
#include "ws/codec_private.h"

enum { OUT_MAX = 1 << 17 };

/* What came of the data: bytes, at most OUT_MAX, and how it ended. */
struct inflated {
        uint8_t data[OUT_MAX];
        size_t length;
        enum ws_codec_result result;
        bool complete;
};

/* In pieces of `in`, into room for `out` bytes. */
static void
inflate_in_pieces(struct ws_codec *codec, const uint8_t *data, size_t size, size_t in, size_t out,
                  struct inflated *inflated)
{
        struct ws_codec_bytes bytes = {.in = data, .out = inflated->data};
        const uint8_t *end = inflated->data + OUT_MAX;

        inflated->result = WS_CODEC_DONE;
        while (size > 0 && inflated->result == WS_CODEC_DONE) {
                bytes.in_left = in < size ? in : size;
                size -= bytes.in_left;
                do {
                        bytes.out_left =
                                out < (size_t)(end - bytes.out) ? out : (size_t)(end - bytes.out);
                        inflated->result = ws_codec_inflate(codec, &bytes);
                } while (inflated->result == WS_CODEC_MORE && bytes.out < end);
                CHECK(inflated->result != WS_CODEC_DONE || bytes.in_left == 0);
        }
        inflated->length = (size_t)(bytes.out - inflated->data);
        inflated->complete = inflated->result == WS_CODEC_DONE && ws_codec_inflate_end(codec);
}

/* However it is cut, the same comes of it; but that a fault may be seen earlier. */
static void
check_inflating(const uint8_t *data, size_t size, size_t in, size_t out)
{
        static struct inflated whole, pieces;
        struct ws_codec *codec = ws_codec_inflater(15);
        size_t least;

        CHECK(codec != NULL);
        inflate_in_pieces(codec, data, size, size, OUT_MAX, &whole);
        ws_codec_reset(codec);
        inflate_in_pieces(codec, data, size, in, out, &pieces);
        ws_codec_release(codec);
        CHECK(whole.result == pieces.result);
        CHECK(whole.complete == pieces.complete);
        least = whole.length < pieces.length ? whole.length : pieces.length;
        CHECK(whole.result == WS_CODEC_BAD || whole.length == pieces.length);
        CHECK(memcmp(whole.data, pieces.data, least) == 0);
}

static void
check_both_ways(const uint8_t *data, size_t size, unsigned bits, int level)
{
        static uint8_t packed[2 * OUT_MAX];
        static struct inflated inflated;
        struct ws_codec *deflater = ws_codec_deflater(bits, level);
        struct ws_codec *inflater = ws_codec_inflater(bits);
        struct ws_codec_bytes bytes = {data, size, packed, sizeof(packed)};

        CHECK(deflater != NULL && inflater != NULL);
        CHECK(ws_codec_deflate(deflater, &bytes, true));
        inflate_in_pieces(inflater, packed, (size_t)(bytes.out - packed) - WS_CODEC_TAIL, 1024,
                          4096, &inflated);
        CHECK(inflated.complete && inflated.length == size);
        CHECK(memcmp(inflated.data, data, size) == 0);
        ws_codec_release(deflater);
        ws_codec_release(inflater);
}

const unsigned fuzz_inputs = 20000;

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        if (size < 2 || size > 50000)
                return 0;
        check_inflating(data + 2, size - 2, 1 + data[0], 1 + 7 * (size_t)data[1]);
        check_both_ways(data + 2, size - 2, 8 + data[0] % 8, 1 + data[1] % 9);
        ws_codec_forget_spare();
        return 0;
}
