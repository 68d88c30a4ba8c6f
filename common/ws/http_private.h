/* SPDX-License-Identifier: MIT */
/*
 * The head of an HTTP/1.1 message (RFC 9112): start line and header fields, as far as a WebSocket
 * handshake and short answers need it. No bodies, no chunks.
 */
#ifndef AW_WS_HTTP_PRIVATE_H
#define AW_WS_HTTP_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>

/* Bytes in a head, the empty line included, and an empty line before it too. */
#define AW_HTTP_HEAD_MAX   16384
#define AW_HTTP_FIELDS_MAX 100

/* A piece of the caller's buffer; not terminated. */
struct aw_http_text {
        const char *data;
        size_t length;
};

struct aw_http_field {
        struct aw_http_text name, value; /* value without surrounding white space */
};

/* All text points into the buffer that was parsed. What a message does not have is empty or 0. */
struct aw_http_head {
        struct aw_http_text method, target; /* of a request; never empty */
        int status;                         /* of a response: 100 to 599 */
        struct aw_http_text reason;         /* of a response; may be empty */
        int minor_version;                  /* 0, or 1 also for what is higher */
        size_t length;                      /* where the head ends in the buffer */
        size_t field_count;
        struct aw_http_field fields[AW_HTTP_FIELDS_MAX];
};

enum aw_http_result {
        AW_HTTP_OK,
        AW_HTTP_INCOMPLETE,  /* not all there yet: call again with more */
        AW_HTTP_BAD,         /* not HTTP: answer 400 */
        AW_HTTP_TOO_LARGE,   /* over AW_HTTP_HEAD_MAX or AW_HTTP_FIELDS_MAX: answer 431 */
        AW_HTTP_BAD_VERSION, /* HTTP of another major version: answer 505 */
};

/*
 * Strict: CRLF or a bare LF ends a line, no folded lines, no white space before the colon, no
 * control characters in names or values (RFC 9110 section 5.5), tokens are tokens, a request
 * target is visible ASCII. One empty line before a request is skipped (RFC 9112 section 2.2). The
 * reason may be empty, with or without the space before it.
 *
 * Every result but AW_HTTP_INCOMPLETE is given at the first byte that settles it, whether or not
 * the head is complete (a TLS ClientHello is AW_HTTP_BAD at its first byte), and stays the same
 * however much follows. `head` is written only for AW_HTTP_OK. Each call begins anew: a caller
 * that gets a head in many small pieces should bound their number or the time.
 */
enum aw_http_result aw_http_parse_request(const char *data, size_t length,
                                          struct aw_http_head *head);
enum aw_http_result aw_http_parse_response(const char *data, size_t length,
                                           struct aw_http_head *head);

/* Where a head ceases to be one. */
struct aw_http_fault {
        size_t number;            /* of the line; that of the start line is 1 */
        struct aw_http_text line; /* as far as it is there, without its end */
        const char *at;           /* in the line, or its end: what may not stand there */
};

/* Of what those above call AW_HTTP_BAD. */
void aw_http_request_fault(const char *data, size_t length, struct aw_http_fault *fault);
void aw_http_response_fault(const char *data, size_t length, struct aw_http_fault *fault);

/* The first field of that name (compared without case), or NULL. */
const struct aw_http_text *aw_http_field(const struct aw_http_head *head, const char *name);

/*
 * Whether every byte of the text may stand in a token (RFC 9110 section 5.6.2) or in the value of
 * a field; an empty text is no token.
 */
bool aw_http_is_token(const char *data, size_t length);
bool aw_http_is_value(const char *data, size_t length);

/* How many fields have that name. */
size_t aw_http_field_count(const struct aw_http_head *head, const char *name);

/*
 * True if some field of that name holds the token in its comma-separated list, compared without
 * case ("Connection: keep-alive, Upgrade"). Quoted strings are not understood.
 */
bool aw_http_field_has_token(const struct aw_http_head *head, const char *name, const char *token);

/* True if the text is exactly this string; the second form compares without case. */
bool aw_http_text_is(const struct aw_http_text *text, const char *string);
bool aw_http_text_is_nocase(const struct aw_http_text *text, const char *string);

/* The standard phrase for a status code ("Bad Request"), or "Unknown". */
const char *aw_http_reason(int status);

#endif
