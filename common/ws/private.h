/* SPDX-License-Identifier: MIT */
/* What the files of the WebSocket layer share. */
#ifndef AW_WS_PRIVATE_H
#define AW_WS_PRIVATE_H

#include "await/ws.h"
#include "base/utf8.h"
#include "loop/socket.h"
#include "tls/session.h"
#include "ws/frame.h"
#include "ws/http.h"

#define WS_HANDSHAKE_TIME (10 * AW_SECOND) /* for TLS and the opening handshake, of a server */
#define WS_CLOSE_TIME     (5 * AW_SECOND)  /* for the peer's Close frame */
#define WS_LINGER_TIME    (2 * AW_SECOND)  /* for the peer's end of stream */

/*
 * Bytes that may wait in either direction: at the first reading stops, and sending waits; at the
 * second they go on.
 */
#define WS_QUEUE_HIGH ((size_t)256 << 10)
#define WS_QUEUE_LOW  ((size_t)64 << 10)

/*
 * Turns that pass at most before a new connection's task receives: it is accepted, gets its task,
 * which then runs.
 */
#define WS_GRACE_TURNS 3

/*
 * One message or control frame. The header is built in front of the payload, so the two go out as
 * one piece.
 */
struct ws_buffer {
        struct ws_buffer *next;
        unsigned references;
        uint8_t opcode;
        bool queued;    /* in an outbox: it cannot be in another one */
        uint8_t header; /* bytes of the header, which ends where the payload begins */
        size_t length, capacity;
        uint8_t room[WS_FRAME_HEADER_MAX];
        uint8_t data[];
};

struct ws_buffer *ws_buffer_create(uint8_t opcode, size_t capacity);
void ws_buffer_unref(struct ws_buffer *buffer); /* NULL does nothing */

struct ws_queue {
        struct ws_buffer *first, **last;
        size_t bytes; /* what it costs in memory, about */
};
void ws_queue_init(struct ws_queue *queue);
void ws_queue_put(struct ws_queue *queue, struct ws_buffer *buffer);
struct ws_buffer *ws_queue_take(struct ws_queue *queue);
void ws_queue_clear(struct ws_queue *queue);

enum ws_state {
        WS_STATE_TLS,  /* TLS handshake */
        WS_STATE_HTTP, /* opening handshake */
        WS_STATE_OPEN,
        WS_STATE_FAILED, /* we gave the connection up: what comes is ignored */
        WS_STATE_LINGER, /* nothing more to send: waiting for the end of stream */
        WS_STATE_DEAD,   /* the socket is gone */
};

/* Frames being read. */
struct ws_reader {
        uint8_t head[WS_FRAME_HEADER_MAX]; /* a header that came in pieces */
        uint8_t head_length;
        bool in_payload;
        unsigned phase; /* of the mask */
        struct ws_frame_header frame;
        uint64_t left;             /* bytes of the frame's payload still to come */
        struct ws_buffer *message; /* begun, not complete */
        struct ws_buffer *control; /* likewise: it may come between a message's frames */
        struct aw_utf8 utf8;
};

/* What a client and a server do differently until the connection is open. Loop's stack. */
struct ws_role {
        void (*ready)(struct ws *ws); /* time for the client's request */
        void (*http)(struct ws *ws);  /* the head has grown */
        void (*tls_failed)(struct ws *ws, const char *text);
        void (*lost)(struct ws *ws); /* the socket is gone */
};

struct ws {
        const struct ws_role *role;
        enum ws_state state;
        bool client;
        bool app; /* a task has it, or will get it from ws_accept() */
        bool draining;
        bool ended;    /* the peer ended its side: nothing more comes */
        uint8_t grace; /* turns that the task still has to begin receiving */
        bool close_sent, close_received;
        bool paused;
        int error;                /* what ws_receive() fails with once the inbox is empty */
        unsigned due_code;        /* of the Close frame that is due then, or 0 */
        const char *due_reason;   /* a literal */
        struct aw_socket *socket; /* NULL when it is gone */
        struct aw_tls *tls;       /* NULL: plain */
        struct aw_handle timer;   /* handshake, linger */
        struct aw_handle overdue; /* pings in the inbox that the receiver did not come to */

