/* SPDX-License-Identifier: MIT */
/* What a connection has of permessage-deflate. */
#include <stdlib.h>

#include "ws/deflate_private.h"

/* Of the connections of this thread, those that have ended included. */
static _Thread_local struct ws_compression totals;

int
ws_deflate_begin(struct ws *ws, const struct ws_deflate_options *options,
                 const struct ws_deflate_agreed *agreed)
{
        struct ws_deflate *deflate = calloc(1, sizeof(*deflate));

        if (deflate == NULL)
                return -1;
        deflate->agreed = *agreed;
        deflate->level = options->level == 0 ? WS_DEFLATE_LEVEL : options->level;
        deflate->threshold = options->threshold == 0 ? WS_DEFLATE_THRESHOLD : options->threshold;
        ws->deflate = deflate;
        ws->in.watched = true;
        ws->out.held = WS_HELD_DEFLATE;
        ws_memory_charge((ptrdiff_t)sizeof(*deflate));
        return 0;
}

void
ws_deflate_end(struct ws *ws)
{
        struct ws_deflate *deflate = ws->deflate;

        if (deflate == NULL)
                return;
        aw_share_cancel(&deflate->share);
        aw_share_cancel(&deflate->sending);
        ws_codec_release(deflate->deflater);
        ws_codec_release(deflate->inflater);
        ws_memory_charge(-(ptrdiff_t)(sizeof(*deflate) + deflate->pending_length));
        free(deflate->pending);
        free(deflate);
        ws->deflate = NULL;
}

size_t
ws_deflate_cost(const struct ws *ws)
{
        const struct ws_deflate *deflate = ws->deflate;
        size_t cost;

        if (deflate == NULL)
                return 0;
        cost = sizeof(*deflate) + deflate->pending_length;
        if (deflate->deflater != NULL)
                cost += ws_codec_cost(deflate->deflater);
        if (deflate->inflater != NULL)
                cost += ws_codec_cost(deflate->inflater);
        return cost;
}

/* Counting. */

static void
count_message(struct ws_compressed *way, uint64_t plain, uint64_t compressed)
{
        way->messages++;
        way->plain += plain;
        way->compressed += compressed;
}

void
ws_deflate_count(struct ws *ws, bool sent, uint64_t plain, uint64_t compressed)
{
        struct ws_compression *own = &ws->deflate->counts;

        count_message(sent ? &own->sent : &own->received, plain, compressed);
        count_message(sent ? &totals.sent : &totals.received, plain, compressed);
}

void
ws_compression(const struct ws *ws, struct ws_compression *counts)
{
        *counts = ws->deflate == NULL ? (struct ws_compression){.sent = {0}} : ws->deflate->counts;
}

void
ws_compression_total(struct ws_compression *counts)
{
        *counts = totals;
}

const char *
ws_extension(const struct ws *ws)
{
        return ws->deflate == NULL ? NULL : ws->deflate->agreed.text;
}
