/* SPDX-License-Identifier: MIT */
/* A server for a run of wsbench, in a thread of its own, until it has had so many connections. */
#ifndef SERVE_TEST_H
#define SERVE_TEST_H

#include <semaphore.h>

#include "bench/conductor.h"
#include "unit/support.h"

static struct server {
        unsigned connections;
        bool echoes; /* or only receives */
        char url[64];
        sem_t listens;
} server;

static async void
serve_one(struct ws *ws)
{
        struct ws_message message;

        while (await(ws_receive(ws, &message, AW_NEVER)) == 0)
                if (server.echoes && await(ws_send(ws, &message, AW_NEVER)) == -1)
                        break;
        await(ws_close(ws, WS_NORMAL, NULL));
}

static async int
serve_connections(void *nothing)
{
        struct ws_listen_options options = {.url = "ws://127.0.0.1:0"};
        struct ws_listener *listener = await(ws_listen(&options, NULL));

        (void)nothing;
        if (listener != NULL)
                snprintf(server.url, sizeof(server.url), "%s", ws_listener_url(listener, 0));
        sem_post(&server.listens);
        for (unsigned i = 0; listener != NULL && i < server.connections; i++)
                await(serve_one(await(ws_accept(listener, AW_NEVER))));
        ws_listener_close(listener);
        return 0;
}

static void *
serve_in_thread(void *nothing)
{
        test_run(serve_connections, nothing);
        return NULL;
}

/* One worker's run against it, with one connection at a time. */
static inline struct result *
run_against_server(struct bench_options *options)
{
        char *const urls[] = {server.url};
        struct aw_opt_strings pids = {.count = 0};
        struct result *result;
        pthread_t thread;

        assert_int_equal(sem_init(&server.listens, 0, 0), 0);
        assert_int_equal(pthread_create(&thread, NULL, serve_in_thread, NULL), 0);
        assert_int_equal(sem_wait(&server.listens), 0);
        options->connections = options->thread_count = 1;
        options->timeout = 10 * AW_SECOND;
        options->loop = getenv("AW_TEST_LOOP");
        result = conductor_run(options, urls[0], &pids, false);
        assert_non_null(result);
        assert_int_equal(result->error, 0);
        assert_int_equal(pthread_join(thread, NULL), 0);
        sem_destroy(&server.listens);
        return result;
}

#endif
