/* SPDX-License-Identifier: MIT */
/* A listener that is watched, and what was told of it. */
#ifndef WS_TEST_WATCHED_H
#define WS_TEST_WATCHED_H

#include "await/watch.h"
#include "unit/ws/raw.h"

/* Who watches, and the last that was told of the end of a connection. */
static struct watcher {
        struct ws_watch watch;
        struct ws_listener *listener;
        struct ws_info ended;
        char why[200], path[100];
} watcher;

static inline void
told(void *argument, enum ws_event event, const struct ws *ws)
{
        static const char *const names[] = {"accepted", "secure", "opened", "ended", "turned-away"};
        struct watcher *own = argument;

        trace(names[event]);
        if (event != WS_EVENT_ENDED)
                return;
        ws_info(ws, &own->ended);
        snprintf(own->why, sizeof(own->why), "%s", own->ended.why);
        snprintf(own->path, sizeof(own->path), "%s",
                 own->ended.request == NULL ? "" : own->ended.request->path);
}

static inline async void
watch_open(const char *url, struct aw_tls_context *tls)
{
        struct ws_listen_options options = {
                .url = url, .tls = tls, .ping_interval = 60 * AW_SECOND, .watch = &watcher.watch};
        struct aw_error error = {.text = ""};

        watcher = (struct watcher){.watch = {.event = told, .argument = &watcher}};
        watcher.listener = await(ws_listen(&options, &error));
        test_expect(watcher.listener != NULL, __FILE__, __LINE__, "listening: %s", error.text);
}

/* Both ends of a connection to it. */
static inline async void
watch_pair(struct pair *pair, struct aw_tls_context *client_tls)
{
        struct connecting connecting = {.options = {.tls = client_tls}};

        connect_start(&connecting, ws_listener_url(watcher.listener, 0));
        pair->server = await(ws_accept(watcher.listener, SOON));
        expect_int(await(aw_join(connecting.task)), 0);
        pair->client = connecting.ws;
}

static inline async void
wait_ended(void)
{
        wait_until(watcher.ended.ended != 0);
}

static inline async void
watch_close(void)
{
        ws_listener_close(watcher.listener);
        await(idle_turns());
}

#endif
