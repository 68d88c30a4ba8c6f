/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "connect.h"

#include "await/tls.h"
#include "client.h"
#include "network.h"

/* Before the loop. */

static int
load_contexts(struct connector *connector, struct aw_error *error)
{
        const struct client_options *options = connector->options;
        bool may_leave = options->handshake.location && options->tls.cert != NULL;

        /* A redirect may lead behind another proxy. */
        if (network_proxy_tls(&options->network, &options->tls,
                              options->handshake.location ? NULL : connector->asked,
                              &connector->proxy, error) == -1)
                return -1;
        if (strncasecmp(connector->asked, "wss:", 4) != 0 && !options->handshake.location)
                return 0;
        connector->tls = network_tls(&options->tls, true, error);
        if (connector->tls != NULL && may_leave)
                connector->strange = network_tls(&options->tls, false, error);
        return connector->tls == NULL || (may_leave && connector->strange == NULL) ? -1 : 0;
}

/* Of a response's head: where it sends us. */
static void
keep_location(struct connector *connector, const char *head)
{
        const char *line = strchr(head, '\n');
        size_t length;

        free(connector->location);
        connector->location = NULL;
        for (; line != NULL && connector->location == NULL; line = strchr(line + 1, '\n'))
                if (strncasecmp(line + 1, "Location:", strlen("Location:")) == 0) {
                        line += 1 + strlen("Location:");
                        line += strspn(line, " \t");
                        length = strcspn(line, "\r\n");
                        while (length > 0 && strchr(" \t", line[length - 1]) != NULL)
                                length--;
                        connector->location = strndup(line, length);
                }
}

static void
hand_step(void *argument, enum ws_step step, const char *text)
{
        struct connector *connector = argument;
        const struct ws_observer *report = connector->looks_on;

        if (step == WS_STEP_RESPONSE)
                keep_location(connector, text);
        if (step == WS_STEP_BODY) {
                free(connector->body);
                connector->body = strdup(text);
        }
        if (step == WS_STEP_FAULT)
                client_say("warning: %s", text);
        if (report != NULL && report->step != NULL)
                report->step(report->argument, step, text);
}

int
connector_open(struct connector *connector, const struct client_options *options,
               struct aw_error *error)
{
        *connector = (struct connector){.options = options};
        connector->observer = (struct ws_observer){.step = hand_step, .argument = connector};
        if (url_read(&connector->url, options->url, error) == -1)
                return -1;
        connector->asked = strdup(connector->url.text);
        connector->start = strdup(connector->url.text);
        if (connector->asked == NULL || connector->start == NULL)
                return aw_error_set(error, AW_ERROR_MEMORY, ENOMEM, "out of memory");
        if (identity_make(&connector->identity, options, connector->url.user,
                          connector->url.password, error) == -1)
                return -1;
        return load_contexts(connector, error);
}

void
connector_close(struct connector *connector)
{
        free(connector->asked);
        free(connector->start);
        url_free(&connector->url);
        identity_free(&connector->identity);
        aw_tls_context_unref(connector->tls);
        aw_tls_context_unref(connector->strange);
        aw_tls_context_unref(connector->proxy);
        free(connector->location);
        free(connector->body);
}

/* In the loop. */

const char *
connector_url(const struct connector *connector)
{
        bool as_given =
                connector->url.user == NULL && strcmp(connector->asked, connector->url.text) == 0;

        return as_given ? connector->options->url : connector->url.text;
}

/* Our secrets are for the host that the user named. */
static bool
is_strange(const struct connector *connector)
{
        return strcmp(connector->asked, connector->url.text) != 0 &&
               !url_same_origin(connector->asked, connector->url.text);
}

bool
connector_has_credentials(const struct connector *connector)
{
        for (size_t i = 0; i < connector->identity.own && !is_strange(connector); i++)
                if (strncasecmp(connector->identity.fields[i],
                                "Authorization:", strlen("Authorization:")) == 0)
                        return true;
        return false;
}

