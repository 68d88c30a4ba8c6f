/* SPDX-License-Identifier: MIT */
/* Somebody who looks on: see struct ws_observer. */
#include "ws/private.h"

void
ws_observe_step(const struct ws_observer *observer, enum ws_step step, const char *text)
{
        if (observer != NULL && observer->step != NULL)
                observer->step(observer->argument, step, text);
}

void
ws_observe_buffer(const struct ws *ws, const struct ws_buffer *buffer)
{
        struct ws_frame frame = {.sent = true,
                                 .final = (buffer->special & WS_BUFFER_PARTIAL) == 0,
                                 .opcode = buffer->opcode,
                                 .length = buffer->length,
                                 .payload = buffer->opcode < WS_OP_CLOSE ? NULL : buffer->data};

        if (ws->observer->frame != NULL)
                ws->observer->frame(ws->observer->argument, &frame);
}

void
ws_observe_frame(const struct ws *ws, const struct ws_frame_header *header, const uint8_t *payload)
{
        struct ws_frame frame = {.final = header->final,
                                 .opcode = header->opcode,
                                 .length = header->length,
                                 .payload = payload};

        if (ws->observer->frame != NULL)
                ws->observer->frame(ws->observer->argument, &frame);
}
