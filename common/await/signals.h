/* SPDX-License-Identifier: MIT */
/* Signals as something to await (loop.add_signal_handler). Linux: signalfd(2). */
#ifndef AW_SIGNALS_H
#define AW_SIGNALS_H

#include <signal.h>

#include "task.h"

struct aw_signals;

/*
 * From now on these signals (count of them) do not interrupt the process but are queued here; call
 * it before threads are started, which would receive them otherwise. NULL with errno: EINVAL no such
 * signal, or SIGKILL or SIGSTOP; ENOMEM, EMFILE.
 *
 * They are blocked in this thread (pthread_sigmask(2)), and a mask is inherited: by threads, and by
 * children made with fork(2) or posix_spawn(3), which SIGTERM would not end then. aw_process_start()
 * and the executors give theirs an empty one; others do it by sigprocmask(2) in the child, or
 * posix_spawnattr_setsigmask(3).
 */
AW_API struct aw_signals *aw_signals_open(const int numbers[], size_t count);

/*
 * Waits for the next one. Its number, or -1 with errno ETIMEDOUT, ECANCELED, or ESHUTDOWN: they were
 * closed meanwhile.
 */
AW_API aw_async int aw_signals_wait(struct aw_signals *signals, aw_time deadline);

/*
 * The same, and tells who sent it (signal.sigwaitinfo): of *info si_signo, si_code, si_pid and
 * si_uid are set, and si_status of SIGCHLD, si_value of all others. info may be NULL.
 */
AW_API aw_async int aw_signals_wait_info(struct aw_signals *signals, siginfo_t *info,
                                         aw_time deadline);

/*
 * The signals act as before, unless this thread has them open a second time; those that have come
 * and that nobody waited for are forgotten then. Tasks that wait get ESHUTDOWN. NULL does nothing.
 * The end of aw_run() does it for those that were left open, and logs that.
 */
AW_API void aw_signals_close(struct aw_signals *signals);

#endif
