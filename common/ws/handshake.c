/* SPDX-License-Identifier: MIT */
/*
 * The opening handshake (RFC 6455 section 4): keys, and what makes a request or a response a right
 * one.
 */
#include <errno.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>

#include "ws/deflate_offer_private.h"
#include "ws/private.h"

static const char accept_guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

int
ws_handshake_key(char key[WS_KEY_SIZE])
{
        uint8_t nonce[16];

        if (RAND_bytes(nonce, sizeof(nonce)) != 1) {
                errno = ENOMEM;
                return -1;
        }
        EVP_EncodeBlock((uint8_t *)key, nonce, sizeof(nonce));
        return 0;
}

int
ws_handshake_accept(const char *key, size_t length, char accept[WS_ACCEPT_SIZE])
{
        char text[WS_KEY_SIZE + sizeof(accept_guid)];
        uint8_t digest[EVP_MAX_MD_SIZE];
        unsigned digest_length;

        if (length != WS_KEY_SIZE - 1) {
                errno = EINVAL;
                return -1;
        }
        memcpy(text, key, length);
        memcpy(text + length, accept_guid, sizeof(accept_guid) - 1);
        if (EVP_Digest(text, length + sizeof(accept_guid) - 1, digest, &digest_length, EVP_sha1(),
                       NULL) != 1) {
                errno = ENOMEM;
                return -1;
        }
        EVP_EncodeBlock((uint8_t *)accept, digest, (int)digest_length);
        return 0;
}

/* Base64 of 16 bytes: 22 characters and two pad characters. */
static bool
is_key(const struct aw_http_text *key)
{
        static const char alphabet[] =
                "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        size_t i;

        if (key->length != WS_KEY_SIZE - 1 || memcmp(key->data + 22, "==", 2) != 0)
                return false;
        for (i = 0; i < 22; i++)
                if (key->data[i] == '\0' || strchr(alphabet, key->data[i]) == NULL)
                        return false;
        return true;
}

#define NGINX                                                                                      \
        "nginx needs proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "         \
        "\"upgrade\"; proxy_http_version 1.1"

/*
 * For a WebSocket, if the fields that concern only the next hop (RFC 9110 section 7.6.1) had
 * arrived: a proxy that isn't told to pass them on drops them.
 */
static bool
is_remnant(const struct aw_http_head *request)
{
        return aw_http_text_is(&request->method, "GET") &&
               (aw_http_field(request, "Sec-WebSocket-Key") != NULL ||
                aw_http_field(request, "Sec-WebSocket-Version") != NULL);
}

/* True if an element of the list is "websocket/13" or the like. */
static bool
names_version(const struct aw_http_head *request)
{
        static const char name[] = "websocket/";
        const struct aw_http_text *value = aw_http_field(request, "Upgrade");
        struct aw_http_text start;

        if (value == NULL || value->length < strlen(name))
                return false;
        start = (struct aw_http_text){value->data, strlen(name)};
        return aw_http_text_is_nocase(&start, name);
}

/* The request's Upgrade does not name the protocol: what it lacks, or -1 if it wants none. */
static int
check_without_upgrade(const struct aw_http_head *request, const char **reason)
{
        if (names_version(request))
                *reason = "write Upgrade: websocket; the version is in Sec-WebSocket-Version";
        else if (aw_http_field(request, "Upgrade") == NULL && is_remnant(request))
                *reason = "a proxy between us dropped the Upgrade field: " NGINX;
        else if (is_remnant(request))
                *reason = "the field Upgrade does not say websocket";
        else
                return -1;
        return 426;
}

static bool
has_body(const struct aw_http_head *request)
{
        const struct aw_http_text *length = aw_http_field(request, "Content-Length");
        size_t i;

        for (i = 0; length != NULL && i < length->length; i++)
                if (length->data[i] != '0')
                        return true;
        return aw_http_field(request, "Transfer-Encoding") != NULL;
}

