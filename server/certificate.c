/* SPDX-License-Identifier: MIT */
#include "certificate.h"

#include "await/log.h"

int
certificate_load(struct server_options *options)
{
        struct aw_error error;

        if (!options_has_scheme(options, "wss:")) {
                if (options->cert != NULL)
                        aw_log(AW_LOG_WARNING,
                               "--cert and --key are not used: no --listen is wss://");
                return 0;
        }
        options->tls = aw_tls_context_server(options->cert, options->key, &error);
        if (options->tls == NULL) {
                aw_log(AW_LOG_ERROR, "%s", error.text);
                return -1;
        }
        if (options->cert == NULL)
                aw_tls_context_fingerprint(options->tls, options->fingerprint);
        return 0;
}
