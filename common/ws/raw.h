/* SPDX-License-Identifier: MIT */
/*
 * A server's connection in the raw, for wsechod's test behaviours: what they need to break the
 * protocol, and to be slow at it. It is no part of the public interface, and is not installed.
 *
 * All but ws_raw_hold() are for connections that ws_raw_begin() was called for. The functions that
 * wait fail like those in await/ws.h.
 */
#ifndef AW_WS_RAW_H
#define AW_WS_RAW_H

#include "await/ws.h"

#define WS_RAW_NO_LIMIT SIZE_MAX

/*
 * In a listener's handler, for its answer: the response that switches to WebSocket is not sent. The
 * program sends it, or something else, with ws_raw_write(), and then calls ws_raw_open(). Until
 * then nothing else goes out.
 */
void ws_raw_hold(struct ws_answer *answer);

/* 0, or -1 with errno ENOMEM. Once for each connection, before anything else is done with it. */
int ws_raw_begin(struct ws *ws);

/* The response that was held, with its empty line; "" if none was. The connection's. */
const char *ws_raw_head(const struct ws *ws);
void ws_raw_open(struct ws *ws);

/*
 * Queues bytes as they are, behind what is queued. Messages, Pongs and a Close frame may come
 * between two calls, so a frame has to be written by one. Waits as ws_send() does. 0 or -1.
 */
async int ws_raw_write(struct ws *ws, const void *data, size_t length, aw_time deadline);

/* Counts a message that was written like this, for whoever watches (await/watch.h). */
void ws_raw_count_sent(struct ws *ws, enum ws_type type, size_t length);

/*
 * From now on no more than so many bytes go out, in one write and one TLS record; none at all with
 * 0, which the connection does not begin with.
 */
void ws_raw_allow(struct ws *ws, size_t bytes);

/* Waits until something is queued, or until everything has been sent. 0 or -1. */
async int ws_raw_wait_output(struct ws *ws, aw_time deadline);
async int ws_raw_wait_sent(struct ws *ws, aw_time deadline);

/* Bytes that wait to be sent: below this, ws_send() does not wait. */
bool ws_raw_has_room(const struct ws *ws);

/* Stops reading from the peer, and goes on. */
void ws_raw_stall(struct ws *ws, bool stall);

/* Waits until bytes have come since the last call; returns how many, or -1. */
async int64_t ws_raw_wait_input(struct ws *ws, aw_time deadline);

/*
 * Sleeps until that time: 0. -1 with errno EPIPE if the connection is lost meanwhile, ESHUTDOWN if
 * the listener drains, or ECANCELED.
 */
async int ws_raw_sleep(struct ws *ws, aw_time until);

/* Waits until the peer has ended its direction, or the connection is lost: 0. -1 as above, or with
 * ETIMEDOUT. */
async int ws_raw_wait_end(struct ws *ws, aw_time deadline);

/*
 * From now on no Close frame answers the peer's, or the drain of the listener, before ws_close();
 * and its pings are answered by whoever gets them from ws_raw_ping().
 */
void ws_raw_keep_close(struct ws *ws);
void ws_raw_keep_pings(struct ws *ws);

/* The next ping's payload, and its length; or -1. Of more than 64 that wait the last are lost. */
async int ws_raw_ping(struct ws *ws, uint8_t payload[125], aw_time deadline);

/* Whether a Close frame may have this code (RFC 6455 section 7.4); ws_close() sends no other. */
bool ws_raw_code_is_right(unsigned code);

/* As ws_shutdown() in await/ws.h, with any code. */
void ws_raw_shutdown(struct ws *ws, unsigned code, const char *reason);

/* Queues a Close frame, once, and does nothing else that ws_close() does. */
void ws_raw_close(struct ws *ws, unsigned code, const char *reason);

/*
 * How our direction ends without a Close frame. Nothing more can be sent, but the connection stays
 * to be read from until ws_drop().
 */
enum ws_raw_end {
        WS_RAW_FIN,    /* TCP's end of stream, over TLS without close_notify */
        WS_RAW_NOTIFY, /* close_notify alone; nothing without TLS */
        WS_RAW_RESET,  /* RST, in this turn */
        WS_RAW_MUTE,   /* nothing: the peer never hears of us again */
};
void ws_raw_end(struct ws *ws, enum ws_raw_end how);

/*
 * Keeps a received message beyond the next ws_receive(): it still counts for ws_memory(), but not
 * for what its connection may hold. Each needs its release.
 */
void ws_raw_keep(struct ws_message *message);
void ws_raw_release(struct ws_message *message);

/* The bytes of a received message that was not sent yet, to be changed in place. */
uint8_t *ws_raw_bytes(struct ws_message *message);

#endif
