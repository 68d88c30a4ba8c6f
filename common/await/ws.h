/* SPDX-License-Identifier: MIT */
/*
 * WebSocket connections (RFC 6455) as awaitables: listen and accept, connect, receive, send, ping,
 * close. An echo server's connection is
 *
 *     while (await(ws_receive(ws, &message, AW_NEVER)) == 0)
 *             if (await(ws_send(ws, &message, AW_NEVER)) == -1)
 *                     break;
 *     return await(ws_close(ws, WS_NORMAL, NULL));
 *
 * Memory is bounded: reading from a peer stops while too much that it sent waits to be received,
 * and sending waits while too much that the peer should read waits to be sent.
 *
 * Pings are answered by the library, after the replies to what came before them if the receiver
 * keeps up, at once if it does not. A connection belongs to one loop. One task receives at a time;
 * any number send.
 */
#ifndef WS_H
#define WS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "api.h"
#include "connect.h"
#include "deflate.h"
#include "error.h"
#include "peer.h"
#include "request.h"
#include "task.h"

struct aw_tls_context;
struct ws;
struct ws_buffer;
struct ws_listener;
struct ws_watch;

#define WS_MESSAGE_MAX ((uint64_t)16 << 20) /* bytes; what a max_message of 0 means */

/* Bytes that may wait in each direction; what a max_buffer of 0 means. */
#define WS_BUFFER_MAX ((uint64_t)256 << 10)

/*
 * What one connection holds at most, in bytes: a message in each direction, because two peers that
 * send at once must both be able to receive; and the rest, which is bounded: queues, what the kernel
 * did not take, what was read in one go. The first is with a max_buffer of 0.
 */
#define WS_CONNECTION_MAX(max_message) WS_CONNECTION_MAX_WITH(max_message, WS_BUFFER_MAX)
#define WS_CONNECTION_MAX_WITH(max_message, max_buffer)                                            \
        (2 * (uint64_t)(max_message) + 4 * (uint64_t)(max_buffer) + ((uint64_t)3 << 20))

/* Status codes of a Close frame (section 7.4.1, and IANA's registry). */
enum ws_close_code {
        WS_NORMAL = 1000,
        WS_GOING_AWAY = 1001,
        WS_PROTOCOL_ERROR = 1002,
        WS_UNSUPPORTED_DATA = 1003,
        WS_NO_STATUS = 1005, /* never sent: the Close frame had no code */
        WS_ABNORMAL = 1006,  /* never sent: the connection was lost without a Close frame */
        WS_INVALID_DATA = 1007,
        WS_POLICY_VIOLATION = 1008,
        WS_TOO_LARGE = 1009,
        WS_INTERNAL_ERROR = 1011,
        WS_TRY_AGAIN_LATER = 1013, /* no memory for large messages now: see ws_set_max_memory() */
};

enum ws_type { WS_TEXT = 1, WS_BINARY = 2 };

/* A whole message. */
struct ws_message {
        enum ws_type type;
        const uint8_t *data; /* WS_TEXT: UTF-8, not terminated */
        size_t length;       /* bytes */
        /* Of a received message, which ws_send() then need not copy; else NULL. */
        struct ws_buffer *buffer;
};

/*
 * Waits for the next message. Its data are the connection's, until the next ws_receive() or
 * ws_close(). 0, or -1 with errno:
 *
 *   EPIPE      the peer closed, or the connection was lost: see ws_peer_close()
 *   EPROTO     the peer broke the protocol (it is being closed with 1002), or sent a text that is
 *              not UTF-8 (1007)
 *   EMSGSIZE   the message is over the limit (1009)
 *   EDQUOT     the peer sent more messages than max_message_rate allows (1008)
 *   ESHUTDOWN  the listener drains, or the connection has been idle, or open, for as long as it may
 *              be: everything received so far was delivered
 *   ETIMEDOUT, ECANCELED, ENOMEM
 */
AW_API aw_async int ws_receive(struct ws *ws, struct ws_message *message, aw_time deadline);

/*
 * Queues a message, which goes out at the end of this turn in one write with what else is queued; the
 * plain echo of a small one that came alone goes out at once.
 * Waits only while too much is queued already. The data are the caller's again when it returns. 0,
 * or -1 with errno: EPIPE the connection is closed or closing, ESHUTDOWN as above, and the peer has
 * taken nothing for 5 s, EINVAL no such type, EILSEQ a text that is not UTF-8, ETIMEDOUT,
 * ECANCELED, ENOMEM; nothing was queued then.
 */
