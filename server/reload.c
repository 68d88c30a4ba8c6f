/* SPDX-License-Identifier: MIT */
#include <stddef.h>

#include "reload.h"

#include "access_log.h"

static bool (*const parts[])(void) = {access_log_reopen};

void
reload_all(void)
{
        for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
                parts[i]();
}
