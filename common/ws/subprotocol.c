/* SPDX-License-Identifier: MIT */
/* Subprotocols: what a client offers (RFC 6455 section 4.1, item 10), and the one that is chosen. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ws/private.h"
#include "ws/request_private.h"

/* A place in the lists that the request's fields are. */
struct offer {
        const struct ws_request *request;
        size_t index;     /* of the next field */
        const char *rest; /* of this one's list; NULL: go on with the next field */
};

/* The next name that is offered, and its length; NULL at the end. Empty ones are skipped. */
static const char *
next_offered(struct offer *offer, size_t *length)
{
        const char *name;

        for (;;) {
                if (offer->rest == NULL)
                        offer->rest = ws_request_field(offer->request, "Sec-WebSocket-Protocol",
                                                       offer->index++);
                if (offer->rest == NULL)
                        return NULL;
                name = offer->rest + strspn(offer->rest, ", \t");
                *length = strcspn(name, ",");
                offer->rest = name[*length] == '\0' ? NULL : name + *length;
                while (*length > 0 && strchr(" \t", name[*length - 1]) != NULL)
                        --*length;
                if (*length > 0)
                        return name;
        }
}

bool
ws_request_offers(const struct ws_request *request, const char *subprotocol)
{
        struct offer offer = {.request = request};
        const char *name;
        size_t length;

        while ((name = next_offered(&offer, &length)) != NULL)
                if (length == strlen(subprotocol) && memcmp(name, subprotocol, length) == 0)
                        return true;
        return false;
}

int
ws_subprotocol_choose(const struct ws_request *request, const char *wanted, char **chosen)
{
        struct offer offer = {.request = request};
        const char *name, *first = NULL;
        size_t length, first_length = 0;

        *chosen = NULL;
        while ((name = next_offered(&offer, &length)) != NULL) {
                if (!aw_http_is_token(name, length)) {
                        errno = EINVAL;
                        return -1;
                }
                if (first == NULL && (wanted == NULL || (length == strlen(wanted) &&
                                                         memcmp(name, wanted, length) == 0))) {
                        first = name;
                        first_length = length;
                }
        }
        if (first == NULL)
                return 0;
        *chosen = strndup(first, first_length);
        return *chosen == NULL ? -1 : 0;
}

const char *
ws_subprotocol(const struct ws *ws)
{
        return ws->subprotocol;
}