        struct ws_listener *listener;
        struct ws *next, **link; /* the listener's connections */
        struct ws *accept_next;  /* those ready to be accepted */

        char *head; /* of the HTTP message, while it is read */
        size_t head_length;
        struct ws_opening *opening; /* a client's, until it is open */

        struct ws_reader reader;
        uint64_t max_message;
        struct ws_queue inbox, outbox;
        size_t pongs;              /* what those in the outbox cost */
        size_t out_offset;         /* bytes of the outbox's first that have been sent */
        struct ws_buffer *sending; /* the last piece sent is of this one */
        uint64_t sent;             /* bytes in all */
        aw_time progress;          /* when something was sent last, once it is being closed */
        bool finishing; /* nothing more will be queued: end the stream when all is sent */
        struct ws_buffer *current; /* the message that the task has */
        struct aw_waiters receiver, senders, closer, pingers;
        unsigned waiting; /* tasks that are in one of them, or were just woken */
        uint64_t ping_sent, ping_answered;

        struct ws_peer_close peer_close;
        char peer[64];
};

/* ws_io.c: the connection's life on its socket. Loop's stack. */
extern const struct aw_socket_callbacks ws_io_callbacks;
struct ws *ws_create(bool client, struct aw_tls_context *tls, const char *host,
                     uint64_t max_message);
void ws_begin(struct ws *ws);                      /* the socket is connected: TLS, then HTTP */
void ws_opened(struct ws *ws, size_t head_length); /* the opening handshake is complete; what
                                                      follows the head is frames */
void ws_demand_idle(const struct ws *ws, const char *caller); /* no task may be waiting in it */
void ws_abort(struct ws *ws);  /* drops the TCP connection. Any stack */
void ws_finish(struct ws *ws); /* sends what is queued, ends the stream, lingers. Any stack */
void ws_update_reading(struct ws *ws);
int ws_send_raw(struct ws *ws, const char *data, size_t length); /* HTTP, before it is open */

/* ws_output.c: any stack. */
void ws_queue_frame(struct ws *ws, struct ws_buffer *buffer); /* takes the reference */
int ws_queue_control(struct ws *ws, uint8_t opcode, const uint8_t *data, size_t length);
void ws_queue_close(struct ws *ws, unsigned code,
                    const char *reason); /* once; later calls do nothing */
void ws_queue_due_close(struct ws *ws);

/*
 * The next piece to be sent, at most `most` bytes: at *data, or gathered into `staging` (of that
 * size); 0 if there is none. It counts as sent.
 */
size_t ws_output_next(struct ws *ws, uint8_t *staging, size_t most, uint8_t **data);

/* ws_input.c: frames from the peer. Loop's stack. */
void ws_input(struct ws *ws, const uint8_t *data, size_t length);
void ws_input_free(struct ws_reader *reader);
void ws_fail(struct ws *ws, unsigned code, int error, const char *reason);
void ws_answer_ping(struct ws *ws, struct ws_buffer *ping); /* takes the reference */

/* ws.c: says why listening or connecting failed; sets errno and returns -1. */
int ws_error_set(struct ws_error *error, enum ws_failure failure, int number, const char *format,
                 ...) __attribute__((format(printf, 4, 5)));

/* ws_handshake.c: the opening handshake's texts (section 4). */
#define WS_KEY_SIZE    25 /* base64 of 16 bytes, and a NUL */
#define WS_ACCEPT_SIZE 29 /* base64 of 20 bytes, and a NUL */
int ws_handshake_key(char key[WS_KEY_SIZE]);
int ws_handshake_accept(const char *key, size_t length, char accept[WS_ACCEPT_SIZE]);

/*
 * 0 if the request is a right one; else the HTTP status that refuses it, with the reason; -1 if it
 * is no request for a WebSocket at all.
 */
int ws_handshake_check_request(const struct aw_http_head *request, const char **reason);

/* NULL if the response switches to WebSocket as it should, or what is wrong with it. */
const char *ws_handshake_check_response(const struct aw_http_head *response, const char *key,
                                        const struct ws_connect_options *options);

#endif
