/* SPDX-License-Identifier: MIT */
/* What wsecho says to its user. */
#include <stdarg.h>
#include <stdio.h>

#include "base/say.h"

#include "await/log.h"
#include "client.h"

static bool is_quiet;
static char last[2048];

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
        aw_log_say(format, arguments);
        va_end(arguments);
}

void
client_tell(const char *format, ...)
{
        va_list arguments;

        aw_log_set_program(NULL);
        va_start(arguments, format);
        aw_log_say(format, arguments);
        va_end(arguments);
        aw_log_set_program(options_program.name);
}
