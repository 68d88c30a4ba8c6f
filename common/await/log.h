/* SPDX-License-Identifier: MIT */
/*
 * The log: lines of text on standard error, or wherever a sink puts them. Safe from any thread, and
 * it stops none: a line that standard error does not take at once (nobody reads the pipe, the
 * terminal is stopped, the disk is full) is lost, and the next one that it takes comes behind one
 * that tells how many were: "program: warning: 57 lines were lost: standard error took no more".
 * The descriptor's flags stay as they are.
 */
#ifndef AW_LOG_H
#define AW_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api.h"

enum aw_log_level { AW_LOG_ERROR, AW_LOG_WARNING, AW_LOG_INFO, AW_LOG_DEBUG };

/*
 * Writes "program: message\n" ("program: warning: message\n" and the like for the levels other
 * than info) in one write. Control characters and bytes that are not UTF-8 are shown escaped
 * (\xNN), so a peer cannot forge lines. errno is preserved. A message over 2,000 bytes is cut to
 * that and ends in "...".
 */
AW_API void aw_log(enum aw_log_level level, const char *format, ...)
        __attribute__((format(printf, 2, 3)));

/* Lines of one kind: static and zero, or with a rate. Its other members belong to the log. */
struct aw_log_limit {
        unsigned per_second; /* 0: 20 */
        unsigned count;
        unsigned long left_out;
        long long begin;
        struct aw_log_limit *next;
        enum aw_log_level level;
        char example[128];
};

/*
 * The same for what somebody else can cause as often as he likes: at most so many lines of the kind
 * a second. "left out N lines like this one: ..." comes before the next line of any kind that is
 * logged once the second is over. The macro makes each place in the source a kind of its own.
 */
AW_API void aw_log_limit(struct aw_log_limit *limit, enum aw_log_level level, const char *format,
                         ...) __attribute__((format(printf, 3, 4)));
#define aw_log_limited(...)                                                                        \
        do {                                                                                       \
                static struct aw_log_limit aw_log_limit_;                                          \
                aw_log_limit(&aw_log_limit_, __VA_ARGS__);                                         \
        } while (0)

/* Lines that nobody has seen, since the process began. Any thread. */
struct aw_log_losses {
        uint64_t lost;     /* that standard error did not take */
        uint64_t left_out; /* over a limit: see aw_log_limit() */
};
AW_API void aw_log_losses(struct aw_log_losses *losses);

/* True if a line of this level would be written: for callers whose arguments are costly. */
AW_API bool aw_log_enabled(enum aw_log_level level);

/* Lines above this level are dropped. The default is AW_LOG_INFO. */
AW_API void aw_log_set_level(enum aw_log_level level);

/* The word before the colon; borrowed, usually a literal. The default is none, and no colon. */
AW_API void aw_log_set_program(const char *program);

/*
 * Another form of the lines that go to standard error: writes one with its newline to `out`, at most
 * `size` bytes, and returns its length, or 0 if it cannot; the line has the usual form then. The
 * message is finished and escaped. Called in any thread. NULL: the usual form.
 */
#define AW_LOG_LINE_MAX 2304
typedef size_t aw_log_form(enum aw_log_level level, const char *message, char *out, size_t size);
AW_API void aw_log_set_form(aw_log_form *form);

/* Puts aw_log_time() and a space before each line of the usual form. The default is not to. */
AW_API void aw_log_set_time(bool on);

/* The time now, in UTC and the form of RFC 3339: "2026-11-26T03:48:10.123Z", with a NUL. */
#define AW_LOG_TIME_SIZE 25
AW_API void aw_log_time(char out[AW_LOG_TIME_SIZE]);

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
