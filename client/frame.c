/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>

#include "frame.h"

#include "await/log.h"
#include "await/ws.h"

#define CONTROL_MAX 125 /* bytes of a control frame's payload (RFC 6455 section 5.5) */

const char *
frame_name(unsigned opcode)
{
        static const char *const names[16] = {
                [0] = "continuation", [1] = "text", [2] = "binary",
                [8] = "close",        [9] = "ping", [10] = "pong",
        };

        return names[opcode & 15] == NULL ? "reserved" : names[opcode & 15];
}

/* Escaped here, because a NUL would end it; the bytes of a Close frame's code are not for the eyes. */
char *
frame_describe(const struct ws_frame *frame)
{
        const char *mark = frame->sent ? ">" : "<", *more = frame->final ? "" : ", more follows";
        bool coded = frame->opcode == 8 && frame->payload != NULL && frame->length >= 2;
        size_t skip = coded ? 2 : 0, used;
        char payload[4 * CONTROL_MAX + 1] = "", *line = NULL;
        int length;

        if (frame->payload != NULL)
                aw_log_escape(frame->payload + skip, (size_t)frame->length - skip, "", payload,
                              sizeof(payload), &used);
        if (coded)
                length = asprintf(&line, "%s close %u%s%s", mark,
                                  (unsigned)frame->payload[0] << 8 | frame->payload[1],
                                  payload[0] == '\0' ? "" : " ", payload);
        else if (frame->payload != NULL)
                length = asprintf(&line, "%s %s%s%s", mark, frame_name(frame->opcode),
                                  payload[0] == '\0' ? "" : ": ", payload);
        else
                length = asprintf(&line, "%s %s, %" PRIu64 " bytes%s", mark,
                                  frame_name(frame->opcode), frame->length, more);
        return length == -1 ? NULL : line;
}
