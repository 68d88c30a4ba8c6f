/* SPDX-License-Identifier: MIT */
/*
 * Compressors and decompressors of raw DEFLATE data (RFC 1951), as permessage-deflate uses them. The
 * only place that knows zlib.
 *
 * Making one costs more than most messages, so one of each kind waits in its thread for the next
 * message. What they take in memory is charged to the process's connections.
 */
#ifndef AW_WS_CODEC_PRIVATE_H
#define AW_WS_CODEC_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ws_codec;

#define WS_CODEC_BITS_MAX 15

/*
 * With a window of 2^bits bytes, 8 to 15, and a level from 1 to 9. zlib cannot make raw data for a
 * window of 2^8 bytes; with 2^9 it looks back 250 bytes at most (a match ends 262 bytes before the
 * window's end), which is right for both. NULL with errno ENOMEM.
 */
struct ws_codec *ws_codec_deflater(unsigned bits, int level);
struct ws_codec *ws_codec_inflater(unsigned bits);

/* Forgets what was said before. */
void ws_codec_reset(struct ws_codec *codec);

/* It is not needed any more. NULL does nothing. */
void ws_codec_release(struct ws_codec *codec);

/* Frees those of this thread that wait, and its piece. */
void ws_codec_forget_spare(void);

/*
 * Room for so many bytes, for who uses it before he returns to the loop: one in the thread, because on
 * the stack of a task it would cost each connection that compresses a page more. NULL with errno ENOMEM.
 */
#define WS_CODEC_PIECE ((size_t)2 << 10)
uint8_t *ws_codec_piece(void);

/* What it takes in memory now. */
size_t ws_codec_cost(const struct ws_codec *codec);

/* Where bytes come from and go to; both are moved on. */
struct ws_codec_bytes {
        const uint8_t *in;
        size_t in_left;
        uint8_t *out;
        size_t out_left;
};

/*
 * Compresses all of the input if there is room for what comes out. `flush`: all that was given so
 * far comes out, ended by an empty block of which the last four bytes are WS_CODEC_TAIL. True: it
 * has; false: there was no room, call again.
 */
#define WS_CODEC_TAIL 4
bool ws_codec_deflate(struct ws_codec *codec, struct ws_codec_bytes *bytes, bool flush);

enum ws_codec_result {
        WS_CODEC_DONE, /* the input is used up, and nothing is held back */
        WS_CODEC_MORE, /* the room is */
        WS_CODEC_BAD,  /* it is no DEFLATE data */
        WS_CODEC_NO_MEMORY,
};
enum ws_codec_result ws_codec_inflate(struct ws_codec *codec, struct ws_codec_bytes *bytes);

/* The message is complete: whether its data are, with the tail that was taken away. */
bool ws_codec_inflate_end(struct ws_codec *codec);

#endif