int
ws_handshake_check_request(const struct aw_http_head *request, const char **reason)
{
        const struct aw_http_text *key = aw_http_field(request, "Sec-WebSocket-Key");
        const struct aw_http_text *version = aw_http_field(request, "Sec-WebSocket-Version");

        *reason = NULL;
        if (!aw_http_field_has_token(request, "Upgrade", "websocket"))
                return check_without_upgrade(request, reason);
        if (request->minor_version >= 1 && is_remnant(request) &&
            !aw_http_field_has_token(request, "Connection", "Upgrade")) {
                *reason = "a proxy between us dropped Upgrade from the Connection field: " NGINX;
                return 426;
        }
        if (!aw_http_text_is(&request->method, "GET"))
                *reason = "a WebSocket handshake is a GET";
        else if (request->minor_version < 1)
                *reason = "a WebSocket handshake needs HTTP/1.1: " NGINX;
        else if (has_body(request))
                *reason = "a WebSocket handshake has no body";
        else if (aw_http_field_count(request, "Host") != 1)
                *reason = "there must be one field Host";
        else if (!aw_http_field_has_token(request, "Connection", "Upgrade"))
                *reason = "the field Connection does not say Upgrade";
        else if (version != NULL && !aw_http_text_is(version, "13"))
                *reason = "the WebSocket version is not 13";
        else if (version == NULL || aw_http_field_count(request, "Sec-WebSocket-Version") != 1)
                *reason = "there must be one field Sec-WebSocket-Version";
        else if (key == NULL || aw_http_field_count(request, "Sec-WebSocket-Key") != 1)
                *reason = "there must be one field Sec-WebSocket-Key";
        else if (!is_key(key))
                *reason = "the field Sec-WebSocket-Key is not base64 of 16 bytes";
        if (*reason == NULL)
                return 0;
        return version != NULL && !aw_http_text_is(version, "13") ? 426 : 400;
}

/* True if the word is in the comma-separated list. */
static bool
list_has(const char *list, const struct aw_http_text *word)
{
        size_t length;

        for (; *list != '\0'; list += length) {
                list += strspn(list, ", \t");
                length = strcspn(list, ", \t");
                if (length > 0 && length == word->length && memcmp(list, word->data, length) == 0)
                        return true;
        }
        return false;
}

/* True if the client's own header fields offer the subprotocol. */
static bool
is_offered(const struct ws_connect_options *options, const struct aw_http_text *protocol)
{
        static const char name[] = "Sec-WebSocket-Protocol:";
        size_t i;

        for (i = 0; i < options->header_count; i++)
                if (strncasecmp(options->headers[i], name, strlen(name)) == 0 &&
                    list_has(options->headers[i] + strlen(name), protocol))
                        return true;
        return false;
}

/* Why the server's choice of a subprotocol is not right, or NULL. */
static const char *
protocol_problem(const struct aw_http_head *response, const struct ws_connect_options *options)
{
        const struct aw_http_text *protocol = aw_http_field(response, "Sec-WebSocket-Protocol");

        if (protocol == NULL)
                return NULL;
        if (aw_http_field_count(response, "Sec-WebSocket-Protocol") > 1)
                return "the server chose several subprotocols";
        if (protocol->length == 0)
                return "the server's Sec-WebSocket-Protocol is empty: it may not be there without "
                       "a "
                       "choice";
        return is_offered(options, protocol)
                       ? NULL
                       : "the server chose a subprotocol that was not offered";
}

/* Behind the sentence stands what the server wrote, if there is something. */
static int
quote_problem(const char *problem, const struct aw_http_text *value, char *out, size_t size)
{
        if (value == NULL || value->length == 0)
                snprintf(out, size, "%s", problem);
        else
                snprintf(out, size, "%s: \"%.*s\"", problem,
                         value->length > 100 ? 100 : (int)value->length, value->data);
        return -1;
}

int
ws_handshake_check_response(const struct aw_http_head *response, const char *key,
                            const struct ws_connect_options *options,
                            struct ws_deflate_agreed *agreed, char *problem, size_t size)
{
        const struct aw_http_text *accept = aw_http_field(response, "Sec-WebSocket-Accept");
        const struct aw_http_text *extensions = aw_http_field(response, "Sec-WebSocket-Extensions");
        const char *wrong;
        char expected[WS_ACCEPT_SIZE];

        if (ws_handshake_accept(key, strlen(key), expected) == -1)
                return quote_problem("out of memory", NULL, problem, size);
        if (!aw_http_field_has_token(response, "Upgrade", "websocket"))
                return quote_problem("the server's answer lacks Upgrade: websocket",
                                     aw_http_field(response, "Upgrade"), problem, size);
        if (!aw_http_field_has_token(response, "Connection", "Upgrade"))
                return quote_problem("the server's answer lacks Connection: Upgrade",
                                     aw_http_field(response, "Connection"), problem, size);
        if (accept == NULL)
                return quote_problem("the server's answer lacks Sec-WebSocket-Accept", NULL,
                                     problem, size);
        if (aw_http_field_count(response, "Sec-WebSocket-Accept") > 1)
                return quote_problem("the server's Sec-WebSocket-Accept comes more than once", NULL,
                                     problem, size);
        if (!aw_http_text_is(accept, expected))
                return quote_problem("the server's Sec-WebSocket-Accept is not the right one",
                                     accept, problem, size);
        wrong = ws_deflate_check(response, &options->deflate, agreed);
        if (extensions != NULL && extensions->length == 0)
                wrong = "the server's Sec-WebSocket-Extensions is empty: it may not be there "
                        "without a choice";
        if (wrong != NULL)
                return quote_problem(wrong, extensions, problem, size);
        wrong = protocol_problem(response, options);
        return wrong == NULL
                       ? 0
                       : quote_problem(wrong, aw_http_field(response, "Sec-WebSocket-Protocol"),
                                       problem, size);
}

