/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "await/error.h"

#include "await/log.h"

static enum aw_error_kind
kind_of(int number)
{
        switch (number) {
        case ETIMEDOUT:
                return AW_ERROR_TIMEOUT;
        case ECANCELED:
                return AW_ERROR_CANCELLED;
        case ENOMEM:
                return AW_ERROR_MEMORY;
        default:
                return AW_ERROR_SYSTEM;
        }
}

/* As the log shows it: much of what a sentence quotes was written by others. */
static void
set_text(struct aw_error *error, const char *format, va_list arguments)
{
        char text[sizeof(error->text)];
        size_t length = (size_t)vsnprintf(text, sizeof(text), format, arguments), used;
        size_t whole = length < sizeof(text) ? length : sizeof(text) - 1;

        aw_log_escape(text, whole, "", error->text, sizeof(error->text), &used);
        if (used == length)
                return;
        /* Less of it, and the mark of that. */
        length = aw_log_escape(text, whole, "", error->text, sizeof(error->text) - strlen("..."),
                               &used);
        strcpy(error->text + length, "...");
}

int
aw_error_set(struct aw_error *error, enum aw_error_kind kind, int number, const char *format, ...)
{
        va_list arguments;

        if (error != NULL) {
                error->kind = kind == AW_ERROR_NONE ? kind_of(number) : kind;
                error->number = number;
                error->status = 0;
                error->cause = AW_CAUSE_NONE;
                error->of_proxy = false;
                va_start(arguments, format);
                set_text(error, format, arguments);
                va_end(arguments);
        }
        errno = number;
        return -1;
}

void
aw_error_clear(struct aw_error *error)
{
        if (error != NULL)
                *error = (struct aw_error){.kind = AW_ERROR_NONE};
}

/* What the system says of these is about its own calls. */
const char *
aw_error_text(int number)
{
        switch (number) {
        case ETIMEDOUT:
                return "the time has run out";
        case ECANCELED:
                return "it was cancelled";
        case EPIPE:
                return "the other side has closed";
        case EPROTO:
                return "the peer broke the protocol";
        case EMSGSIZE:
                return "it is too large";
        case ESHUTDOWN:
                return "this side is going away";
        default:
                return strerror(number);
        }
}

const char *
aw_error_kind_name(enum aw_error_kind kind)
{
        static const char *const names[] = {
                [AW_ERROR_NONE] = "no error",           [AW_ERROR_USAGE] = "usage",
                [AW_ERROR_RESOLVE] = "name resolution", [AW_ERROR_CONNECTION] = "connection",
                [AW_ERROR_LISTEN] = "listening",        [AW_ERROR_TLS] = "TLS",
                [AW_ERROR_CERTIFICATE] = "certificate", [AW_ERROR_HANDSHAKE] = "handshake",
                [AW_ERROR_PROTOCOL] = "protocol",       [AW_ERROR_PROCESS] = "process",
                [AW_ERROR_TIMEOUT] = "time-out",        [AW_ERROR_CANCELLED] = "cancelled",
                [AW_ERROR_MEMORY] = "out of memory",    [AW_ERROR_SYSTEM] = "system",
        };

        return (size_t)kind < sizeof(names) / sizeof(names[0]) ? names[kind] : "unknown";
}
