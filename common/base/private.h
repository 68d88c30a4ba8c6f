/* SPDX-License-Identifier: MIT */
/* What the files of the log share. */
#ifndef AW_BASE_PRIVATE_H
#define AW_BASE_PRIVATE_H

#include <stdarg.h>
#include <stddef.h>

#include "await/log.h"

#define AW_LOG_MESSAGE_MAX 2000 /* bytes, escaped, without the NUL */

#define AW_LOG_PROGRAM_MAX 100 /* bytes of the word before the colon that are shown */

/*
 * Puts a line on standard error, or drops it: it never waits for a reader. The next line that can
 * be written comes behind one that tells how many were dropped. Safe from any thread; changes
 * errno.
 */
void aw_log_write(enum aw_log_level level, const char *message);

/* What aw_log() does behind the check of the level. Changes errno. */
void aw_log_format(char out[AW_LOG_MESSAGE_MAX + 1], const char *format, va_list arguments)
        __attribute__((format(printf, 2, 0)));
void aw_log_emit(enum aw_log_level level, const char *message);

const char *aw_log_level_name(enum aw_log_level level);

/* Lines that limits have left out so far. */
uint64_t aw_log_limit_left_out(void);

/* Tells of the lines that limits have left out, if their second is over. */
void aw_log_limit_report(void);

#endif
