/* SPDX-License-Identifier: MIT */
/* What the life of a connection has to know of raw.h: where it asks whether it is in the raw. */
#ifndef AW_WS_RAW_PRIVATE_H
#define AW_WS_RAW_PRIVATE_H

#include "ws/private.h"
#include "ws/raw.h"

/* What a handler gets to write its answer into. */
struct ws_raw_answer {
        struct ws_answer answer;
        bool held;
        char *chosen; /* the subprotocol that it begins with, or NULL */
};

/* Takes the response that is held. 0, or -1 and the connection is dropped. */
int ws_raw_take_head(struct ws *ws, const char *data, size_t length);

/* Sends as much of the outbox as is allowed. */
void ws_raw_output(struct ws *ws);

/* So many bytes came. */
void ws_raw_count(struct ws *ws, size_t length);

/* Takes the ping (without the reference) if the program answers it. */
bool ws_raw_take_ping(struct ws *ws, const struct ws_buffer *ping);

/* Whether the program closes, and whether it has stopped reading. */
bool ws_raw_keeps_close(const struct ws *ws);
bool ws_raw_stalled(const struct ws *ws);

void ws_raw_free(struct ws *ws);

#endif
