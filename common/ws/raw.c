/* SPDX-License-Identifier: MIT */
/* What raw.h promises: the state that a connection has besides its own, and what is done to it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "loop/turn.h"
#include "ws/raw_private.h"

#define PINGS_MAX 64

struct ws_raw {
        char *head;       /* the response that is held, terminated; or NULL */
        size_t allowed;   /* bytes that may still go out */
        uint64_t came;    /* bytes since ws_raw_wait_input() */
        bool stalled;     /* the program has stopped reading */
        bool keeps_close; /* it answers the peer's Close frame */
        bool keeps_pings;
        struct ws_queue pings;
        size_t ping_count;
};

void
ws_raw_hold(struct ws_answer *answer)
{
        ((struct ws_raw_answer *)answer)->held = true;
}

int
ws_raw_begin(struct ws *ws)
{
        if (ws->raw == NULL)
                ws->raw = calloc(1, sizeof(*ws->raw));
        if (ws->raw == NULL)
                return -1;
        ws->raw->allowed = WS_RAW_NO_LIMIT;
        return 0;
}

void
ws_raw_free(struct ws *ws)
{
        if (ws->raw == NULL)
                return;
        ws_queue_clear(&ws->raw->pings);
        free(ws->raw->head);
        free(ws->raw);
}

/* As ws_connection_wait(); also woken by what has nothing to do with this connection's frames. */
static int
raw_wait(struct ws *ws, aw_time deadline)
{
        return ws_connection_wait(ws, &ws->watchers, deadline);
}

static void
raw_wake(struct ws *ws)
{
        aw_wake_all(&ws->watchers);
}

/* Why there is nothing to wait for any more: an errno value, or 0. */
static int
raw_over(const struct ws *ws)
{
        if (ws->transport == NULL || ws->closing.begun)
                return EPIPE;
        return ws->draining ? ESHUTDOWN : 0;
}

/* The response that switches to WebSocket. */

int
ws_raw_take_head(struct ws *ws, const char *data, size_t length)
{
        ws->raw->head = strndup(data, length);
        if (ws->raw->head != NULL)
                return 0;
        aw_transport_close(ws->transport);
        return -1;
}

const char *
ws_raw_head(const struct ws *ws)
{
        return ws->raw->head == NULL ? "" : ws->raw->head;
}

void
ws_raw_open(struct ws *ws)
{
        if (ws->out.state != WS_OUT_HEAD)
                return;
        ws->out.state = WS_OUT_OPEN;
        /* From now on its silence counts. */
        ws->alive.heard = aw_loop_now_about();
        ws->limits.active = aw_loop_now();
}

/* Output. */

static bool
raw_writable(const struct ws *ws)
{
        return ws->transport != NULL && ws_output_lasts(ws);
}

bool
ws_raw_has_room(const struct ws *ws)
{
        return ws->out.outbox.bytes <= ws_queue_high(ws);
}

/* A frame's header is where its first bytes are; so the first byte here has to look like one. */
static int
queue_bytes(struct ws *ws, const uint8_t *data, size_t length)
{
        struct ws_buffer *buffer = ws_buffer_create(WS_OP_RAW, length);

        if (buffer == NULL)
                return -1;
        buffer->length = length - 1;
        memcpy(buffer->data - 1, data, length);
        ws_output_queue(ws, buffer);
        buffer->header = 1;
        raw_wake(ws);
        return 0;
}

async int
ws_raw_write(struct ws *ws, const void *data, size_t length, aw_time deadline)
{
        while (raw_writable(ws) && !ws_raw_has_room(ws))
                if (ws_connection_wait(ws, &ws->senders, deadline) == -1)
                        return -1;
        if (!raw_writable(ws)) {
                errno = EPIPE;
                return -1;
        }
        return length == 0 ? 0 : queue_bytes(ws, data, length);
}

void
ws_raw_count_sent(struct ws *ws, enum ws_type type, size_t length)
{
        ws->seen.sent.messages[type - WS_TEXT]++;
        ws->seen.sent.bytes[type - WS_TEXT] += length;
}

void
ws_raw_allow(struct ws *ws, size_t bytes)
{
        ws->raw->allowed = bytes;
        if (ws->transport != NULL && bytes > 0)
                aw_transport_want_write(ws->transport);
}

void
ws_raw_output(struct ws *ws)
{
        struct ws_raw *raw = ws->raw;

        if (raw->allowed == WS_RAW_NO_LIMIT)
                ws_output_send(ws);
        else
                ws_output_send_part(ws, &raw->allowed);
        raw_wake(ws);
}

async int
ws_raw_wait_output(struct ws *ws, aw_time deadline)
{
        while (ws->transport != NULL && ws->out.outbox.first == NULL)
                if (raw_wait(ws, deadline) == -1)
                        return -1;
        if (ws->transport != NULL)
                return 0;
        errno = EPIPE;
        return -1;
}

