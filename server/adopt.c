/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "adopt.h"

#include "ws/places.h"

static bool
is_left(const struct inherited_socket *socket, enum socket_kind kind)
{
        return socket->fd != -1 && socket->kind == kind;
}

static const char *
find_same_url(const struct inherited *inherited, const char *url, enum socket_kind kind)
{
        for (size_t i = 0; i < inherited->count; i++)
                if (is_left(&inherited->sockets[i], kind) &&
                    strcmp(inherited->sockets[i].url, url) == 0)
                        return inherited->sockets[i].url;
        return NULL;
}

/* Whether what is there for that URL has these addresses and no others. The first worker has all. */
static bool
has_places(const struct inherited *inherited, const char *url, enum socket_kind kind,
           const struct ws_places *places)
{
        size_t count = 0;

        for (size_t i = 0; i < inherited->count; i++) {
                const struct inherited_socket *socket = &inherited->sockets[i];

                if (!is_left(socket, kind) || socket->slot != 0 || strcmp(socket->url, url) != 0)
                        continue;
                if (!ws_places_have(places, socket->place))
                        return false;
                count++;
        }
        return count > 0 && count == places->count;
}

async const char *
adopt_find(const struct inherited *inherited, const char *url, enum socket_kind kind)
{
        const char *found = find_same_url(inherited, url, kind);
        struct ws_places places;

        if (found != NULL || kind == SOCKET_LENT || inherited->count == 0 ||
            await(ws_places_find(url, &places)) == -1)
                return found;
        for (size_t i = 0; i < inherited->count && found == NULL; i++)
                if (has_places(inherited, inherited->sockets[i].url, kind, &places))
                        found = inherited->sockets[i].url;
        ws_places_free(&places);
        return found;
}

async const char *
adopt_find_obstacle(const struct inherited *inherited, const char *url)
{
        const char *found = NULL;
        struct ws_places places;

        if (inherited->count == 0 || await(ws_places_find(url, &places)) == -1)
                return NULL;
        for (size_t i = 0; i < inherited->count; i++)
                for (size_t n = 0; n < places.count && found == NULL; n++)
                        if (!is_left(&inherited->sockets[i], SOCKET_LENT) &&
                            inherited->sockets[i].fd != -1 &&
                            ws_place_meets(inherited->sockets[i].place, places.items[n]))
                                found = inherited->sockets[i].url;
        ws_places_free(&places);
        return found;
}
