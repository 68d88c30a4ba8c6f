/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin.h"

#include "await/log.h"
#include "base/say.h"
#include "metrics.h"

#define SCHEME "http://"

/* Pages. Each returns a text to be freed, or NULL: there is no memory. */

typedef void page_function(FILE *out, const struct admin *admin, struct ws_answer *answer);

static void
write_metrics(FILE *out, const struct admin *admin, struct ws_answer *answer)
{
        metrics_sample();
        metrics_render(out, admin->metrics, admin->blocks);
        answer->content_type = METRICS_CONTENT_TYPE;
}

static void
write_tasks(FILE *out, const struct admin *admin, struct ws_answer *answer)
{
        (void)admin;
        (void)answer;
        aw_task_dump(out);
}

static void
write_health(FILE *out, const struct admin *admin, struct ws_answer *answer)
{
        (void)admin;
        (void)answer;
        fputs("ok\n", out);
}

static void
write_readiness(FILE *out, const struct admin *admin, struct ws_answer *answer)
{
        answer->status = *admin->draining ? 503 : 200;
        fputs(*admin->draining ? "draining\n" : "ready\n", out);
}

static page_function write_list;

/* One without a function asks the other workers first: see answer_connections(). */
static const struct {
        const char *path, *help;
        page_function *write;
} pages[] = {
        {"/", "this list", write_list},
        {"/metrics", "figures for Prometheus", write_metrics},
        {"/tasks", "the tree of tasks, and what each one awaits", write_tasks},
        {"/connections", "the connections of all workers, as JSON", NULL},
        {"/-/healthz", "ok", write_health},
        {"/-/readyz", "ready, or with 503 draining", write_readiness},
};
#define PAGES (sizeof(pages) / sizeof(pages[0]))

static void
write_list(FILE *out, const struct admin *admin, struct ws_answer *answer)
{
        size_t i;

        (void)admin;
        (void)answer;
        for (i = 0; i < PAGES; i++)
                fprintf(out, "%-14s%s\n", pages[i].path, pages[i].help);
}

/* Answering. */

static void
answer_done(struct ws_answer *answer)
{
        free(answer->data);
}

/* A page in memory. */
struct text {
        FILE *out; /* NULL: no memory */
        char *data;
        size_t length;
};

static void
text_begin(struct text *text)
{
        *text = (struct text){.data = NULL};
        text->out = open_memstream(&text->data, &text->length);
}

/* *answer now owns the text, if it is good. */
static void
text_end(struct text *text, bool good, struct ws_answer *answer)
{
        good = text->out != NULL && fclose(text->out) == 0 && good;
        if (!good) {
                free(text->data);
                *answer = (struct ws_answer){.status = 500, .body = "500: out of memory\n"};
                return;
        }
        answer->body = answer->data = text->data;
        answer->length = text->length;
        answer->done = answer_done;
}

static void
answer_admin_page(page_function *write, const struct admin *admin, struct ws_answer *answer)
{
        struct text text;

        *answer = (struct ws_answer){.status = 200};
        text_begin(&text);
        if (text.out != NULL)
                write(text.out, admin, answer);
        text_end(&text, true, answer);
}

static async void
answer_connections(const struct ws_request *request, struct ws_answer *answer, void *argument)
{
        struct admin *admin = argument;
        struct text text;
        int result = -1;

        (void)request;
        *answer = (struct ws_answer){.status = 200, .content_type = "application/json"};
        text_begin(&text);
        if (text.out != NULL)
                result = await(listing_write(&admin->listing, text.out));
        text_end(&text, result == 0, answer);
}

static void
admin_answer(const struct ws_request *request, struct ws_answer *answer, void *argument)
{
        static const char *const allow[] = {"Allow: GET, HEAD"};
        size_t i;

        if (strcmp(request->method, "GET") != 0 && strcmp(request->method, "HEAD") != 0) {
                *answer = (struct ws_answer){
                        .status = 405, .fields = allow, .field_count = 1, .body = "405\n"};
                return;
        }
        for (i = 0; i < PAGES && strcmp(pages[i].path, request->path) != 0; i++)
                continue;
        if (i < PAGES && request->upgrade)
                *answer = (struct ws_answer){
                        .status = 400,
                        .body = "400 Bad Request: WebSockets are served at --listen, not here\n"};
        else if (i < PAGES && pages[i].write == NULL)
                answer->later = answer_connections;
        else if (i < PAGES)
                answer_admin_page(pages[i].write, argument, answer);
        else
                *answer = (struct ws_answer){.status = 404,
                                             .body = "404 Not Found: / lists what there is\n"};
}

/* Its life. */

bool
admin_is_url(const char *url)
{
        return strncmp(url, SCHEME, strlen(SCHEME)) == 0 || strncmp(url, "unix:/", 6) == 0;
}

static void __attribute__((format(printf, 1, 2))) say_always(const char *format, ...)
{
        va_list arguments;

        va_start(arguments, format);
        aw_log_say(format, arguments);
        va_end(arguments);
}

static void
say_where(const struct ws_listener *listener)
{
        const char *url;
        size_t i;

        for (i = 0; (url = ws_listener_url(listener, i)) != NULL; i++)
                if (strncmp(url, "ws://", 5) == 0)
                        say_always("metrics at " SCHEME "%s/metrics", url + 5);
                else
                        say_always("metrics at %s", url);
}

/* The listener knows http:// by another name. */
char *
admin_listen_url(const char *url)
{
        bool http = strncmp(url, SCHEME, strlen(SCHEME)) == 0;
        char *own = NULL;

        return asprintf(&own, "%s%s", http ? "ws://" : "", url + (http ? strlen(SCHEME) : 0)) == -1
                       ? NULL
                       : own;
}

static async int
admin_listen(struct admin *admin, const char *url)
{
        struct ws_listen_options options = {.handler = admin_answer,
                                            .argument = admin,
                                            .descriptors = admin->descriptors,
                                            .descriptor_count = admin->descriptor_count};
        struct aw_error error;
        char *own = admin_listen_url(url);

        if (own == NULL) {
                aw_log(AW_LOG_ERROR, "--admin: %s", strerror(errno));
                return 1;
        }
        options.url = own;
        admin->listener = await(ws_listen(&options, &error));
        free(own);
        if (admin->listener != NULL)
                return 0;
        if (error.kind != AW_ERROR_CANCELLED)
                aw_log(AW_LOG_ERROR, "--admin: %s", error.text);
        return error.kind == AW_ERROR_USAGE ? 2 : 1;
}

async int
admin_open(struct admin *admin, const char *url)
{
        int status = await(admin_listen(admin, url));

        if (status != 0)
                return status;
        metrics_set_listeners(admin->listeners, admin->count);
        admin->watching = aw_spawn("metrics", metrics_watch_loop, NULL);
        if (admin->watching == NULL) {
                aw_log(AW_LOG_ERROR, "--admin: %s", strerror(errno));
                await(admin_close(admin));
                return 1;
        }
        listing_open(&admin->listing);
        if (!admin->silent)
                say_where(admin->listener);
        return 0;
}

async void
admin_close(struct admin *admin)
{
        if (admin->watching != NULL) {
                aw_cancel(admin->watching);
                await(aw_join(admin->watching));
        }
        listing_close(&admin->listing);
        metrics_sample();
        metrics_set_listeners(NULL, NULL);
        if (admin->listener != NULL) {
                ws_listener_drain(admin->listener);
                while (await(ws_listener_wait(admin->listener, AW_NEVER)) == -1)
                        continue;
        }
        ws_listener_close(admin->listener);
        admin->watching = NULL;
        admin->listener = NULL;
}
