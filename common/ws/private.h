/* SPDX-License-Identifier: MIT */
/* What the files of the WebSocket layer share. connection.c tells the life of a connection. */
#ifndef AW_WS_PRIVATE_H
#define AW_WS_PRIVATE_H

#include <netinet/in.h>

#include "await/watch.h"
#include "base/utf8.h"
#include "loop/share.h"
#include "net/transport.h"
#include "tls/session.h"
#include "ws/buffer_private.h"
#include "ws/frame_private.h"
#include "ws/http_private.h"

#define WS_HANDSHAKE_TIME (10 * AW_SECOND) /* for TLS and the opening handshake, of a server */
#define WS_CLOSE_TIME     (5 * AW_SECOND)  /* for the peer's Close frame */
#define WS_LINGER_TIME    (2 * AW_SECOND)  /* for the peer's end of stream */

/*
 * Bytes that may wait in either direction, if nobody says otherwise: at the first reading stops, and
 * sending waits; at the second they go on. See ws_queue_high().
 */
#define WS_QUEUE_HIGH ((size_t)WS_BUFFER_MAX)
#define WS_QUEUE_LOW  (WS_QUEUE_HIGH / 4)

/* Bytes that our own pings take in the outbox of a connection whose peer does not read. */
#define WS_PINGS_MAX ((size_t)64 << 10)

/* The peer's direction. It only goes forward. */
enum ws_in_state {
        WS_IN_HEAD,   /* TLS, and the head of the HTTP message */
        WS_IN_OPEN,   /* frames become messages */
        WS_IN_SKIP,   /* frames: only a Close frame is still of interest */
        WS_IN_LOST,   /* where a frame begins is not known any more */
        WS_IN_CLOSED, /* the peer's Close frame has come, or its request is refused */
        WS_IN_ENDED,  /* the peer has ended the stream, or the connection is gone */
};

/* Ours. It only goes forward. */
enum ws_out_state {
        WS_OUT_HEAD,    /* the HTTP message */
        WS_OUT_OPEN,    /* messages can be sent */
        WS_OUT_CLOSING, /* our Close frame is the last one in the outbox, or has been sent */
        WS_OUT_FINISH,  /* the stream is to end when the outbox is empty */
        WS_OUT_ENDED,   /* it has, or the connection is gone */
};

/* Frames being read. */
struct ws_reader {
        uint8_t head[WS_FRAME_HEADER_MAX]; /* a header that came in pieces */
        uint8_t head_length;
        bool in_payload;
        unsigned phase; /* of the mask */
        struct ws_frame_header frame;
        uint64_t left;             /* bytes of the frame's payload still to come */
        struct ws_buffer **target; /* one of the next two, or NULL: it is skipped */
        struct ws_buffer *message; /* begun, not complete */
        struct ws_buffer *control; /* likewise: it may come between a message's frames */
        bool compressed;           /* no target: it goes by way of deflate_input.c */
        struct aw_utf8 utf8;
};

struct ws_in {
        enum ws_in_state state;
        bool paused;  /* too much waits */
        bool woken;   /* the receiver was, and has sent nothing since */
        bool watched; /* each frame is: there is an observer, or messages are compressed */
        bool ended;   /* the peer has ended the stream, while a task decides */
        int error;    /* what ws_receive() fails with once the inbox is empty */
        struct ws_reader reader;
        struct ws_queue inbox;
        struct ws_buffer *current; /* the message that the task has */
        const char *problem;       /* how the peer broke the protocol: a literal, or NULL */
};

/*
 * Why: a message is sent in parts, and not complete; one is compressed, turn by turn; messages are
 * compressed, so they do not go the short way.
 */
enum { WS_HELD_PARTS = 1, WS_HELD_COMPRESSING = 2, WS_HELD_DEFLATE = 4 };

