/* SPDX-License-Identifier: MIT */
/*
 * What the files of the transport share: transport.c has its life and what its owner asks for,
 * transport_input.c the socket's events, transport_output.c what goes out.
 */
#ifndef AW_NET_TRANSPORT_PRIVATE_H
#define AW_NET_TRANSPORT_PRIVATE_H

#include "loop/share.h"
#include "loop/socket.h"
#include "net/transport.h"
#include "tls/session.h"

#define AW_TRANSPORT_RECORD ((size_t)16 << 10)   /* payload of a TLS record at most */
#define AW_TRANSPORT_TURN   (AW_MILLISECOND / 8) /* for one transport, then the others have theirs */

enum aw_transport_phase {
        PHASE_CONNECTING,
        PHASE_HANDSHAKE, /* TLS */
        PHASE_READY,     /* established() is due */
        PHASE_OPEN,
        PHASE_FAREWELL, /* TLS failed: the owner is told, the alert is on its way */
};

/* A direction: the peer's, or ours. */
enum aw_transport_way {
        WAY_OPEN,
        WAY_ENDING, /* ours: to be ended when all that is held has gone out */
        WAY_ENDED,
};

struct aw_transport {
        struct aw_socket socket;
        const struct aw_transport_callbacks *callbacks;
        void *owner;
        struct aw_tls *tls;
        struct aw_tls *tls_next;       /* whose handshake is to begin */
        aw_transport_preface *preface; /* or NULL */
        enum aw_transport_phase phase;
        enum aw_transport_way in, out;
        bool paused;      /* by the owner */
        bool passive;     /* our direction ends without a FIN */
        bool wants_write; /* writable() is due */
        bool broken;      /* nothing can be sent any more */
        int error;        /* what closed() will be told */
        size_t read_size; /* of the next read */
        size_t share;     /* bytes taken in this turn */
        size_t counted;   /* of them, in `sending` */
        struct aw_share sending;
        bool begun;     /* work that is counted there */
        uint64_t taken; /* bytes that the kernel took */

        /*
         * Output that the kernel did not take. libwebsockets could hold it too, but does not read
         * while it does: two such peers, each waiting for the other one to read, would wait for
         * ever.
         */
        uint8_t *held;
        size_t held_length, held_sent;

        struct aw_handle farewell;
};

/* What the transports of a thread share, because each needs it for a moment only. */
struct aw_transport_scratch {
        size_t users;
        struct aw_transport *gatherer; /* whose output this is */
        struct aw_tls_buffer output;   /* for the kernel; empty if there is no gatherer */
        size_t small_length;
        uint8_t small[AW_TRANSPORT_RECORD]; /* small writes, put together for one record */
        uint8_t plain[AW_TRANSPORT_RECORD];
        uint8_t input[AW_TRANSPORT_READ];
};
extern _Thread_local struct aw_transport_scratch *aw_transport_scratch;

/* transport.c: ends. */
void aw_transport_end(struct aw_transport *transport, int error);
void aw_transport_end_if_over(struct aw_transport *transport);
void aw_transport_break(struct aw_transport *transport, int error);
void aw_transport_fail_tls(struct aw_transport *transport);
void aw_transport_free(struct aw_transport *transport);
void aw_transport_update_reading(struct aw_transport *transport);

/* transport_input.c */
extern const struct aw_socket_callbacks aw_transport_socket_callbacks;

/* transport_output.c: see there. */
void aw_transport_forget_held(struct aw_transport *transport);
ssize_t aw_transport_send(struct aw_transport *transport, const uint8_t *data, size_t length);
struct aw_transport *aw_transport_gather_begin(struct aw_transport *transport);
void aw_transport_gather_end(struct aw_transport *transport, struct aw_transport *before);
void aw_transport_serve(struct aw_transport *transport);

#endif
