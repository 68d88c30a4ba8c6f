/* SPDX-License-Identifier: MIT */
/* wsechod. */
#include <malloc.h>
#include <signal.h>
#include <unistd.h>

#include "await/log.h"
#include "handover.h"
#include "reconfigure.h"
#include "service.h"
#include "supervisor.h"
#include "worker.h"

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

/* The exit status. */
static int
run_service(struct service *service)
{
        struct worker_start alone = {.service = service, .channel = -1};
        int status = 1;

        aw_log_set_program("wsechod");
        service->workers = options_workers(service->options.workers);
        reconfigure_process(service);
        if (inherit(&service->inherited) == -1)
                return 1;
        options_warn_ignored();
        if (service->options.check)
                return service_check(service);
        if (service->options.takeover &&
            handover_ask(service->options.pidfile, service->options.takeover_timeout,
                         &service->inherited) == -1)
                return 1;
        status = service_open(service);
        if (status != 0)
                return status;
        return service->workers > 1 ? supervisor_run(service)
                                    : service_loop(&service->options, worker_run, &alone);
}

int
main(int argc, char **argv)
{
        struct service service = {.argc = argc,
                                  .argv = argv,
                                  .inherited = {.ready = -1, .pidfile = -1, .tickets = -1},
                                  .pidfile = {.fd = -1},
                                  .detached = -1,
                                  .process = getpid()};
        int status;

        keep_memory();
        ignore_signals();
        aw_opt_keep_standard();
        status = (int)options_parse(argc, argv, &service.options, NULL);
        if (status == AW_OPT_RUN)
                status = run_service(&service);
        else if (status != AW_OPT_USAGE)
                status = status == AW_OPT_DONE ? 0 : 1;
        status = status == 0 && service.unwanted ? 1 : status;
        service_close(&service);
        return status;
}
