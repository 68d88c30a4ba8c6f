/* SPDX-License-Identifier: MIT */
/* What wsecho says to its user. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/say.h"

#include "await/log.h"
#include "client.h"

/* Bytes of what is said, escaped. */
#define LINE_MAX_BYTES 2000

static bool is_quiet;
static char last[2048];
static void (*sink)(const char *line);

void
client_set_sink(void (*function)(const char *line))
{
        sink = function;
}

static void
say_line(const char *program, const char *format, va_list arguments)
{
        char raw[LINE_MAX_BYTES], line[LINE_MAX_BYTES + 32];
        int begin = snprintf(line, 32, "%s%s", program == NULL ? "" : program,
                             program == NULL ? "" : ": ");
        size_t used, length;

        aw_log_set_program(program);
        if (sink == NULL) {
                aw_log_say(format, arguments);
        } else {
                vsnprintf(raw, sizeof(raw), format, arguments);
                length = aw_log_escape(raw, strlen(raw), "", line + begin, LINE_MAX_BYTES, &used);
                strcpy(line + begin + length, "\n");
                sink(line);
        }
        aw_log_set_program(options_program.name);
}

void
client_set_quiet(bool quiet)
{
        is_quiet = quiet;
}

const char *
client_last_said(void)
{
        return last;
}

void
client_say(const char *format, ...)
{
        va_list arguments;

        va_start(arguments, format);
        vsnprintf(last, sizeof(last), format, arguments);
        va_end(arguments);
        if (is_quiet)
                return;
        va_start(arguments, format);
        say_line(options_program.name, format, arguments);
        va_end(arguments);
}

void
client_tell(const char *format, ...)
{
        va_list arguments;

        va_start(arguments, format);
        say_line(NULL, format, arguments);
        va_end(arguments);
}
