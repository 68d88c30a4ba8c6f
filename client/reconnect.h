/* SPDX-License-Identifier: MIT */
/* --reconnect: trying again, ever more seldom, and never all clients at once. */
#ifndef RECONNECT_H
#define RECONNECT_H

#include "session.h"

/* Whether somebody at a terminal may type before there is a connection: there will be one, one day. */
bool reconnect_is_early(const struct session *session);

/*
 * Opens the session's first connection. 0, or -1: there will be none, as was said and is the
 * session's failure.
 */
async int reconnect_first(struct session *session);

/*
 * The connection has ended, and why is in session->error. True: there is a new one, with which it goes
 * on; false: it is over, or there will be none.
 */
async bool reconnect_after(struct session *session);

/* Of a sender, whose connection has ended: waits for another one than that. False, with errno: there will be none. */
async bool reconnect_wait(struct session *session, const struct ws *ended);

#endif
