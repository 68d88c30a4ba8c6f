/* SPDX-License-Identifier: MIT */
/* Connecting: addresses side by side (RFC 8305), TLS, and the client's side of the opening handshake. */
#include "log.h"
#include "resolve.h"
#include "task_private.h"
#include "url.h"
#include "ws_private.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Before the next address is tried as well (RFC 8305 section 5: the Connection Attempt Delay). */
#define ATTEMPT_DELAY (250 * AW_MILLISECOND)

/* What a client needs until it is open. */
struct ws_opening {
        const struct ws_connect_options *options;
        const struct aw_url *url;
        struct ws_error *error;
        char key[WS_KEY_SIZE];
        bool failed; /* *error says why */
        bool open;
};

static void fail(struct ws_error *error, enum ws_failure failure, int number, const char *format,
                 ...) __attribute__((format(printf, 4, 5)));

static void
fail(struct ws_error *error, enum ws_failure failure, int number, const char *format, ...)
{
        va_list arguments;

        va_start(arguments, format);
        vsnprintf(error->text, sizeof(error->text), format, arguments);
        va_end(arguments);
        error->failure = failure;
        errno = number;
}

/* What an await that did not succeed says about the whole. */
static void
fail_waiting(struct ws_error *error, const struct aw_url *url, const char *doing)
{
        if (errno == ETIMEDOUT)
                fail(error, WS_FAILED_TIMEOUT, ETIMEDOUT, "time-out while %s %s", doing,
                     url->host_header);
        else if (errno == ECANCELED)
                fail(error, WS_FAILED_CANCELLED, ECANCELED, "cancelled while %s %s", doing,
                     url->host_header);
        else
                fail(error, WS_FAILED_MEMORY, errno, "%s %s: %s", doing, url->host_header,
                     strerror(errno));
}

/* The race of the addresses. */

struct attempt {
        struct race *race;
        struct aw_socket *socket;
};

struct race {
        struct attempt *attempts; /* one for each address */
        struct aw_addresses *addresses;
        size_t started, failed;
        struct attempt *winner;
        int error; /* of the last that failed */
        struct aw_waiters waiters;
};

static void
attempt_connected(void *owner)
{
        struct attempt *attempt = owner;

        /* What comes meanwhile is for the next owner. */
        aw_socket_pause(attempt->socket, true);
        if (attempt->race->winner == NULL)
                attempt->race->winner = attempt;
        aw_wake_all(&attempt->race->waiters);
}

static void
attempt_closed(void *owner, int error)
{
        struct attempt *attempt = owner;

        attempt->socket = NULL;
        attempt->race->failed++;
        attempt->race->error = error == 0 ? ECONNABORTED : error;
        if (attempt->race->winner == attempt)
                attempt->race->winner = NULL;
        aw_wake_all(&attempt->race->waiters);
}

static void
attempt_nothing(void *owner)
{
        (void)owner;
}

static void
attempt_data(void *owner, const uint8_t *data, size_t length)
{
        (void)owner;
        (void)data;
        (void)length;
}

static const struct aw_socket_callbacks attempt_callbacks = {
        .data = attempt_data,
        .writable = attempt_nothing,
        .connected = attempt_connected,
        .closed = attempt_closed,
};

