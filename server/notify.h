/* SPDX-License-Identifier: MIT */
/*
 * What the service manager is told: sd_notify(3)'s protocol. Nothing unless $NOTIFY_SOCKET names a
 * socket, and nothing ever waits for it.
 */
#ifndef NOTIFY_H
#define NOTIFY_H

#include "await/loop.h"

/* The server serves, as this text says; also after a reload. */
void notify_ready(const char *status);
void notify_status(const char *status);
void notify_reloading(void);

/* The server ends, and may take this long for it. */
void notify_stopping(aw_time longest);

/* This process is the service from now on. */
void notify_main_process(int pid);

/* How often notify_watchdog() has to be called; 0: never. */
aw_time notify_watchdog_interval(void);
void notify_watchdog(void);

#endif
