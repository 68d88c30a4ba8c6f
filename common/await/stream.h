/* SPDX-License-Identifier: MIT */
/*
 * Streams of bytes to await: TCP and TLS connections, Unix sockets, and every open descriptor: a
 * pipe, a terminal, a file (asyncio: StreamReader and StreamWriter in one, open_connection,
 * start_server, connect_read_pipe and connect_write_pipe). A line echo is
 *
 *     while ((length = await(aw_stream_read_line(stream, &line, AW_NEVER))) > 0)
 *             if (await(aw_stream_write(stream, line, (size_t)length, AW_NEVER)) == -1)
 *                     break;
 *     await(aw_stream_close(stream, aw_loop_now() + AW_SECOND));
 *
 * Nothing here blocks the loop, whatever the descriptor is, and nothing raises SIGPIPE.
 *
 * Memory is bounded. Input: reading from the other side stops while `limit` bytes wait to be read; a
 * stream holds twice that at most, and a connection 64 KiB more. Output: a write waits while
 * `high_water` bytes wait to be sent; a connection holds 320 KiB more of it.
 *
 * One task reads a stream at a time; any number write, whose data are not mixed. A stream belongs
 * to one loop. Deadlines are absolute; AW_NEVER: none. A call that need not wait does not, and then
 * looks at neither the deadline nor a cancellation.
 *
 * Errors: -1 (or NULL) with errno. ETIMEDOUT and ECANCELED lose nothing that was to be read. What
 * is given to be written is sent later than the call; if that fails, the next write, flush or close
 * tells: EPIPE the other side reads no more, ECONNRESET, ENOSPC the disk is full, EIO the terminal
 * is gone, and so on. Closing or dropping a stream ends the calls that other tasks wait in: EPIPE.
 */
#ifndef AW_STREAM_H
#define AW_STREAM_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "api.h"
#include "connect.h"
#include "error.h"
#include "task.h"

struct aw_tls_context;
struct aw_stream;
struct aw_stream_listener;

/* What a limit or a high_water of 0 means: bytes. */
#define AW_STREAM_LIMIT ((size_t)64 << 10)

/* Bounds of a stream. Zeroed, it means the defaults. */
struct aw_stream_options {
        size_t limit;      /* bytes of input that wait, and of the longest line */
        size_t high_water; /* bytes of output that wait */
};

/*
 * A stream of an open descriptor, for reading, for writing, or both, as it was opened. The
 * descriptor stays the caller's, who may close it at once; what it shares with other processes, the
 * file's position apart, stays as it is, the flag O_NONBLOCK too. options may be NULL.
 *
 * How it is read and written: sockets with MSG_DONTWAIT; pipes and terminals through an open file
 * of our own, which does not block, where /proc lets us open one; otherwise with RWF_NOWAIT; and
 * whatever might still block (a file that is not cached, another user's terminal on an old kernel)
 * in a thread of the default executor.
 *
 * NULL with errno EBADF, EISDIR, EMFILE, ENOMEM.
 */
AW_API struct aw_stream *aw_stream_open(int fd, const struct aw_stream_options *options);

/*
 * Reads what there is, at most `size` bytes, and waits for at least one (StreamReader.read). Their
 * number; 0 at the end; -1 with errno.
 */
AW_API aw_async ssize_t aw_stream_read(struct aw_stream *stream, void *data, size_t size,
                                       aw_time deadline);

/*
 * Reads exactly `size` bytes, of any number (readexactly). 0, or -1 with errno, ENODATA if the end
 * comes before. *got, if that is not NULL, tells how many are in `data` in any case, so one can go
 * on behind them (IncompleteReadError.partial).
 */
AW_API aw_async int aw_stream_read_exactly(struct aw_stream *stream, void *data, size_t size,
                                           size_t *got, aw_time deadline);

/*
 * Reads a line (readline): its length, with the LF that ends it, which only the last one may lack;
 * 0 at the end. *line is the stream's until the next call that reads, and terminated.
 *
 * -1 with errno EMSGSIZE: there are `limit` bytes and no line's end among them
 * (LimitOverrunError). They stay and can be read by aw_stream_read().
 */
AW_API aw_async ssize_t aw_stream_read_line(struct aw_stream *stream, char **line,
                                            aw_time deadline);

/*
 * The same up to and with a separator (readuntil). An end without it is -1 with ENODATA; what came
 * before it stays (IncompleteReadError.partial). EINVAL: the separator is empty.
 */
AW_API aw_async ssize_t aw_stream_read_until(struct aw_stream *stream, const void *separator,
                                             size_t separator_length, char **data,
                                             aw_time deadline);

/*
 * Writes all of it (StreamWriter.write and drain). Copies, so the data are the caller's again when
 * it returns; they go out by the next turn, with what else is written in this one. Waits while more
 * waits than may. 0, or -1 with errno; ETIMEDOUT and ECANCELED leave it open how much is taken.
 * EPIPE also after aw_stream_shutdown().
 */
