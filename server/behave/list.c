/* SPDX-License-Identifier: MIT */
/* The table of behaviours as a list for those who ask for /-/: HTML, JSON or text. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "answer.h"

/*
 * Options of the server's are not divided at the end of a line. Nothing in the table has to be
 * written otherwise in HTML or JSON.
 */
static void
write_html_text(FILE *out, const char *text)
{
        for (; *text != '\0'; text++) {
                size_t option = strncmp(text, "--", 2) == 0 ? strcspn(text, " .,;") : 0;

                if (option > 0) {
                        fprintf(out, "<span class=option>%.*s</span>", (int)option, text);
                        text += option - 1;
                } else {
                        fputc(*text, out);
                }
        }
}

/* What the row takes, if its argument does not tell; else "". */
static void
takes_of(const struct behave_row *row, char takes[BEHAVE_TAKES_MAX])
{
        takes[0] = '\0';
        if ((row->kinds & (BEHAVE_NUMBER | BEHAVE_SIZE | BEHAVE_DURATION)) != 0 ||
            strcmp(row->argument, "WORD") == 0)
                behave_value_describe(row, NULL, takes);
}

/* What the row does, as sentences: "With close: gives TEXT as the reason." */
static char *
sentences_of(const struct behave_row *row)
{
        char takes[BEHAVE_TAKES_MAX], words[80], *text;
        bool detail = row->of != NULL;
        int length;

        if (detail)
                behave_words_list(row->of, words, sizeof(words));
        takes_of(row, takes);
        length = asprintf(&text, "%s%s%s%c%s.%s%s%s%s", detail ? "With " : "", detail ? words : "",
                          detail ? ": " : "", detail ? row->help[0] : toupper(row->help[0]),
                          row->help + 1, takes[0] != '\0' ? " Takes " : "", takes,
                          takes[0] != '\0' ? "." : "", row->all ? " Needs --test all." : "");
        return length == -1 ? NULL : text;
}

static void
write_html_row(FILE *out, const struct behave_row *row)
{
        char *sentences = sentences_of(row);

        if (row->heading != NULL)
                fprintf(out, "<tr><th colspan=2 scope=colgroup>%s\n", row->heading);
        fprintf(out, "<tr%s><td><code>%s=", row->of == NULL ? "" : " class=detail", row->name);
        write_html_text(out, row->argument);
        fputs("</code><td>", out);
        write_html_text(out, sentences == NULL ? row->help : sentences);
        fputc('\n', out);
        free(sentences);
}

static void
list_as_html(FILE *out)
{
        fputs("<!doctype html><html lang=en><meta charset=utf-8><title>wsechod: test behaviours"
              "</title>\n<meta name=viewport content=\"width=device-width\">\n"
              "<link rel=stylesheet href=page.css>\n<link rel=icon href=\"data:,\">\n"
              "<main class=list><h1>Test behaviours</h1>\n"
              "<p>As parameters of any path, <code>/chat?delay=1s&amp;close=4000</code>, or the "
              "same as a path, <code>/-/delay/1s/close/4000</code>. TIME is written as 250ms, 2s "
              "or 1m, BYTES as 4096, 64K or 1M.\n"
              "<p>Others: <a href=\"../\">the page</a>, <a href=healthz>healthz</a>, "
              "<a href=readyz>readyz</a>, <a href=version>version</a>, "
              "<a href=status.json>status.json</a>.\n<table>\n",
              out);
        for (int i = 0; i < BEHAVE_ROWS; i++)
                write_html_row(out, &behave_table[i]);
        fputs("</table></main>\n", out);
}

static void
write_json_row(FILE *out, const struct behave_row *row)
{
        char takes[BEHAVE_TAKES_MAX];

        takes_of(row, takes);
        fprintf(out,
                "{\"name\": \"%s\", \"argument\": \"%s\", \"example\": \"%s\", \"help\": \"%s\", "
                "\"takes\": \"%s\"",
                row->name, row->argument, row->example, row->help, takes);
        if (row->heading != NULL)
                fprintf(out, ", \"heading\": \"%s\"", row->heading);
        if (row->words != NULL)
                fprintf(out, ", \"words\": \"%s\", \"only_words\": %s", row->words,
                        row->kinds == BEHAVE_WORD ? "true" : "false");
        if (row->of != NULL)
                fprintf(out, ", \"of\": \"%s\"", row->of);
        fprintf(out, ", \"repeats\": %s, \"level\": \"%s\"}", row->repeats ? "true" : "false",
                row->all ? "all" : "safe");
}

static void
list_as_json(FILE *out)
{
        for (int i = 0; i < BEHAVE_ROWS; i++) {
                fprintf(out, "%s\n ", i == 0 ? "[" : ",");
                write_json_row(out, &behave_table[i]);
        }
        fputs("\n]\n", out);
}

static void
write_text_row(FILE *out, const struct behave_row *row)
{
        char *sentences = sentences_of(row);

        if (row->heading != NULL)
                fprintf(out, "\n%s\n\n", row->heading);
        fprintf(out, "  %s%s=%s\n        %s\n", row->of == NULL ? "" : "  ", row->name,
                row->argument, sentences == NULL ? row->help : sentences);
        free(sentences);
}

static void
list_as_text(FILE *out)
{
        fputs("Test behaviours: as parameters of any path, /chat?delay=1s&close=4000, or the same\n"
              "as a path, /-/delay/1s/close/4000. TIME is written as 250ms, 2s or 1m, BYTES as\n"
              "4096, 64K or 1M. Others: /-/healthz, /-/readyz, /-/version, /-/status.json.\n",
              out);
        for (int i = 0; i < BEHAVE_ROWS; i++)
                write_text_row(out, &behave_table[i]);
}

/* Quality values are not looked at: what is named is liked. */
bool
behave_likes(const struct ws_request *request, const char *type)
{
        const char *accept = ws_request_field(request, "Accept", 0);

        return accept != NULL && strstr(accept, type) != NULL;
}

char *
behave_list(const struct ws_request *request, const char **content_type)
{
        size_t size = 0;
        char *text = NULL;
        FILE *out = open_memstream(&text, &size);

        if (out == NULL)
                return NULL;
        if (behave_likes(request, "application/json")) {
                *content_type = "application/json";
                list_as_json(out);
        } else if (behave_likes(request, "text/html")) {
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
