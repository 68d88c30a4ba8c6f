/* SPDX-License-Identifier: MIT */
/* HTTP requests: what is wrong with one, and the copy of it that the program sees. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "await/log.h"
#include "ws/buffer_private.h"
#include "ws/request_private.h"

static bool
is_digits(struct aw_http_text text)
{
        size_t i;

        for (i = 0; i < text.length; i++)
                if (text.data[i] < '0' || text.data[i] > '9')
                        return false;
        return text.length > 0;
}

static struct aw_http_text
text_after(struct aw_http_text text, size_t length)
{
        return (struct aw_http_text){text.data + length, text.length - length};
}

/* The bytes before the first of `stops`, or all. */
static struct aw_http_text
text_until(struct aw_http_text text, const char *stops)
{
        size_t i = 0;

        while (i < text.length && strchr(stops, text.data[i]) == NULL)
                i++;
        return (struct aw_http_text){text.data, i};
}

/* A request that is none. */

#define NAME_SHOWN 40 /* bytes of a field's name */

/* The name may be shown, but the value may be a secret. */
static void
describe_field(const struct aw_http_fault *fault, char out[WS_REQUEST_FAULT_SIZE])
{
        struct aw_http_text name = text_until(fault->line, ":");
        bool has_colon = name.length < fault->line.length;
        char shown[2 * NAME_SHOWN + 1], byte[5];
        size_t used;

        aw_log_escape(name.data, name.length < NAME_SHOWN ? name.length : NAME_SHOWN, "", shown,
                      sizeof(shown), &used);
        aw_log_escape(fault->at, 1, "", byte, sizeof(byte), &used);
        if (has_colon && aw_http_is_token(name.data, name.length))
                snprintf(out, WS_REQUEST_FAULT_SIZE,
                         "the value of the field %s has a control character in it, %s", shown,
                         byte);
        else if (has_colon)
                snprintf(out, WS_REQUEST_FAULT_SIZE,
                         "line %zu of the request is no header field: its name is \"%s\"",
                         fault->number, shown);
        else
                snprintf(out, WS_REQUEST_FAULT_SIZE, "line %zu of the request is no header field",
                         fault->number);
}

const char *
ws_request_fault(const char *data, size_t length, char out[WS_REQUEST_FAULT_SIZE])
{
        struct aw_http_fault fault;
        const char *brief = "a header field of the request is not right";

        aw_http_request_fault(data, length, &fault);
        if (fault.number > 1) {
                describe_field(&fault, out);
                return brief;
        }
        brief = memmem(fault.line.data, fault.line.length, " HTTP/", strlen(" HTTP/")) != NULL
                        ? "the first line of the request is not right"
                        : "this is not an HTTP request";
        snprintf(out, WS_REQUEST_FAULT_SIZE, "%s", brief);
        return brief;
}

/* What a request has to have. */

/* Nothing, or a colon and a number that a port can have; RFC 3986 allows no number, too. */
static bool
is_port(struct aw_http_text text)
{
        struct aw_http_text digits;
        unsigned port = 0;
        size_t i;

        if (text.length == 0)
                return true;
        digits = text_after(text, 1);
        if (text.data[0] != ':' || (digits.length > 0 && !is_digits(digits)))
                return false;
        for (i = 0; i < digits.length && port <= UINT16_MAX; i++)
                port = port * 10 + (unsigned)(digits.data[i] - '0');
        return port <= UINT16_MAX;
}

/* Letters, digits and what else RFC 3986 section 3.2.2 lets stand in a name. */
static bool
is_host_name(struct aw_http_text text)
{
        static const char others[] = "-._~%!$&'()*+,;=";
        size_t i;

        for (i = 0; i < text.length; i++) {
                char byte = text.data[i];

                if (!(byte >= '0' && byte <= '9') && !(byte >= 'A' && byte <= 'Z') &&
                    !(byte >= 'a' && byte <= 'z') && (byte == '\0' || strchr(others, byte) == NULL))
                        return false;
        }
        return text.length > 0;
}

/* HOST or HOST:PORT, where the host is a name, an IPv4 address, or an IPv6 address in brackets. */
static bool
is_authority(struct aw_http_text text)
{
        char address[INET6_ADDRSTRLEN];
        struct aw_http_text host;
        struct in6_addr binary;

        if (text.length == 0 || text.data[0] != '[') {
                host = text_until(text, ":");
                return is_host_name(host) && is_port(text_after(text, host.length));
        }
        host = text_until(text_after(text, 1), "]");
        if (host.length + 1 == text.length || host.length >= sizeof(address))
                return false;
        memcpy(address, host.data, host.length);
        address[host.length] = '\0';
        return inet_pton(AF_INET6, address, &binary) == 1 &&
               is_port(text_after(text, host.length + 2));
}

/* How long the scheme and "://" are of a target in absolute form; 0 if it is in another one. */
static size_t
scheme_length(struct aw_http_text target)
{
        static const char *const schemes[] = {"http://", "https://", "ws://", "wss://"};
        struct aw_http_text start = {.data = target.data};
        size_t i;

        for (i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
                start.length = strlen(schemes[i]);
                if (start.length <= target.length && aw_http_text_is_nocase(&start, schemes[i]))
                        return start.length;
        }
        return 0;
}

