/* SPDX-License-Identifier: MIT */
/* What a connection sends and receives, and when. */
#ifndef TRAFFIC_H
#define TRAFFIC_H

#include "connection.h"

/*
 * Sends one message, due then and sent now. 0, or -1 with errno: the connection is at its end. The
 * others are for connections that send more than one.
 */
async int traffic_send(struct connection *connection, int64_t due, int64_t now);

/*
 * Sends all that may be sent now. What might have to wait is left to a task that does, unless the
 * caller may. 0, or -1 if the caller was cancelled. If nothing can be sent, by this side's fault or
 * because the peer takes nothing, the connection's task is cancelled.
 */
async int traffic_pump(struct connection *connection, int64_t now, bool may_wait);

/* Has the task that may wait send what may be sent. */
void traffic_wake(struct connection *connection);

/* With --rate: messages may be due. 0, or -1 if the caller was cancelled. */
async int traffic_offer(struct connection *connection, int64_t now);

/* With --rate: there is something to be sent that was due. */
bool traffic_is_behind(const struct connection *connection);

/* Nothing is to be sent any more, and nothing is on its way. */
bool traffic_is_idle(const struct connection *connection);

/* Judges and counts what came. */
enum window_verdict traffic_receive(struct connection *connection, const struct ws_message *message,
                                    int64_t now);

/* Gives up what was sent before that time, and has sent what may be sent instead. */
void traffic_expire(struct connection *connection, int64_t before);

/* Gives up all. */
void traffic_lose(struct connection *connection);

/* Returns when nobody sends any more, as it must be before the connection is closed. */
async void traffic_stop(struct connection *connection);

#endif
