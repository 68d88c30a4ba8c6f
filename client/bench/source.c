/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>

#include "source.h"

struct source *
source_make(const struct aw_connect_options *way, size_t count)
{
        struct source *sources = calloc(count, sizeof(*sources));

        for (size_t i = 0; sources != NULL && i < count; i++) {
                snprintf(sources[i].address, sizeof(sources[i].address), "127.0.0.%zu", i + 1);
                sources[i].way = *way;
                sources[i].way.interface = sources[i].address;
        }
        return sources;
}