static async struct ws *
connect_once(struct connector *connector, struct aw_error *error, aw_time deadline)
{
        const struct client_options *options = connector->options;
        bool strange = is_strange(connector);
        size_t skip = strange ? connector->identity.own : 0;
        struct aw_connect_options network;
        struct ws_connect_options to = {
                .url = connector->url.text,
                .tls = strange && connector->strange != NULL ? connector->strange : connector->tls,
                .headers = (const char *const *)connector->identity.fields + skip,
                .header_count = connector->identity.count - skip,
                .max_message = options->connection.max_message,
                .ping_interval = options->connection.ping_interval,
                .ping_timeout = options->connection.ping_timeout,
                .deflate = options->handshake.deflate,
                .network = &network,
                .server_name = strange ? NULL : options->tls.server_name,
                .observer = &connector->observer};

        if (network_connect_options(&options->network, to.url, &network, error) == -1)
                return NULL;
        network.proxy_tls = connector->proxy;
        free(connector->body);
        connector->body = NULL;
        return await(ws_connect(&to, error, deadline));
}

/* A copy takes the place of what is there. 0, or -1 with *error. */
static int
put_copy(char **place, const char *text, struct aw_error *error)
{
        char *copy = strdup(text);

        if (copy == NULL)
                return aw_error_set(error, AW_ERROR_MEMORY, ENOMEM, "out of memory");
        free(*place);
        *place = copy;
        return 0;
}

/* What is wrong with a server's URL is no wrong use of ours. 0, or -1 with *error. */
static int
check_place(const struct connector *connector, const char *url, struct aw_error *error)
{
        const struct ws_connect_options to = {.url = url, .tls = connector->tls};
        struct aw_error why;

        if (ws_connect_check(&to, &why) == 0)
                return 0;
        if (why.kind != AW_ERROR_USAGE)
                return aw_error_set(error, why.kind, why.number, "%s", why.text);
        return aw_error_set(error, AW_ERROR_HANDSHAKE, EINVAL, "the server sends us to %s",
                            why.text);
}

/* Another place to go to, this time or *for_good: 0, or -1 with *error. */
static int
go_on(struct connector *connector, bool *for_good, struct aw_error *error)
{
        char *next;

        *for_good = *for_good && (error->status == 301 || error->status == 308);

        if (connector->location == NULL)
                return -1;
        next = url_follow(connector->url.text, connector->location, error);
        if (next == NULL || check_place(connector, next, error) == -1) {
                free(next);
                return -1;
        }
        if (connector->options->printing.verbose > 0)
                client_tell("* going on to %s", next);
        free(connector->url.text);
        connector->url.text = next;
        return *for_good ? put_copy(&connector->start, next, error) : 0;
}

/* When there is to be a connection. */
static aw_time
deadline_of(const struct client_options *options)
{
        int64_t timeout = options->connection.connect_timeout > 0
                                  ? options->connection.connect_timeout
                                  : options->connection.timeout;
        aw_time now = aw_loop_now();

        return timeout == 0 || timeout > AW_NEVER - now ? AW_NEVER : now + timeout;
}

async struct ws *
connector_connect(struct connector *connector, struct aw_error *error)
{
        const struct handshake_options *handshake = &connector->options->handshake;
        aw_time deadline = deadline_of(connector->options);
        bool for_good = true;
        struct ws *ws;

        if (put_copy(&connector->url.text, connector->start, error) == -1)
                return NULL;
        for (uint64_t followed = 0;; followed++) {
                ws = await(connect_once(connector, error, deadline));
                if (ws != NULL || error->cause != AW_CAUSE_REDIRECTED || !handshake->location)
                        return ws;
                if (followed == handshake->max_redirs) {
                        aw_error_set(error, AW_ERROR_HANDSHAKE, EPROTO,
                                     "more than %u redirect%s: raise that with --max-redirs",
                                     (unsigned)followed, client_plural(followed));
                        return NULL;
                }
                if (go_on(connector, &for_good, error) == -1)
                        return NULL;
        }
}
