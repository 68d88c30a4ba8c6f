/* SPDX-License-Identifier: MIT */
/* wsechod. */
#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <string.h>

#include "await/log.h"
#include "await/ws.h"
#include "certificate.h"
#include "options.h"
#include "worker.h"

static int
run_server(struct server_options *options)
{
        struct aw_loop_options loop = {
                .backend = options->loop,
                .slow = options->slow_task == 0 ? -1 : options->slow_task,
        };
        int status;

        ws_set_max_memory(options->max_memory);
        aw_log_set_program("wsechod");
        aw_log_set_level((enum aw_log_level)aw_log_level_parse(options->log_level));
        if (certificate_load(options) == -1)
                return 1;
        status = aw_run(&loop, worker_run, options);
        if (status == -1) {
                aw_log(AW_LOG_ERROR, "event loop '%s': %s", options->loop, strerror(errno));
                status = 1;
        }
        return status;
}

/*
 * Large messages come and go: their memory is kept for the next one rather than given back to the
 * system and faulted in anew, page by page, which cost a tenth of a 1 MiB message's time. Both
 * values have to be set, or the C library stops adapting the other one.
 */
static void
keep_memory(void)
{
#ifdef __GLIBC__
        mallopt(M_MMAP_THRESHOLD, 32 << 20);
        mallopt(M_TRIM_THRESHOLD, 64 << 20);
#endif
}

/*
 * What never ends the server, also while it starts or ends. The loop is told of all but the first
 * nevertheless: a signal that is blocked is kept, ignored or not.
 */
static void
ignore_signals(void)
{
        signal(SIGPIPE, SIG_IGN);
        signal(SIGHUP, SIG_IGN);
        signal(SIGUSR1, SIG_IGN);
        signal(SIGUSR2, SIG_IGN);
}

int
main(int argc, char **argv)
{
        struct server_options options;
        int status;

        keep_memory();
        ignore_signals();
        aw_opt_keep_standard();
        status = (int)options_parse(argc, argv, &options);
        if (status == AW_OPT_RUN)
                status = run_server(&options);
        else if (status != AW_OPT_USAGE)
                status = status == AW_OPT_DONE ? 0 : 1;
        options_free(&options);
        return status;
}
