/* SPDX-License-Identifier: MIT */
/* Test behaviours, for the server: see plan.h for what they are. */
#ifndef BEHAVE_H
#define BEHAVE_H

#include "plan.h"

struct behave_room;

/* What all connections share. */
struct behave_server {
        struct behave_limits limits;
        struct ws_deflate_options deflate; /* how the server compresses */
        bool draining;
        struct {
                struct behave_room *first, *last;
        } rooms; /* those that somebody is in */
};

/*
 * A handler's part: answers plain requests for paths under /-/, and refuses what a behaviour
 * refuses. A handshake with behaviours is accepted in the raw (ws/raw.h), for
 * behave_connection(). What it leaves alone is as before. True if the answer is settled.
 */
bool behave_answer(struct behave_server *server, const struct ws_request *request,
                   struct ws_answer *answer);

/*
 * What a connection with behaviours needs, or NULL: with errno 0 it asks for none and is a plain
 * echo, else ENOMEM.
 */
struct behave *behave_create(struct behave_server *server, struct ws *ws);
void behave_free(struct behave *behave); /* NULL does nothing; the connection is the caller's */

/* Whether it is a probe of whoever watches the server: /-/healthz or /-/readyz. */
bool behave_is_probe(const struct ws_request *request);

/* Whether the client names this media type in the field Accept. */
bool behave_likes(const struct ws_request *request, const char *type);

/* A task's function for it. The argument and the connection are its own. */
async int behave_connection(void *argument);

#endif
