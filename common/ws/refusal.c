/* SPDX-License-Identifier: MIT */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "await/log.h"
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

/* Bytes of a line that are shown; and those that it takes, with the NUL, as each may take four. */
#define LINE_SHOWN  60
#define SHOWN_BYTES 121

static void
show_head_line(const char *line, size_t length, char shown[SHOWN_BYTES])
{
        size_t used;

        aw_log_escape(line, length < LINE_SHOWN ? length : LINE_SHOWN, "", shown, SHOWN_BYTES,
                      &used);
}

/* Without its end. */
static void
show_first_line(const char *data, size_t length, char shown[SHOWN_BYTES])
{
        const char *newline = memchr(data, '\n', length);

        if (newline != NULL)
                length = (size_t)(newline - data);
        show_head_line(data, length > 0 && data[length - 1] == '\r' ? length - 1 : length, shown);
}

/* Not "HTTP/1" and what may stand behind that. */
static bool
is_other_version(const char *start)
{
        return strncmp(start, "HTTP/", 5) == 0 &&
               (start[5] != '1' || (start[6] >= '0' && start[6] <= '9'));
}

/* A first line from which no status can be told. */
static void
explain_start(const char *start, const char *host, char *out, size_t size)
{
        const char *what = "does not speak HTTP: it sent";

        if (*start == '\0') {
                snprintf(out, size,
                         "%.120s does not speak HTTP: its answer begins with an empty line", host);
                return;
        }
        if (is_other_version(start))
                what = "answered with another version of HTTP than 1:";
        else if (strncmp(start, "HTTP/1.", 7) == 0)
                what = "answered with a first line that is not right:";
        snprintf(out, size, "%.120s %s \"%s\"", host, what, start);
}

/* A head whose first line tells a status, but which is not right. */
static void
explain_fault(const char *data, size_t length, int status, const char *start, const char *host,
              char *out, size_t size)
{
        struct aw_http_fault fault;
        char shown[SHOWN_BYTES];

        aw_http_response_fault(data, length, &fault);
        show_head_line(fault.line.data, fault.line.length, shown);
        if (fault.number == 1)
                snprintf(out, size, "%.120s answered %d, but its first line is not right: \"%s\"",
                         host, status, start);
        else
                snprintf(out, size,
                         "%.120s answered %d, but line %zu of its head is no header field: "
                         "\"%s\"",
                         host, status, fault.number, shown);
}

void
ws_refusal_explain_head(const char *data, size_t length, enum aw_http_result result,
                        const char *host, char *out, size_t size)
{
        char start[SHOWN_BYTES], digits[10];
        int status, used = 0;

        show_first_line(data, length, start);
        if (sscanf(start, "HTTP/1.%*1[0-9] %9[0-9]%n", digits, &used) != 1 ||
            (start[used] != ' ' && start[used] != '\0')) {
                explain_start(start, host, out, size);
                return;
        }
        status = atoi(digits);
        if (strlen(digits) != 3 || status < 100 || status > 599)
                snprintf(out, size, "%.120s answered with the status %s, which HTTP does not have",
                         host, digits);
        else if (result == AW_HTTP_TOO_LARGE)
                snprintf(out, size, "%.120s answered %d, with a head of more than %s", host, status,
                         length >= AW_HTTP_HEAD_MAX ? "16 KiB" : "100 fields");
        else
                explain_fault(data, length, status, start, host, out, size);
}

/* The body. */

/* The number that is there, with nothing in front of it; 0: none. One that is too large is the largest. */
static size_t
number_at(const char *data, size_t length, int base)
{
        char digits[24]; /* the largest has 20 */

        snprintf(digits, sizeof(digits), "%.*s",
                 (int)(length < sizeof(digits) ? length : sizeof(digits)), data);
        return isxdigit((unsigned char)digits[0]) ? strtoul(digits, NULL, base) : 0;
}

/* Takes the chunks apart (RFC 9112 section 7.1); true at the last one. */
static bool
take_chunks(const char *data, size_t length, char *out, size_t *taken)
{
        const char *end = data + length, *line;
        size_t room, size;

        while ((line = memchr(data, '\n', (size_t)(end - data))) != NULL) {
                size = number_at(data, (size_t)(line - data), 16);
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
                       (announced != NULL &&
                        there >= number_at(announced->data, announced->length, 10));
                taken = there < WS_REFUSAL_BODY ? there : WS_REFUSAL_BODY;
                memcpy(out, data + head_length, taken);
        }
        out[taken] = '\0';
        return over || taken == WS_REFUSAL_BODY || there >= WS_REFUSAL_INPUT;
}
