/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "page.h"

static const char format[] =
        "This is wsechod, a WebSocket echo server: it sends back every message that it gets.\n"
        "\n"
        "Any path will do. From a shell:\n"
        "\n"
        "    wsecho %s%s://%s/ \"Hello World!\"\n"
        "%s"
        "\n"
        "In a browser's console, on this page:\n"
        "\n"
        "    ws = new WebSocket(location.href.replace(/^http/, \"ws\"));\n"
        "    ws.onmessage = (event) => console.log(event.data);\n"
        "    ws.onopen = () => ws.send(\"Hello World!\");\n";

static const char made[] = "\n"
                           "--insecure, because the certificate was made at the server's start: no "
                           "authority knows it.\n";

static const char given[] =
        "\n"
        "If your system does not trust the certificate's authority, add --cacert FILE.\n";

static const char not_allowed[] = "405 Method Not Allowed: use GET or HEAD.\n";

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
page_done(struct ws_answer *answer)
{
        free(answer->data);
}

static void
page_write(const struct ws_request *request, struct ws_answer *answer, const struct page *page)
{
        bool secure = is_secure(request), insecure = request->secure && page->self_signed;
        char *text;

        if (asprintf(&text, format, insecure ? "--insecure " : "", secure ? "wss" : "ws",
                     host_of(request),
                     !secure    ? ""
                     : insecure ? made
                                : given) == -1) {
                *answer = (struct ws_answer){.status = 500};
                return;
        }
        *answer = (struct ws_answer){.status = 200, .body = text, .done = page_done, .data = text};
}

void
page_answer(const struct ws_request *request, struct ws_answer *answer, void *page)
{
        static const char *const allow[] = {"Allow: GET, HEAD"};

        if (request->upgrade)
                return;
        if (strcmp(request->method, "GET") == 0 || strcmp(request->method, "HEAD") == 0)
                page_write(request, answer, page);
        else
                *answer = (struct ws_answer){
                        .status = 405, .fields = allow, .field_count = 1, .body = not_allowed};
}
