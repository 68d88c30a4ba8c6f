/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "json.h"

#include "await/ws.h"
#include "base/text.h"

json_t *
json_event(const char *name)
{
        json_t *event = json_object();
        struct timespec now;
        struct tm utc;
        char text[40];
        size_t length;

        clock_gettime(CLOCK_REALTIME, &now);
        gmtime_r(&now.tv_sec, &utc);
        length = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &utc);
        snprintf(text + length, sizeof(text) - length, ".%06ldZ", now.tv_nsec / 1000);
        json_object_set_new(event, "event", json_string(name));
        json_object_set_new(event, "time", json_string(text));
        return event;
}

void
json_add_data(json_t *event, const uint8_t *data, size_t length, bool text)
{
        json_t *string = text ? json_stringn((const char *)data, length) : NULL;
        char *base64;

        json_object_set_new(event, "bytes", json_integer((json_int_t)length));
        if (string != NULL) {
                json_object_set_new(event, "data", string);
                return;
        }
        base64 = malloc(AW_BASE64_SIZE(length));
        if (base64 == NULL)
                return;
        aw_base64_encode(data, length, base64);
        json_object_set_new(event, "base64", json_string(base64));
        free(base64);
}

json_t *
json_any_text(const char *text, size_t length)
{
        json_t *string = json_stringn(text, length);

        return string != NULL ? string : json_string("");
}

void
json_add_head(json_t *event, const char *head)
{
        json_t *fields = json_array(), *field;
        const char *line = strchr(head, '\n');
        int status = 0;

        if (sscanf(head, "HTTP/%*s %d", &status) == 1)
                json_object_set_new(event, "status", json_integer(status));
        for (; line != NULL && line[1] != '\r' && line[1] != '\n'; line = strchr(line + 1, '\n')) {
                const char *name = line + 1, *end = name + strcspn(name, "\r\n");
                const char *colon = memchr(name, ':', (size_t)(end - name));
                const char *value = colon == NULL ? end : colon + 1;

                if (colon == NULL)
                        break;
                while (value < end && (*value == ' ' || *value == '\t'))
                        value++;
                field = json_array();
                json_array_append_new(field, json_any_text(name, (size_t)(colon - name)));
                json_array_append_new(field, json_any_text(value, (size_t)(end - value)));
                json_array_append_new(fields, field);
        }
        json_object_set_new(event, "headers", fields);
}

void
json_add_tls(json_t *event, const char *secure)
{
        static const char mark[] = "\ncertificate 0: ";
        size_t version = secure == NULL ? 0 : strcspn(secure, ",\n");
        const char *cipher, *subject;
        json_t *tls;

        if (secure == NULL) {
                json_object_set_new(event, "tls", json_null());
                return;
        }
        tls = json_object();
        cipher = strncmp(secure + version, ", ", 2) == 0 ? secure + version + 2 : "";
        subject = strstr(secure, mark);
        json_object_set_new(tls, "version", json_any_text(secure, version));
        json_object_set_new(tls, "cipher", json_any_text(cipher, strcspn(cipher, "\n")));
        if (subject != NULL) {
                subject += strlen(mark);
                json_object_set_new(tls, "subject",
                                    json_any_text(subject, strcspn(subject, ";\n")));
        }
        json_object_set_new(event, "tls", tls);
}

char *
json_line(json_t *event)
{
        char *text = json_dumps(event, JSON_COMPACT | JSON_REAL_PRECISION(6)), *line = NULL;
        size_t length = text == NULL ? 0 : strlen(text);

        json_decref(event);
        if (text != NULL)
                line = realloc(text, length + 2);
        if (line == NULL) {
                free(text);
                return NULL;
        }
        memcpy(line + length, "\n", 2);
        return line;
}
