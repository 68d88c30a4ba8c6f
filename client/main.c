/* SPDX-License-Identifier: MIT */
/* wsecho: the start. */
#include <errno.h>
#include <string.h>

#include "await/log.h"
#include "client.h"
#include "connect.h"
#include "secrets.h"
#include "terminal.h"

static int
run_loop(struct client_options *options, struct connector *connector)
{
        struct client_run run = {.options = options, .connector = connector};
        struct aw_loop_options loop = {.backend = options->connection.loop,
                                       .slow = options->printing.verbose > 0 ? 0 : -1};
        int status;

        client_hold_signals();
        if (options->terminal.on) {
                run.terminal = terminal_open(options);
                if (run.terminal == NULL)
                        return CLIENT_LOCAL;
        }
        status = aw_run(&loop, client_main, &run);
        if (status == -1) {
                client_say("event loop '%s': %s", options->connection.loop, strerror(errno));
                status = CLIENT_LOCAL;
        }
        terminal_free(run.terminal);
        return status;
}

static int
run_client(struct client_options *options)
{
        struct connector connector;
        struct aw_error error;
        int status;

        aw_log_set_program(options_program.name);
        client_set_quiet(options->printing.quiet);
        aw_log_set_level(options->printing.verbose > 0 ? AW_LOG_INFO : AW_LOG_WARNING);
        if (secrets_hide(options) == -1) {
                client_say("out of memory");
                return CLIENT_LOCAL;
        }
        if (connector_open(&connector, options, &error) == 0) {
                status = run_loop(options, &connector);
        } else {
                /* A file that cannot be used is a wrong use of ours. */
                if (error.kind == AW_ERROR_CERTIFICATE)
                        error.kind = AW_ERROR_USAGE;
                status = (int)client_refused(&error, NULL);
        }
        connector_close(&connector);
        return status;
}

int
main(int argc, char **argv)
{
        struct client_options options;
        int operands = 0, status;

        client_mind_signals();
        aw_opt_keep_standard();
        options_init(&options);
        status = (int)aw_opt_parse(&options_program, argc, argv, &options, &operands);
        if (status == AW_OPT_RUN)
                status = options_check(&options, argv + 1, operands) ? run_client(&options)
                                                                     : CLIENT_USAGE;
        else if (status != AW_OPT_USAGE)
                status = status == AW_OPT_DONE ? CLIENT_OK : CLIENT_LOCAL;
        options_free(&options);
        return status;
}
