/* SPDX-License-Identifier: MIT */
/*
 * Requests that come to a listener, and how its handler answers them, at once or later: see
 * ws_listen_options in ws.h. A request belongs to the library, what an answer points to to the
 * handler.
 */
#ifndef AW_REQUEST_H
#define AW_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

#include "api.h"
#include "task.h"

struct ws;
struct ws_deflate_options;

struct ws_field {
        const char *name, *value;
};

/*
 * A request that came to a listener, for a WebSocket or for something else. All texts are
 * terminated and as the client wrote them: nothing is decoded. It holds up to 40 KiB, most of them
 * about 1.
 */
struct ws_request {
        const char *method;            /* "GET" */
        const char *target;            /* "/chat?room=1", "http://example.com/chat", "*" */
        const char *path;              /* "/chat"; "*" if that is the target; of CONNECT "" */
        const char *query;             /* "room=1"; NULL if there is no '?' */
        int minor_version;             /* of HTTP/1: 0, or 1 also for what is higher */
        bool upgrade;                  /* a right opening handshake (section 4.2.1) */
        bool secure;                   /* it came over TLS */
        const char *peer;              /* as ws_peer() */
        const struct ws *ws;           /* its connection, for ws_describe() */
        const struct ws_field *fields; /* in their order; values without white space around them */
        size_t field_count;
};

/*
 * The value of a field, whose name is compared without case: the first one with index 0, and with
 * 1, 2, ... those that repeat the name. NULL if there are not so many.
 */
AW_API const char *ws_request_field(const struct ws_request *request, const char *name,
                                    size_t index);

/* Whether the client offers the subprotocol, compared with case. */
AW_API bool ws_request_offers(const struct ws_request *request, const char *subprotocol);

/*
 * The request that opened a listener's connection. The connection's, until that is freed. NULL for
 * a client's.
 */
AW_API const struct ws_request *ws_request(const struct ws *ws);

/*
 * How a request is answered. All it points to is borrowed until `done` is called, or for good if
 * that is NULL.
 */
struct ws_answer {
        /* 101 accepts a handshake; 200 to 599 is the status of a response that ends the matter. */
        int status;
        /* With 101: one that the client offers, or NULL for none. */
        const char *subprotocol;
        /* With 101: in place of the listener's; or NULL. */
        const struct ws_deflate_options *deflate;
        /*
         * Further fields, "Name: value". Not those that the library writes: Connection, Upgrade,
         * Sec-WebSocket-*, Date, Content-Length, Content-Type, X-Content-Type-Options.
         */
        const char *const *fields;
        size_t field_count;
        /* The rest is not for 101. NULL: "text/plain; charset=utf-8". */
        const char *content_type;
        const char *body; /* NULL: none. HEAD gets its length only */
        size_t length;    /* bytes of the body; 0: it is terminated */
        /*
         * Of a request that is refused: why, for the log and ws_info(). A literal. NULL: what the
         * status is called.
         */
        const char *why;
        /*
         * A task is to decide: see below. Set by a handler; what it has written besides is what the
         * task begins with. NULL: nothing more is to be decided.
         */
        aw_async void (*later)(const struct ws_request *request, struct ws_answer *answer,
                               void *argument);
        /* Called when all of it has been copied; frees what the handler allocated. NULL: nothing */
        void (*done)(struct ws_answer *answer);
        void *data; /* for `done` */
};

/*
 * Deciding later: a handler does not wait, but a task that it leaves the matter to may, for a thread
 * that looks at a password, or for another server:
 *
 *     static async void
 *     look_up(const struct ws_request *request, struct ws_answer *answer, void *argument)
 *     {
 *             if (await(is_welcome(request)) != 1)
 *                     *answer = (struct ws_answer){.status = 403};
 *     }
 *
 *     static void
 *     handler(const struct ws_request *request, struct ws_answer *answer, void *argument)
 *     {
 *             answer->later = look_up;
 *     }
 *
 * The function is called from the next turn on, in a task of its own, with the listener's argument.
 * What is in *answer when it returns is the answer, with what the handler may do; `later` is not
 * looked at again. Both pointers are good until then. Meanwhile the client waits, and what it sends
 * is kept, up to 16 KiB, or not read.
 *
 * The task is cancelled if the connection is lost, the listener drains, or the time for handshakes
 * is over (handshake_timeout; then the client gets 503). Whatever it answers is not sent then, and `done` is
 * called when it has returned. The argument must be good until then: ws_listener_wait() waits for
 * that.
 */

#endif
