/* SPDX-License-Identifier: MIT */
/* Compressed data from a peer, and offers and answers of compression. */
#include "await/ws.h"
#include "fuzz.h"
#include "ws/codec_private.h"
#include "ws/deflate_offer_private.h"
#include "ws/request_private.h"

enum { OUT_MAX = 1 << 17, TEXT_MAX = 8000 };

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

/* Whatever is offered: the answer is one that a client who offered anything would take. */
static void
check_offer(const uint8_t *data, size_t size, const struct ws_deflate_options *options)
{
        static char text[TEXT_MAX + 200];
        static const struct ws_deflate_options any = {.mode = WS_DEFLATE_CONTEXT};
        struct ws_deflate_agreed agreed, again;
        struct aw_http_head head;
        struct ws_request *request;
        int length = snprintf(text, sizeof(text),
                              "GET / HTTP/1.1\r\nSec-WebSocket-Extensions: %.*s\r\n\r\n",
                              (int)(size < TEXT_MAX ? size : TEXT_MAX), (const char *)data);

        if (aw_http_parse_request(text, (size_t)length, &head) != AW_HTTP_OK)
                return;
        request = ws_request_create(&head);
        CHECK(request != NULL);
        if (ws_deflate_accept(request, options, &agreed)) {
                CHECK(agreed.send_bits >= 8 && agreed.send_bits <= 15);
                CHECK(agreed.receive_bits >= 8 && agreed.receive_bits <= 15);
                length = snprintf(text, sizeof(text),
                                  "HTTP/1.1 101 X\r\nSec-WebSocket-Extensions: %s\r\n\r\n",
                                  agreed.text);
                CHECK(aw_http_parse_response(text, (size_t)length, &head) == AW_HTTP_OK);
                CHECK(ws_deflate_check(&head, &any, &again) == NULL);
                CHECK(again.send_context == agreed.receive_context);
                CHECK(again.receive_bits >= agreed.send_bits);
        }
        ws_request_free(request);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const struct ws_deflate_options shared = {.mode = WS_DEFLATE_SHARED},
                                               small = {.mode = WS_DEFLATE_CONTEXT, .bits = 9};

        if (size < 2 || size > 50000)
                return 0;
        check_inflating(data + 2, size - 2, 1 + data[0], 1 + 7 * (size_t)data[1]);
        check_both_ways(data + 2, size - 2, 8 + data[0] % 8, 1 + data[1] % 9);
        check_offer(data, size, &shared);
        check_offer(data, size, &small);
        ws_codec_forget_spare();
        return 0;
}

#ifdef FUZZ_REPLAY
int
main(int argc, char **argv)
{
        static const struct fuzz_word words[] = {
                FUZZ_WORD("\xf2\x48\xcd\xc9\xc9\x07\x00"),
                FUZZ_WORD("\xf3\x48\xcd\xc9\xc9\x07\x00"),
                FUZZ_WORD("\x00\x05\x00\xfa\xffHello"),
                FUZZ_WORD("\x00\x00\x00\xff\xff"),
                FUZZ_WORD("\x02\x00"),
                FUZZ_WORD("\x03\x00"),
                FUZZ_WORD("\xf2\x00\x11\x00\x00"),
                FUZZ_WORD("permessage-deflate"),
                FUZZ_WORD("; server_no_context_takeover"),
                FUZZ_WORD("; client_no_context_takeover"),
                FUZZ_WORD("; server_max_window_bits=12"),
                FUZZ_WORD("; client_max_window_bits"),
                FUZZ_WORD("=\"9\""),
                FUZZ_WORD("=15"),
                FUZZ_WORD(", "),
                FUZZ_WORD(" "),
        };

        return fuzz_main(argc, argv, words, sizeof words / sizeof words[0]);
}
#endif