/* RFC 9112 section 3.2: /PATH, http://HOST/PATH, * for OPTIONS, HOST:PORT for CONNECT. */
static bool
is_target(const struct aw_http_head *head)
{
        struct aw_http_text target = head->target;
        size_t scheme = scheme_length(target);

        if (memchr(target.data, '#', target.length) != NULL)
                return false;
        if (aw_http_text_is(&head->method, "CONNECT"))
                return is_authority(target) && target.data[target.length - 1] != ':' &&
                       memchr(target.data, ':', target.length) != NULL;
        if (aw_http_text_is(&target, "*"))
                return aw_http_text_is(&head->method, "OPTIONS");
        if (scheme > 0)
                return is_authority(text_until(text_after(target, scheme), "/?"));
        return target.data[0] == '/';
}

/* The fields that say how long the body is: whoever reads them in another way is let in on it. */
static const char *
check_framing(const struct aw_http_head *head)
{
        const struct aw_http_text *length = aw_http_field(head, "Content-Length");
        bool coded = aw_http_field(head, "Transfer-Encoding") != NULL;

        if (aw_http_field_count(head, "Content-Length") > 1)
                return "there is more than one field Content-Length";
        if (length != NULL && !is_digits(*length))
                return "the field Content-Length is not a number";
        if (length != NULL && coded)
                return "there are both Content-Length and Transfer-Encoding";
        if (coded && head->minor_version < 1)
                return "HTTP/1.0 has no Transfer-Encoding";
        return NULL;
}

static const char *
check_host_field(const struct aw_http_head *head)
{
        size_t count = aw_http_field_count(head, "Host");

        if (count > 1 || (count == 0 && head->minor_version >= 1))
                return "there must be one field Host";
        if (count == 1 && !is_authority(*aw_http_field(head, "Host")))
                return "the field Host is neither HOST nor HOST:PORT";
        return NULL;
}

int
ws_request_check(const struct aw_http_head *head, const char **reason)
{
        *reason = check_host_field(head);
        if (*reason == NULL && !is_target(head))
                *reason = "the request's target is neither a path nor a URL";
        if (*reason == NULL)
                *reason = check_framing(head);
        if (*reason != NULL)
                return 400;
        if (head->minor_version >= 1 && aw_http_field(head, "Expect") != NULL &&
            !ws_request_expects_continue(head)) {
                *reason = "the only expectation that can be met is 100-continue";
                return 417;
        }
        return 0;
}

bool
ws_request_expects_continue(const struct aw_http_head *head)
{
        const struct aw_http_text *expect = aw_http_field(head, "Expect");

        return expect != NULL && head->minor_version >= 1 &&
               aw_http_field_count(head, "Expect") == 1 &&
               aw_http_text_is_nocase(expect, "100-continue");
}

/* The copy. */

/* What a copy is made of: the structure, the fields, and their texts. */
struct writer {
        struct ws_request *request;
        char *at;
};

static const char *
write_text(struct writer *writer, struct aw_http_text text)
{
        char *start = writer->at;

        memcpy(start, text.data, text.length);
        start[text.length] = '\0';
        writer->at += text.length + 1;
        return start;
}

/* The target without scheme and host, and without the query. */
static struct aw_http_text
path_of(const struct aw_http_head *head)
{
        size_t scheme = scheme_length(head->target);
        struct aw_http_text rest = text_after(head->target, scheme);

        if (scheme > 0)
                rest = text_after(rest, text_until(rest, "/?").length);
        rest = text_until(rest, "?");
        if (aw_http_text_is(&head->method, "CONNECT"))
                rest.length = 0;
        else if (rest.length == 0)
                rest = (struct aw_http_text){"/", 1};
        return rest;
}

static size_t
size_of_copy(const struct aw_http_head *head)
{
        size_t size = sizeof(struct ws_request) + head->field_count * sizeof(struct ws_field), i;

        size += head->method.length + head->target.length + path_of(head).length + 3;
        for (i = 0; i < head->field_count; i++)
                size += head->fields[i].name.length + head->fields[i].value.length + 2;
        return size;
}

struct ws_request *
ws_request_create(const struct aw_http_head *head)
{
        struct ws_request *request = malloc(size_of_copy(head));
        struct writer writer;
        struct ws_field *fields;
        size_t i;

        if (request == NULL)
                return NULL;
        fields = (struct ws_field *)(request + 1);
        writer = (struct writer){request, (char *)(fields + head->field_count)};
        *request = (struct ws_request){.minor_version = head->minor_version,
                                       .fields = fields,
                                       .field_count = head->field_count};
        request->method = write_text(&writer, head->method);
        request->target = write_text(&writer, head->target);
        request->path = write_text(&writer, path_of(head));
        request->query = strchr(request->target, '?');
        if (request->query != NULL)
                request->query++;
        for (i = 0; i < head->field_count; i++) {
                fields[i].name = write_text(&writer, head->fields[i].name);
                fields[i].value = write_text(&writer, head->fields[i].value);
        }
        ws_memory_charge((ptrdiff_t)size_of_copy(head));
        return request;
}

/* The block ends with the last text. */
static size_t
size_of_block(const struct ws_request *request)
{
        size_t count = request->field_count;
        const char *last = count > 0 ? request->fields[count - 1].value : request->path;

        return (size_t)(last + strlen(last) + 1 - (const char *)request);
}

void
ws_request_free(struct ws_request *request)
{
        if (request == NULL)
                return;
        ws_memory_charge(-(ptrdiff_t)size_of_block(request));
        free(request);
}

const char *
ws_request_field(const struct ws_request *request, const char *name, size_t index)
{
        struct aw_http_text text;
        size_t i;

        for (i = 0; i < request->field_count; i++) {
                text.data = request->fields[i].name;
                text.length = strlen(text.data);
                if (aw_http_text_is_nocase(&text, name) && index-- == 0)
                        return request->fields[i].value;
        }
        return NULL;
}
