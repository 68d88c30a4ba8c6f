/* SPDX-License-Identifier: MIT */
/*
 * --workers: the process that keeps the sockets open and as many workers running as there should be.
 * It serves nobody itself and has no loop, so it can fork at any time.
 */
#ifndef SUPERVISOR_H
#define SUPERVISOR_H

#include "service.h"

/* Until the end of the service. The exit status. In a worker it does not return. */
int supervisor_run(struct service *service);

#endif
