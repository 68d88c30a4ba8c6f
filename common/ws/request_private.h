/* SPDX-License-Identifier: MIT */
/* What a server thinks of a request before it answers it; struct ws_request is public. */
#ifndef AW_WS_REQUEST_PRIVATE_H
#define AW_WS_REQUEST_PRIVATE_H

#include "await/ws.h"
#include "ws/http_private.h"

/*
 * What every request must fulfil, whatever it is for (RFC 9112): Host, target, the fields that tell
 * of its body, Expect. 0; or the HTTP status that refuses it, with the reason.
 */
int ws_request_check(const struct aw_http_head *head, const char **reason);

/*
 * What is wrong with a request that is AW_HTTP_BAD: a literal, and in `out` which line or field it is,
 * without the field's value.
 */
#define WS_REQUEST_FAULT_SIZE 160
const char *ws_request_fault(const char *data, size_t length, char out[WS_REQUEST_FAULT_SIZE]);

/* True if the client waits for "100 Continue" before the response (RFC 9110 section 10.1.1). */
bool ws_request_expects_continue(const struct aw_http_head *head);

/*
 * A copy of what is in the head, in one block, which is charged to the process's connections. NULL
 * with errno ENOMEM. Freeing NULL does nothing.
 */
struct ws_request *ws_request_create(const struct aw_http_head *head);
void ws_request_free(struct ws_request *request);

/*
 * The subprotocol for the request, by what ws_listen_options.subprotocol says: in *chosen, to be
 * freed, or NULL if there is none. 0; or -1 with errno EINVAL (the offer is no list of tokens) or
 * ENOMEM.
 */
int ws_subprotocol_choose(const struct ws_request *request, const char *wanted, char **chosen);

#endif
