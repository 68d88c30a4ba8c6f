/* SPDX-License-Identifier: MIT */
/* From the options to a connection: who we are, redirects, and why it failed. */
#ifndef CLIENT_CONNECT_H
#define CLIENT_CONNECT_H

#include "await/ws.h"
#include "identity.h"
#include "options.h"
#include "url.h"

struct connector {
        const struct client_options *options;
        struct url url; /* where we are going: redirects change its text */
        char *asked;    /* where the user wanted to go */
        char *start;    /* of the next attempt: that, or where we were sent for good */
        struct identity identity;
        struct aw_tls_context *tls;     /* with our certificate; or NULL: none is needed */
        struct aw_tls_context *strange; /* without it, for another host; or NULL: the same */
        struct aw_tls_context *proxy;   /* of an https proxy */

        const struct ws_observer *looks_on; /* the report, or NULL */
        struct ws_observer observer;        /* ours, which tells that */
        char *location, *body;              /* of the last response that refused, or NULL */
};

/*
 * Reads files, and asks for a password if there is to be one: before the loop. 0, or -1 with *error. For
 * connector_close() in any case.
 */
int connector_open(struct connector *connector, const struct client_options *options,
                   struct aw_error *error);
void connector_close(struct connector *connector);

/* Where we are going, or are, to be shown: as the user wrote it, or where servers sent us. */
const char *connector_url(const struct connector *connector);

/* Whether the server that we went to was told who we are. */
bool connector_has_credentials(const struct connector *connector);

/*
 * Connects, and goes where servers send us, with --location. NULL with *error: connector->body may say
 * more.
 */
async struct ws *connector_connect(struct connector *connector, struct aw_error *error);

#endif
