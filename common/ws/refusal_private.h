/* SPDX-License-Identifier: MIT */
/* Why a server's response opens no connection, in words for its client. */
#ifndef AW_WS_REFUSAL_PRIVATE_H
#define AW_WS_REFUSAL_PRIVATE_H

#include "await/error.h"
#include "await/task.h"
#include "ws/http_private.h"

#define WS_REFUSAL_BODY  1000              /* bytes of its body that are told */
#define WS_REFUSAL_INPUT ((size_t)4 << 10) /* bytes that are read for that, chunks' lengths too */
#define WS_REFUSAL_TIME  (1 * AW_SECOND)   /* for them to come */

/* A response other than 101: status, and where it sends us. */
void ws_refusal_explain(struct aw_error *error, const char *host, const struct aw_http_head *head);

/* A head that aw_http_parse_response() does not take. */
void ws_refusal_explain_head(const char *data, size_t length, enum aw_http_result result,
                             const char *host, char *out, size_t size);

/*
 * Writes the beginning of the body of a response whose head is so long, terminated; of a chunked one
 * the chunks. True if there is as much as is told, or no more to come.
 */
bool ws_refusal_body(const char *data, size_t length, size_t head_length,
                     char out[WS_REFUSAL_BODY + 1]);

#endif
