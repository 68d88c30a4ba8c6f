/* SPDX-License-Identifier: MIT */
#include <time.h>

#include "certificate.h"

#include "await/log.h"

int
certificate_load(struct server_options *options, bool needed)
{
        struct aw_error error;

        if (!needed) {
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

int
certificate_check(const struct server_options *options)
{
        if (options->cert == NULL || options->tls == NULL ||
            aw_tls_context_expires(options->tls) >= (int64_t)time(NULL))
                return 0;
        aw_log(AW_LOG_ERROR, "the certificate in '%s' has expired: it is not used", options->cert);
        return -1;
}
