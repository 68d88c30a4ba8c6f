/* SPDX-License-Identifier: MIT */
#include <string.h>
#include <unistd.h>

#include "reconfigure.h"

#include "access_log.h"
#include "await/log.h"
#include "log_form.h"

static void
complain_in_log(const char *sentence)
{
        aw_log(AW_LOG_ERROR, "SIGHUP: %s", sentence);
}

int
reconfigure_read(const struct service *service, struct server_options *fresh)
{
        if (options_parse(service->argc, service->argv, fresh, complain_in_log) == AW_OPT_RUN &&
            tls_reload(fresh, &service->options) == 0 && access_load(fresh) == 0) {
                if (fresh->tls != NULL)
                        aw_tls_context_set_tickets(fresh->tls, &service->shared->tickets.keys);
                return 0;
        }
        options_clear(fresh);
        aw_log(AW_LOG_ERROR, "SIGHUP: nothing was reloaded: the server goes on as before");
        return -1;
}

void
reconfigure_process(const struct service *service)
{
        const struct server_options *options = &service->options;

        log_form_set(options->log_format);
        access_log_use_json(strcmp(options->log_format, "json") == 0);
        aw_log_set_level((enum aw_log_level)aw_log_level_parse(options->log_level));
        ws_set_max_memory(options->limits.max_memory);
}

void
reconfigure_apply(struct service *service, struct server_options *fresh)
{
        struct server_options old = service->options;

        if (service->process == getpid()) {
                options_warn_fixed(&old, fresh);
                aw_log(AW_LOG_INFO, "reloaded: new connections get what is new");
                tls_warn(fresh);
        }
        service->options = *fresh;
        *fresh = old;
        reconfigure_process(service);
}
