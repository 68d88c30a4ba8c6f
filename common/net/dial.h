/* SPDX-License-Identifier: MIT */
/* From a URL to a connection, as aw_connect_options say: straight, or by a proxy. */
#ifndef AW_NET_DIAL_H
#define AW_NET_DIAL_H

#include "await/connect.h"
#include "await/task.h"
#include "net/resolve.h"
#include "net/url.h"

struct aw_proxy;
struct aw_transport;

struct aw_dial {
        const struct aw_connect_options *options;
        struct aw_url target; /* the server, as connect_to has it */
        struct aw_url via;    /* to which we connect: that, the proxy or a Unix socket */
        struct aw_proxy *proxy;
        struct aw_addresses addresses; /* of that */
        struct aw_addresses behind;    /* of the server, if the proxy is told them; or none */
        char peer[64];                 /* its address, once we are connected */
};

/*
 * Finds out where to connect to for the URL; options may be NULL. *dial is for aw_dial_free() in any
 * case; it is too large for a task's stack. 0, or -1 with errno and *error: of kind AW_ERROR_USAGE,
 * RESOLVE, TIMEOUT, CANCELLED or MEMORY.
 */
async int aw_dial_resolve(struct aw_dial *dial, const struct aw_url *url,
                          const struct aw_connect_options *options, struct aw_error *error,
                          aw_time deadline);

/*
 * Connects, through the proxy if there is one. As aw_connect(); NULL with errno and *error: of kind
 * AW_ERROR_CONNECTION, TLS and CERTIFICATE (of a proxy), TIMEOUT, CANCELLED or MEMORY.
 */
async struct aw_transport *aw_dial_connect(struct aw_dial *dial, struct aw_error *error,
                                           aw_time deadline);
void aw_dial_free(struct aw_dial *dial); /* what it holds */

#endif
