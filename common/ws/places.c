/* SPDX-License-Identifier: MIT */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "ws/places.h"

#include "net/resolve.h"
#include "net/url.h"

/* An abstract name is all that there is, with a NUL in front. */
static void
name_place(const struct sockaddr_storage *address, socklen_t size, char out[WS_PLACE_SIZE])
{
        const struct sockaddr_un *local = (const struct sockaddr_un *)address;
        int length = (int)size - (int)offsetof(struct sockaddr_un, sun_path);

        if (address->ss_family != AF_UNIX)
                aw_address_format(address, out, WS_PLACE_SIZE);
        else if (local->sun_path[0] != '\0')
                snprintf(out, WS_PLACE_SIZE, "unix:%.*s", length, local->sun_path);
        else
                snprintf(out, WS_PLACE_SIZE, "unix:@%.*s", length - 1, local->sun_path + 1);
}

int
ws_place_of(int fd, char out[WS_PLACE_SIZE])
{
        struct sockaddr_storage address = {.ss_family = AF_UNSPEC};
        socklen_t size = sizeof(address);

        if (getsockname(fd, (struct sockaddr *)&address, &size) == -1)
                return -1;
        name_place(&address, size, out);
        return 0;
}

/* With any port: as for a listener, what the machine lacks is left out. */
static bool
can_be_bound(const struct aw_address *address)
{
        struct aw_address any = *address;
        int fd, error = 0;

        if (address->storage.ss_family == AF_UNIX)
                return true;
        aw_address_set_port(&any, 0);
        fd = socket(any.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd == -1 || bind(fd, (const struct sockaddr *)&any.storage, any.length) == -1)
                error = errno;
        if (fd != -1)
                close(fd);
        return error != EAFNOSUPPORT && error != EADDRNOTAVAIL;
}

static int
name_places(const struct aw_addresses *addresses, struct ws_places *places)
{
        places->items = calloc(addresses->count, sizeof(*places->items));
        if (places->items == NULL)
                return -1;
        for (size_t i = 0; i < addresses->count; i++)
                if (can_be_bound(&addresses->items[i]))
                        name_place(&addresses->items[i].storage, addresses->items[i].length,
                                   places->items[places->count++]);
        return 0;
}

async int
ws_places_find(const char *text, struct ws_places *places)
{
        struct aw_url *url = calloc(1, sizeof(*url));
        struct aw_addresses addresses = {.count = 0};
        struct aw_error error;
        const char *reason;
        int result = 0;

        *places = (struct ws_places){.items = NULL};
        if (url == NULL)
                return -1;
        if (aw_url_parse_listen(text, url, &error) == 0 &&
            (url->scheme == AW_URL_UNIX || url->port != 0))
                result = await(aw_resolve(url, true, &addresses, &reason));
        if (addresses.count > 0)
                result = name_places(&addresses, places);
        aw_addresses_free(&addresses);
        free(url);
        return result;
}

void
ws_places_free(struct ws_places *places)
{
        free(places->items);
        *places = (struct ws_places){.items = NULL};
}

bool
ws_places_have(const struct ws_places *places, const char *place)
{
        for (size_t i = 0; i < places->count; i++)
                if (strcmp(places->items[i], place) == 0)
                        return true;
        return false;
}

/* All addresses of the family. What listens on IPv6 does so on nothing else. */
static bool
covers(const char *any, const char *place)
{
        if (strncmp(any, "0.0.0.0:", 8) == 0)
                return isdigit((unsigned char)place[0]);
        return strncmp(any, "[::]:", 5) == 0 && place[0] == '[';
}

bool
ws_place_meets(const char *one, const char *other)
{
        return strcmp(one, other) == 0 || ((covers(one, other) || covers(other, one)) &&
                                           strcmp(strrchr(one, ':'), strrchr(other, ':')) == 0);
}
