/* SPDX-License-Identifier: MIT */
/* Control frames that have come whole (RFC 6455 section 5.5). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ws/private.h"

/*
 * Our pings carry a number in decimal; a Pong answers that one and all before it (section 5.5.3).
 */
static void
input_pong(struct ws *ws, const struct ws_buffer *pong)
{
        char text[WS_FRAME_CONTROL_MAX + 1];
        char *end;
        unsigned long long number;

        memcpy(text, pong->data, pong->length);
        text[pong->length] = '\0';
        number = strtoull(text, &end, 10);
        if (pong->length == 0 || *end != '\0' || number > ws->out.ping_sent ||
            number <= ws->out.ping_answered)
                return;
        ws->out.ping_answered = number;
        aw_wake_all(&ws->pingers);
}

/* Nothing more is to be read after it, whether it is a right one or not. */
static void
input_close(struct ws *ws, const struct ws_buffer *buffer)
{
        struct ws_peer_close *peer = &ws->peer_close;
        unsigned code = WS_NO_STATUS;

        ws->in.state = WS_IN_CLOSED;
        if (buffer->length > 0) {
                code = buffer->length < 2 ? 0 : (unsigned)buffer->data[0] << 8 | buffer->data[1];
                if (!ws_close_code_valid(code)) {
                        ws_order_fail(ws, WS_PROTOCOL_ERROR, EPROTO, "bad code in a Close frame");
                        return;
                }
                if (!aw_utf8_valid(buffer->data + 2, buffer->length - 2)) {
                        ws_order_fail(ws, WS_INVALID_DATA, EPROTO,
                                      "invalid UTF-8 in a Close frame");
                        return;
                }
                memcpy(peer->reason, buffer->data + 2, buffer->length - 2);
        }
        peer->code = code;
        ws_watch_end(ws, WS_SIDE_CLIENT, "it closed");
        ws_order_close(ws, EPIPE, code, NULL);
}

void
ws_input_control(struct ws *ws)
{
        struct ws_buffer *buffer = ws->in.reader.control;

        ws->in.reader.control = NULL;
        if (ws->observer != NULL)
                ws_observe_frame(ws, &ws->in.reader.frame, buffer->data);
        ws_watch_control(&ws->seen.received, buffer->opcode);
        switch (buffer->opcode) {
        case WS_OP_PING:
                ws_order_ping(ws, buffer);
                return;
        case WS_OP_PONG:
                input_pong(ws, buffer);
                break;
        default:
                input_close(ws, buffer);
                break;
        }
        ws_buffer_unref(buffer);
}
