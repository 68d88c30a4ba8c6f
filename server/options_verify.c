/* SPDX-License-Identifier: MIT */
/* What is wrong with options, or does not go together, besides what their table says. */
#include <string.h>

#include "admin.h"
#include "await/deflate.h"
#include "options.h"

/* With the place where the value was said. */
#define refuse(name, ...)                                                                          \
        aw_opt_value_error(said, &options->config, (name), NULL, "--" name ": " __VA_ARGS__)

/* How messages go. */
static enum aw_opt_status
check_messages(const struct aw_opt_program *said, const struct server_options *options)
{
        /* What may stand in a name (RFC 9110 section 5.6.2). */
        static const char token[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                    "0123456789!#$%&'*+-.^_`|~";
        struct ws_deflate_options deflate;

        if (options->subprotocol[0] == '\0' ||
            options->subprotocol[strspn(options->subprotocol, token)] != '\0')
                return refuse("subprotocol", "'%s' is no subprotocol's name", options->subprotocol);
        if (ws_deflate_parse(options->compress, &deflate) == -1)
                return refuse("compress",
                              "'%s' is not off, shared, context, or context:BITS with 9 to 15",
                              options->compress);
        return AW_OPT_RUN;
}

/* Where it listens, and for whom. */
static enum aw_opt_status
check_listening(const struct aw_opt_program *said, const struct server_options *options)
{
        bool file = options_has_scheme(options, "unix:") || options_has_scheme(options, "ws+unix:");

        if (options->socket_mode != NULL && options_socket_mode(options->socket_mode) == 0)
                return refuse("socket-mode", "'%s' is not an octal mode from 1 to 777",
                              options->socket_mode);
        if (options->socket_mode != NULL && !file)
                return refuse("socket-mode", "no --listen names a Unix socket");
        if (options->socket_group != NULL && options_socket_group(options->socket_group) == 0)
                return refuse("socket-group", "there is no group '%s' but root's",
                              options->socket_group);
        if (options->socket_group != NULL && !file)
                return refuse("socket-group", "no --listen names a Unix socket");
        if (options->admin != NULL && !admin_is_url(options->admin))
                return refuse("admin", "'%s' is neither http://HOST:PORT nor unix:/PATH",
                              options->admin);
        return AW_OPT_RUN;
}

static enum aw_opt_status
check_processes(const struct aw_opt_program *said, const struct server_options *options)
{
        if (options_workers(options->workers) == 0)
                return refuse("workers", "'%s' is neither auto nor from 1 to %d", options->workers,
                              OPTIONS_WORKERS_MAX);
        if (options->takeover && options->pidfile == NULL)
                return refuse("takeover", "--pidfile is missing, which says from which server");
        if (options->worker_timeout > 0 && options->worker_timeout < 100 * AW_MILLISECOND)
                return refuse("worker-timeout", "it must be 0 or at least 100ms");
        return AW_OPT_RUN;
}

static enum aw_opt_status
check_rates(const struct aw_opt_program *said, const struct server_options *options)
{
        uint64_t rate, burst;

        /* One read may bring eleven thousand: no rest takes longer than as many seconds. */
        if (options->limits.max_control_rate > 0 &&
            options->limits.max_control_rate < LIMIT_CONTROL_LEAST)
                return refuse("max-control-rate", "it must be 0 or at least %u",
                              LIMIT_CONTROL_LEAST);
        if (limit_parse_rate(options->limits.rate_per_address, &rate, &burst) == -1)
                return refuse("rate-per-address",
                              "'%s' is neither RATE nor RATE:BURST, of at most %u a second",
                              options->limits.rate_per_address, (unsigned)LIMIT_RATE_MAX);
        return AW_OPT_RUN;
}

enum aw_opt_status
options_verify(const struct aw_opt_program *said, const struct server_options *options)
{
        static enum aw_opt_status (*const groups[])(const struct aw_opt_program *said,
                                                    const struct server_options *options) = {
                tls_settings_check, access_settings_check, check_messages,
                check_listening,    check_processes,       check_rates};
        enum aw_opt_status status = AW_OPT_RUN;

        for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]) && status == AW_OPT_RUN; i++)
                status = groups[i](said, options);
        return status;
}
