/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "ws/private.h"

int
ws_error_set(struct ws_error *error, enum ws_failure failure, int number, const char *format, ...)
{
        va_list arguments;

        va_start(arguments, format);
        vsnprintf(error->text, sizeof(error->text), format, arguments);
        va_end(arguments);
        error->failure = failure;
        errno = number;
        return -1;
}
