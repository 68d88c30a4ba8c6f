/* SPDX-License-Identifier: MIT */
/* The server's certificate. */
#ifndef CERTIFICATE_H
#define CERTIFICATE_H

#include "options.h"

/*
 * Loads or makes the certificate, if a socket speaks TLS. 0, or -1 after having logged why.
 */
int certificate_load(struct server_options *options, bool needed);

/*
 * What a server that runs demands of a new certificate, and --check of any: that it has not expired.
 * 0, or -1 after having logged it.
 */
int certificate_check(const struct server_options *options);

#endif
