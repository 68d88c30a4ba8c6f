/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "page.h"

#include "authority.h"
#include "await/watch.h"
#include "metrics.h"

/* page/files.S */
extern const char page_html[], page_html_end[], page_css[], page_css_end[], page_js[],
        page_js_end[];

static const char not_allowed[] = "405 Method Not Allowed: use GET or HEAD.\n";

/* The server's own fields, besides those of an answer that is made for one request. */
static const char *const allow[] = {"Allow: GET, HEAD"};
static const char *const fresh[] = {"Cache-Control: no-store"};
static const char *const text_fields[] = {"Vary: Accept"};

/* An answer that is made for one request; freed when it has been copied. */
struct page_made {
        FILE *out; /* writes the body */
        char *body, *policy;
        size_t length;
        const char *fields[6];
};

static void
page_done(struct ws_answer *answer)
{
        struct page_made *made = answer->data;

        free(made->body);
        free(made->policy);
        free(made);
}

/* NULL if there is no memory. */
static struct page_made *
page_begin(void)
{
        struct page_made *made = calloc(1, sizeof(*made));

        if (made == NULL)
                return NULL;
        made->out = open_memstream(&made->body, &made->length);
        if (made->out != NULL)
                return made;
        free(made);
        return NULL;
}

/* Ends what page_begin() began, or did not: *answer now owns it. False: it has status 500. */
static bool
page_end(struct page_made *made, const char *type, struct ws_answer *answer)
{
        bool good = made != NULL && fclose(made->out) == 0;

        *answer = (struct ws_answer){.status = good ? 200 : 500};
        if (made != NULL) {
                answer->done = page_done;
                answer->data = made;
        }
        if (good) {
                answer->content_type = type;
                answer->body = made->body;
                answer->length = made->length;
        }
        return good;
}

/* The short text. */

static const char text_format[] =
        "This is wsechod, a WebSocket echo server: it sends back every message that it gets.\n"
        "\n"
        "Any path will do. From a shell:\n"
        "\n"
        "%s%s%s"
        "    wsecho %s%s://%s/ \"Hello World!\"\n"
        "%s"
        "\n"
        "In a browser this address is a page to try it with.";

static const char behaviours_format[] =
        " Test behaviours, such as delays,\n"
        "closes and faults, are listed at %s://%s/-/ and go into the URL:\n"
        "\n"
        "    %s://%s/?delay=1s&close=4000&after=3\n";

static const char made_note[] = "\n"
                                "--insecure, because the certificate was made at the server's "
                                "start: no authority knows it.\n";
static const char given_note[] =
        "\n"
        "If your system does not trust the certificate's authority, add --cacert FILE.\n";

/* The name that the client used, if it can stand in a command line. */
static const char *
host_of(const struct ws_request *request)
{
        static const char safe[] =
                "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_:[]";
        const char *host = ws_request_field(request, "Host", 0);

        return host == NULL || host[strspn(host, safe)] != '\0' ? "HOST:PORT" : host;
}

/* TLS may end at a proxy. */
static bool
is_secure(const struct ws_request *request)
{
        const char *protocol = ws_request_field(request, "X-Forwarded-Proto", 0);

        return request->secure || (protocol != NULL && strcmp(protocol, "https") == 0);
}

static void
page_write_text(FILE *out, const struct ws_request *request, const struct page *page)
{
        bool secure = is_secure(request), made = request->secure && page->self_signed;
        bool authority = request->secure && page->authority != NULL;
        const char *host = host_of(request), *scheme = secure ? "wss" : "ws";

        fprintf(out, text_format, authority ? "    curl -k -o ca.pem https://" : "",
                authority ? host : "", authority ? "/-/ca.pem\n" : "",
                made        ? "--insecure "
                : authority ? "--cacert ca.pem "
                            : "",
                scheme, host,
                made                   ? made_note
                : secure && !authority ? given_note
                                       : "");
        if (page->behave->limits.level == BEHAVE_LEVEL_OFF)
                fputc('\n', out);
        else
                fprintf(out, behaviours_format, secure ? "https" : "http", host, scheme, host);
}

static void
answer_text(const struct ws_request *request, struct ws_answer *answer, const struct page *page)
{
        struct page_made *made = page_begin();

        if (made != NULL)
                page_write_text(made->out, request, page);
        page_end(made, NULL, answer);
        answer->fields = text_fields;
        answer->field_count = 1;
}

