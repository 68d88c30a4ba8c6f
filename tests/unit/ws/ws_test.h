/* SPDX-License-Identifier: MIT */
/*
 * What the tests of connections share: both ends of one, and peers that are no more than a socket,
 * which can do what no good peer does.
 */
#ifndef WS_TEST_H
#define WS_TEST_H

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "await/sync.h"
#include "await/task_wait.h"
#include "await/tls.h"
#include "unit/support.h"
#include "ws/deflate_private.h"

/* When to give up on what should come at once. */
#define SOON (aw_loop_now() + 30 * AW_SECOND)

/* For what should not come: long enough for a few turns. */
#define NOW_OR_NOT (aw_loop_now() + 30 * AW_MILLISECOND)

#define ANY_PORT "ws://127.0.0.1:0"

/* Both ends of a connection. */
struct pair {
        async int (*test)(struct pair *pair);
        const char *url;
        uint64_t max_message; /* of both ends, and the next */
        struct ws_deflate_options deflate;
        struct aw_tls_context *server_tls, *client_tls;
        struct ws_listener *listener;
        struct ws *server, *client;
};

/* A ws_connect() in a task of its own. */
struct connecting {
        struct ws_connect_options options;
        aw_time deadline;
        struct aw_task *task;
        struct ws *ws;
        struct aw_error error;
};

static inline async int
connect_in_task(void *argument)
{
        struct connecting *connecting = argument;

        connecting->ws =
                await(ws_connect(&connecting->options, &connecting->error, connecting->deadline));
        return connecting->ws == NULL ? -1 : 0;
}

static inline void
connect_start(struct connecting *connecting, const char *url)
{
        connecting->options.url = url;
        if (connecting->deadline == 0)
                connecting->deadline = SOON;
        connecting->task = aw_spawn("connect", connect_in_task, connecting);
}

/* That the connection that was begun ends up in this failure, with these words in the sentence. */
#define expect_failure(connecting, failure, number, words)                                         \
        await(test_expect_failure((connecting), (failure), (number), (words), __FILE__, __LINE__))

static inline async void
test_expect_failure(struct connecting *connecting, enum aw_error_kind failure, int number,
                    const char *words, const char *file, int line)
{
        const struct aw_error *error = &connecting->error;

        if (!test_expect_error(await(aw_join(connecting->task)), number, file, line, "connecting"))
                ws_drop(connecting->ws);
        test_expect(connecting->ws == NULL, file, line, "there is no connection");
        test_expect_int(error->kind, failure, file, line, "the failure");
        test_expect(strstr(error->text, words) != NULL, file, line,
                    "'%s' is in the sentence (it is '%s')", words, error->text);
        test_expect(error->text[0] != '\0' && error->text[strlen(error->text) - 1] != '.', file,
                    line, "the sentence has no full stop (%s)", error->text);
}

static inline async struct ws_listener *
listen_at(const char *url, struct aw_tls_context *tls)
{
        struct ws_listen_options options = {.url = url, .tls = tls};
        struct aw_error error = {.text = ""};
        struct ws_listener *listener = await(ws_listen(&options, &error));

        test_expect(listener != NULL, __FILE__, __LINE__, "listening on %s: %s", url, error.text);
        return listener;
}

static inline async int
pair_open(struct pair *pair)
{
        struct ws_listen_options options = {.url = pair->url,
                                            .tls = pair->server_tls,
                                            .max_message = pair->max_message,
                                            .deflate = pair->deflate};
        struct connecting connecting = {.options = {.tls = pair->client_tls,
                                                    .max_message = pair->max_message,
                                                    .deflate = pair->deflate}};
        struct aw_error error = {.text = ""};

        pair->listener = await(ws_listen(&options, &error));
        if (!expect(pair->listener != NULL))
                return -1;
        connect_start(&connecting, ws_listener_url(pair->listener, 0));
        pair->server = await(ws_accept(pair->listener, SOON));
        expect(pair->server != NULL);
        test_expect(await(aw_join(connecting.task)) == 0, __FILE__, __LINE__, "connecting: %s",
                    connecting.error.text);
        pair->client = connecting.ws;
        return pair->server != NULL && pair->client != NULL ? 0 : -1;
}

