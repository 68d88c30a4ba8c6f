/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "ping.h"

int
ping_send(struct ping *ping, struct ws *ws, const char *text)
{
        if (ws_send_ping(ws, text, strlen(text)) == -1)
                return -1;
        strcpy(ping->text, text);
        ping->sent = aw_loop_now();
        return 0;
}

static void
pass_step(void *argument, enum ws_step step, const char *text)
{
        const struct ping *ping = argument;

        if (ping->next != NULL && ping->next->step != NULL)
                ping->next->step(ping->next->argument, step, text);
}

static void
pass_frame(void *argument, const struct ws_frame *frame)
{
        struct ping *ping = argument;
        double ms = (double)(aw_loop_now() - ping->sent) / 1000;

        if (ping->next != NULL && ping->next->frame != NULL)
                ping->next->frame(ping->next->argument, frame);
        if (frame->sent || frame->opcode != 10 || ping->sent == 0 ||
            frame->length != strlen(ping->text) ||
            memcmp(frame->payload, ping->text, (size_t)frame->length) != 0)
                return;
        client_tell("pong%s%s after %.1f ms", ping->text[0] == '\0' ? "" : " ", ping->text, ms);
        ping->sent = 0;
}

const struct ws_observer *
ping_observer(struct ping *ping, const struct ws_observer *observer)
{
        ping->next = observer;
        ping->observer =
                (struct ws_observer){.step = pass_step, .frame = pass_frame, .argument = ping};
        return &ping->observer;
}
