/* SPDX-License-Identifier: MIT */
/* What SIGHUP opens anew in each process, whatever the options say. */
#ifndef RELOAD_H
#define RELOAD_H

/* All of it, one after the other. Each says in the log what came of it. */
void reload_all(void);

#endif
