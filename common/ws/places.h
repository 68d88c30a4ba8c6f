/* SPDX-License-Identifier: MIT */
/*
 * Where sockets listen, whatever is spoken there: "127.0.0.1:7681", "[::1]:7681", "unix:/PATH",
 * "unix:@NAME".
 */
#ifndef WS_PLACES_H
#define WS_PLACES_H

#include <stdbool.h>
#include <stddef.h>

#include "await/task.h"

#define WS_PLACE_SIZE 128

struct ws_places {
        char (*items)[WS_PLACE_SIZE];
        size_t count;
};

/*
 * Those of a URL to listen on, but for addresses that this machine lacks. None if its port is 0, or if
 * it is wrong. 0, to be freed, or -1 with errno.
 */
async int ws_places_find(const char *url, struct ws_places *places);
void ws_places_free(struct ws_places *places);

bool ws_places_have(const struct ws_places *places, const char *place);

/* Of a bound socket. 0, or -1 with errno. */
int ws_place_of(int fd, char out[WS_PLACE_SIZE]);

/* Whether no two sockets can be bound there: the same, or one is all addresses with that port. */
bool ws_place_meets(const char *one, const char *other);

#endif