static bool
is_http_1_0(const struct aw_http_head *response, const char *data)
{
        (void)data;
        return response->minor_version == 0;
}

static bool
has_bare_lf(const struct aw_http_head *response, const char *data)
{
        for (size_t i = 0; i < response->length; i++)
                if (data[i] == '\n' && (i == 0 || data[i - 1] != '\r'))
                        return true;
        return false;
}

static bool
upgrades_twice(const struct aw_http_head *response, const char *data)
{
        (void)data;
        return aw_http_field_count(response, "Upgrade") > 1;
}

/* "Connection: keep-alive" and "Connection: Upgrade" are a list in two fields, and right. */
static bool
connects_twice(const struct aw_http_head *response, const char *data)
{
        size_t count = 0;

        (void)data;
        for (size_t i = 0; i < response->field_count; i++)
                if (aw_http_text_is_nocase(&response->fields[i].name, "Connection") &&
                    aw_http_text_is_nocase(&response->fields[i].value, "Upgrade"))
                        count++;
        return count > 1;
}

static bool
announces_body(const struct aw_http_head *response, const char *data)
{
        (void)data;
        return aw_http_field(response, "Content-Length") != NULL ||
               aw_http_field(response, "Transfer-Encoding") != NULL;
}

const char *
ws_handshake_fault(const struct aw_http_head *response, const char *data, size_t *which)
{
        static const struct {
                bool (*is_there)(const struct aw_http_head *response, const char *data);
                const char *sentence;
        } faults[] = {
                {is_http_1_0, "the server answers with HTTP/1.0, which has no Upgrade"},
                {has_bare_lf, "a line of the server's answer ends in LF, not in CR LF"},
                {upgrades_twice, "the server's answer has more than one field Upgrade"},
                {connects_twice, "the server's answer says Connection: Upgrade more than once"},
                {announces_body, "the server's answer has Content-Length or Transfer-Encoding, "
                                 "which a 101 has not"},
        };

        while (*which < sizeof(faults) / sizeof(faults[0])) {
                size_t i = (*which)++;

                if (faults[i].is_there(response, data))
                        return faults[i].sentence;
        }
        return NULL;
}

/* RFC 6455 section 4.1: one or more tokens, each once. */
static bool
are_subprotocols(const char *list)
{
        struct aw_http_text name;

        do {
                list += strspn(list, " \t");
                name = (struct aw_http_text){list, strcspn(list, ", \t")};
                list += name.length;
                list += strspn(list, " \t");
                if (!aw_http_is_token(name.data, name.length) || list_has(list, &name))
                        return false;
        } while (*list++ == ',');
        return list[-1] == '\0';
}

const char *
ws_handshake_field_problem(const char *field)
{
        static const char *const ours[] = {"Upgrade", "Connection", "Sec-WebSocket-Key",
                                           "Sec-WebSocket-Version", "Sec-WebSocket-Extensions"};
        struct aw_http_text name = {field, strcspn(field, ":")};
        const char *value = field + name.length + 1;

        for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
                if (aw_http_text_is_nocase(&name, ours[i]))
                        return "is one that the handshake itself sets";
        if (field[name.length] != ':')
                return "is not 'Name: value'";
        if (!aw_http_is_token(name.data, name.length))
                return "has a name with other characters than letters, digits and !#$%&'*+-.^_`|~";
        if (!aw_http_is_value(value, strlen(value)))
                return "has a control character in its value";
        if (aw_http_text_is_nocase(&name, "Sec-WebSocket-Protocol") && !are_subprotocols(value))
                return "is no list of different names, of letters, digits and !#$%&'*+-.^_`|~";
        return NULL;
}

/* RFC 9112 section 3.2 says so of Host, RFC 6265 section 5.4 of Cookie; the others have one value. */
const char *
ws_handshake_field_repeated(const char *const *fields, size_t which)
{
        static const char *const single[] = {"Host", "Origin", "Authorization", "Cookie"};
        struct aw_http_text name = {fields[which], strcspn(fields[which], ":")};
        bool is_single = false;

        for (size_t i = 0; i < sizeof(single) / sizeof(single[0]); i++)
                is_single = is_single || aw_http_text_is_nocase(&name, single[i]);
        for (size_t i = 0; is_single && i < which; i++)
                if (strncasecmp(fields[i], fields[which], name.length + 1) == 0)
                        return "is there twice: a server takes one";
        return NULL;
}
