/* SPDX-License-Identifier: MIT */
/* What proxies write into a request about where it came from: X-Forwarded-For, or Forwarded (RFC 7239). */
#ifndef AW_WS_FORWARDED_PRIVATE_H
#define AW_WS_FORWARDED_PRIVATE_H

#include <sys/socket.h>

#include "await/ws.h"

/* Reads the lists of all fields of one name, from the last entry to the first. */
struct ws_forwarded {
        const struct ws_request *request;
        const char *name; /* of the fields */
        size_t left;      /* fields that were not begun */
        const char *start;
        size_t length; /* of what was not read of the value: it begins at `start` */
};

void ws_forwarded_begin(struct ws_forwarded *forwarded, const struct ws_request *request,
                        const char *name);

/*
 * The entry before: 1, and its address, with port 0 if it has none or hides it; 0: it is there, but
 * is "unknown", hidden, or wrong; -1: there are no more. What stands before an entry, however wrong,
 * does not change how it is read: our proxy wrote the last one, and whoever sends the rest.
 */
int ws_forwarded_previous(struct ws_forwarded *forwarded, struct sockaddr_storage *address);

#endif