struct ws_out {
        enum ws_out_state state;
        struct ws_queue outbox;
        size_t offset;          /* bytes of the outbox's first that have been sent */
        size_t pings, pongs;    /* what those in the outbox cost */
        struct ws_buffer *pong; /* the last of them */
        struct ws_buffer *ping; /* the last that has a number */
        uint64_t ping_sent, ping_answered;
        size_t messages;       /* in the outbox: messages, and parts of one */
        uint64_t messages_end; /* what was written to the transport with the last one of them */
        bool asked;            /* the transport will say that it is writable */
        uint8_t held;          /* messages are not queued as they come: see above */
        bool compressed_parts; /* the message in parts is compressed, */
        bool text_parts;       /* and is text */
        uint8_t type;          /* of what was sent last: messages or parts */
        struct aw_utf8 utf8;   /* of it */
};

/* Pings and Close frames that wait for their turn: see order.c. */
struct ws_order {
        struct aw_handle overdue; /* the receiver should have come to them by then */
        unsigned grace;           /* turns that a new connection's task still has for that */
        unsigned code;            /* of the Close frame that is due, or 0 */
        const char *reason;       /* a literal */
};

/* See close.c. */
struct ws_closing {
        bool begun;             /* by ws_close() or ws_drop(): nobody else may wait in it */
        bool late;              /* the peer has had its time */
        bool spent;             /* and, in a drain, it had had it before: it took nothing */
        struct aw_handle timer; /* looks whether it has */
        aw_time time, deadline;
        uint64_t delivered; /* what the peer had taken when that was looked at last */
};

/* See alive.c. */
struct ws_alive {
        struct aw_handle timer;
        aw_time interval, timeout; /* 0: no pings */
        aw_time heard;             /* when something came, or a look found another sign of life */
        aw_time asked;             /* when a Ping was queued since, or went out; or 0 */
        uint64_t delivered;        /* what the peer had taken at the last look */
        bool queued;               /* the Ping that asks has not gone out */
};

/* How many may come in a second, and twice as many at once if some were saved up. */
struct ws_rate {
        uint64_t most; /* 0: any number */
        uint64_t left; /* how many may come at once */
        aw_time paid;  /* up to when that is known */
};

/* How long it may be idle, and open; what it may send: see limits.c. */
struct ws_limits {
        struct aw_handle timer;
        aw_time idle, lifetime; /* 0: as long as it likes */
        aw_time active;         /* when we last saw that messages went by */
        uint64_t moved;         /* what had gone by then */
        unsigned step;          /* of its end */
        struct ws_rate messages, trifles;
        uint64_t trifles_seen; /* frames that carry next to nothing, not counted yet */
        aw_time rests_until;   /* it is not read from; 0: it is */
};

/* What watch.h tells of a connection, besides what is elsewhere: see watch.c. */
struct ws_seen {
        struct ws_count received, sent;
        uint8_t skip; /* reads until one is timed */
        aw_time accepted, opened, ended;
        const char *tls; /* the version: a literal of OpenSSL's */
        bool resumed, tls_failed, client_refused, foreign_origin;
        enum ws_limit limit;
        uint64_t pauses, rests;
        const char *cipher, *application; /* likewise */
        char *server_name, *client_subject;
        int status;
        enum ws_proxy_fault proxy_fault;
        unsigned sent_close;
        enum ws_side ended_by;
        const char *why; /* a literal; during WS_EVENT_ENDED the transport's text */
};

/* Without the path of a Unix socket. */
union ws_address {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
};

/* What a client and a server do differently until the connection is open. Loop's stack. */
struct ws_role {
        void (*established)(struct ws *ws); /* time for the client's request */
        void (*head)(struct ws *ws);        /* the head has grown */
        void (*tls_failed)(struct ws *ws, const char *text);
        void (*lost)(struct ws *ws); /* the transport is gone */
};

struct ws {
        const struct ws_role *role;
        struct aw_transport *transport; /* NULL when it is gone */
        bool client;
        bool app;                 /* a task has it, or will get it from ws_accept() */
        bool draining;            /* the listener is, or its time is over */
        aw_time drain_end;        /* by then a message that has begun must be complete */
        const char *drain_reason; /* a literal, or NULL: the listener is */
        uint64_t max_message;
        size_t max_buffer;