/* A test sets to NULL what it has closed itself. */
static inline async int
pair_main(void *argument)
{
        struct pair *pair = argument;

        if (await(pair_open(pair)) == 0)
                await(pair->test(pair));
        ws_drop(pair->client);
        ws_drop(pair->server);
        ws_listener_close(pair->listener);
        return 0;
}

static inline void
test_on_pair(struct pair pair)
{
        test_begin();
        expect_int(test_run(pair_main, &pair), 0);
        test_end();
}

static inline void
test_on_plain_pair(void **state)
{
        test_on_pair(
                (struct pair){.test = (async int (*)(struct pair *)) * state, .url = ANY_PORT});
}

static inline void
test_on_tls_pair_with(void **state, struct ws_deflate_options deflate)
{
        struct aw_error error;
        struct aw_tls_context *server = aw_tls_context_server(NULL, NULL, &error);
        struct aw_tls_context *client = aw_tls_context_client(NULL, true, &error);

        assert_non_null(server);
        assert_non_null(client);
        test_on_pair((struct pair){.test = (async int (*)(struct pair *)) * state,
                                   .url = "wss://127.0.0.1:0",
                                   .server_tls = server,
                                   .client_tls = client,
                                   .deflate = deflate});
        aw_tls_context_unref(server);
        aw_tls_context_unref(client);
}

static inline void
test_on_tls_pair(void **state)
{
        test_on_tls_pair_with(state, (struct ws_deflate_options){.level = 0});
}

/* Entries of cmocka's table. */
#define on_pair(test)                                                                              \
        {                                                                                          \
#test, test_on_plain_pair, NULL, NULL, (void *)(test)                              \
        }
#define on_both_pairs(test)                                                                        \
        on_pair(test),                                                                             \
        {                                                                                          \
#test "_over_tls", test_on_tls_pair, NULL, NULL, (void *)(test)                    \
        }

/* What the tests know of the inside of a connection. */

static inline bool
is_paused(const struct ws *ws)
{
        return ws->in.paused;
}

static inline bool
has_peers_close(const struct ws *ws)
{
        return ws->in.state == WS_IN_CLOSED;
}

/* The message of which a part has come, or NULL. */
static inline const struct ws_buffer *
half_a_message(const struct ws *ws)
{
        return ws->in.reader.message;
}

static inline bool
has_inbox(const struct ws *ws)
{
        return ws->in.inbox.first != NULL;
}

static inline size_t
inbox_bytes(const struct ws *ws)
{
        return ws->in.inbox.bytes;
}

static inline size_t
outbox_bytes(const struct ws *ws)
{
        return ws->out.outbox.bytes;
}

static inline bool
is_compressing(const struct ws *ws)
{
        return (ws->out.held & WS_HELD_COMPRESSING) != 0;
}

/* All that is kept for the connection. */
static inline size_t
held_bytes(const struct ws *ws)
{
        const struct ws_buffer *current = ws->in.current, *half = half_a_message(ws);

        return inbox_bytes(ws) + outbox_bytes(ws) +
               (current == NULL || current->queued ? 0 : ws_buffer_cost(current)) +
               (half == NULL ? 0 : ws_buffer_cost(half)) + ws_deflate_cost(ws) +
               (ws->transport == NULL ? 0 : aw_transport_held(ws->transport));
}

static inline bool
has_waiting_task(const struct ws *ws)
{
        return ws->receiver.first != NULL || ws->senders.first != NULL ||
               ws->pingers.first != NULL || ws->watchers.first != NULL;
}

static inline int
socket_of(const struct ws *ws)
{
        return aw_transport_fd(ws->transport);
}

/* Closes both ends, which must go well. */
static inline async int
close_in_task(void *ws)
{
        return await(ws_close(ws, WS_NORMAL, NULL));
}