AW_API aw_async int ws_send(struct ws *ws, const struct ws_message *message, aw_time deadline);

/* The same for a terminated string, as text. */
AW_API aw_async int ws_send_text(struct ws *ws, const char *text, aw_time deadline);

/*
 * Sends a message in parts (fragments, section 5.4), each as it comes: the first one says which
 * type it is, `final` which one is the last. Text must be UTF-8 as a whole; a character may be
 * divided. Messages of other tasks wait for the last part, so one task at a time sends in parts. 0,
 * or -1 with errno as ws_send(); a message that has begun and cannot go on leaves nothing but to
 * close.
 */
AW_API aw_async int ws_send_part(struct ws *ws, const struct ws_message *part, bool final,
                                 aw_time deadline);

/*
 * Sends a Ping and waits for its Pong (section 5.5.2). 0, or -1 with errno EPIPE, ETIMEDOUT,
 * ECANCELED, ENOMEM.
 */
AW_API aw_async int ws_ping(struct ws *ws, aw_time deadline);

/*
 * Sends a Ping with these bytes, at most 125, and does not wait for its Pong: an observer sees that.
 * 0, or -1 with errno EPIPE, EMSGSIZE, ENOMEM, EAGAIN: 64 KiB of pings wait already, for the peer
 * does not read.
 */
AW_API int ws_send_ping(struct ws *ws, const void *data, size_t length);

/*
 * Ends our direction: sends a Close frame with code and reason, as ws_close(). What the peer sends
 * before its own Close frame can still be received; then ws_receive() fails with EPIPE. Nothing if
 * one was sent already.
 */
AW_API void ws_shutdown(struct ws *ws, unsigned code, const char *reason);

/*
 * Closes (section 7) and frees the connection, whatever its state: sends a Close frame with code
 * and reason (or NULL) unless one was sent already, waits for the peer's up to 5 s, drops messages
 * that come meanwhile, and ends the TCP connection. Other tasks that wait in it get EPIPE. It is
 * freed, so they must not use it again. A peer that takes what it has not got yet has longer; one
 * for which ws_send() failed with ESHUTDOWN, and that has taken nothing since, has 1 s.
 *
 * Of the reason as much is sent as fits, 123 bytes, and is UTF-8, in whole characters. WS_NO_STATUS
 * and WS_ABNORMAL make a Close frame without code and reason, so that what one peer said can be told
 * to another.
 *
 * 0 if both Close frames were exchanged; -1 with errno EPIPE (lost), ETIMEDOUT or ECANCELED (then
 * the connection was dropped), or EINVAL (the code cannot be sent, so none was). Freed in any case.
 * For an earlier deadline than 5 s see aw_timeout_enter().
 * NULL does nothing.
 */
AW_API aw_async int ws_close(struct ws *ws, unsigned code, const char *reason);

/*
 * Drops the connection without a Close frame, and frees it. Does not wait. Tasks that wait in it get
 * EPIPE. NULL does nothing.
 */
AW_API void ws_drop(struct ws *ws);

/* What the peer's Close frame said. */
struct ws_peer_close {
        unsigned code;    /* WS_NO_STATUS, WS_ABNORMAL if there was none; 0 while the connection is
                             open */
        char reason[124]; /* UTF-8, terminated */
        bool cut_off;     /* the connection was lost in the middle of a message of the peer's */
};
AW_API const struct ws_peer_close *ws_peer_close(const struct ws *ws);

/* How the peer broke the protocol ("a masked frame from a server"), or NULL: it did not. */
AW_API const char *ws_problem(const struct ws *ws);

/*
 * How far messages have come, so that one can see whether there is progress: bytes that came of
 * messages, complete or not; and bytes that the peer took of what goes out, up to the end of the
 * last message. Pings and Pongs alone change neither.
 */
struct ws_traffic {
        uint64_t received, sent;
};
AW_API void ws_traffic(const struct ws *ws, struct ws_traffic *traffic);

/* The peer, for logs: "127.0.0.1:40312", "[::1]:40312", "unix"; "::1" if its port is not known. */
AW_API const char *ws_peer(const struct ws *ws);

/*
 * The subprotocol that both sides agreed on (section 1.9), or NULL. The connection's, as long as it
 * is there.
 */
AW_API const char *ws_subprotocol(const struct ws *ws);

/*
 * The extension that both sides agreed on, as the server's answer has it: "permessage-deflate;
 * server_no_context_takeover"; or NULL. The connection's, as long as it is there.
 */