AW_API aw_async int aw_stream_write(struct aw_stream *stream, const void *data, size_t length,
                                    aw_time deadline);

/* Waits until all is written: it is with the kernel then. 0, or -1 with errno. */
AW_API aw_async int aw_stream_flush(struct aw_stream *stream, aw_time deadline);

/*
 * Ends the sending direction behind what was written (write_eof): the other side reads to its end.
 * Reading goes on. TLS: close_notify as well. A pipe is closed; nothing happens to a file or a
 * terminal. Tasks that wait in aw_stream_write() get EPIPE, and the end stands behind the bytes of
 * theirs for which there was room.
 */
AW_API void aw_stream_shutdown(struct aw_stream *stream);

/*
 * Waits until all is written, up to the deadline, then closes and frees the stream, in any case. 0,
 * or -1 with errno: not all could be written. NULL does nothing: 0.
 */
AW_API aw_async int aw_stream_close(struct aw_stream *stream, aw_time deadline);

/* Closes and frees it at once; what is not written yet is lost. NULL does nothing. */
AW_API void aw_stream_drop(struct aw_stream *stream);

/* The other side, for logs: "127.0.0.1:40312", "[::1]:40312", "unix", "descriptor 0". */
AW_API const char *aw_stream_peer(const struct aw_stream *stream);

/* Connecting */

struct aw_stream_connect_options {
        /* "HOST:PORT", "[IPV6]:PORT" or "unix:/PATH". HOST is a name or an IPv4 address. */
        const char *address;

        /* From aw_tls_context_client(). NULL: plain. */
        struct aw_tls_context *tls;

        /* What the server's certificate must be for. NULL: HOST. */
        const char *server_name;

        /* The way there; NULL: straight. */
        const struct aw_connect_options *network;

        struct aw_stream_options bounds;
};

/*
 * Resolves the name in the default executor, tries its addresses side by side (RFC 8305), and does
 * the TLS handshake (asyncio.open_connection). NULL with errno and *error (which may be NULL): of
 * kind AW_ERROR_USAGE, RESOLVE, CONNECTION, TLS, CERTIFICATE, TIMEOUT, CANCELLED or MEMORY.
 */
AW_API aw_async struct aw_stream *aw_stream_connect(const struct aw_stream_connect_options *options,
                                                    struct aw_error *error, aw_time deadline);

/*
 * Puts TLS over a plain connection (StreamWriter.start_tls), after all that was written. For
 * clients: server_name is what the certificate must be for. For servers: NULL, and a context of
 * theirs. To be called without an await after the write that makes the peer begin with TLS; bytes
 * that came before that are not read in TLS' stead, EPROTO. 0, or -1 with errno and *error (which
 * may be NULL): the stream can only be closed then.
 */
AW_API aw_async int aw_stream_start_tls(struct aw_stream *stream, struct aw_tls_context *tls,
                                        const char *server_name, struct aw_error *error,
                                        aw_time deadline);

/* One line about the connection: "TLSv1.3, TLS_AES_128_GCM_SHA256, ...", or "plain". */
AW_API void aw_stream_describe(const struct aw_stream *stream, char *out, size_t size);

/* Listening */

struct aw_stream_listen_options {
        /* As above; port 0: any that is free. HOST "*": all addresses of the machine. */
        const char *address;

        /* From aw_tls_context_server(); the listener takes a reference. NULL: plain. */
        struct aw_tls_context *tls;

        unsigned socket_mode; /* of a Unix socket's file; 0: as the umask says */

        struct aw_stream_options bounds; /* of each connection */
};

/*
 * Binds every address of the host and listens (asyncio.start_server). NULL with errno and *error
 * (which may be NULL). A stale Unix socket is replaced, one in use is not. It waits for the name of
 * the host only; for a deadline see aw_timeout_enter().
 */
AW_API aw_async struct aw_stream_listener *
aw_stream_listen(const struct aw_stream_listen_options *options, struct aw_error *error);

/* The addresses it listens on, with real ports: "127.0.0.1:7681". NULL past the last. */
AW_API const char *aw_stream_listener_address(const struct aw_stream_listener *listener,
                                              size_t index);

/*
 * Waits for the next connection, whose TLS handshake is complete (it has 10 s, and costs no task).
 * NULL with errno ETIMEDOUT, ECANCELED, or ESHUTDOWN: the listener was closed meanwhile. While 64
 * connections wait to be accepted, or 1,024 are in the handshake, further ones wait in the kernel.
 */
AW_API aw_async struct aw_stream *aw_stream_accept(struct aw_stream_listener *listener,
                                                   aw_time deadline);

/*
 * Stops listening, drops connections that were not accepted, and frees the listener. Those that
 * were accepted outlive it; tasks that wait in aw_stream_accept() get ESHUTDOWN. NULL does nothing.
 */
AW_API void aw_stream_listener_close(struct aw_stream_listener *listener);

#endif
