/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "await/log.h"
#include "ws/deflate_offer_private.h"
#include "ws/request_private.h"
#include "ws/response_private.h"

static const char text_plain[] = "text/plain; charset=utf-8";

/* Bytes of the body: it is a text unless its length is given. */
static size_t
body_length(const struct ws_answer *answer)
{
        if (answer->body == NULL)
                return 0;
        return answer->length > 0 ? answer->length : strlen(answer->body);
}

/* RFC 9110 section 6.4.1. */
static bool
is_bodiless(int status)
{
        return status == 204 || status == 304;
}

/* The time in the form of RFC 9110 section 5.6.7; strftime() would use the locale's names. */
static void
write_date(FILE *out)
{
        static const char days[][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
        static const char months[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
        time_t now = time(NULL);
        struct tm tm;

        if (gmtime_r(&now, &tm) != NULL)
                fprintf(out, "Date: %s, %02d %s %d %02d:%02d:%02d GMT\r\n", days[tm.tm_wday],
                        tm.tm_mday, months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min,
                        tm.tm_sec);
}

static void
write_fields(FILE *out, const struct ws_answer *answer)
{
        size_t i;

        for (i = 0; i < answer->field_count; i++)
                fprintf(out, "%s\r\n", answer->fields[i]);
}

static void
write_head(FILE *out, const struct ws_answer *answer)
{
        bool bodiless = is_bodiless(answer->status);
        size_t length = bodiless ? 0 : body_length(answer);

        fprintf(out, "HTTP/1.1 %d %s\r\n", answer->status, aw_http_reason(answer->status));
        if (length > 0)
                fprintf(out, "Content-Type: %s\r\n",
                        answer->content_type == NULL ? text_plain : answer->content_type);
        if (!bodiless)
                fprintf(out, "Content-Length: %zu\r\n", length);
        /* A browser shows the body as what it is said to be, or not at all. */
        if (length > 0)
                fputs("X-Content-Type-Options: nosniff\r\n", out);
        if (answer->status == 426)
                fputs("Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n", out);
        write_date(out);
        write_fields(out, answer);
        fprintf(out, "Connection: %sclose\r\n\r\n", answer->status == 426 ? "Upgrade, " : "");
}

static void
write_switch(FILE *out, const struct ws *ws, const struct ws_answer *answer, const char *accept)
{
        const char *extension = ws_extension(ws);

        fprintf(out,
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n",
                accept);
        if (answer->subprotocol != NULL)
                fprintf(out, "Sec-WebSocket-Protocol: %s\r\n", answer->subprotocol);
        if (extension != NULL)
                fprintf(out, "Sec-WebSocket-Extensions: %s\r\n", extension);
        write_fields(out, answer);
        fputs("\r\n", out);
}

/* Sends what was written, and frees it. */
static int
send_written(struct ws *ws, FILE *out, char **text, const size_t *size)
{
        int result = -1;

        if (fclose(out) == 0)
                result = ws_connection_send_head(ws, *text, *size);
        else
                aw_transport_close(ws->transport);
        free(*text);
        return result;
}

void
ws_response_send(struct ws *ws, const struct ws_answer *answer, bool without_body)
{
        size_t length = body_length(answer), size = 0;
        char *text = NULL;
        FILE *out = open_memstream(&text, &size);

        ws->seen.status = answer->status;
        ws_watch_end(ws, WS_SIDE_SERVER,
                     answer->why != NULL ? answer->why : aw_http_reason(answer->status));
        if (out == NULL) {
                aw_transport_close(ws->transport);
                return;
        }
        write_head(out, answer);
        without_body = without_body || is_bodiless(answer->status) || length == 0;
        if (send_written(ws, out, &text, &size) == 0 && !without_body)
                ws_connection_send_head(ws, answer->body, length);
        ws->in.state = WS_IN_CLOSED;
        ws_close_stream(ws);
}

void
ws_response_refuse(struct ws *ws, int status, const char *reason, bool without_body)
{
        static const char *const later[] = {"Retry-After: 5"};
        struct ws_answer answer = {.status = status, .fields = later, .field_count = status == 503};
        char *body;

        aw_log_limited(AW_LOG_INFO, "%s: refused with %d: %s", ws->peer, status, reason);
        ws_watch_end(ws, WS_SIDE_SERVER, reason);
        if (asprintf(&body, "%d %s: %s\n", status, aw_http_reason(status), reason) == -1) {
                aw_transport_close(ws->transport);
                return;
        }
        answer.body = body;
        ws_response_send(ws, &answer, without_body);
        free(body);
}

int
ws_response_switch(struct ws *ws, const char *accept, const struct ws_answer *answer,
                   bool first_100)
{
        size_t size = 0;
        char *text = NULL;
        FILE *out = open_memstream(&text, &size);

        if (out == NULL) {
                aw_transport_close(ws->transport);
                return -1;
        }
        if (first_100)
                fputs("HTTP/1.1 100 Continue\r\n\r\n", out);
        write_switch(out, ws, answer, accept);
        return send_written(ws, out, &text, &size);
}

/* What a handler wrote. */

static bool
has_name(const char *field, size_t length, const char *name)
{
        struct aw_http_text text = {field, length};

        return aw_http_text_is_nocase(&text, name);
}

/* Fields that this file writes, or that would change what the response means. */
static bool
is_ours(const char *field, size_t length)
{
        static const char *const ours[] = {"Connection",
                                           "Content-Length",
                                           "Content-Type",
                                           "Date",
                                           "Keep-Alive",
                                           "Transfer-Encoding",
                                           "Upgrade",
                                           "X-Content-Type-Options",
                                           "Sec-WebSocket-Accept",
                                           "Sec-WebSocket-Extensions",
                                           "Sec-WebSocket-Protocol",
                                           "Sec-WebSocket-Version"};
        size_t i;

        for (i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
                if (has_name(field, length, ours[i]))
                        return true;
        return false;
}

static const char *
field_wrong(const char *field)
{
        size_t length = strcspn(field, ":");

        if (field[length] != ':' || !aw_http_is_token(field, length) ||
            !aw_http_is_value(field + length + 1, strlen(field + length + 1)))
                return "a field is not 'Name: value'";
        if (is_ours(field, length))
                return "a field is one that the library writes itself";
        return NULL;
}

const char *
ws_response_wrong(const struct ws_request *request, const struct ws_answer *answer)
{
        const char *type = answer->content_type;
        const char *wrong = NULL;
        size_t i;

        if (answer->status != 101 && (answer->status < 200 || answer->status > 599))
                return "the status is neither 101 nor one from 200 to 599";
        if (answer->status == 101 && !request->upgrade)
                return "the status is 101, but the request is not for a WebSocket";
        if (answer->status == 101 && answer->subprotocol != NULL &&
            !ws_request_offers(request, answer->subprotocol))
                return "the subprotocol is not one that was offered";
        if (answer->status == 101 && answer->deflate != NULL &&
            !ws_deflate_options_valid(answer->deflate))
                return ws_deflate_options_wrong;
        if (type != NULL && !aw_http_is_value(type, strlen(type)))
                return "the content type is not the value of a field";
        for (i = 0; i < answer->field_count && wrong == NULL; i++)
                wrong = field_wrong(answer->fields[i]);
        return wrong;
}
