/* SPDX-License-Identifier: MIT */
/* What ports.c knows of accept.c; the rest of that is in ports.h. */
#ifndef AW_NET_ACCEPT_PRIVATE_H
#define AW_NET_ACCEPT_PRIVATE_H

#include "net/ports.h"

/* The socket listens: from now on connections are accepted. 0, or -1 with errno. */
int aw_accept_begin(struct aw_port *port);

/* None is any more, and the socket is closed. */
void aw_accept_end(struct aw_port *port);

#endif
