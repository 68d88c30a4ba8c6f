/* SPDX-License-Identifier: MIT */
/* The 101: late, drop by drop, or broken. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "session.h"

/* What is wrong with the response, as pieces of its text that are replaced. */
static const struct {
        const char *word, *from, *to;
} faults[] = {
        {"no-upgrade", "Upgrade: websocket\r\n", ""},
        {"twice", "Upgrade: websocket\r\nConnection: Upgrade\r\n",
         "Upgrade: websocket\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nConnection: "
         "Upgrade\r\n"},
        {"lf", "\r\n", "\n"},
        {"h10", "HTTP/1.1 101", "HTTP/1.0 101"},
        {"unasked-extension", "\r\n\r\n", "\r\nSec-WebSocket-Extensions: x-unasked\r\n\r\n"},
        /* The first of its 28 characters are those of another key. */
        {"wrong-accept", "Sec-WebSocket-Accept: ", "Sec-WebSocket-Accept: wrong"},
};

static void
write_replaced(FILE *out, const char *text, const char *from, const char *to)
{
        const char *found;

        while ((found = strstr(text, from)) != NULL) {
                fprintf(out, "%.*s%s", (int)(found - text), text, to);
                text = found + strlen(from);
                /* As long as before. */
                if (strstr(to, "wrong") != NULL)
                        text += strlen("wrong");
        }
        fputs(text, out);
}

/* The text with each `from` replaced; frees the text. NULL if there is no memory. */
static char *
replaced(char *text, const char *from, const char *to)
{
        size_t size = 0;
        char *result = NULL;
        FILE *out = text == NULL ? NULL : open_memstream(&result, &size);

        if (out != NULL) {
                write_replaced(out, text, from, to);
                if (fclose(out) != 0) {
                        free(result);
                        result = NULL;
                }
        }
        free(text);
        return result;
}

/* One that the client did not offer; the library chooses no such subprotocol. */
static char *
with_protocol(const struct behave *behave, char *head)
{
        const struct behave_value *value = behave_find(behave->plan, BEHAVE_PROTOCOL);
        char *field = NULL;

        if (value == NULL || value->kind != BEHAVE_TEXT || ws_subprotocol(behave->ws) != NULL)
                return head;
        if (asprintf(&field, "\r\nSec-WebSocket-Protocol: %s\r\n\r\n", value->text) == -1) {
                free(head);
                return NULL;
        }
        head = replaced(head, "\r\n\r\n", field);
        free(field);
        return head;
}

static char *
make_head(const struct behave *behave)
{
        char *head = with_protocol(behave, strdup(ws_raw_head(behave->ws)));

        for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
                if (behave_is(behave->plan, BEHAVE_HANDSHAKE, faults[i].word))
                        head = replaced(head, faults[i].from, faults[i].to);
        return head;
}

/* 0, or -1 if there is no reason to go on. A client that has ended its direction may still read. */
static async int
pause_handshake(struct behave *behave, aw_time time)
{
        return await(ws_raw_sleep(behave->ws, aw_loop_now() + time));
}

/* One byte each time. */
static async int
drip(struct behave *behave, const char *head, aw_time gap)
{
        for (; *head != '\0'; head++)
                if (await(ws_raw_write(behave->ws, head, 1, AW_NEVER)) == -1 ||
                    await(pause_handshake(behave, gap)) == -1)
                        return -1;
        return 0;
}

async int
behave_shake_hands(struct behave *behave)
{
        aw_time delay = behave_number(behave->plan, BEHAVE_HANDSHAKE_DELAY, 0);
        aw_time gap = behave_number(behave->plan, BEHAVE_HANDSHAKE_DRIP, 0);
        char *head = make_head(behave);
        int result = head == NULL ? -1 : 0;

        if (result == 0 && delay > 0)
                result = await(pause_handshake(behave, delay));
        if (result == 0 && gap > 0)
                result = await(drip(behave, head, gap));
        else if (result == 0)
                result = await(ws_raw_write(behave->ws, head, strlen(head), AW_NEVER));
        free(head);
        /* Whoever stops here leaves without a word: there is no WebSocket yet. */
        if (result == -1)
                errno = ECANCELED;
        else
                ws_raw_open(behave->ws);
        return result;
}
