/* SPDX-License-Identifier: MIT */
/* Signals as something to await (loop.add_signal_handler). Linux: signalfd(2). */
#ifndef AW_SIGNALS_H
#define AW_SIGNALS_H

#include "task.h"

struct aw_signals;

/*
 * From now on these signals (count of them) do not interrupt the process but are queued here; call
 * it before threads are started, which would receive them otherwise. NULL with errno.
 */
AW_API struct aw_signals *aw_signals_open(const int numbers[], size_t count);

/* Waits for the next one. Its number, or -1 with errno ETIMEDOUT or ECANCELED. */
AW_API aw_async int aw_signals_wait(struct aw_signals *signals, aw_time deadline);

/* The signals act as before. Nobody may be waiting. NULL does nothing. */
AW_API void aw_signals_close(struct aw_signals *signals);

#endif
