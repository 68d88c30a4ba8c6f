/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log_form.h"

#include "await/log.h"

bool
log_form_is_journal(const char *journal_stream)
{
        struct stat status;
        char own[64];

        if (journal_stream == NULL || fstat(STDERR_FILENO, &status) == -1)
                return false;
        snprintf(own, sizeof(own), "%ju:%ju", (uintmax_t)status.st_dev, (uintmax_t)status.st_ino);
        return strcmp(journal_stream, own) == 0;
}

/* The line, without its newline. Returns the bytes that it takes, also where there is no room for it. */
static size_t
compose_json(enum aw_log_level level, const char *message, char *out, size_t size)
{
        static const char *const levels[] = {"error", "warning", "info", "debug"};
        char time[AW_LOG_TIME_SIZE];
        json_t *object;
        size_t length;

        aw_log_time(time);
        object = json_pack("{ssssss}", "time", time, "level", levels[level], "message", message);
        length = json_dumpb(object, out, size, JSON_COMPACT);
        json_decref(object);
        return length;
}

/* The message without what takes so many bytes at its end; "..." is there instead. */
static void
cut_message(const char *message, size_t less, char out[AW_LOG_LINE_MAX])
{
        static const char end[] = "...";
        size_t length = strlen(message), freed = 0;

        while (length > 0 && freed < less + strlen(end)) {
                length--;
                freed += message[length] == '"' || message[length] == '\\' ? 2 : 1;
        }
        while (length > 0 && ((unsigned char)message[length] & 0xc0) == 0x80)
                length--;
        memcpy(out, message, length);
        memcpy(out + length, end, sizeof(end));
}

/* Quotation marks take two bytes, so a long message may have to be cut. */
static size_t
log_form_json(enum aw_log_level level, const char *message, char *out, size_t size)
{
        char cut[AW_LOG_LINE_MAX];
        size_t length = compose_json(level, message, out, size - 1);

        if (length > size - 1) {
                cut_message(message, length - (size - 1), cut);
                length = compose_json(level, cut, out, size - 1);
        }
        if (length == 0)
                return 0;
        out[length] = '\n';
        return length + 1;
}

void
log_form_set(const char *form)
{
        aw_log_set_form(strcmp(form, "json") == 0 ? log_form_json : NULL);
        aw_log_set_time(isatty(STDERR_FILENO) == 0 &&
                        !log_form_is_journal(getenv("JOURNAL_STREAM")));
}
