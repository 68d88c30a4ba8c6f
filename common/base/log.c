/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/private.h"
#include "base/say.h"
#include "base/utf8.h"

typedef void (*log_sink)(enum aw_log_level level, const char *message);

static const char *const level_names[] = {"error", "warning", "info", "debug"};

static atomic_int log_level = AW_LOG_INFO;
static _Atomic(const char *) log_program;
static _Atomic(log_sink) current_sink;

/*
 * How many bytes at `s` form one character that may be shown as it is; 0 if the first must be
 * escaped. The C1 controls (U+0080 to U+009F) count as control characters: terminals obey them.
 * The NUL at the end is no continuation byte, so nothing behind it is read.
 */
static size_t
printable(const unsigned char *s)
{
        struct aw_utf8 utf8 = {0};
        size_t length = 0;

        if (s[0] < 0x20 || s[0] == 0x7f || (s[0] == 0xc2 && s[1] < 0xa0))
                return 0;
        while (aw_utf8_feed(&utf8, s + length, 1)) {
                length++;
                if (aw_utf8_complete(&utf8))
                        return length;
        }
        return 0;
}

/* Writes `raw` to `out` with control characters escaped, whole characters only. */
static void
escape(const char *raw, char out[AW_LOG_MESSAGE_MAX + 1])
{
        static const char hex[] = "0123456789abcdef";
        const unsigned char *s = (const unsigned char *)raw;
        size_t length = 0, fits = 0; /* fits: how much may stay in front of "..." */

        while (*s != '\0') {
                size_t shown = printable(s);
                size_t needed = shown > 0 ? shown : 4;

                if (length + needed > AW_LOG_MESSAGE_MAX) {
                        memcpy(out + fits, "...", 4);
                        return;
                }
                if (shown > 0) {
                        memcpy(out + length, s, shown);
                } else {
                        out[length] = '\\';
                        out[length + 1] = 'x';
                        out[length + 2] = hex[*s >> 4];
                        out[length + 3] = hex[*s & 0xf];
                }
                s += shown > 0 ? shown : 1;
                length += needed;
                if (length <= AW_LOG_MESSAGE_MAX - 3)
                        fits = length;
        }
        out[length] = '\0';
}

void
aw_log_format(char out[AW_LOG_MESSAGE_MAX + 1], const char *format, va_list arguments)
{
        char raw[AW_LOG_MESSAGE_MAX +
                 2]; /* one byte too many fits, so that escape() sees the excess */

        if (vsnprintf(raw, sizeof(raw), format, arguments) < 0)
                snprintf(raw, sizeof(raw), "(a message that cannot be formatted)");
        escape(raw, out);
}

const char *
aw_log_program(void)
{
        return atomic_load(&log_program);
}

const char *
aw_log_level_name(enum aw_log_level level)
{
        return level_names[level];
}

void
aw_log_emit(enum aw_log_level level, const char *message)
{
        log_sink sink = atomic_load(&current_sink);

        if (sink != NULL)
                sink(level, message);
        else
                aw_log_write(level, message);
}

bool
aw_log_enabled(enum aw_log_level level)
{
        return (int)level <= atomic_load_explicit(&log_level, memory_order_relaxed);
}

void
aw_log(enum aw_log_level level, const char *format, ...)
{
        int saved_errno = errno;
        char message[AW_LOG_MESSAGE_MAX + 1];
        va_list arguments;

        if (!aw_log_enabled(level))
                return;
        aw_log_limit_report();
        errno = saved_errno; /* for %m */
        va_start(arguments, format);
        aw_log_format(message, format, arguments);
        va_end(arguments);
        aw_log_emit(level, message);
        errno = saved_errno;
}

void
aw_log_say(const char *format, va_list arguments)
{
        int saved_errno = errno;
        char message[AW_LOG_MESSAGE_MAX + 1];

        aw_log_format(message, format, arguments);
        aw_log_write(AW_LOG_INFO, message);
        errno = saved_errno;
}

void
aw_log_set_level(enum aw_log_level level)
{
        atomic_store(&log_level, (int)level);
}

void
aw_log_set_program(const char *program)
{
        atomic_store(&log_program, program);
}

void
aw_log_set_sink(void (*sink)(enum aw_log_level level, const char *message))
{
        atomic_store(&current_sink, sink);
}

int
aw_log_level_parse(const char *name)
{
        for (size_t i = 0; i < sizeof(level_names) / sizeof(level_names[0]); i++)
                if (strcmp(name, level_names[i]) == 0)
                        return (int)i;
        return -1;
}

void
aw_log_abort(const char *format, ...)
{
        char message[AW_LOG_MESSAGE_MAX + 1];
        log_sink sink;
        va_list arguments;

        va_start(arguments, format);
        aw_log_format(message, format, arguments);
        va_end(arguments);
        /* The sink is taken away first: it may be what is at fault and end up here again. */
        sink = atomic_exchange(&current_sink, NULL);
        if (sink != NULL)
                sink(AW_LOG_ERROR, message);
        aw_log_write(AW_LOG_ERROR, message);
        abort();
}
