/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#define ZLIB_CONST /* it changes no input */
#include <zlib.h>

#include "ws/buffer_private.h"
#include "ws/codec_private.h"

#define BITS_MIN 9   /* that zlib can do */
#define AT_BLOCK 128 /* in z_stream.data_type: the next block is to begin */
#define KINDS    (WS_CODEC_BITS_MAX - BITS_MIN + 1)

struct ws_codec {
        z_stream stream;
        size_t memory; /* that zlib has */
        bool deflates;
        bool between; /* an inflater: nothing came since the beginning, or the last final block */
        unsigned bits;
        int level;
};

/* One of each kind that waits in this thread; and room for what comes out. */
static _Thread_local struct {
        struct ws_codec *deflaters[KINDS], *inflaters[KINDS];
        uint8_t *piece;
} spares;

/* zlib's memory: each block remembers its size in front. */

#define BLOCK_HEAD 16 /* keeps what follows aligned */

static voidpf
codec_alloc(voidpf opaque, uInt items, uInt size)
{
        struct ws_codec *codec = opaque;
        size_t bytes = BLOCK_HEAD + (size_t)items * size;
        uint8_t *block = malloc(bytes);

        if (block == NULL)
                return NULL;
        memcpy(block, &bytes, sizeof(bytes));
        codec->memory += bytes;
        ws_memory_charge((ptrdiff_t)bytes);
        return block + BLOCK_HEAD;
}

static void
codec_free(voidpf opaque, voidpf address)
{
        struct ws_codec *codec = opaque;
        uint8_t *block = (uint8_t *)address - BLOCK_HEAD;
        size_t bytes;

        memcpy(&bytes, block, sizeof(bytes));
        codec->memory -= bytes;
        ws_memory_charge(-(ptrdiff_t)bytes);
        free(block);
}

/* Making and keeping. */

static unsigned
bits_of(unsigned bits)
{
        return bits < BITS_MIN ? BITS_MIN : bits;
}

static struct ws_codec **
spare_of(bool deflates, unsigned bits)
{
        return &(deflates ? spares.deflaters : spares.inflaters)[bits - BITS_MIN];
}

/*
 * zlib's table of hashes and its store of symbols: as usual for the largest windows, and less for
 * small ones, of which they would be the larger part.
 */
static int
memory_level(unsigned bits)
{
        return bits > 13 ? 8 : (int)bits - 6;
}

static struct ws_codec *
codec_create(bool deflates, unsigned bits, int level)
{
        struct ws_codec *codec = calloc(1, sizeof(*codec));
        int result;

        if (codec == NULL)
                return NULL;
        codec->deflates = deflates;
        codec->between = true;
        codec->bits = bits;
        codec->level = level;
        codec->stream.zalloc = codec_alloc;
        codec->stream.zfree = codec_free;
        codec->stream.opaque = codec;
        result = deflates ? deflateInit2(&codec->stream, level, Z_DEFLATED, -(int)bits,
                                         memory_level(bits), Z_DEFAULT_STRATEGY)
                          : inflateInit2(&codec->stream, -(int)bits);
        if (result == Z_OK)
                return codec;
        free(codec);
        errno = ENOMEM;
        return NULL;
}

static void
codec_destroy(struct ws_codec *codec)
{
        if (codec == NULL)
                return;
        if (codec->deflates)
                deflateEnd(&codec->stream);
        else
                inflateEnd(&codec->stream);
        free(codec);
}

static struct ws_codec *
codec_get(bool deflates, unsigned bits, int level)
{
        struct ws_codec **spare = spare_of(deflates, bits_of(bits)), *codec = *spare;

        *spare = NULL;
        return codec != NULL ? codec : codec_create(deflates, bits_of(bits), level);
}

struct ws_codec *
ws_codec_deflater(unsigned bits, int level)
{
        struct ws_codec *codec = codec_get(true, bits, level);

        /* Nothing was compressed yet, so nothing is flushed. */
        if (codec != NULL && codec->level != level) {
                deflateParams(&codec->stream, level, Z_DEFAULT_STRATEGY);
                codec->level = level;
        }
        return codec;
}

struct ws_codec *
ws_codec_inflater(unsigned bits)
{
        return codec_get(false, bits, 0);
}

void
ws_codec_reset(struct ws_codec *codec)
{
        if (codec->deflates)
                deflateReset(&codec->stream);
        else
                inflateReset(&codec->stream);
        codec->between = true;
}

