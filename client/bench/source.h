/* SPDX-License-Identifier: MIT */
/*
 * Where connections come from. An address gives out some 28,000 ports to one server; a server on
 * 127.0.0.1 is reached from 127.0.0.2, 127.0.0.3 and so on as well.
 */
#ifndef SOURCE_H
#define SOURCE_H

#include <stddef.h>

#include "await/connect.h"

#define SOURCES_MAX 250

struct source {
        char address[32];
        struct aw_connect_options way; /* from there */
};

/* So many of them, malloc'ed; each goes `way`, whose texts are borrowed. NULL with ENOMEM. */
struct source *source_make(const struct aw_connect_options *way, size_t count);

#endif
