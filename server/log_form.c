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

static size_t
log_form_json(enum aw_log_level level, const char *message, char *out, size_t size)
{
        static const char *const levels[] = {"error", "warning", "info", "debug"};
        char time[AW_LOG_TIME_SIZE];
        json_t *object;
        size_t length;

        aw_log_time(time);
        object = json_pack("{ssssss}", "time", time, "level", levels[level], "message", message);
        length = json_dumpb(object, out, size - 1, JSON_COMPACT);
        json_decref(object);
        if (length == 0 || length > size - 1)
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
