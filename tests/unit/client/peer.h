/* SPDX-License-Identifier: MIT */
/* A connection that is none: how its peer closed is what the test says. Wraps: ws_info ws_peer ws_peer_close ws_problem. */
#ifndef PEER_TEST_H
#define PEER_TEST_H

#include "await/watch.h"
#include "await/ws.h"

static struct ws_info peer_info;
static struct ws_peer_close peer_close;
static const char *peer_problem;
static char peer_place;

/* It, for those who only ask these things. */
static inline struct ws *
peer_ws(void)
{
        return (struct ws *)&peer_place;
}

void __wrap_ws_info(const struct ws *ws, struct ws_info *info);
const char *__wrap_ws_peer(const struct ws *ws);
const struct ws_peer_close *__wrap_ws_peer_close(const struct ws *ws);
const char *__wrap_ws_problem(const struct ws *ws);

void
__wrap_ws_info(const struct ws *ws, struct ws_info *info)
{
        (void)ws;
        *info = peer_info;
}

const char *
__wrap_ws_peer(const struct ws *ws)
{
        (void)ws;
        return "192.0.2.1:7681";
}

const struct ws_peer_close *
__wrap_ws_peer_close(const struct ws *ws)
{
        (void)ws;
        return &peer_close;
}

const char *
__wrap_ws_problem(const struct ws *ws)
{
        (void)ws;
        return peer_problem;
}

#endif