void
ws_codec_release(struct ws_codec *codec)
{
        struct ws_codec **spare;

        if (codec == NULL)
                return;
        spare = spare_of(codec->deflates, codec->bits);
        if (*spare != NULL) {
                codec_destroy(codec);
                return;
        }
        ws_codec_reset(codec);
        *spare = codec;
}

void
ws_codec_forget_spare(void)
{
        for (size_t i = 0; i < KINDS; i++) {
                codec_destroy(spares.deflaters[i]);
                codec_destroy(spares.inflaters[i]);
                spares.deflaters[i] = spares.inflaters[i] = NULL;
        }
        free(spares.piece);
        spares.piece = NULL;
}

uint8_t *
ws_codec_piece(void)
{
        if (spares.piece == NULL)
                spares.piece = malloc(WS_CODEC_PIECE);
        return spares.piece;
}

size_t
ws_codec_cost(const struct ws_codec *codec)
{
        return sizeof(*codec) + codec->memory;
}

/* Working. */

/* zlib counts in 32 bits. */
#define MOST ((size_t)1 << 30)

static void
lend(z_stream *stream, const struct ws_codec_bytes *bytes)
{
        stream->next_in = bytes->in;
        stream->avail_in = (uInt)(bytes->in_left < MOST ? bytes->in_left : MOST);
        stream->next_out = bytes->out;
        stream->avail_out = (uInt)(bytes->out_left < MOST ? bytes->out_left : MOST);
}

static void
move_on(const z_stream *stream, struct ws_codec_bytes *bytes)
{
        bytes->in_left -= (size_t)(stream->next_in - bytes->in);
        bytes->in = stream->next_in;
        bytes->out_left -= (size_t)(stream->next_out - bytes->out);
        bytes->out = stream->next_out;
}

bool
ws_codec_deflate(struct ws_codec *codec, struct ws_codec_bytes *bytes, bool flush)
{
        z_stream *stream = &codec->stream;

        do {
                lend(stream, bytes);
                deflate(stream, flush && bytes->in_left <= MOST ? Z_SYNC_FLUSH : Z_NO_FLUSH);
                move_on(stream, bytes);
        } while (bytes->in_left > 0 && bytes->out_left > 0);
        return bytes->in_left == 0 && bytes->out_left > 0;
}

/*
 * Behind a final block the data begin anew; the window stays, because RFC 7692 section 7.2.3.4 lets
 * the messages that follow refer to it.
 */
static enum ws_codec_result
inflate_some(struct ws_codec *codec, struct ws_codec_bytes *bytes)
{
        z_stream *stream = &codec->stream;
        const uint8_t *before = bytes->in;
        int result;

        lend(stream, bytes);
        result = inflate(stream, Z_SYNC_FLUSH);
        move_on(stream, bytes);
        if (bytes->in != before)
                codec->between = false;
        if (result == Z_STREAM_END) {
                inflateResetKeep(stream);
                codec->between = true;
                return WS_CODEC_DONE;
        }
        if (result == Z_MEM_ERROR)
                return WS_CODEC_NO_MEMORY;
        return result == Z_OK || result == Z_BUF_ERROR ? WS_CODEC_DONE : WS_CODEC_BAD;
}

enum ws_codec_result
ws_codec_inflate(struct ws_codec *codec, struct ws_codec_bytes *bytes)
{
        enum ws_codec_result result = WS_CODEC_DONE;

        while (result == WS_CODEC_DONE && bytes->out_left > 0) {
                result = inflate_some(codec, bytes);
                if (bytes->in_left == 0 && bytes->out_left > 0)
                        return result;
        }
        return result == WS_CODEC_DONE ? WS_CODEC_MORE : result;
}

/*
 * The tail completes an empty block without compression: nothing comes out of it, and the next block
 * is to begin behind it. Behind a final block, or nothing at all, it means nothing.
 */
bool
ws_codec_inflate_end(struct ws_codec *codec)
{
        static const uint8_t tail[WS_CODEC_TAIL] = {0, 0, 0xff, 0xff};
        uint8_t nothing;
        struct ws_codec_bytes bytes = {tail, sizeof(tail), &nothing, 1};
        bool complete = codec->between;

        if (!complete)
                complete = ws_codec_inflate(codec, &bytes) == WS_CODEC_DONE && !codec->between &&
                           (codec->stream.data_type & AT_BLOCK) != 0;
        codec->between = true;
        return complete;
}
