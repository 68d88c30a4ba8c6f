/* SPDX-License-Identifier: MIT */
/* show=request: the request as the server saw it, in JSON. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "answer.h"
#include "await/watch.h"
#include "base/utf8.h"
#include "session.h"

/* As a string of JSON. Bytes that are no UTF-8 are taken for Latin-1. */
static void
write_string(FILE *out, const char *text)
{
        struct aw_utf8 utf8 = {0};
        bool good =
                aw_utf8_feed(&utf8, (const uint8_t *)text, strlen(text)) && aw_utf8_complete(&utf8);

        fputc('"', out);
        for (; *text != '\0'; text++) {
                unsigned char byte = (unsigned char)*text;

                if (byte == '"' || byte == '\\')
                        fprintf(out, "\\%c", byte);
                else if (byte < ' ' || byte == 0x7f || (byte >= 0x80 && !good))
                        fprintf(out, "\\u%04x", byte);
                else
                        fputc(byte, out);
        }
        fputc('"', out);
}

static void
write_member(FILE *out, const char *name, const char *value)
{
        fprintf(out, " \"%s\": ", name);
        write_string(out, value);
        fputs(",\n", out);
}

/*
 * A browser sends the password that it knows for this server along with what a foreign page asks for, and
 * that page may read a WebSocket.
 */
static const char *
shown_value(const struct ws_field *field, const struct behave_limits *limits)
{
        return limits->passwords && strcasecmp(field->name, "Authorization") == 0 ? "..."
                                                                                  : field->value;
}

static void
write_field_list(FILE *out, const struct ws_request *request, const struct behave_limits *limits)
{
        fputs(" \"fields\": [", out);
        for (size_t i = 0; i < request->field_count; i++) {
                fputs(i == 0 ? "\n  [" : ",\n  [", out);
                write_string(out, request->fields[i].name);
                fputs(", ", out);
                write_string(out, shown_value(&request->fields[i], limits));
                fputc(']', out);
        }
        fputs("]\n}\n", out);
}

static void
write_request(FILE *out, const struct ws_request *request, const struct behave_limits *limits)
{
        char tls[256];

        write_member(out, "method", request->method);
        write_member(out, "target", request->target);
        fprintf(out, " \"version\": \"HTTP/1.%d\",\n", request->minor_version);
        write_member(out, "peer", request->peer);
        ws_describe(request->ws, tls, sizeof(tls));
        write_member(out, "tls", tls);
        fprintf(out, " \"secure\": %s,\n", request->secure ? "true" : "false");
        write_field_list(out, request, limits);
}

/* A member that may be unknown. */
static void
write_known(FILE *out, const char *name, const char *value)
{
        if (value != NULL)
                write_member(out, name, value);
        else
                fprintf(out, " \"%s\": null,\n", name);
}

static void
write_tls(FILE *out, const struct ws_request *request)
{
        struct ws_info info;

        ws_info(request->ws, &info);
        write_known(out, "version", info.tls);
        write_known(out, "cipher", info.cipher);
        write_known(out, "application", info.application);
        write_known(out, "server_name", info.server_name);
        write_known(out, "client", info.client_subject);
        fprintf(out, " \"resumed\": %s\n}\n", info.resumed ? "true" : "false");
}

char *
behave_show(const struct ws_request *request, const struct behave_limits *limits,
            const struct behave_value *what)
{
        size_t size = 0;
        char *text = NULL;
        FILE *out = open_memstream(&text, &size);

        if (out == NULL)
                return NULL;
        fputs("{\n", out);
        if (behave_value_is(what, "tls"))
                write_tls(out, request);
        else
                write_request(out, request, limits);
        if (fclose(out) == 0)
                return text;
        free(text);
        return NULL;
}

async int
behave_show_request(struct behave *behave, const struct behave_value *value)
{
        char *text = behave_show(ws_request(behave->ws), &behave->server->limits, value);
        int result;

        if (text == NULL)
                return -1;
        result = await(ws_send_text(behave->ws, text, AW_NEVER));
        free(text);
        return result;
}