async int
ws_raw_wait_sent(struct ws *ws, aw_time deadline)
{
        while (ws->transport != NULL && ws->out.outbox.first != NULL)
                if (raw_wait(ws, deadline) == -1)
                        return -1;
        if (ws->transport != NULL)
                return 0;
        errno = EPIPE;
        return -1;
}

/* Input. */

void
ws_raw_stall(struct ws *ws, bool stall)
{
        ws->raw->stalled = stall;
        ws_flow_update(ws);
}

bool
ws_raw_stalled(const struct ws *ws)
{
        return ws->raw->stalled;
}

void
ws_raw_count(struct ws *ws, size_t length)
{
        ws->raw->came += length;
        raw_wake(ws);
}

async int64_t
ws_raw_wait_input(struct ws *ws, aw_time deadline)
{
        int64_t came;

        while (raw_over(ws) == 0 && ws->raw->came == 0)
                if (raw_wait(ws, deadline) == -1)
                        return -1;
        errno = raw_over(ws);
        if (errno != 0)
                return -1;
        came = (int64_t)ws->raw->came;
        ws->raw->came = 0;
        return came;
}

/* Time. */

async int
ws_raw_sleep(struct ws *ws, aw_time until)
{
        int error;

        while ((error = raw_over(ws)) == 0)
                if (raw_wait(ws, until) == -1)
                        return errno == ETIMEDOUT ? 0 : -1;
        errno = error;
        return -1;
}

async int
ws_raw_wait_end(struct ws *ws, aw_time deadline)
{
        int error;

        while (ws->in.state != WS_IN_ENDED) {
                error = raw_over(ws);
                if (error != 0) {
                        errno = error;
                        return -1;
                }
                if (raw_wait(ws, deadline) == -1)
                        return -1;
        }
        return 0;
}

/* Control frames. */

void
ws_raw_keep_close(struct ws *ws)
{
        ws->raw->keeps_close = true;
}

/* One that is due because of a violation goes out all the same. */
bool
ws_raw_keeps_close(const struct ws *ws)
{
        return ws->raw != NULL && ws->raw->keeps_close && ws->order.reason == NULL;
}

void
ws_raw_keep_pings(struct ws *ws)
{
        ws->raw->keeps_pings = true;
}

bool
ws_raw_take_ping(struct ws *ws, const struct ws_buffer *ping)
{
        struct ws_raw *raw = ws->raw;
        struct ws_buffer *copy;

        if (raw == NULL || !raw->keeps_pings)
                return false;
        if (raw->ping_count == PINGS_MAX)
                return true;
        copy = ws_buffer_create(WS_OP_PING, ping->length);
        if (copy == NULL)
                return true;
        copy->length = ping->length;
        memcpy(copy->data, ping->data, ping->length);
        ws_queue_put(&raw->pings, copy);
        raw->ping_count++;
        raw_wake(ws);
        return true;
}

async int
ws_raw_ping(struct ws *ws, uint8_t payload[125], aw_time deadline)
{
        struct ws_raw *raw = ws->raw;
        struct ws_buffer *ping;
        int length;

        while (raw_over(ws) == 0 && raw->ping_count == 0)
                if (raw_wait(ws, deadline) == -1)
                        return -1;
        errno = raw_over(ws);
        if (errno != 0)
                return -1;
        raw->ping_count--;
        ping = ws_queue_take(&raw->pings);
        length = (int)ping->length;
        memcpy(payload, ping->data, ping->length);
        ws_buffer_unref(ping);
        return length;
}

/* The end. */

bool
ws_raw_code_is_right(unsigned code)
{
        return ws_close_code_valid(code);
}

void
ws_raw_shutdown(struct ws *ws, unsigned code, const char *reason)
{
        if (ws->transport != NULL)
                ws_close_queue_code(ws, code, reason);
}

void
ws_raw_close(struct ws *ws, unsigned code, const char *reason)
{
        if (ws->transport != NULL)
                ws_close_queue(ws, code, reason);
}

void
ws_raw_end(struct ws *ws, enum ws_raw_end how)
{
        ws->out.state = WS_OUT_ENDED;
        ws_watch_end(ws, WS_SIDE_SERVER, "the program broke it off");
        if (ws->transport == NULL)
                return;
        ws_queue_clear(&ws->out.outbox);
        ws->out.offset = ws->out.messages = ws->out.pings = ws->out.pongs = 0;
        ws->out.ping = ws->out.pong = NULL;
        if (how == WS_RAW_FIN)
                shutdown(aw_transport_fd(ws->transport), SHUT_WR);
        else if (how == WS_RAW_NOTIFY)
                aw_transport_shutdown_passive(ws->transport);
        else if (how == WS_RAW_RESET)
                aw_transport_reset(ws->transport);
}

/* Messages. */

void
ws_raw_keep(struct ws_message *message)
{
        message->buffer->references++;
}

void
ws_raw_release(struct ws_message *message)
{
        ws_buffer_unref(message->buffer);
        message->buffer = NULL;
}

uint8_t *
ws_raw_bytes(struct ws_message *message)
{
        return message->buffer->data;
}
