/* SPDX-License-Identifier: MIT */
/* The log: lines of text on standard error, or wherever a sink puts them. Safe from any thread. */
#ifndef AW_LOG_H
#define AW_LOG_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "api.h"

enum aw_log_level { AW_LOG_ERROR, AW_LOG_WARNING, AW_LOG_INFO, AW_LOG_DEBUG };

/*
 * Writes "program: message\n" ("program: warning: message\n" and the like for the levels other
 * than info) in one write. Control characters and bytes that are not UTF-8 are shown escaped
 * (\xNN), so a peer cannot forge lines. errno is preserved. A message over 1,000 bytes is cut to
 * that and ends in "...".
 */
AW_API void aw_log(enum aw_log_level level, const char *format, ...)
        __attribute__((format(printf, 2, 3)));

/* The same whatever the level, and without a sink: what a program has to tell its user. */
AW_API void aw_log_say(const char *format, va_list arguments) __attribute__((format(printf, 1, 0)));

/* True if a line of this level would be written: for callers whose arguments are costly. */
AW_API bool aw_log_enabled(enum aw_log_level level);

/* Lines above this level are dropped. The default is AW_LOG_INFO. */
AW_API void aw_log_set_level(enum aw_log_level level);

/* The word before the colon; borrowed, usually a literal. The default is none, and no colon. */
AW_API void aw_log_set_program(const char *program);

/*
 * Sends finished, escaped messages (no prefix, no newline) to sink instead; NULL: standard error.
 */
AW_API void aw_log_set_sink(void (*sink)(enum aw_log_level level, const char *message));

/* "error", "warning", "info" or "debug" to its level; -1 if it is none of them. */
AW_API int aw_log_level_parse(const char *name);

/*
 * Gives one sentence to the sink, if there is one, and to standard error, and aborts. For misuse
 * of an interface, never for what can go wrong at run time.
 */
AW_API void aw_log_abort(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

/*
 * Text that somebody else wrote, as the log shows it: control characters (also U+0080 to U+009F,
 * and those that turn the direction of text), and bytes that are not UTF-8, become \xNN; but for
 * the control characters in `keep`, "\n\t" for example. Writes whole characters, at most `size`
 * bytes with the NUL at the end. *used: of how many bytes of the data that is, so that one can go
 * on behind them; all, or at least one if size is 5 or more. A character that the data end in the
 * middle of is not UTF-8. The length without the NUL.
 */
AW_API size_t aw_log_escape(const void *data, size_t length, const char *keep, char *out,
                            size_t size, size_t *used);

#endif