/* A socket on its way to the address, or NULL with errno. */
static struct aw_socket *
start_socket(const struct aw_address *address, struct attempt *attempt)
{
        int fd = socket(address->storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        int on = 1, error;

        if (fd == -1)
                return NULL;
        /* Has no meaning, and no effect, on a Unix socket. */
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        if (connect(fd, (const struct sockaddr *)&address->storage, address->length) == 0 ||
            errno == EINPROGRESS)
                return aw_socket_adopt(fd, true, &attempt_callbacks, attempt);
        error = errno;
        close(fd);
        errno = error;
        return NULL;
}

static void
race_start_next(struct race *race)
{
        struct attempt *attempt = &race->attempts[race->started];

        attempt->race = race;
        attempt->socket = start_socket(&race->addresses->items[race->started], attempt);
        race->started++;
        if (attempt->socket == NULL) {
                race->failed++;
                race->error = errno;
        }
}

/* Waits for an event of the race, or until it is time for the next address. False if the caller should stop. */
static async bool
race_wait(struct race *race, aw_time deadline)
{
        aw_time next =
                race->started < race->addresses->count ? aw_loop_now() + ATTEMPT_DELAY : AW_NEVER;

        return aw_wait_in(&race->waiters, next < deadline ? next : deadline, NULL) == 0 ||
               (errno == ETIMEDOUT && next < deadline);
}

/* The losers are dropped; they call back once more, so the race has to wait for that. */
static async void
race_end(struct race *race)
{
        size_t i;

        for (i = 0; i < race->started; i++)
                if (race->attempts[i].socket != NULL && &race->attempts[i] != race->winner)
                        aw_socket_close(race->attempts[i].socket);
        while (race->failed + (race->winner != NULL) < race->started)
                aw_suspend_in(&race->waiters, AW_NEVER);
}

static async struct aw_socket *
race_run(struct race *race, aw_time deadline)
{
        bool go_on = true;
        int error;

        while (go_on && race->winner == NULL && race->failed < race->addresses->count) {
                if (race->started < race->addresses->count)
                        race_start_next(race);
                if (race->failed < race->started)
                        go_on = await(race_wait(race, deadline));
        }
        error = go_on ? race->error : errno;
        await(race_end(race));
        errno = error;
        return race->winner == NULL ? NULL : race->winner->socket;
}

/* Families take turns, in the order that the resolver prefers (RFC 8305 section 4). */
static void
interleave(struct aw_addresses *addresses)
{
        struct aw_address *items = addresses->items, moved;
        size_t i, j;

        for (i = 1; i < addresses->count; i++) {
                for (j = i; j < addresses->count; j++)
                        if (items[j].storage.ss_family != items[i - 1].storage.ss_family)
                                break;
                if (j == addresses->count)
                        return;
                moved = items[j];
                memmove(&items[i + 1], &items[i], (j - i) * sizeof(*items));
                items[i] = moved;
        }
}

static async struct aw_socket *
connect_any(const struct aw_url *url, struct aw_addresses *addresses, struct ws_error *error,
            aw_time deadline)
{
        struct race race = {.addresses = addresses};
        struct aw_socket *socket;
        int number;

        interleave(addresses);
        race.attempts = calloc(addresses->count, sizeof(*race.attempts));
        if (race.attempts == NULL) {
                fail(error, WS_FAILED_MEMORY, ENOMEM, "out of memory");
                return NULL;
        }
        socket = await(race_run(&race, deadline));
        number = errno;
        free(race.attempts);
        errno = number;
        if (socket != NULL)
                return socket;
        if (number == ETIMEDOUT || number == ECANCELED)
                fail_waiting(error, url, "connecting to");
        else
                fail(error, WS_FAILED_CONNECTION, number, "cannot connect to %s: %s",
                     url->scheme == AW_URL_UNIX ? url->socket : url->host_header, strerror(number));
        return NULL;
}

/* The opening handshake. */

void
ws_client_failed(struct ws *ws, enum ws_failure failure, const char *text)
{
        struct ws_opening *opening = ws->opening;

        if (opening->failed || opening->open)
                return;
        opening->failed = true;
        fail(opening->error, failure, EPROTO, "%s", text);
        aw_wake_all(&ws->closer);
}

static void
client_check_response(struct ws *ws, const struct aw_http_head *head)
{
        struct ws_opening *opening = ws->opening;
        const char *problem;
        char text[256];

        if (head->status != 101) {
                opening->error->status = head->status;
                snprintf(text, sizeof(text), "the server refused the handshake: HTTP %d %.*s",
                         head->status, (int)head->reason.length, head->reason.data);
                ws_client_failed(ws, WS_FAILED_HANDSHAKE, text);
                return;
        }
        problem = ws_handshake_check_response(head, opening->key);
        if (problem != NULL) {
                ws_client_failed(ws, WS_FAILED_HANDSHAKE, problem);
                return;
        }
        opening->open = true;
        ws_opened(ws, head->length);
        aw_wake_all(&ws->closer);
}

static void
client_http(struct ws *ws)
{
        struct aw_http_head head;

        switch (aw_http_parse_response(ws->head, ws->head_length, &head)) {
        case AW_HTTP_OK:
                client_check_response(ws, &head);
                break;
        case AW_HTTP_INCOMPLETE:
                break;
        default:
                ws_client_failed(ws, WS_FAILED_HANDSHAKE, "the server does not speak HTTP/1.1");
                break;
        }
}

/* The request (section 4.1). A malloc'ed text, or NULL. */
static char *
build_request(const struct ws_opening *opening)
{
        const struct ws_connect_options *options = opening->options;
        char *text = NULL;
        size_t size, i;
        FILE *out = open_memstream(&text, &size);

        if (out == NULL)
                return NULL;
        fprintf(out,
                "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                "Sec-WebSocket-Key: %s\r\nSec-WebSocket-Version: 13\r\n",
                opening->url->target, opening->url->host_header, opening->key);
        for (i = 0; i < options->header_count; i++)
                fprintf(out, "%s\r\n", options->headers[i]);
        fputs("\r\n", out);
        if (fclose(out) != 0) {
                free(text);
                return NULL;
        }
        return text;
}

void
ws_client_ready(struct ws *ws)
{
        char *request = NULL;

        if (ws_handshake_key(ws->opening->key) == 0)
                request = build_request(ws->opening);
        if (request == NULL)
                ws_client_failed(ws, WS_FAILED_MEMORY, "out of memory");
        else
                ws_send_raw(ws, request, strlen(request));
        free(request);
}

/* On the loop's stack, where TLS belongs. */
static void
client_begin(void *argument)
{
        ws_begin(argument);
}

/* Waits until the connection is open, has failed or is lost. */
static async int
client_open(struct ws *ws, aw_time deadline)
{
        struct ws_opening *opening = ws->opening;
        int result = 0;

        aw_call_soon(&ws->timer, client_begin, ws);
        while (result == 0 && !opening->open && !opening->failed && ws->state != WS_STATE_DEAD)
                result = aw_wait_in(&ws->closer, deadline, NULL);
        if (opening->open)
                return 0;
        if (result == -1)
                fail_waiting(opening->error, opening->url, "waiting for the handshake of");
        else if (!opening->failed)
                fail(opening->error, WS_FAILED_CONNECTION, EPIPE,
                     "%s closed the connection during the handshake", opening->url->host_header);
        else
                errno = EPROTO;
        return -1;
}

/* The socket becomes the connection's. */
static struct ws *
client_create(struct ws_opening *opening, struct aw_socket *socket)
{
        const struct aw_url *url = opening->url;
        struct aw_tls_context *tls = url->scheme == AW_URL_WSS ? opening->options->tls : NULL;
        struct ws *ws = ws_create(true, tls, url->host, opening->options->max_message);

        if (ws == NULL)
                return NULL;
        ws->app = true;
        ws->opening = opening;
        ws->http = client_http;
        ws->socket = socket;
        snprintf(ws->peer, sizeof(ws->peer), "%.63s", url->host_header);
        aw_socket_set_owner(socket, &ws_io_callbacks, ws);
        aw_socket_pause(socket, false);
        return ws;
}

static async struct ws *
connect_to(struct ws_opening *opening, struct aw_socket *socket, aw_time deadline)
{
        struct ws *ws = client_create(opening, socket);
        int error;

        if (ws == NULL) {
                aw_socket_close(socket);
                fail(opening->error, WS_FAILED_MEMORY, ENOMEM, "out of memory");
                return NULL;
        }
        if (await(client_open(ws, deadline)) == -1) {
                error = errno;
                ws_drop(ws);
                errno = error;
                return NULL;
        }
        ws->opening = NULL;
        return ws;
}

/* Name, value and nothing that ends the line too early. */
static bool
headers_valid(const struct ws_connect_options *options)
{
        size_t i;

        for (i = 0; i < options->header_count; i++)
                if (strpbrk(options->headers[i], "\r\n") != NULL ||
                    strcspn(options->headers[i], ": \t") == 0 ||
                    options->headers[i][strcspn(options->headers[i], ": \t")] != ':')
                        return false;
        return true;
}

static async struct ws *
connect_url(struct ws_opening *opening, struct aw_url *url, aw_time deadline)
{
        const struct ws_connect_options *options = opening->options;
        struct aw_addresses addresses = {.items = NULL};
        struct aw_url_error url_error;
        struct aw_timeout timeout;
        struct aw_socket *socket;
        const char *reason;
        int result;

        opening->url = url;
        if (aw_url_parse(options->url, url, &url_error) == -1) {
                fail(opening->error, WS_FAILED_URL, EINVAL, "'%s': %s", options->url,
                     url_error.text);
                return NULL;
        }
        if (url->scheme == AW_URL_WSS && options->tls == NULL) {
                fail(opening->error, WS_FAILED_URL, EINVAL, "wss needs a TLS context");
                return NULL;
        }
        if (!headers_valid(options)) {
                fail(opening->error, WS_FAILED_URL, EINVAL, "a header field is not 'Name: value'");
                return NULL;
        }
        aw_timeout_enter(&timeout, deadline);
        result = aw_timeout_exit(&timeout, await(aw_resolve(url, false, &addresses, &reason)));
        if (result == -1 && (errno == ETIMEDOUT || errno == ECANCELED)) {
                fail_waiting(opening->error, url, "resolving the name of");
                return NULL;
        }
        if (result == -1) {
                fail(opening->error, WS_FAILED_CONNECTION, errno, "cannot resolve %s: %s",
                     url->host, reason);
                return NULL;
        }
        socket = await(connect_any(url, &addresses, opening->error, deadline));
        aw_addresses_free(&addresses);
        return socket == NULL ? NULL : await(connect_to(opening, socket, deadline));
}

async struct ws *
ws_connect(const struct ws_connect_options *options, struct ws_error *error, aw_time deadline)
{
        struct ws_opening opening = {.options = options, .error = error};
        struct aw_url *url = malloc(sizeof(*url));
        struct ws *ws = NULL;
        int number;

        *error = (struct ws_error){.status = 0};
        if (url == NULL)
                fail(error, WS_FAILED_MEMORY, ENOMEM, "out of memory");
        else
                ws = await(connect_url(&opening, url, deadline));
        number = errno;
        free(url);
        errno = number;
        return ws;
}
