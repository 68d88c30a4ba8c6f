/* SPDX-License-Identifier: MIT */
/* What wsecho says and tells, in order, as lines. */
#ifndef SAID_TEST_H
#define SAID_TEST_H

#include <string.h>

#include "client.h"

static char said[4000];

static void
said_keep(const char *line)
{
        strncat(said, line, sizeof(said) - strlen(said) - 1);
}

/* From now on; what was said before is forgotten. */
static inline void
said_begin(void)
{
        said[0] = '\0';
        client_set_quiet(false);
        client_set_sink(said_keep);
}

/* A test's end. */
static inline int
said_end(void **state)
{
        (void)state;
        client_set_sink(NULL);
        return 0;
}

#endif
