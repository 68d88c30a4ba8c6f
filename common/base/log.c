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

typedef void (*log_sink)(enum aw_log_level level, const char *message);

static const char *const level_names[] = {"error", "warning", "info", "debug"};

static atomic_int log_level = AW_LOG_INFO;
static _Atomic(const char *) log_program;
static _Atomic(log_sink) current_sink;

/* Control characters escaped; what is too long ends in "...". */
static void
escape(const char *raw, char out[AW_LOG_MESSAGE_MAX + 1])
{
        size_t length = strlen(raw), used;

        aw_log_escape(raw, length, "", out, AW_LOG_MESSAGE_MAX + 1, &used);
        if (used < length)
                strcpy(out + aw_log_escape(raw, length, "", out, AW_LOG_MESSAGE_MAX + 1 - 3, &used),
                       "...");
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