AW_API const char *ws_extension(const struct ws *ws);

/* One line about the connection: "TLSv1.3, ...", or "plain". */
AW_API void ws_describe(const struct ws *ws, char *out, size_t size);

/*
 * What the connections of this process may take together, in bytes; 0: as much as there is, which
 * is what it begins with. Over it a message of more than 64 KiB fails with ENOMEM and is refused
 * with 1013, and a listener answers new handshakes with 503. Any thread.
 */
AW_API void ws_set_max_memory(uint64_t bytes);

/*
 * The bound is for several processes together: from now on this one notes what its connections take
 * in parts[own], which begins with 0, and the limit holds for the sum of all `count` parts. They lie
 * in memory that the processes share. Who is left when a process has been killed sets its part to
 * 0. Before the first connection; for good.
 */
AW_API void ws_share_memory(uint64_t *parts, size_t count, size_t own);

/*
 * What those of this process take now: messages, what waits for the kernel to take it, and
 * WS_CONNECTION_COST for each connection. Any thread.
 */
#define WS_CONNECTION_COST ((uint64_t)40 << 10)
AW_API uint64_t ws_memory(void);

/* How many connections this thread has, of clients and listeners, handshakes included. */
AW_API size_t ws_connection_count(void);

/* Client */

/* What a client comes past on its way to an open connection, and what the observer is told of it. */
enum ws_step {
        WS_STEP_RESOLVED,  /* the name has addresses: "" */
        WS_STEP_CONNECTED, /* to this one: "127.0.0.1:7681" */
        WS_STEP_SECURE,    /* TLS is open: a line about it, then two for each certificate */
        WS_STEP_REQUEST,   /* the head that was sent */
        WS_STEP_RESPONSE,  /* the head that came; of one that cannot be understood what there is */
        WS_STEP_FAULT,     /* what is not right in it, although the connection opens: a sentence */
        WS_STEP_BODY,      /* of a response that refuses: its first 1,000 bytes */
};

/* A frame that goes by (section 5.2). */
struct ws_frame {
        bool sent; /* by us; else it came */
        bool final;
        bool compressed; /* the first one of a message that is: RSV1 (RFC 7692 section 6) */
        unsigned opcode;
        uint64_t length;        /* bytes of its payload */
        const uint8_t *payload; /* of a control frame; else NULL */
};

/*
 * Somebody who looks on. The functions are called on the loop's stack or a task's; they neither
 * wait nor use the connection. Each may be NULL.
 */
struct ws_observer {
        void (*step)(void *argument, enum ws_step step, const char *text);
        void (*frame)(void *argument, const struct ws_frame *frame);
        void *argument;
};

struct ws_connect_options {
        const char *url;            /* ws://, wss:// or ws+unix: */
        struct aw_tls_context *tls; /* for wss: from aw_tls_context_client() */
        /*
         * Further header fields, "Name: value". A Host replaces the URL's; those that the handshake
         * itself sets are refused, and so are a second Host, Origin, Authorization or Cookie, and
         * a Sec-WebSocket-Protocol that is no list of different tokens.
         */
        const char *const *headers;
        size_t header_count;
        uint64_t max_message; /* bytes; 0: WS_MESSAGE_MAX */
        /*
         * A peer of which nothing was heard for this long (microseconds) is sent a Ping, and if
         * nothing is heard for `ping_timeout` either (0: as long again) the connection is dropped,
         * as if it had been lost. Anything that comes counts, and so does that it takes what we
         * send; while it is not read from, only that. 0: no pings.
         */
        aw_time ping_interval, ping_timeout;
        /* What is offered. A server may decline; see ws_extension(). */
        struct ws_deflate_options deflate;
        /* The way there: proxies, addresses, interfaces. NULL: straight. */
        const struct aw_connect_options *network;
        /* What TLS asks for (SNI), and what the certificate must be for. NULL: the URL's host. */
        const char *server_name;
        /* Borrowed for as long as there is the connection; or NULL. */
        const struct ws_observer *observer;
};

/*
 * Resolves the name in the default executor, tries its addresses side by side (RFC 8305: a new one
 * every 250 ms, families in turn), does the TLS and the opening handshake (section 4.1). An open
 * connection, or NULL with errno and *error, which may be NULL: AW_ERROR_USAGE (also without a URL),
 * _RESOLVE, _CONNECTION, _TLS, _CERTIFICATE, _HANDSHAKE with the HTTP status, _TIMEOUT, _CANCELLED,
 * _MEMORY. error->cause tells a program which cure to name. With an observer it waits up to a second
 * for the beginning of a refusal's body.
 *
 * ws_connect_check() tells beforehand whether that would be AW_ERROR_USAGE: 0, or -1 with errno and
 * *error, also with ENOMEM. It does not wait.
 */