/* The page. */

/* Where the server's root is from the path: "./", "../", "../../". */
static void
write_root(FILE *out, const char *path)
{
        fputs("./", out);
        for (path += path[0] == '/'; (path = strchr(path, '/')) != NULL; path++)
                fputs("../", out);
}

/* The template up to the mark, "<!--NAME-->"; returns what is behind it. */
static const char *
write_until(FILE *out, const char *from, const char *mark)
{
        const char *end = memmem(from, (size_t)(page_html_end - from), mark, strlen(mark));

        fwrite(from, 1, (size_t)(end - from), out);
        return end + strlen(mark);
}

static void
write_page(FILE *out, const struct ws_request *request, const char *nonce)
{
        const char *rest = write_until(out, page_html, "<!--base-->");

        fputs("<base href=\"", out);
        write_root(out, request->path);
        fputs("\">", out);
        rest = write_until(out, rest, "<!--style-->");
        fprintf(out, "<style nonce=%s>\n%.*s</style>", nonce, (int)(page_css_end - page_css),
                page_css);
        rest = write_until(out, rest, "<!--script-->");
        fprintf(out, "<script nonce=%s>\n%.*s</script>", nonce, (int)(page_js_end - page_js),
                page_js);
        fwrite(rest, 1, (size_t)(page_html_end - rest), out);
}

/* A number that nobody can guess, in hexadecimal. */
static bool
make_nonce(char nonce[33])
{
        uint64_t numbers[2];

        if (getrandom(numbers, sizeof(numbers), 0) != sizeof(numbers))
                return false;
        snprintf(nonce, 33, "%016" PRIx64 "%016" PRIx64, numbers[0], numbers[1]);
        return true;
}

/*
 * Nothing but what is in the page itself. It may talk to any WebSocket server, as its address line
 * says. Isolated from other pages, it gets a clock of 5 us rather than 100.
 */
static bool
set_fields(struct page_made *made, const char *nonce, struct ws_answer *answer)
{
        size_t count = 0;

        if (asprintf(&made->policy,
                     "Content-Security-Policy: default-src 'none'; script-src 'nonce-%s'; "
                     "style-src 'nonce-%s'; img-src data:; connect-src 'self' ws: wss:; "
                     "base-uri 'self'; form-action 'none'; frame-ancestors 'none'; "
                     "require-trusted-types-for 'script'; trusted-types 'none'",
                     nonce, nonce) == -1) {
                made->policy = NULL;
                return false;
        }
        made->fields[count++] = made->policy;
        made->fields[count++] = "Cross-Origin-Opener-Policy: same-origin";
        made->fields[count++] = "Cross-Origin-Embedder-Policy: require-corp";
        made->fields[count++] = "Referrer-Policy: no-referrer";
        made->fields[count++] = "Cache-Control: no-store";
        made->fields[count++] = "Vary: Accept";
        answer->fields = made->fields;
        answer->field_count = count;
        return true;
}

static void
page_answer_html(const struct ws_request *request, struct ws_answer *answer)
{
        struct page_made *made = page_begin();
        char nonce[33];
        bool good = made != NULL && make_nonce(nonce);

        if (good)
                write_page(made->out, request, nonce);
        good = page_end(made, "text/html; charset=utf-8", answer) && good;
        if (!good || !set_fields(made, nonce, answer)) {
                answer->status = 500;
                answer->body = NULL;
                answer->length = 0;
        }
}

/* Its files. */

/* All connections are looked at, so this is done once in half a second, whoever asks. */
static uint64_t
count_messages(struct page *page)
{
        aw_time now = aw_loop_now();
        struct ws_counters *counters;

        if (page->counted != 0 && now - page->counted < AW_SECOND / 2)
                return page->messages;
        counters = malloc(sizeof(*counters));
        if (counters != NULL)
                *counters = *metrics_found_traffic();
        for (size_t i = 0; counters != NULL && i < page->count; i++)
                ws_listener_count(page->listeners[i], counters);
        if (counters != NULL)
                page->messages = counters->received.messages[0] + counters->received.messages[1];
        page->counted = now;
        free(counters);
        return page->messages;
}

void
page_watch(struct page *page, struct ws_listener *const *listeners, size_t count,
           const struct metrics *blocks, size_t workers)
{
        page->listeners = listeners;
        page->count = count;
        page->blocks = blocks;
        page->workers = workers;
}

