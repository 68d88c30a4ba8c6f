/* SPDX-License-Identifier: MIT */
/*
 * Watching a listener's connections: figures, what each one does now, and what became of it. For
 * metrics and access logs.
 */
#ifndef AW_WATCH_H
#define AW_WATCH_H

#include "histogram.h"
#include "ws.h"

/* What went by in one direction. The first of two is text, the second binary. */
struct ws_count {
        uint64_t messages[2]; /* whole ones */
        uint64_t bytes[2];    /* of their payload as it goes, compressed or not; also incomplete */
        uint64_t pings, pongs;
        uint64_t fragments; /* of messages, behind their first ones */
};

/* The same for all connections of a listener. */
struct ws_counters {
        struct ws_count received, sent;
        uint64_t pauses; /* how often reading stopped, because max_buffer was full */
        uint64_t rests;  /* and for a while, because of max_control_rate */
        /*
         * From when the end of a message has been read to when all of it is on its way out of the
         * connection, to be encrypted and sent, if ws_send() was given the message as it came. Of a
         * sample: a connection's first message, and then one in each 17th read that brings some.
         */
        struct aw_histogram echo;
};

/*
 * Adds what the listener's connections have done so far, those that have ended included, to
 * *counters. It looks at each connection, so it is for once a second, not for each message.
 */
AW_API void ws_listener_count(const struct ws_listener *listener, struct ws_counters *counters);

enum ws_event {
        WS_EVENT_ACCEPTED,    /* a connection; nothing was read yet */
        WS_EVENT_SECURE,      /* its TLS handshake is complete */
        WS_EVENT_OPENED,      /* its opening handshake is: ws_accept() will give it to a task */
        WS_EVENT_ENDED,       /* it is gone; once for each WS_EVENT_ACCEPTED, and the last */
        WS_EVENT_TURNED_AWAY, /* one was accepted and closed: no descriptors. There is no struct ws */
};

/*
 * Somebody who watches a listener. The function is called on the loop's stack or a task's; of the
 * connection it uses ws_info() alone, and it does not wait.
 */
struct ws_watch {
        void (*event)(void *argument, enum ws_event event, const struct ws *ws);
        void *argument;
};

/* Who ended a connection. */
enum ws_side {
        WS_SIDE_NONE,   /* nobody has yet */
        WS_SIDE_CLIENT, /* it closed, or ended its stream, or was lost */
        WS_SIDE_SERVER,
};

/* The limit that a connection was over, and ended by. */
enum ws_limit {
        WS_LIMIT_NONE,
        WS_LIMIT_HANDSHAKE_TIMEOUT,
        WS_LIMIT_IDLE_TIMEOUT,
        WS_LIMIT_PING_TIMEOUT,
        WS_LIMIT_LIFETIME,
        WS_LIMIT_MESSAGE_RATE,
        WS_LIMIT_MESSAGE, /* max_message */
        WS_LIMIT_MEMORY,  /* ws_set_max_memory() */
};

/* What was wrong with the header of the PROXY protocol that was due: see struct ws_trust. */
enum ws_proxy_fault {
        WS_PROXY_RIGHT,     /* nothing, or none was due */
        WS_PROXY_UNTRUSTED, /* who connected is not trusted to send one */
        WS_PROXY_WRONG,     /* it did not come, or not as it should */
};

/*
 * What is known of a connection. Texts are the connection's, and good until the next await, or as
 * long as the function that was told of an event.
 */
struct ws_info {
        const char *peer;                 /* as ws_peer() */
        const struct ws_request *request; /* NULL: none came that makes sense, or a client's */
        const char *subprotocol;          /* as ws_subprotocol() */
        const char *tls;                  /* "TLSv1.3"; NULL: none, or not yet */
        bool resumed;                     /* the TLS session was */
        const char *cipher;               /* "TLS_AES_128_GCM_SHA256", or NULL */
        const char *application;          /* what ALPN agreed on, "http/1.1", or NULL */
        const char *server_name;          /* that the client asked for (SNI), or NULL */
        const char *client_subject;       /* of its certificate, which was verified, or NULL */
        int status;                       /* of the HTTP response; 0: there was none yet */
        enum ws_proxy_fault proxy_fault;

        /* aw_loop_now() when it was accepted, opened and ended; 0: it was not. */
        aw_time accepted, opened, ended;

        struct ws_count received, sent;
        size_t unread; /* bytes of memory that wait to be received */
        size_t queued; /* bytes of memory that wait to be sent */

        /* Codes of the Close frames, WS_NO_STATUS for one without a code; 0: there was none. */
        unsigned received_close, sent_close;

        /* The first that ended it, and why, in words. Of a connection that goes on "". */
        enum ws_side ended_by;
        const char *why;
        bool tls_failed;     /* its TLS handshake did, or a record that came later */
        bool client_refused; /* and that was because of the client's certificate, or for lack of it */
        bool foreign_origin; /* the page that it came from may not connect: see ws_listen_options */
        enum ws_limit limit;

        /* Where a task waits in it: "FILE:LINE: EXPRESSION". NULL: none does. */
        const char *awaits;
};

AW_API void ws_info(const struct ws *ws, struct ws_info *info);

/*
 * Calls the function with each connection of the listener, the newest first, also those whose
 * handshake is not complete, until it returns false. It uses them as an event's function does.
 */
AW_API void ws_listener_each(const struct ws_listener *listener,
                             bool (*each)(const struct ws *ws, void *argument), void *argument);

#endif
