/* SPDX-License-Identifier: MIT */
/*
 * Messages that are compressed (permessage-deflate, RFC 7692): what the life of a connection has to
 * know of it. A connection on which it was not agreed on has no struct ws_deflate, and that is all
 * that anybody else looks at.
 *
 *   codec.c           zlib
 *   deflate_offer.c   what both sides agree on
 *   deflate.c         the state of a connection
 *   deflate_input.c   inflating what comes, as it comes
 *   deflate_output.c  compressing what is sent, when it is sent
 */
#ifndef AW_WS_DEFLATE_PRIVATE_H
#define AW_WS_DEFLATE_PRIVATE_H

#include "loop/share.h"
#include "ws/codec_private.h"
#include "ws/deflate_offer_private.h"
#include "ws/private.h"

/* A condition of those who compress: the way of the others is the short one. */
#define WS_SELDOM(condition) __builtin_expect((condition), 0)

struct ws_deflate {
        struct ws_deflate_agreed agreed;
        int level;
        size_t threshold;
        struct ws_compression counts;

        /*
         * The compressor, while a message is sent in parts or if messages refer to those before; the
         * decompressor likewise. Else they are in the thread's store, for any connection.
         */
        struct ws_codec *deflater, *inflater;
        struct ws_compressed parts; /* of the message that is sent in parts */
        bool lost;                  /* and cannot go on */

        /* The turn's share of inflating: see deflate_input.c. */
        struct aw_share share;
        bool yielding;    /* it is used up */
        bool full;        /* and too much waits to be received */
        uint8_t *pending; /* what came of frames since then; or NULL */
        size_t pending_length;
        bool inflating;        /* a message is, which may have further frames */
        uint64_t wire;         /* bytes of it that came */
        bool ended, truncated; /* and then the peer ended its direction */

        struct aw_share sending; /* the same of compressing */
};

/*
 * The connection has agreed: from now on it has the state. The options say how it compresses. 0, or
 * -1 with errno ENOMEM.
 */
int ws_deflate_begin(struct ws *ws, const struct ws_deflate_options *options,
                     const struct ws_deflate_agreed *agreed);
void ws_deflate_end(struct ws *ws);

/* What it takes in memory now, all told. */
size_t ws_deflate_cost(const struct ws *ws);

/* A compressed message has been sent or has come, of so many bytes before and after. */
void ws_deflate_count(struct ws *ws, bool sent, uint64_t plain, uint64_t compressed);

/* deflate_input.c. Loop's stack. */

/* A frame's RSV1 says that a compressed message begins. */
bool ws_deflate_begins(const struct ws *ws, const struct ws_frame_header *frame);

/* A frame without fault begins. True: it belongs to such a message, and is ours. */
bool ws_deflate_begin_frame(struct ws *ws);

/*
 * Takes payload of it from the data, and inflates that. Returns how much it took: all, if the rest
 * has to wait for the next turn. A frame that is complete then is not the last one, or the message is
 * complete as well and right.
 */
size_t ws_deflate_take(struct ws *ws, const uint8_t *data, size_t length);

/* It is of no interest any more. */
void ws_deflate_forget(struct ws *ws);

/* Whether the share of this turn is used up, and what has come has to wait. */
static inline bool
ws_deflate_yields(const struct ws *ws)
{
        return ws->deflate != NULL && ws->deflate->yielding;
}
void ws_deflate_keep(struct ws *ws, const uint8_t *data, size_t length);

/* There is room in the inbox again. */
void ws_deflate_resume(struct ws *ws);

/* Whether the peer's end has to wait for what came before it. */
bool ws_deflate_keeps_end(struct ws *ws, bool truncated);

/* deflate_output.c. A task's stack. */

/*
 * Compresses a message, or a part of one, into a new buffer; waits if that takes long, so that others
 * have their turns. 0, and *buffer is NULL if it is better sent as it is; -1 with errno as ws_send(), and
 * then the connection may be freed.
 */
int ws_deflate_message(struct ws *ws, const struct ws_message *message, aw_time deadline,
                       struct ws_buffer **buffer);
int ws_deflate_part(struct ws *ws, const struct ws_message *part, bool final, aw_time deadline,
                    struct ws_buffer **buffer);

#endif
