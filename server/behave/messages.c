/* SPDX-License-Identifier: MIT */
/* What the server says by itself, and what it makes of a message before it sends it back. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "await/log.h"
#include "session.h"

/* Work on large messages is done in pieces, so that others have their turns. */
#define PIECE ((size_t)64 << 10)

async int
behave_greet(struct behave *behave, const struct behave_value *value)
{
        return await(ws_send_text(behave->ws, value->text, AW_NEVER));
}

/* A message above max-message. */
async int
behave_limit(struct behave *behave, struct ws_message *message)
{
        if (message->length <= (size_t)behave_number(behave->plan, BEHAVE_MAX_MESSAGE, 0))
                return 0;
        errno = EMSGSIZE;
        return -1;
}

static int64_t
nanoseconds(const struct timespec *time)
{
        return (int64_t)time->tv_sec * 1000000000 + time->tv_nsec;
}

/* A message that tells when the present one came, and when its reply goes: right behind it. */
async int
behave_time(struct behave *behave, struct ws_message *message)
{
        struct timespec now;
        char text[100];

        (void)message;
        clock_gettime(CLOCK_REALTIME, &now);
        snprintf(text, sizeof(text), "{\"received\": %" PRId64 ", \"sent\": %" PRId64 "}",
                 nanoseconds(&behave->received), nanoseconds(&now));
        return await(ws_send_text(behave->ws, text, AW_NEVER));
}

/* send=SIZE: messages of a pattern that the client can check. */

/* xorshift64 (Marsaglia), its numbers with the lowest byte first; as text, letters. */
static void
fill_pattern(uint8_t *to, size_t length, uint64_t *state, bool text)
{
        for (size_t i = 0; i < length; i++) {
                if (i % 8 == 0) {
                        *state ^= *state << 13;
                        *state ^= *state >> 7;
                        *state ^= *state << 17;
                }
                to[i] = (uint8_t)(*state >> i % 8 * 8);
                if (text)
                        to[i] = (uint8_t)('a' + to[i] % 26);
        }
}

/* Each message goes on where the one before ended, a whole number further. */
static async int
write_pattern(const struct ws_message *message, uint8_t *data, uint64_t *state)
{
        for (size_t done = 0; done < message->length; done += PIECE) {
                size_t length = message->length - done < PIECE ? message->length - done : PIECE;

                fill_pattern(data + done, length, state, message->type == WS_TEXT);
                if (length == PIECE && await(aw_sleep(0)) == -1)
                        return -1;
        }
        return 0;
}

/* It has memory only while it is made and sent. */
static async int
send_pattern(struct behave *behave, struct ws_message *message, uint64_t *state)
{
        size_t room = message->length + 1;
        uint8_t *data = behave_take(room);
        int result = -1;

        if (data == NULL)
                return -1;
        message->data = data;
        if (await(write_pattern(message, data, state)) == 0)
                result = await(ws_send(behave->ws, message, AW_NEVER));
        behave_give_back(data, room);
        return result;
}

async int
behave_send_messages(void *argument)
{
        struct behave *behave = argument;
        const struct behave_plan *plan = behave->plan;
        int64_t count = behave_number(plan, BEHAVE_COUNT, 1);
        aw_time every = behave_number(plan, BEHAVE_EVERY, 0);
        uint64_t state = (uint64_t)behave_number(plan, BEHAVE_SEED, 1);
        struct ws_message message = {.type = behave_is(plan, BEHAVE_TYPE, "text") ? WS_TEXT
                                                                                  : WS_BINARY,
                                     .length = (size_t)behave_number(plan, BEHAVE_SEND, 0)};
        int result = 0;

        for (int64_t i = 0; i < count && result == 0 && !behave->ending; i++) {
                if (i > 0 && every > 0)
                        result = await(behave_sleep(behave, every));
                if (result == 0)
                        result = await(send_pattern(behave, &message, &state));
        }
        behave->sent_all = true;
        aw_wake_all(&behave->replied);
        return result == -1 && (errno == ENOMEM || errno == ENOBUFS) ? -1 : 0;
}
