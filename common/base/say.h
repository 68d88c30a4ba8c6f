/* SPDX-License-Identifier: MIT */
/* The log, for our own programs and rooms. */
#ifndef AW_BASE_SAY_H
#define AW_BASE_SAY_H

#include <stdarg.h>

/* aw_log() whatever the level, and without a sink: what a program has to tell its user. */
void aw_log_say(const char *format, va_list arguments) __attribute__((format(printf, 1, 0)));

/* The word before the colon in its lines, or NULL. Safe in a signal handler. */
const char *aw_log_program(void);

#endif
