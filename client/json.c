/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "json.h"

#include "await/ws.h"
#include "base/text.h"
#include "json_text.h"
#include "secrets.h"

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

                /* A line that goes on with the one before has no name either. */
                if (colon == NULL || *name == ' ' || *name == '\t')
                        break;
                while (value < end && (*value == ' ' || *value == '\t'))
                        value++;
                if (secrets_in_line(name)) {
                        value = "[not shown]";
                        end = value + strlen(value);
                }
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

/* A character of three bytes at most; all that steer a terminal are. */
static unsigned
code_point(const uint8_t *s, size_t length)
{
        if (length == 1)
                return s[0];
        if (length == 2)
                return (s[0] & 0x1fU) << 6 | (s[1] & 0x3fU);
        return (s[0] & 0xfU) << 12 | (s[1] & 0x3fU) << 6 | (s[2] & 0x3fU);
}

/*
 * Copies JSON, which is UTF-8, with \uXXXX for what a terminal would obey: that is the same value, and
 * may stand in strings only. Without `out` it only counts; the bytes, in both cases.
 */
static size_t
write_harmless(const char *text, char *out)
{
        const uint8_t *s = (const uint8_t *)text;
        size_t length, written = 0;

        for (; *s != '\0'; s += length) {
                length = *s < 0x80 ? 1 : *s < 0xe0 ? 2 : *s < 0xf0 ? 3 : 4;
                if (!aw_text_steers(s, length)) {
                        if (out != NULL)
                                memcpy(out + written, s, length);
                        written += length;
                } else {
                        if (out != NULL)
                                sprintf(out + written, "\\u%04x", code_point(s, length));
                        written += strlen("\\u0000");
                }
        }
        return written;
}

char *
json_line(json_t *event)
{
        char *text = json_dumps(event, JSON_COMPACT | JSON_REAL_PRECISION(6));
        char *line = text == NULL ? NULL : malloc(write_harmless(text, NULL) + 2);

        json_decref(event);
        if (line != NULL)
                memcpy(line + write_harmless(text, line), "\n", 2);
        free(text);
        return line;
}