        struct ws_in in;
        struct ws_out out;
        struct ws_order order;
        struct ws_closing closing;
        struct ws_alive alive;
        struct ws_limits limits;

        /*
         * Tasks that wait for a message; for room in the outbox; for a Pong; for the connection to
         * open or to end.
         */
        struct aw_waiters receiver, senders, pingers, watchers;
        unsigned waiting; /* tasks that are in one of them, or were just woken */

        char *head; /* of the HTTP message, while it is read */
        size_t head_length, head_capacity;
        size_t head_parsed;                 /* how much of it the parser has seen */
        struct aw_handle late;              /* a server's: the handshake takes too long */
        struct ws_opening *opening;         /* a client's, until it is open */
        struct ws_request *request;         /* a server's */
        bool awaits_header;                 /* of the PROXY protocol; see peer.c */
        bool names_nobody;                  /* it came, without an address of the network */
        struct ws_preface *preface;         /* what came of it; or NULL */
        struct ws_decision *decision;       /* a task makes it: see decision.c; or NULL */
        struct ws_raw *raw;                 /* see raw.h; most have none */
        struct ws_deflate *deflate;         /* see deflate_private.h; or NULL */
        char *subprotocol;                  /* the one agreed on, or NULL */
        const struct ws_observer *observer; /* a client's, or NULL */
        const struct ws_watch *watch;       /* a server's, or NULL */
        struct ws_seen seen;

        struct ws_listener *listener;
        struct ws *next, **link; /* the listener's connections */
        struct ws *accept_next;  /* those ready to be accepted */

        struct ws_peer_close peer_close;
        union ws_address address; /* of a server's peer */
        char peer[64];            /* the same in words */
};

/* connection.c. Loop's stack, unless said otherwise. */
extern const struct aw_transport_callbacks ws_connection_callbacks;
struct ws *ws_connection_create(bool client, uint64_t max_message);          /* Any stack */
int ws_connection_send_head(struct ws *ws, const char *data, size_t length); /* HTTP: 0 or -1 */

/* The opening handshake is complete; what follows the head is frames. */
void ws_connection_open(struct ws *ws, size_t head_length);

/* All who wait look again: something has ended. Any stack. */
void ws_connection_wake(struct ws *ws);

/* Frees it if nobody has any business with it: see connection.c. Any stack. */
void ws_connection_release(struct ws *ws);

/*
 * As aw_wait_in(), in a queue of the connection's. If the connection was dropped meanwhile this is
 * -1 with EPIPE (or ECANCELED), and it may be freed: return at once.
 */
int ws_connection_wait(struct ws *ws, struct aw_waiters *waiters, aw_time deadline);

/* At so many bytes reading stops and sending waits; at the second they go on. */
static inline size_t
ws_queue_high(const struct ws *ws)
{
        return ws->max_buffer;
}

static inline size_t
ws_queue_low(const struct ws *ws)
{
        return ws->max_buffer / 4;
}

/* flow.c: stops and resumes reading; whether too much waits to be received. Any stack. */
void ws_flow_update(struct ws *ws);
bool ws_flow_full(const struct ws *ws);

/* There is nothing to stop or resume, at a glance: the task waits, and has not much to do. */
static inline bool
ws_flow_is_easy(const struct ws *ws)
{
        return !ws->in.paused && ws->in.current == NULL && ws->raw == NULL && ws->deflate == NULL &&
               ws->in.inbox.bytes <= ws_queue_high(ws);
}

/* output.c. Any stack, but for ws_output_send() and ws_output_send_part(). */
int ws_output_queue_control(struct ws *ws, uint8_t opcode, const uint8_t *data, size_t length);
void ws_output_queue_pong(struct ws *ws, const struct ws_buffer *ping);
void ws_output_send(struct ws *ws);
void ws_output_alone(struct ws *ws, struct ws_buffer *buffer); /* a received one is echoed */
void ws_output_send_part(struct ws *ws, size_t *most);         /* counts down what went out */

