/* SPDX-License-Identifier: MIT */
/*
 * A connection's bytes: a stream socket, with or without a TLS session over it (asyncio's
 * transport). The owner is called back on the loop's own stack; it never sees which of the two it
 * has. Tasks use a stream over this one.
 *
 * The two directions end separately: ended() tells that the peer sends no more, and says nothing
 * about what it still reads. The connection closes by itself when both directions have ended, when
 * it breaks, and when TLS fails.
 *
 * Memory: what is read is handed on and not kept; what the kernel does not take is held, and at
 * most AW_TRANSPORT_HOLD bytes of it for an owner that keeps to the rule of aw_transport_write().
 *
 * The functions marked "any stack" only take a note, which this turn's flush carries out; they may
 * be called in a task. The others are for the loop's stack: a callback below, or a handle's.
 */
#ifndef AW_NET_TRANSPORT_H
#define AW_NET_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct aw_tls;
struct aw_transport;

#define AW_TRANSPORT_READ  ((size_t)64 << 10) /* bytes that one read takes at most */
#define AW_TRANSPORT_WHOLE ((size_t)16 << 10) /* a write of so many is never taken in part */

/* Bytes that are held at most: one write of several records, and what came on top of it whole. */
#define AW_TRANSPORT_HOLD ((size_t)320 << 10)

/* None may be NULL. The owner may call any function of this file inside. */
struct aw_transport_callbacks {
        /*
         * TCP is connected and the TLS handshake is complete. The first call, unless that fails. It
         * comes again after aw_transport_start_tls().
         */
        void (*established)(void *owner);

        /*
         * Bytes came (decrypted ones); they are valid during the call. What was read before the
         * owner paused still comes in the same event: up to AW_TRANSPORT_READ bytes.
         */
        void (*data)(void *owner, const uint8_t *data, size_t length);

        /*
         * The peer has ended its sending direction, by close_notify or FIN. Once, after all of its
         * data; none comes after it. truncated: FIN without the close_notify that TLS demands, so
         * somebody may have cut what came before it.
         */
        void (*ended)(void *owner, bool truncated);

        /*
         * Time to write: once in the flush of the turn in which aw_transport_want_write() was
         * called, and when there is room again after a write that was not taken whole. All that is
         * written inside goes out in one write of the kernel's, if it is not too much.
         */
        void (*writable)(void *owner);

        /*
         * The connection is gone for the owner, and the transport is not the owner's any more: the
         * last call. It never comes inside a call of the owner's. error is an errno value: 0 both
         * directions have ended, or aw_transport_close(); ECONNREFUSED and the like for a
         * connection in progress; ECONNRESET, ETIMEDOUT, ...; ECONNABORTED the peer ended it during
         * the TLS handshake; EPROTO TLS failed; ENOMEM. text: the sentence for EPROTO, without a
         * full stop, valid during the call; else NULL.
         *
         * In this call, if TLS failed, aw_transport_tls() still is the session, and what is
         * written goes out in the clear: for a peer that does not speak TLS.
         */
        void (*closed)(void *owner, int error, const char *text);
};

/*
 * Takes a non-blocking stream socket, connected or on its way, and a TLS session for it, or NULL for
 * plain bytes. Both are the transport's now, and freed even if this fails: NULL with errno ENOMEM or
 * ENOSPC. Reads at once. Any stack.
 */
enum aw_transport_start {
        AW_TRANSPORT_CONNECTED,
        AW_TRANSPORT_CONNECTING,
        AW_TRANSPORT_STRANGER, /* connected, and a stranger: see loop/socket.h */
};
struct aw_transport *aw_transport_open(int fd, enum aw_transport_start start, struct aw_tls *tls,
                                       const struct aw_transport_callbacks *callbacks, void *owner);

/*
 * Switches Nagle's algorithm off, and keep-alive on: a peer that vanished is noticed after about
 * AW_TRANSPORT_SILENCE. A socket that connects gets this when it is opened; one that was accepted has it
 * from the socket that listens (tcp(7)). Without effect on a Unix socket. Any stack.
 */
#define AW_TRANSPORT_SILENCE 60 /* seconds */
void aw_transport_set_options(int fd);

/* The peer is no stranger any more. Any stack. */
void aw_transport_befriend(struct aw_transport *transport);

/*
 * Another owner, which gets established() anew if it was called already. Or none, which hears of
 * nothing: have it paused before, and give it an owner before anything is awaited. Any stack.
 */
void aw_transport_set_owner(struct aw_transport *transport,
                            const struct aw_transport_callbacks *callbacks, void *owner);
void aw_transport_disown(struct aw_transport *transport);

/*
 * Puts TLS over an established plain transport, which takes the session; established() comes when
 * the handshake is complete. Nothing may be held, and what came of TLS must not have been read as
 * data(): pause first. Resumes reading. Any stack.
 */
