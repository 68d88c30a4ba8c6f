/* SPDX-License-Identifier: MIT */
/* What aw_connect_options say of names and places that are not what they seem. */
#ifndef AW_NET_OVERRIDE_PRIVATE_H
#define AW_NET_OVERRIDE_PRIVATE_H

#include "await/connect.h"
#include "net/resolve.h"
#include "net/url.h"

/*
 * The addresses that `resolve` gives the URL's host: 1, and they are in *addresses, for
 * aw_addresses_free(); 0: it says nothing about it; -1 with errno and *error.
 */
async int aw_override_resolve(const struct aw_connect_options *options, const struct aw_url *url,
                              struct aw_addresses *addresses, struct aw_error *error);

/* Changes host and port as `connect_to` says. 0, or -1 with errno and *error. */
int aw_override_target(const struct aw_connect_options *options, struct aw_url *url,
                       struct aw_error *error);

#endif
