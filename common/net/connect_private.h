/* SPDX-License-Identifier: MIT */
/* Connecting to one of several addresses, tried side by side (RFC 8305). */
#ifndef AW_NET_CONNECT_PRIVATE_H
#define AW_NET_CONNECT_PRIVATE_H

#include "await/task.h"

struct aw_addresses;
struct aw_transport;

/*
 * Tries the addresses one after the other, families in turn, a further one every 250 ms and as soon
 * as one has failed, until one is connected; the others are dropped. The addresses are reordered. An
 * established transport that is paused and has no owner: call aw_transport_set_owner() before
 * waiting for anything, then aw_transport_pause(transport, false) or aw_transport_start_tls().
 * `interface` is the device or the address of ours to come from, or NULL. NULL with errno:
 * that of the last that failed, ETIMEDOUT, ECANCELED or ENOMEM.
 */
async struct aw_transport *aw_connect(struct aw_addresses *addresses, const char *interface,
                                      aw_time deadline);

#endif