/* Nobody has begun to end it. */
static inline bool
ws_output_lasts(const struct ws *ws)
{
        return ws->out.state <= WS_OUT_OPEN && !ws->closing.begun;
}

/* Messages can be sent. */
static inline bool
ws_output_open(const struct ws *ws)
{
        return ws->out.state == WS_OUT_OPEN && !ws->closing.begun;
}

/* Whatever it is. The outbox now owns the reference. */
static inline void
ws_output_queue_any(struct ws *ws, struct ws_buffer *buffer)
{
        buffer->header = 0;
        buffer->queued = true;
        ws_queue_put(&ws->out.outbox, buffer);
        if (ws->out.asked)
                return;
        ws->out.asked = true;
        aw_transport_want_write(ws->transport);
}

/* The same, counted: a message, or a part of one; anything. */
static inline void
ws_output_queue_message(struct ws *ws, struct ws_buffer *buffer)
{
        ws->out.messages++;
        ws_output_queue_any(ws, buffer);
}

static inline void
ws_output_queue(struct ws *ws, struct ws_buffer *buffer)
{
        if (buffer->opcode < WS_OP_CLOSE)
                ws->out.messages++;
        else if (buffer->opcode == WS_OP_PING)
                ws->out.pings += ws_buffer_cost(buffer);
        ws_output_queue_any(ws, buffer);
}

/* mask_key.c: a new key for a client's frame. Any stack. */
#define WS_MASK_KEY_SIZE 4
void ws_mask_key(uint8_t key[WS_MASK_KEY_SIZE]);

/* observer.c: tells the observer, if there is one. Any stack. */
void ws_observe_step(const struct ws_observer *observer, enum ws_step step, const char *text);
void ws_observe_buffer(const struct ws *ws, const struct ws_buffer *buffer); /* it is sent */
void ws_observe_frame(const struct ws *ws, const struct ws_frame_header *frame,
                      const uint8_t *payload); /* it came */

/*
 * watch.c. Any stack. event: tells whoever watches. end: who ends the connection, and why, unless
 * somebody has already; the text is a literal. lost: the transport has, by its words. ended: it is
 * gone. gone: it leaves its listener, which counts on. control: a control frame. sent_other: what is
 * no whole message, or is timed, has been sent. mark: a message is to be timed.
 */
void ws_watch_event(struct ws *ws, enum ws_event event);
void ws_watch_end(struct ws *ws, enum ws_side side, const char *why);
void ws_watch_lost(struct ws *ws, int error, const char *text);
void ws_watch_ended(struct ws *ws);
void ws_watch_gone(struct ws *ws);
void ws_watch_control(struct ws_count *count, unsigned opcode);
void ws_watch_sent_other(struct ws *ws, const struct ws_buffer *buffer);
void ws_watch_mark(struct ws *ws);

/*
 * peer.c: who a server's peer is. Loop's stack. set: this one. begin: before anything is read: a
 * header may be due, or nobody may come. forwarded: the request is there. lost: the connection is
 * gone. forget: what came of a header.
 */
void ws_peer_set(struct ws *ws, const struct sockaddr_storage *address);
void ws_peer_begin(struct ws *ws);
void ws_peer_forwarded(struct ws *ws);
void ws_peer_lost(struct ws *ws);
void ws_peer_forget(struct ws *ws);

/* input.c: frames from the peer. Loop's stack. */
void ws_input(struct ws *ws, const uint8_t *data, size_t length);
void ws_input_forget(struct ws *ws);                  /* the message that is being read */
bool ws_input_is_within_message(const struct ws *ws); /* it has begun, and is not complete */
void ws_input_control(struct ws *ws); /* input_control.c: the control frame is whole */

/*
 * Another capacity for a message that is being read. 0; or the code to fail with, and the reason: a
 * literal.
 */
unsigned ws_input_grow(struct ws *ws, struct ws_buffer **target, size_t capacity,
                       const char **reason);

