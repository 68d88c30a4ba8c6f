/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "ws/refusal_private.h"

/* The response. */

static bool
is_redirect(int status)
{
        return status >= 301 && status <= 308 && status != 304 && status != 305 && status != 306;
}

static enum aw_error_cause
cause_of(int status)
{
        if (is_redirect(status))
                return AW_CAUSE_REDIRECTED;
        if (status == 401)
                return AW_CAUSE_CREDENTIALS;
        return status >= 200 && status < 300 ? AW_CAUSE_NOT_SWITCHED : AW_CAUSE_NONE;
}

/* "Location: x", or the like, cut in the middle; "" if there is no such field. */
static void
quote_field(const struct aw_http_head *head, const char *name, char *out, size_t size)
{
        const struct aw_http_text *value = aw_http_field(head, name);
        char *text = value == NULL ? NULL : strndup(value->data, value->length);
        char shown[160];

        out[0] = '\0';
        if (text != NULL) {
                aw_url_shorten(text, shown, sizeof(shown));
                snprintf(out, size, ", %s: %s", name, shown);
        }
        free(text);
}

void
ws_refusal_explain(struct aw_error *error, const char *host, const struct aw_http_head *head)
{
        enum aw_error_cause cause = cause_of(head->status);
        char more[200] = "";

        if (cause == AW_CAUSE_REDIRECTED)
                quote_field(head, "Location", more, sizeof(more));
        else if (cause == AW_CAUSE_CREDENTIALS)
                quote_field(head, "WWW-Authenticate", more, sizeof(more));
        aw_error_set(error, AW_ERROR_HANDSHAKE, EPROTO, "%.120s answered %d%s%.*s%s", host,
                     head->status, head->reason.length > 0 ? " " : "",
                     head->reason.length > 80 ? 80 : (int)head->reason.length, head->reason.data,
                     more);
        error->status = head->status;
        error->cause = cause;
}

/* A head that is none. */

/* Where the n-th line begins, and how long it is without its end. */
static const char *
find_line(const char *data, size_t length, size_t n, size_t *line_length)
{
        const char *end = data + length, *newline;

        for (; n > 0; n--) {
                newline = memchr(data, '\n', (size_t)(end - data));
                if (newline == NULL)
                        return NULL;
                data = newline + 1;
        }
        newline = memchr(data, '\n', (size_t)(end - data));
        *line_length = (size_t)((newline == NULL ? end : newline) - data);
        if (*line_length > 0 && data[*line_length - 1] == '\r')
                --*line_length;
        return data;
}

static bool
is_field(const char *line, size_t length)
{
        const char *colon = memchr(line, ':', length);

        return colon != NULL && aw_http_is_token(line, (size_t)(colon - line)) &&
               aw_http_is_value(colon + 1, length - (size_t)(colon + 1 - line));
}

/* The first line that is no field, and its number, which begins with 2; NULL: all are. */
static const char *
find_bad_field(const char *data, size_t length, size_t *number, size_t *line_length)
{
        const char *line;

        for (*number = 1; (line = find_line(data, length, *number, line_length)) != NULL; ++*number)
                if (*line_length > 0 && !is_field(line, *line_length))
                        break;
        ++*number;
        return line;
}

void
ws_refusal_explain_head(const char *data, size_t length, enum aw_http_result result,
                        const char *host, char *out, size_t size)
{
        size_t line_length = 0, number = 0;
        const char *line = find_line(data, length, 0, &line_length);
        int status = 0, shown, used = 0;
        char start[64];

        snprintf(start, sizeof(start), "%.*s", line_length > 63 ? 63 : (int)line_length, line);
        if (sscanf(start, "HTTP/1.%*1[0-9] %3d%n", &status, &used) != 1)
                snprintf(out, size,
                         line_length == 0 ? "%.120s does not speak HTTP: its answer begins with an "
                                            "empty line"
                         : strncmp(start, "HTTP/", 5) == 0
                                 ? "%.120s answered with another version of HTTP than 1: \"%s\""
                                 : "%.120s does not speak HTTP: it sent \"%s\"",
                         host, start);
        else if (status < 100 || status > 599)
                snprintf(out, size, "%.120s answered with the status %d, which HTTP does not have",
                         host, status);
        else if (result == AW_HTTP_TOO_LARGE)
                snprintf(out, size, "%.120s answered %d, with a head of more than %s", host, status,
                         length >= AW_HTTP_HEAD_MAX ? "16 KiB" : "100 fields");
        else {
                line = find_bad_field(data, length, &number, &line_length);
                shown = line_length > 60 ? 60 : (int)line_length;
                if (line == NULL)
                        snprintf(out, size,
                                 "%.120s answered %d, but its first line is not right: "
                                 "\"%s\"",
                                 host, status, start);
                else
                        snprintf(out, size,
                                 "%.120s answered %d, but line %zu of its head is no header field: "
                                 "\"%.*s\"",
                                 host, status, number, shown, line);
        }
}

/* The body. */

/* Takes the chunks apart (RFC 9112 section 7.1); true at the last one. */
static bool
take_chunks(const char *data, size_t length, char *out, size_t *taken)
{
        const char *end = data + length, *line;
        size_t room, size;

        while ((line = memchr(data, '\n', (size_t)(end - data))) != NULL) {
                size = strtoul(data, NULL, 16);
                if (size == 0 || size > SIZE_MAX / 2)
                        return true;
                data = line + 1;
                room = (size_t)(end - data) < size ? (size_t)(end - data) : size;
                if (room > WS_REFUSAL_BODY - *taken)
                        room = WS_REFUSAL_BODY - *taken;
                memcpy(out + *taken, data, room);
                *taken += room;
                if (*taken == WS_REFUSAL_BODY || (size_t)(end - data) < size + 2)
                        return false;
                data += size + 2;
        }
        return false;
}

bool
ws_refusal_body(const char *data, size_t length, size_t head_length, char out[WS_REFUSAL_BODY + 1])
{
        struct aw_http_head head;
        const struct aw_http_text *announced;
        size_t taken = 0, there = length - head_length;
        bool over = false;

        out[0] = '\0';
        if (aw_http_parse_response(data, length, &head) != AW_HTTP_OK)
                return true;
        announced = aw_http_field(&head, "Content-Length");
        if (aw_http_field_has_token(&head, "Transfer-Encoding", "chunked")) {
                over = take_chunks(data + head_length, there, out, &taken);
        } else {
                /* A number too large is no less than what there is. */
                over = head.status == 204 || head.status == 304 ||
                       (announced != NULL && there >= strtoul(announced->data, NULL, 10));
                taken = there < WS_REFUSAL_BODY ? there : WS_REFUSAL_BODY;
                memcpy(out, data + head_length, taken);
        }
        out[taken] = '\0';
        return over || taken == WS_REFUSAL_BODY || there >= WS_REFUSAL_INPUT;
}
