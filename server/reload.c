/* SPDX-License-Identifier: MIT */
#include <stdbool.h>
#include <stddef.h>

#include "reload.h"

#include "access_log.h"
#include "await/log.h"

/* Each begins what it has to do; false: it has nothing. */
static bool (*const parts[])(void) = {access_log_reopen};

void
reload_all(void)
{
        bool any = false;

        for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
                any |= parts[i]();
        if (!any)
                aw_log(AW_LOG_INFO, "SIGHUP is ignored: to use another certificate, restart the "
                                    "server");
}