AW_API int ws_connect_check(const struct ws_connect_options *options, struct aw_error *error);
AW_API aw_async struct ws *ws_connect(const struct ws_connect_options *options,
                                      struct aw_error *error, aw_time deadline);

/* Server */

#define WS_ORIGIN_SELF "self"

#define WS_ADDRESSES_MAX 16 /* that one listener may have */

#define WS_TRIFLE 64 /* bytes: see max_control_rate */

/* Whether several sockets have one TCP port, among which the kernel shares the connections out. */
enum ws_sharing {
        WS_SHARING_NONE,
        WS_SHARING_FIRST, /* nobody may have the port yet; others of this user may join */
        WS_SHARING_JOIN,  /* with those that have it */
};

struct ws_listen_options {
        /*
         * wss://HOST:PORT, ws://HOST:PORT, unix:/PATH or ws+unix:/PATH, unix:@NAME for an abstract
         * socket. Port 0: any that is free.
         * HOST "*" or empty: all addresses of the machine. There is no path behind it.
         */
        const char *url;
        /* For wss: from aw_tls_context_server(); the listener takes a reference. */
        struct aw_tls_context *tls;
        uint64_t max_message; /* bytes; 0: WS_MESSAGE_MAX */

        /*
         * A peer of which nothing was heard for this long (microseconds) is sent a Ping, and if
         * nothing is heard for `ping_timeout` either (0: as long again) the connection is dropped,
         * as if it had been lost. Anything that comes counts, and so does that it takes what we
         * send; while it is not read from, only that. 0: no pings.
         */
        aw_time ping_interval, ping_timeout;

        /*
         * What a connection may do, in microseconds; 0: there is no such limit. One that is over it
         * gets a Close frame with a reason, behind the replies to what it has sent, and is gone 12 s
         * later at most.
         */
        aw_time handshake_timeout; /* for TLS and the opening handshake together; 0: 10 s */
        aw_time idle_timeout;      /* without a message in either direction: 1001; an eighth late */
        aw_time max_lifetime;      /* since it was opened: 1001 */

        /*
         * Messages that a connection may send in a second: over it 1008. What it has not used it may
         * have at once later, up to twice as many. Pings, Pongs and further fragments count, too. 0:
         * any number.
         */
        uint64_t max_message_rate;

        /*
         * Control frames, and fragments of less than WS_TRIFLE bytes behind which more of the message
         * follows, that are read of a connection in a second: a flood of them keeps the loop for
         * nobody's good. What it has not used it may have at once later, up to twice as many; then it
         * is not read from until it may send what it has sent. 0: any number.
         */
        uint64_t max_control_rate;

        /*
         * Bytes that may wait in each direction of a connection, besides one message that is larger:
         * over it reading from the peer stops, and ws_send() waits. 0: WS_BUFFER_MAX.
         */
        uint64_t max_buffer;

        /*
         * From where pages may connect, as browsers say it in the field Origin: "https://a.example",
         * "https://a.example:8443", "null", or WS_ORIGIN_SELF for those that came from the host that
         * they connect to. Others are refused with 403, unless the handler answers otherwise: any
         * page of the web could use what the server knows of its visitors (cookies, for example, or
         * that they are on this network). Who sends no Origin is no browser, and is not held up.
         * None: every page may. Borrowed for as long as the listener listens.
         */
        const char *const *origins;
        size_t origin_count;

        struct ws_trust trust; /* in load balancers: see peer.h */

        /*
         * The subprotocol for a client that offers some. NULL: the first that it offers; "": none;
         * anything else: that one, if it is offered. Borrowed for as long as the listener listens.
         */
        const char *subprotocol;

        /* What is agreed to, if a client offers it. */
        struct ws_deflate_options deflate;

        /* Of a Unix socket's file: who may connect, as chmod(2); 0: by the umask. */
        unsigned socket_mode;
        /* And whose it is besides; 0: the process's group. */
        gid_t socket_group;

        enum ws_sharing sharing;

        /*
         * Sockets that listen already, of the kind that the URL names, at most WS_ADDRESSES_MAX:
         * they are used instead of binding any. They stay the caller's, who closes them when they
         * are to listen no more and removes the file of a Unix socket; the listener has duplicates.
         */
        const int *descriptors;
        size_t descriptor_count;

