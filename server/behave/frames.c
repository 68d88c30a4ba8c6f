/* SPDX-License-Identifier: MIT */
/* Frames by hand: fragments, pings, pongs, and those that break the protocol. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "await/log.h"
#include "session.h"

#define FINAL 0x80
#define PING  0x9
#define PONG  0xa

#define BATCH ((size_t)16 << 10) /* small fragments are put together to so many bytes */

size_t
behave_build_header(uint8_t out[BEHAVE_HEADER_MAX], uint8_t first, uint64_t length)
{
        size_t size = length < 126 ? 0 : length <= UINT16_MAX ? 2 : 8;

        out[0] = first;
        out[1] = (uint8_t)(size == 0 ? length : size == 2 ? 126 : 127);
        for (size_t i = 0; i < size; i++)
                out[2 + i] = (uint8_t)(length >> 8 * (size - 1 - i));
        return 2 + size;
}

static size_t
append_frame(uint8_t *to, uint8_t first, const void *data, size_t length)
{
        size_t size = behave_build_header(to, first, length);

        if (length > 0)
                memcpy(to + size, data, length);
        return size + length;
}

async int
behave_send_frame(struct behave *behave, uint8_t first, const void *data, size_t length)
{
        size_t room = BEHAVE_HEADER_MAX + length;
        uint8_t *frame = behave_take(room);
        int result;

        if (frame == NULL)
                return -1;
        length = append_frame(frame, first, data, length);
        result = await(ws_raw_write(behave->ws, frame, length, AW_NEVER));
        behave_give_back(frame, room);
        return result;
}

/* fragment=SIZE */

/* One message on its way. */
struct fragments {
        const struct ws_message *message;
        size_t size, done;
        bool ping; /* between two */
};

/* As many as fit into the batch, whole ones, but at least one. Returns their bytes. */
static size_t
next_fragments(struct fragments *fragments, uint8_t *batch)
{
        const struct ws_message *message = fragments->message;
        size_t used = 0, length;
        bool first, final;

        do {
                length = message->length - fragments->done;
                length = length < fragments->size ? length : fragments->size;
                first = fragments->done == 0;
                final = fragments->done + length == message->length;
                used += append_frame(batch + used,
                                     (uint8_t)((first ? message->type : 0) | (final ? FINAL : 0)),
                                     message->data + fragments->done, length);
                if (fragments->ping && !final)
                        used += append_frame(batch + used, FINAL | PING, NULL, 0);
                fragments->done += length;
        } while (!final && used + fragments->size + 2 * (size_t)BEHAVE_HEADER_MAX <= BATCH);
        return used;
}

async int
behave_send_fragments(struct behave *behave, const struct ws_message *message)
{
        struct fragments fragments = {
                .message = message,
                .size = (size_t)behave_number(behave->plan, BEHAVE_FRAGMENT, 1),
                .ping = behave_find(behave->plan, BEHAVE_PING_BETWEEN) != NULL};
        size_t longest = fragments.size < message->length ? fragments.size : message->length;
        size_t room = BATCH + longest + 2 * (size_t)BEHAVE_HEADER_MAX;
        uint8_t *batch = behave_take(room);
        int result = batch == NULL ? -1 : 0;

        do {
                if (result == 0)
                        result = await(ws_raw_write(behave->ws, batch,
                                                    next_fragments(&fragments, batch), AW_NEVER));
        } while (result == 0 && fragments.done < message->length);
        if (result == 0)
                ws_raw_count_sent(behave->ws, message->type, message->length);
        behave_give_back(batch, room);
        return result;
}

/* ping=TIME and pong=none|wrong|TIME */

async int
behave_send_pings(void *argument)
{
        struct behave *behave = argument;
        const struct behave_value *payload = behave_find(behave->plan, BEHAVE_PAYLOAD);
        const char *text = payload == NULL ? "" : payload->text;
        aw_time every = behave_number(behave->plan, BEHAVE_PING, 0);

        while (await(behave_sleep(behave, every)) == 0 &&
               await(behave_send_frame(behave, FINAL | PING, text, strlen(text))) == 0)
                continue;
        return 0;
}

static async int
answer_with_pong(struct behave *behave, const struct behave_value *how, const uint8_t *payload,
                 size_t length)
{
        static const char wrong[] = "wrong";

        if (behave_value_is(how, wrong))
                return await(behave_send_frame(behave, FINAL | PONG, wrong, strlen(wrong)));
        if (await(behave_sleep(behave, how->number)) == -1)
                return -1;
        return await(behave_send_frame(behave, FINAL | PONG, payload, length));
}

async int
behave_answer_pings(void *argument)
{
        struct behave *behave = argument;
        const struct behave_value *how = behave_find(behave->plan, BEHAVE_PONG);
        uint8_t payload[125];
        int length;

        /* They stay where they are. */
        if (behave_value_is(how, "none"))
                return 0;
        while ((length = await(ws_raw_ping(behave->ws, payload, AW_NEVER))) >= 0 &&
               await(answer_with_pong(behave, how, payload, (size_t)length)) == 0)
                continue;
        return 0;
}
