/* SPDX-License-Identifier: MIT */
/* A Ping that somebody at a terminal asked for, and how long its Pong took. */
#ifndef PING_H
#define PING_H

#include "client.h"

/* Bytes of a Ping (section 5.5). */
#define PING_MAX 125

/* Zero it to begin. */
struct ping {
        struct ws_observer observer;
        const struct ws_observer *next;
        char text[PING_MAX + 1]; /* of the last one */
        aw_time sent;            /* 0: its Pong has come */
};

/*
 * For ws_connect(): sees the Pong, and tells of it; the other one, which may be NULL, sees all as
 * before.
 */
const struct ws_observer *ping_observer(struct ping *ping, const struct ws_observer *observer);

/* 0, or -1 with errno as ws_send_ping(). */
int ping_send(struct ping *ping, struct ws *ws, const char *text);

#endif