static inline async void
close_pair(struct pair *pair)
{
        struct aw_task *task = aw_spawn("close", close_in_task, pair->client);

        expect_int(await(ws_close(pair->server, WS_NORMAL, NULL)), 0);
        expect_int(await(aw_join(task)), 0);
        pair->client = pair->server = NULL;
}

/* Messages. */

static inline struct ws_message
message_of(enum ws_type type, const void *data, size_t length)
{
        return (struct ws_message){.type = type, .data = data, .length = length};
}

/* That the message is this one. */
#define expect_message(message, type, data, length)                                                \
        test_expect_message((message), (type), (data), (length), __FILE__, __LINE__)
#define expect_text(message, text)                                                                 \
        test_expect_message((message), WS_TEXT, (text), strlen(text), __FILE__, __LINE__)

static inline bool
test_expect_message(const struct ws_message *message, enum ws_type type, const void *data,
                    size_t length, const char *file, int line)
{
        return test_expect_int(message->type, type, file, line, "the message's type") &&
               test_expect_int((long long)message->length, (long long)length, file, line,
                               "the message's length") &&
               test_expect(length == 0 || memcmp(message->data, data, length) == 0, file, line,
                           "the message's data are '%.40s' (they are '%.40s')", (const char *)data,
                           (const char *)message->data);
}

/* Receives the next message, which must be this text. */
#define expect_received(ws, text) await(test_expect_received((ws), (text), __FILE__, __LINE__))

static inline async void
test_expect_received(struct ws *ws, const char *text, const char *file, int line)
{
        struct ws_message message;
        int result = await(ws_receive(ws, &message, SOON));

        if (test_expect(result == 0, file, line, "'%s' is received (%s)", text, strerror(errno)))
                test_expect_message(&message, WS_TEXT, text, strlen(text), file, line);
}

/* That receiving fails, and that the peer's Close frame was this. */
#define expect_closed(ws, code, reason)                                                            \
        await(test_expect_closed((ws), (code), (reason), __FILE__, __LINE__))

static inline async void
test_expect_closed(struct ws *ws, unsigned code, const char *reason, const char *file, int line)
{
        struct ws_message message;

        test_expect_error(await(ws_receive(ws, &message, SOON)), EPIPE, file, line, "receiving");
        test_expect_int(ws_peer_close(ws)->code, code, file, line, "the peer's code");
        test_expect(strcmp(ws_peer_close(ws)->reason, reason) == 0, file, line,
                    "the peer's reason is '%s' (it is '%s')", reason, ws_peer_close(ws)->reason);
}

/* A large message that is different everywhere. */
static inline uint8_t *
pattern(size_t length)
{
        uint8_t *data = malloc(length);
        size_t i;

        for (i = 0; data != NULL && i < length; i++)
                data[i] = (uint8_t)((i >> 16) + (i >> 8) * 3 + i * 7);
        expect(data != NULL);
        return data;
}

/* Turns the loop until it is so; for what nobody can be told of. */
#define wait_until(condition)                                                                      \
        do {                                                                                       \
                aw_time end_ = SOON;                                                               \
                while (!(condition) && aw_loop_now() < end_)                                       \
                        await(aw_sleep(0));                                                        \
                expect(condition);                                                                 \
        } while (false)

/* Turns in which what should not happen could. */
static inline async void
idle_turns(void)
{
        int i;

        for (i = 0; i < 100; i++)
                await(aw_sleep(0));
}

/* A ws_close() in a task of its own. */
struct closing {
        struct ws *ws;
        unsigned code;
        const char *reason;
};

static inline async int
closing_main(void *argument)
{
        struct closing *closing = argument;

        return await(ws_close(closing->ws, closing->code, closing->reason));
}

static inline struct aw_task *
close_start(struct closing *closing)
{
        struct aw_task *task = aw_spawn("close", closing_main, closing);

        expect(task != NULL);
        return task;
}

/* An echo, which leaves the connection to whoever began it. */
static inline async int
echo_in_task(void *ws)
{
        struct ws_message message;

        while (await(ws_receive(ws, &message, AW_NEVER)) == 0)
                if (await(ws_send(ws, &message, AW_NEVER)) == -1)
                        break;
        return 0;
}

#endif
