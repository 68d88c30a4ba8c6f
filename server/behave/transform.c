/* SPDX-License-Identifier: MIT */
/* echo=none|length|sha256|hash|hex|upper|reverse: something else in place of the message. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "digest.h"
#include "session.h"

#define PIECE   ((size_t)64 << 10) /* so much is done before others have their turn */
#define HEX_MAX ((size_t)64 << 10) /* of longer messages the beginning is shown */

/* The reply is a short text, in memory of the connection's. */
static async int
reply_with(struct behave *behave, struct ws_message *message, const char *text)
{
        snprintf(behave->text, sizeof(behave->text), "%s", text);
        *message = (struct ws_message){.type = WS_TEXT,
                                       .data = (const uint8_t *)behave->text,
                                       .length = strlen(behave->text)};
        return 0;
}

static async int
with_nothing(struct behave *behave, struct ws_message *message)
{
        (void)behave;
        (void)message;
        return 1;
}

static async int
with_length(struct behave *behave, struct ws_message *message)
{
        char text[24];

        snprintf(text, sizeof(text), "%zu", message->length);
        return await(reply_with(behave, message, text));
}

static async int
with_digest(struct behave *behave, struct ws_message *message)
{
        char text[DIGEST_SIZE];
        struct digest *digest = digest_begin();

        for (size_t done = 0; digest != NULL && done < message->length; done += PIECE) {
                size_t left = message->length - done;

                digest_add(digest, message->data + done, left < PIECE ? left : PIECE);
                if (left > PIECE && await(aw_sleep(0)) == -1) {
                        digest_end(digest, text);
                        return -1;
                }
        }
        if (digest_end(digest, text) == -1)
                return -1;
        return await(reply_with(behave, message, text));
}

/* Sent here: it can be long. */
static async int
with_hex(struct behave *behave, struct ws_message *message)
{
        static const char digits[] = "0123456789abcdef";
        size_t length = message->length < HEX_MAX ? message->length : HEX_MAX;
        char *text = malloc(2 * length + 1);
        int result;

        if (text == NULL)
                return -1;
        for (size_t i = 0; i < length; i++) {
                text[2 * i] = digits[message->data[i] >> 4];
                text[2 * i + 1] = digits[message->data[i] & 15];
        }
        text[2 * length] = '\0';
        result = await(ws_send_text(behave->ws, text, AW_NEVER));
        free(text);
        return result == -1 ? -1 : 1;
}

static async int
with_upper(struct behave *behave, struct ws_message *message)
{
        uint8_t *bytes = ws_raw_bytes(message);

        (void)behave;
        for (size_t i = 0; i < message->length; i++) {
                if (bytes[i] >= 'a' && bytes[i] <= 'z')
                        bytes[i] -= 'a' - 'A';
                if (i % PIECE == PIECE - 1 && await(aw_sleep(0)) == -1)
                        return -1;
        }
        return 0;
}

static async int
reverse(uint8_t *bytes, size_t length)
{
        for (size_t i = 0; i < length / 2; i++) {
                uint8_t byte = bytes[i];

                bytes[i] = bytes[length - 1 - i];
                bytes[length - 1 - i] = byte;
                if (i % PIECE == PIECE - 1 && await(aw_sleep(0)) == -1)
                        return -1;
        }
        return 0;
}

/* The bytes of a text's characters are turned once more. */
static async int
with_reversed(struct behave *behave, struct ws_message *message)
{
        uint8_t *bytes = ws_raw_bytes(message);
        size_t start = 0;

        (void)behave;
        if (await(reverse(bytes, message->length)) == -1)
                return -1;
        for (size_t i = 0; message->type == WS_TEXT && i < message->length; i++) {
                if ((bytes[i] & 0xc0) != 0x80) {
                        await(reverse(bytes + start, i + 1 - start));
                        start = i + 1;
                }
                if (i % PIECE == PIECE - 1 && await(aw_sleep(0)) == -1)
                        return -1;
        }
        return 0;
}

async int
behave_transform(struct behave *behave, struct ws_message *message)
{
        static const struct {
                const char *word;
                async int (*function)(struct behave *behave, struct ws_message *message);
        } kinds[] = {
                {"none", with_nothing},     {"length", with_length}, {"sha256", with_digest},
                {"hash", with_digest},      {"hex", with_hex},       {"upper", with_upper},
                {"reverse", with_reversed},
        };

        for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
                if (behave_is(behave->plan, BEHAVE_ECHO, kinds[i].word))
                        return await(kinds[i].function(behave, message));
        return 0;
}
