/* SPDX-License-Identifier: MIT */
#include "page.h"

#include "ws/http.h"

static const char text_plain[] = "text/plain; charset=utf-8";

static const char welcome[] =
        "This is wsechod, a WebSocket echo server: it sends back every message that it gets.\n"
        "\n"
        "Connect to this address with a WebSocket client, wss:// in place of https:// (ws:// in\n"
        "place of http://). For example\n"
        "\n"
        "    wsecho wss://HOST:PORT/ \"Hello World!\"\n"
        "\n"
        "or, in a browser's console,\n"
        "\n"
        "    ws = new WebSocket(location.href.replace(/^http/, \"ws\"));\n"
        "    ws.onmessage = (event) => console.log(event.data);\n"
        "    ws.onopen = () => ws.send(\"Hello World!\");\n";

void
page_answer(const struct aw_http_head *request, struct ws_answer *answer)
{
        bool reading = aw_http_text_is(&request->method, "GET") ||
                       aw_http_text_is(&request->method, "HEAD");

        *answer = (struct ws_answer){
                .status = reading ? 200 : 405,
                .content_type = text_plain,
                .body = reading ? welcome : "405 Method Not Allowed: only GET and HEAD are.\n",
        };
}