        /*
         * How long a message that has begun when the listener drains may take to come, in
         * microseconds.
         */
        aw_time drain_time;

        /*
         * Decides on each request that is right HTTP, on the loop's stack, before anything is sent.
         * *answer holds what happens if it is left alone: 101 with the subprotocol as above for a
         * handshake (request->upgrade), 426 Upgrade Required for anything else. An answer that
         * cannot be sent (a field with a line end, 101 for what is no handshake) is logged, and the
         * client gets 500. Both pointers are good until the handler returns; then ws_request() has
         * the request. NULL: every handshake is accepted.
         */
        void (*handler)(const struct ws_request *request, struct ws_answer *answer, void *argument);

        /*
         * Is asked when a connection was accepted, before it costs anything. False turns it away: as
         * far as that can be sent at once, it is told 503, or over TLS, where nothing else can be
         * said before the handshake, gets the alert internal_error. NULL: all come in.
         */
        bool (*admit)(void *argument);
        void *argument; /* of both */

        /*
         * Is told of the connections: see watch.h. Borrowed for as long as there are some, which may
         * be until aw_run() returns. Or NULL.
         */
        const struct ws_watch *watch;
};

/*
 * Binds every address of the host, each once, and listens, from the next turn on. NULL with errno
 * and *error, which may be NULL: AW_ERROR_USAGE (also without a URL), _RESOLVE, _LISTEN, _CANCELLED,
 * _MEMORY. A stale Unix socket is replaced, one in use is not. Port 0 is the same free one for
 * all addresses. It waits for the name of the host only; for a deadline see aw_timeout_enter().
 */
AW_API aw_async struct ws_listener *ws_listen(const struct ws_listen_options *options,
                                              struct aw_error *error);

/*
 * The same, but for the binding: whether the URL is right, its name has addresses, and a Unix
 * socket's file may be made where it says. 0, or -1 as above; for a deadline, too.
 */
AW_API aw_async int ws_listen_check(const struct ws_listen_options *options,
                                    struct aw_error *error);

/*
 * These options hold for connections from now on; those that concern binding are not looked at. A
 * `tls` of NULL leaves what there is.
 */
AW_API void ws_listener_update(struct ws_listener *listener,
                               const struct ws_listen_options *options);

/* The addresses it listens on, with real ports: "wss://127.0.0.1:7681". NULL past the last. */
AW_API const char *ws_listener_url(const struct ws_listener *listener, size_t index);

/*
 * Waits for the next connection whose opening handshake (TLS included; see handshake_timeout; it
 * costs no task) is complete. NULL with errno ETIMEDOUT, ECANCELED, or ESHUTDOWN once the listener
 * drains or has stopped.
 */
AW_API aw_async struct ws *ws_accept(struct ws_listener *listener, aw_time deadline);

/*
 * Stops listening. Connections and handshakes go on; ws_accept() fails with ESHUTDOWN when it has
 * delivered the last of these.
 */
AW_API void ws_listener_stop(struct ws_listener *listener);

/*
 * Frees a listener that has no connections, and leaves its sockets listening: puts them into
 * `descriptors`, for the caller, and returns how many they are. A Unix socket's file stays. -1 with
 * errno EMFILE: nothing has changed.
 */
AW_API int ws_listener_release(struct ws_listener *listener, int descriptors[WS_ADDRESSES_MAX]);

/*
 * Stops listening, drops handshakes in progress and lets every connection go with 1001: each one's
 * ws_receive() fails with ESHUTDOWN as soon as it has delivered what was received, to the end of a
 * message that has begun if that comes within `drain_time`.
 */
AW_API void ws_listener_drain(struct ws_listener *listener);

/*
 * Waits until no task decides any more whether to let somebody in; for a listener that drains, whose
 * handler's argument is to go. 0, or -1 with errno ETIMEDOUT, ECANCELED, or ESHUTDOWN: the listener
 * was closed meanwhile.
 */
AW_API aw_async int ws_listener_wait(struct ws_listener *listener, aw_time deadline);

/*
 * Drains, if that was not done, and frees the listener, so it must not be used again. Its connections
 * may outlive it. Tasks that wait in ws_accept() or ws_listener_wait() get ESHUTDOWN. The address is
 * free at once; a Unix socket's file is removed if it is still the one that was made. NULL does
 * nothing.
 */
AW_API void ws_listener_close(struct ws_listener *listener);

#endif