/* The other workers' figures are as they were when they looked last, within a second. */
static void
add_others(const struct page *page, uint64_t *connections, uint64_t *messages)
{
        const struct metrics *end = page->blocks + page->workers;

        for (const struct metrics *block = page->blocks; block < end; block++) {
                if (block == metrics_block())
                        continue;
                *connections += __atomic_load_n(&block->open, __ATOMIC_RELAXED);
                for (int i = 0; i < 2; i++)
                        *messages += __atomic_load_n(&block->traffic.received.messages[i],
                                                     __ATOMIC_RELAXED);
        }
}

static void
answer_status(const struct ws_request *request, struct ws_answer *answer, struct page *page)
{
        static const char *const levels[] = {"off", "safe", "all"};
        const struct behave_server *behave = page->behave;
        uint64_t connections = metrics_block()->open, messages = count_messages(page);
        struct page_made *made = page_begin();

        add_others(page, &connections, &messages);
        if (made != NULL)
                fprintf(made->out,
                        "{\"name\": \"wsechod\", \"version\": \"" AW_VERSION
                        "\", \"uptime\": %.3f, \"connections\": %" PRIu64 ", \"messages\": %" PRIu64
                        ", \"workers\": %zu, \"max_message\": %" PRIu64
                        ", \"test\": \"%s\", \"secure\": %s, "
                        "\"self_signed\": %s, \"authority\": %s}\n",
                        (double)(aw_loop_now() - page->started) / AW_SECOND, connections, messages,
                        page->workers, behave->limits.max_message, levels[behave->limits.level],
                        request->secure ? "true" : "false",
                        request->secure && page->self_signed ? "true" : "false",
                        request->secure && page->authority != NULL ? "true" : "false");
        page_end(made, "application/json", answer);
        answer->fields = fresh;
        answer->field_count = 1;
}

static void
answer_authority(struct ws_answer *answer, const struct page *page)
{
        *answer = (struct ws_answer){.status = 200,
                                     .content_type = "application/x-x509-ca-cert",
                                     .body = page->authority};
        if (page->authority == NULL)
                *answer = (struct ws_answer){
                        .status = 404,
                        .body = "404 Not Found: the file of --cert has no authority of its own at "
                                "its end, as one for development has\n"};
}

static void
answer_style(struct ws_answer *answer)
{
        *answer = (struct ws_answer){.status = 200,
                                     .content_type = "text/css; charset=utf-8",
                                     .body = page_css,
                                     .length = (size_t)(page_css_end - page_css)};
}

static bool
is_get(const struct ws_request *request)
{
        return strcmp(request->method, "GET") == 0 || strcmp(request->method, "HEAD") == 0;
}

static void
answer_not_allowed(struct ws_answer *answer)
{
        *answer = (struct ws_answer){
                .status = 405, .fields = allow, .field_count = 1, .body = not_allowed};
}

static bool
is_file(const char *path)
{
        static const char *const files[] = {BEHAVE_CHAIN "status.json", BEHAVE_CHAIN "ca.pem",
                                            BEHAVE_CHAIN "page.css"};
        bool found = false;

        for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
                found |= strcmp(path, files[i]) == 0;
        return found;
}

bool
page_file(const struct ws_request *request, struct ws_answer *answer, struct page *page)
{
        const char *name = request->path + strlen(BEHAVE_CHAIN);

        if (request->upgrade || !is_file(request->path))
                return false;
        if (!is_get(request))
                answer_not_allowed(answer);
        else if (strcmp(name, "status.json") == 0)
                answer_status(request, answer, page);
        else if (strcmp(name, "ca.pem") == 0)
                answer_authority(answer, page);
        else
                answer_style(answer);
        return true;
}

void
page_answer(const struct ws_request *request, struct ws_answer *answer, const struct page *page)
{
        if (request->upgrade)
                return;
        if (!is_get(request))
                answer_not_allowed(answer);
        else if (behave_likes(request, "text/html"))
                page_answer_html(request, answer);
        else
                answer_text(request, answer, page);
}

void
page_open(struct page *page, const char *certificate, const struct behave_server *behave)
{
        page->self_signed = certificate == NULL;
        page->authority = certificate == NULL ? NULL : authority_read(certificate);
        page->started = aw_loop_now();
        page->behave = behave;
}

void
page_close(struct page *page)
{
        free(page->authority);
        page->authority = NULL;
}
