/* SPDX-License-Identifier: MIT */
/* SIGHUP: the options and certificates as they are now. */
#ifndef RECONFIGURE_H
#define RECONFIGURE_H

#include "service.h"

/*
 * Reads the command line, its file of options and the certificates anew. 0: *fresh is to take the
 * options' place, by reconfigure_apply(). -1: something is wrong, as the log says, and what was read
 * before stays. May be called in any thread, once at a time.
 */
int reconfigure_read(const struct service *service, struct server_options *fresh);

/*
 * Begins to use them, as far as that is everybody's matter. *fresh becomes the old ones, which the
 * caller frees when it uses nothing of them any more.
 */
void reconfigure_apply(struct service *service, struct server_options *fresh);

/* What of the options is the process's matter: the logs' form and level, the bound for memory. */
void reconfigure_process(const struct service *service);

#endif