void aw_transport_start_tls(struct aw_transport *transport, struct aw_tls *tls);

/*
 * What comes is shown to `take` first, as it came from the peer, before TLS and data(). It returns -1:
 * all of that was its own, and so is what comes next; or how many bytes were: what is behind them goes
 * on as usual, and it is not called again. It may close the transport. Before anything was read.
 */
typedef ssize_t aw_transport_preface(void *owner, const uint8_t *data, size_t length);
void aw_transport_set_preface(struct aw_transport *transport, aw_transport_preface *take);

/* Asks for writable() in this turn's flush. Any stack. */
void aw_transport_want_write(struct aw_transport *transport);

/*
 * Takes bytes to be sent, and returns how many: `length`, go on; fewer, also 0: enough for now, stop
 * and wait for writable(), which comes without being asked for; -1: the connection is broken, and
 * closed() will come. At most AW_TRANSPORT_WHOLE bytes are always taken whole, so an owner that has
 * several small pieces puts them together first, and looks at aw_transport_full() between two.
 *
 * A share of a turn is bounded, in bytes and in time: what is over has to wait for the next one.
 */
ssize_t aw_transport_write(struct aw_transport *transport, const uint8_t *data, size_t length);

/*
 * The same for pieces that go out with one call of the kernel's: of plain bytes, inside writable(), at
 * most AW_TRANSPORT_LARGE of them together. None of them is taken whole in any case.
 */
#define AW_TRANSPORT_LARGE ((size_t)64 << 10) /* over so much waits for its turn, if many send */
struct iovec;
ssize_t aw_transport_write_pieces(struct aw_transport *transport, struct iovec *pieces,
                                  size_t count);

/*
 * Room for small pieces of at most AW_TRANSPORT_WHOLE bytes together, which go out as one: at least
 * `least` bytes, of which aw_transport_put() says how many were filled. Without data: use
 * aw_transport_write(). Only inside writable().
 */
struct aw_transport_room {
        uint8_t *data;
        size_t size;
};
struct aw_transport_room aw_transport_room(struct aw_transport *transport, size_t least);
void aw_transport_put(struct aw_transport *transport, size_t length);

/*
 * Sends plain bytes at once, and not in this turn's flush: for a reply that is small, and the only one.
 * Returns how many the kernel took; the others are not held. -1: not now, or it is broken; use
 * aw_transport_want_write(). Any stack.
 */
ssize_t aw_transport_send_now(struct aw_transport *transport, const uint8_t *data, size_t length);

/* Now is not the time for a further write: bytes are held, or the share of the turn is used up. */
bool aw_transport_full(const struct aw_transport *transport);

/* An errno value: nothing can be sent any more, and closed() will come; else 0. Any stack. */
int aw_transport_error(const struct aw_transport *transport);

/* Bytes that were taken and are not with the kernel yet. Any stack. */
size_t aw_transport_held(const struct aw_transport *transport);

/*
 * What the peer takes: bytes that its kernel has acknowledged so far, and those that it has not,
 * held ones included. One that neither acknowledges more nor has nothing outstanding has stopped
 * reading. (On a Unix socket both are about right: they change when the peer reads.) Any stack.
 */
uint64_t aw_transport_delivered(const struct aw_transport *transport);
size_t aw_transport_outstanding(const struct aw_transport *transport);

/* Bytes came that were not read yet. Any stack. */
bool aw_transport_has_input(const struct aw_transport *transport);

/* What was written so far, held or not: delivered and outstanding together, without asking. */
uint64_t aw_transport_written(const struct aw_transport *transport);

/* Stops and resumes reading. Any stack. */
void aw_transport_pause(struct aw_transport *transport, bool pause);

/*
 * Ends the sending direction, after what is held: close_notify if there is TLS, and FIN. Nothing
 * can be written any more. Any stack.
 */
void aw_transport_shutdown(struct aw_transport *transport);

/*
 * The same, but leaves the FIN to the peer: only close_notify goes out, or nothing at all if there
 * is no TLS. The connection closes when the peer ends its direction.
 */
void aw_transport_shutdown_passive(struct aw_transport *transport);

/*
 * Closes in this turn's flush: closed() comes then, data() and writable() no more. What is held is
 * lost. Any stack.
 */
void aw_transport_close(struct aw_transport *transport);

/* The same with a reset (RST), also of what the kernel has not sent yet. Any stack. */
void aw_transport_reset(struct aw_transport *transport);

int aw_transport_fd(const struct aw_transport *transport);

/* The session, to be looked at, or NULL. Any stack. */
const struct aw_tls *aw_transport_tls(const struct aw_transport *transport);

#endif
