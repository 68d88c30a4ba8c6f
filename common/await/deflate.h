/* SPDX-License-Identifier: MIT */
/* Compression of WebSocket messages: permessage-deflate (RFC 7692). ws.h includes this. */
#ifndef WS_DEFLATE_H
#define WS_DEFLATE_H

#include <stddef.h>
#include <stdint.h>

#include "api.h"

struct ws;

/*
 * How messages are compressed. A peer's compressed messages are limited
 * by what they become: by max_message, as they are inflated. Large ones are inflated and compressed
 * in slices of a millisecond, between which others have their turns.
 */
enum ws_deflate_mode {
        WS_DEFLATE_OFF, /* it is not offered; an offer is declined */

        /*
         * No message refers to an earlier one (server_no_context_takeover,
         * client_no_context_takeover), so a compressor and a decompressor serve all connections of
         * a thread, and one that is idle holds no state of them.
         */
        WS_DEFLATE_SHARED,

        /*
         * Messages refer to earlier ones, if the peer wants it too, which makes small ones smaller.
         * Each connection that has sent or received a compressed message holds a compressor, a
         * decompressor or both, of WS_DEFLATE_COST(bits) bytes together. ws_memory() counts them.
         */
        WS_DEFLATE_CONTEXT,
};
struct ws_deflate_options {
        enum ws_deflate_mode mode;
        unsigned bits;    /* windows have 2^bits bytes at most: 9 to 15; 0: 15 */
        int level;        /* from 1, fast, to 9, small; 0: WS_DEFLATE_LEVEL */
        size_t threshold; /* bytes: shorter messages are not compressed; 0: WS_DEFLATE_THRESHOLD */
};

/*
 * Reads the mode and the bits from a word, as options of programs have it: "off", "shared",
 * "context", "context:10". 0, or -1 with errno EINVAL; the rest stays as it is.
 */
AW_API int ws_deflate_parse(const char *text, struct ws_deflate_options *options);

/* Half of the time of zlib's 6; text becomes 2 to 6 % larger, source 10 %, JSON up to 16 %. */
#define WS_DEFLATE_LEVEL      3
#define WS_DEFLATE_THRESHOLD  256
#define WS_DEFLATE_COST(bits) (((size_t)((bits) < 15 ? 13 : 9) << (bits)) + 16384) /* about */

/* Messages that went compressed, and their bytes, uncompressed and compressed. */
struct ws_compressed {
        uint64_t messages, plain, compressed;
};
struct ws_compression {
        struct ws_compressed sent, received;
};

/* Those of the connection; and of all connections of this thread, also those that are gone. */
AW_API void ws_compression(const struct ws *ws, struct ws_compression *counts);
AW_API void ws_compression_total(struct ws_compression *counts);

#endif
