/* SPDX-License-Identifier: MIT */
/* The server's certificate. */
#ifndef CERTIFICATE_H
#define CERTIFICATE_H

#include "options.h"

/*
 * Loads or makes the certificate, if a URL is wss. Before the loop, on the program's own stack: OpenSSL
 * may need more than a task has. 0, or -1 after having logged why.
 */
int certificate_load(struct server_options *options);

#endif
