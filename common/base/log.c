/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "await/log.h"

#define MESSAGE_MAX 1000 /* bytes, escaped, without the NUL */
#define PROGRAM_MAX 100

typedef void (*log_sink)(enum aw_log_level level, const char *message);

static const char *const level_names[] = {"error", "warning", "info", "debug"};

static atomic_int log_level = AW_LOG_INFO;
static _Atomic(const char *) log_program;
static _Atomic(log_sink) current_sink;

/* Control characters escaped; what is too long ends in "...". */
static void
escape(const char *raw, char out[MESSAGE_MAX + 1])
{
        size_t length = strlen(raw), used;

        aw_log_escape(raw, length, "", out, MESSAGE_MAX + 1, &used);
        if (used < length)
                strcpy(out + aw_log_escape(raw, length, "", out, MESSAGE_MAX + 1 - 3, &used),
                       "...");
}

static void
format_message(char out[MESSAGE_MAX + 1], const char *format, va_list ap)
{
        char raw[MESSAGE_MAX + 2]; /* one byte too many fits, so that escape() sees the excess */

        if (vsnprintf(raw, sizeof(raw), format, ap) < 0)
                snprintf(raw, sizeof(raw), "(a message that cannot be formatted)");
        escape(raw, out);
}

static void
write_line(enum aw_log_level level, const char *message)
{
        const char *program = atomic_load(&log_program);
        const char *word = level == AW_LOG_INFO ? "" : level_names[level];
        char line[PROGRAM_MAX + 16 + MESSAGE_MAX];
        int length;

        length = snprintf(line, sizeof(line), "%.*s%s%s%s%s\n", PROGRAM_MAX,
                          program != NULL ? program : "", program != NULL ? ": " : "", word,
                          *word != '\0' ? ": " : "", message);
        while (write(STDERR_FILENO, line, (size_t)length) == -1 && errno == EINTR)
                ;
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
        char message[MESSAGE_MAX + 1];
        log_sink sink;
        va_list ap;

        if (!aw_log_enabled(level))
                return;
        va_start(ap, format);
        format_message(message, format, ap);
        va_end(ap);
        sink = atomic_load(&current_sink);
        if (sink != NULL)
                sink(level, message);
        else
                write_line(level, message);
        errno = saved_errno;
}

void
aw_log_say(const char *format, va_list arguments)
{
        int saved_errno = errno;
        char message[MESSAGE_MAX + 1];

        format_message(message, format, arguments);
        write_line(AW_LOG_INFO, message);
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
        char message[MESSAGE_MAX + 1];
        log_sink sink;
        va_list ap;

        va_start(ap, format);
        format_message(message, format, ap);
        va_end(ap);
        /* The sink is taken away first: it may be what is at fault and end up here again. */
        sink = atomic_exchange(&current_sink, NULL);
        if (sink != NULL)
                sink(AW_LOG_ERROR, message);
        write_line(AW_LOG_ERROR, message);
        abort();
}
