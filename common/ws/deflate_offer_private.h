/* SPDX-License-Identifier: MIT */
/*
 * What both sides agree on (RFC 7692 section 7.1): offers in the field Sec-WebSocket-Extensions, and
 * the answer. Functions on texts.
 */
#ifndef AW_WS_DEFLATE_OFFER_PRIVATE_H
#define AW_WS_DEFLATE_OFFER_PRIVATE_H

#include "await/ws.h"
#include "ws/http_private.h"

#define WS_DEFLATE_TEXT_MAX 160 /* bytes of an offer or an answer, with its NUL */

/* Both directions of a connection. */
struct ws_deflate_agreed {
        unsigned send_bits, receive_bits;   /* of the windows: 8 to 15 */
        bool send_context, receive_context; /* messages may refer to those before */
        char text[WS_DEFLATE_TEXT_MAX];     /* the answer: "permessage-deflate; ..." */
};

/* Whether the options are possible: mode, bits and level; and the sentence if they are not. */
bool ws_deflate_options_valid(const struct ws_deflate_options *options);
extern const char ws_deflate_options_wrong[];

/* A client's offer, which is not for WS_DEFLATE_OFF. */
void ws_deflate_offer(const struct ws_deflate_options *options, char text[WS_DEFLATE_TEXT_MAX]);

/*
 * A server's answer to the first of a request's offers that it can accept; what is no right offer is
 * as if it was not there. False: there is none.
 */
bool ws_deflate_accept(const struct ws_request *request, const struct ws_deflate_options *options,
                       struct ws_deflate_agreed *agreed);

/*
 * A client looks at the answer. NULL if it is one to its offer, and then *agreed has it; its text is
 * empty if the server declined. Else what is wrong.
 */
const char *ws_deflate_check(const struct aw_http_head *response,
                             const struct ws_deflate_options *options,
                             struct ws_deflate_agreed *agreed);

#endif
