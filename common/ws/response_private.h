/* SPDX-License-Identifier: MIT */
/* HTTP responses. All that a server says before a connection is a WebSocket's goes through here. */
#ifndef AW_WS_RESPONSE_PRIVATE_H
#define AW_WS_RESPONSE_PRIVATE_H

#include "ws/private.h"

/*
 * Sends status line, fields and body, and ends the stream: the response has Connection: close.
 *
 *   - Date (RFC 9110 section 6.6.1), Content-Length and Content-Type are written here, and for 426
 *     Upgrade and Sec-WebSocket-Version.
 *   - With a body of 0 bytes there is no Content-Type, and for 204 and 304 no Content-Length.
 *   - To HEAD (`without_body`) the fields are those of GET.
 *
 * `answer` is what a handler wrote, its status one from 200 to 599. If there is no memory for the
 * head the connection is dropped.
 */
void ws_response_send(struct ws *ws, const struct ws_answer *answer, bool without_body);

/*
 * The same with one line of text, which says what is wrong: "400 Bad Request: REASON\n". It is
 * logged as well. `without_body` as above.
 */
void ws_response_refuse(struct ws *ws, int status, const char *reason, bool without_body);

/* The response that switches to WebSocket; `first_100`: "100 Continue" goes before it. 0 or -1. */
int ws_response_switch(struct ws *ws, const char *accept, const struct ws_answer *answer,
                       bool first_100);

/* What of a handler's answer cannot be sent, in words, or NULL. */
const char *ws_response_wrong(const struct ws_request *request, const struct ws_answer *answer);

#endif
