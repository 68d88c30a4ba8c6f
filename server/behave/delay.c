/* SPDX-License-Identifier: MIT */
/*
 * delay=TIME&jitter=TIME: a reply comes so much later. One task receives the messages and notes when
 * each is due; the echo takes them from there, in their order.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/list.h"
#include "session.h"

#define DELAYED_MAX ((size_t)256 << 10) /* bytes that wait, but for one message */

struct behave_delayed {
        struct {
                struct behave_delayed *next, *previous;
        } link;
        aw_time due;
        struct ws_message message;
};

static void
free_delayed(struct behave *behave, struct behave_delayed *delayed)
{
        behave->delayed_bytes -= sizeof(*delayed) + delayed->message.length;
        ws_raw_release(&delayed->message);
        free(delayed);
}

void
behave_forget_delayed(struct behave *behave)
{
        struct behave_delayed *delayed;

        while ((delayed = aw_list_take(&behave->delayed, link)) != NULL)
                free_delayed(behave, delayed);
        ws_raw_release(&behave->kept);
}

static int
put_delayed(struct behave *behave, const struct ws_message *message)
{
        struct behave_delayed *delayed = calloc(1, sizeof(*delayed));
        int64_t jitter = behave_number(behave->plan, BEHAVE_JITTER, 0);

        if (delayed == NULL)
                return -1;
        delayed->due = aw_loop_now() + behave_number(behave->plan, BEHAVE_DELAY, 0);
        if (jitter > 0)
                delayed->due += random() % jitter;
        delayed->message = *message;
        ws_raw_keep(&delayed->message);
        behave->delayed_bytes += sizeof(*delayed) + message->length;
        aw_list_append(&behave->delayed, delayed, link);
        aw_wake_all(&behave->delayed_changed);
        return 0;
}

/* A task of its own. That no more messages come is told by the echo, once it has sent the last. */
async int
behave_read_delayed(void *argument)
{
        struct behave *behave = argument;
        struct ws_message message;
        int result = 0;

        while (result == 0 && await(ws_receive(behave->ws, &message, AW_NEVER)) == 0) {
                result = put_delayed(behave, &message);
                while (result == 0 && behave->delayed_bytes > DELAYED_MAX)
                        result = await(aw_wait_in(&behave->delayed_changed, AW_NEVER, NULL));
        }
        behave->delayed_error = errno;
        aw_wake_all(&behave->delayed_changed);
        return 0;
}

async int
behave_receive_delayed(struct behave *behave, struct ws_message *message)
{
        struct behave_delayed *delayed;

        ws_raw_release(&behave->kept);
        while ((delayed = behave->delayed.first) == NULL) {
                if (behave->delayed_error != 0) {
                        errno = behave->delayed_error;
                        return -1;
                }
                if (await(aw_wait_in(&behave->delayed_changed, AW_NEVER, NULL)) == -1)
                        return -1;
        }
        /* When the server stops, replies come at once. */
        if (await(ws_raw_sleep(behave->ws, delayed->due)) == -1 && errno != ESHUTDOWN)
                return -1;
        delayed = aw_list_take(&behave->delayed, link);
        *message = behave->kept = delayed->message;
        ws_raw_keep(message);
        free_delayed(behave, delayed);
        aw_wake_all(&behave->delayed_changed);
        return 0;
}
