/* SPDX-License-Identifier: MIT */
/* What may stand in the texts of the table: each says what is wrong, or NULL. */
#include <string.h>
#include <strings.h>

#include "plan.h"

#define REASON_MAX  123 /* bytes in a Close frame, behind the code (RFC 6455 section 5.5) */
#define PAYLOAD_MAX 125

/* RFC 9110 section 5.6.2. */
static const char token[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                            "0123456789!#$%&'*+-.^_`|~";

/* No control characters. */
static bool
is_printable(const char *text)
{
        for (; *text != '\0'; text++)
                if ((unsigned char)*text < ' ' || *text == '\x7f')
                        return false;
        return true;
}

const char *
behave_check_reason(const char *text)
{
        return strlen(text) > REASON_MAX ? "a reason has at most 123 bytes" : NULL;
}

const char *
behave_check_payload(const char *text)
{
        return strlen(text) > PAYLOAD_MAX ? "a ping has at most 125 bytes" : NULL;
}

const char *
behave_check_token(const char *text)
{
        return *text == '\0' || text[strspn(text, token)] != '\0'
                       ? "this is no name of a subprotocol or a room"
                       : NULL;
}

const char *
behave_check_field(const char *text)
{
        static const char *const ours[] = {"Sec-WebSocket-", "Connection:",
                                           "Upgrade:",       "Date:",
                                           "Content-",       "Keep-Alive:",
                                           "Trailer:",       "Transfer-Encoding:",
                                           "X-Wsechod:",     "X-Content-Type-Options:"};
        size_t name = strspn(text, token);

        if (name == 0 || text[name] != ':' || !is_printable(text))
                return "this is not NAME:VALUE";
        for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
                if (strncasecmp(text, ours[i], strlen(ours[i])) == 0)
                        return "this field is the server's own";
        return NULL;
}

/*
 * Fields that are nobody's but who asks: with any other one a link to this server could lead elsewhere, or
 * let a foreign page read what a visitor may. Proxies take orders from some of them, too.
 */
const char *
behave_check_own_field(const char *text)
{
        static const char *const orders[] = {"X-Accel-", "X-Sendfile", "X-LIGHTTPD-"};

        for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++)
                if (strncasecmp(text, orders[i], strlen(orders[i])) == 0)
                        return "this field is one that proxies obey";
        return strncasecmp(text, "X-", 2) == 0 ? NULL
                                               : "the name of this field does not begin with X-";
}

const char *
behave_check_cookie(const char *text)
{
        size_t name = strspn(text, token);

        return name == 0 || text[name] != '=' || !is_printable(text) ? "this is not NAME=VALUE"
                                                                     : NULL;
}

const char *
behave_check_credentials(const char *text)
{
        return strchr(text, ':') == NULL ? "this is not USER:PASSWORD" : NULL;
}

/* The host stays, or anybody could lend this server's name to another one. */
const char *
behave_check_url(const char *text)
{
        return text[0] != '/' || text[1] == '/' || text[1] == '\\' || !is_printable(text)
                       ? "this is not a path, which begins with one '/'"
                       : NULL;
}