/* order.c: whose turn it is. Any stack. */
struct ws_buffer *ws_order_next_after_pings(struct ws *ws); /* which it answers */
void ws_order_ping(struct ws *ws, struct ws_buffer *ping);  /* takes the reference */
void ws_order_fail(struct ws *ws, unsigned code, int error, const char *reason);
void ws_order_close(struct ws *ws, int error, unsigned code, const char *reason);
void ws_order_close_now(struct ws *ws); /* the Close frame that is due, if one is */

/* The next message, or NULL. */
static inline struct ws_buffer *
ws_order_next(struct ws *ws)
{
        const struct ws_buffer *first = ws->in.inbox.first;

        return first != NULL && first->opcode == WS_OP_PING ? ws_order_next_after_pings(ws)
                                                            : ws_queue_take(&ws->in.inbox);
}

/*
 * alive.c. Any stack. ping: sends one, whose number is then out.ping_sent; 0, or -1 with errno. Where
 * many wait to be sent, the last of them will do.
 */
int ws_alive_ping(struct ws *ws);
void ws_alive_asked(struct ws *ws); /* the last of them has gone out */
void ws_alive_begin(struct ws *ws);

/*
 * limits.c. Loop's stack. begin: it is open. count: what was read has been dealt with, and there is a
 * limit for it.
 */
void ws_limits_begin(struct ws *ws);
bool ws_limits_allow(struct ws *ws); /* a frame begins: whether the rate allows for it */
void ws_limits_count_trifles(struct ws *ws);
void ws_limits_lift(struct ws *ws); /* it is read from again */

/* close.c. Any stack. */
void ws_close_queue(struct ws *ws, unsigned code, const char *reason); /* once */
/* Likewise with any code, and messages can still be received. */
void ws_close_queue_code(struct ws *ws, unsigned code, const char *reason);
void ws_close_stream(struct ws *ws); /* ends the stream when all is sent, and then the connection */

/*
 * decision.c: what a task decides. Loop's stack. input: more has come meanwhile. send: it may have
 * decided; there is one. drop: it is of no interest any more.
 */
void ws_decision_input(struct ws *ws);
void ws_decision_send(struct ws *ws);
void ws_decision_drop(struct ws *ws);

/* handshake.c: the opening handshake's texts (section 4). */
#define WS_KEY_SIZE    25 /* base64 of 16 bytes, and a NUL */
#define WS_ACCEPT_SIZE 29 /* base64 of 20 bytes, and a NUL */
int ws_handshake_key(char key[WS_KEY_SIZE]);
int ws_handshake_accept(const char *key, size_t length, char accept[WS_ACCEPT_SIZE]);

/*
 * 0 if the request is a right one; else the HTTP status that refuses it, with the reason; -1 if it
 * is no request for a WebSocket at all.
 */
int ws_handshake_check_request(const struct aw_http_head *request, const char **reason);

/*
 * 0 if the response switches to WebSocket as it should, and *agreed says how messages are compressed
 * (see deflate_offer_private.h); or -1, and what is wrong with it.
 */
struct ws_deflate_agreed;
int ws_handshake_check_response(const struct aw_http_head *response, const char *key,
                                const struct ws_connect_options *options,
                                struct ws_deflate_agreed *agreed, char *problem, size_t size);

/*
 * What is not right in a response that opens a connection nevertheless, one thing after the other:
 * *which begins with 0. A literal, or NULL: nothing more. `data` is where the head begins.
 */
const char *ws_handshake_fault(const struct aw_http_head *response, const char *data,
                               size_t *which);

/* What is wrong with a client's further field, as the end of a sentence, or NULL. */
const char *ws_handshake_field_problem(const char *field);

/* The same for the one at `which` beside those before it: some may be there only once. */
const char *ws_handshake_field_repeated(const char *const *fields, size_t which);

/* Reads the URL, and looks whether the rest makes sense. 0, or -1 with errno and *error. */
struct aw_url;
int ws_client_check(const struct ws_connect_options *options, struct aw_url *url,
                    struct aw_error *error);

#endif
