/* SPDX-License-Identifier: MIT */
/* The table of behaviours as a list for those who ask for /-/: HTML, JSON or text. */
#include <stdlib.h>
#include <string.h>

#include "answer.h"

static void
write_html_text(FILE *out, const char *text)
{
        for (; *text != '\0'; text++)
                if (*text == '<' || *text == '>' || *text == '&')
                        fprintf(out, "&#%d;", *text);
                else
                        fputc(*text, out);
}

static void
write_html_row(FILE *out, const struct behave_row *row)
{
        fprintf(out, "<tr><td><code>%s=", row->name);
        write_html_text(out, row->argument);
        fputs("</code><td>", out);
        if (row->of != NULL)
                fprintf(out, "with %s: ", row->of);
        write_html_text(out, row->help);
        fprintf(out, "%s\n", row->all ? " (<code>--test all</code>)" : "");
}

static void
list_as_html(FILE *out)
{
        fputs("<!doctype html><html lang=en><meta charset=utf-8><title>wsechod</title>\n"
              "<meta name=viewport content=\"width=device-width\">\n"
              "<h1>Test behaviours</h1>\n"
              "<p>As parameters of any path, <code>/chat?delay=1s&amp;close=4000</code>, or the "
              "same as a path, <code>/-/delay/1s/close/4000</code>.\n"
              "<p><a href=healthz>healthz</a> <a href=readyz>readyz</a> <a href=version>version"
              "</a>\n<table>\n",
              out);
        for (int i = 0; i < BEHAVE_ROWS; i++)
                write_html_row(out, &behave_table[i]);
        fputs("</table>\n", out);
}

static void
list_as_json(FILE *out)
{
        for (int i = 0; i < BEHAVE_ROWS; i++) {
                const struct behave_row *row = &behave_table[i];

                fprintf(out, "%s\n {\"name\": \"%s\", \"argument\": \"%s\", \"help\": \"%s\"",
                        i == 0 ? "[" : ",", row->name, row->argument, row->help);
                if (row->of != NULL)
                        fprintf(out, ", \"of\": \"%s\"", row->of);
                fprintf(out, ", \"level\": \"%s\"}", row->all ? "all" : "safe");
        }
        fputs("\n]\n", out);
}

static void
list_as_text(FILE *out)
{
        fputs("Test behaviours: as parameters of any path, /chat?delay=1s&close=4000, or the same\n"
              "as a path, /-/delay/1s/close/4000. Others are /-/healthz, /-/readyz, "
              "/-/version.\n\n",
              out);
        for (int i = 0; i < BEHAVE_ROWS; i++) {
                const struct behave_row *row = &behave_table[i];

                fprintf(out, "%s%s=%s\n        %s%s%s%s%s\n", row->of == NULL ? "" : "  ",
                        row->name, row->argument, row->of == NULL ? "" : "with ",
                        row->of == NULL ? "" : row->of, row->of == NULL ? "" : ": ", row->help,
                        row->all ? " (--test all)" : "");
        }
}

/* Quality values are not looked at: what is named is liked. */
static bool
likes(const struct ws_request *request, const char *type)
{
        const char *accept = ws_request_field(request, "Accept", 0);

        return accept != NULL && strstr(accept, type) != NULL;
}

char *
behave_list(const struct ws_request *request, const struct behave_limits *limits,
            const char **content_type)
{
        size_t size = 0;
        char *text = NULL;
        FILE *out = open_memstream(&text, &size);

        (void)limits;
        if (out == NULL)
                return NULL;
        if (likes(request, "application/json")) {
                *content_type = "application/json";
                list_as_json(out);
        } else if (likes(request, "text/html")) {
                *content_type = "text/html; charset=utf-8";
                list_as_html(out);
        } else {
                list_as_text(out);
        }
        if (fclose(out) == 0)
                return text;
        free(text);
        return NULL;
}
