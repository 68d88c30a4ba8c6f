/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <libwebsockets.h>
#include <unistd.h>

#include "loop/socket.h"

#include "base/list.h"
#include "loop/private.h"

static _Thread_local struct {
        struct aw_socket *first, *last;
} all;

/* The loop forgets it. */
static void
socket_gone(struct aw_socket *socket)
{
        aw_loop_unflush(&socket->flush);
        aw_list_remove(&all, socket, link);
        socket->callbacks->closed(socket);
}

/* Closes it now; libwebsockets calls back within, and closes the descriptor. */
static void
socket_kill(struct aw_socket *socket)
{
        socket->closing = true;
        if (socket->wsi != NULL) {
                lws_set_timeout(socket->wsi, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_SYNC);
                return;
        }
        close(socket->fd);
        socket_gone(socket);
}

void
aw_socket_close_all(void)
{
        while (all.first != NULL)
                socket_kill(all.first);
}

/*
 * Tells libwebsockets what is wanted. Never inside one of its events: after a writeable one it
 * forgets what was asked for meanwhile.
 */
static void
socket_apply(struct aw_socket *socket)
{
        if (socket->reading != socket->polled_in) {
                socket->polled_in = socket->reading;
                lws_rx_flow_control(socket->wsi, socket->reading);
        }
        if (socket->writing && !socket->polled_out) {
                socket->polled_out = true;
                lws_callback_on_writable(socket->wsi);
        }
}

static void
socket_readable(struct aw_socket *socket)
{
        if (!socket->closing && socket->reading)
                socket->callbacks->readable(socket);
}

static void
socket_writable(struct aw_socket *socket)
{
        if (socket->closing || !socket->writing)
                return;
        socket->writing = false;
        socket->callbacks->writable(socket);
}

/*
 * Both directions have ended, so nothing is left to wait for: whatever can still be read is here,
 * and is read turn by turn.
 */
static void
socket_serve_hung_up(struct aw_socket *socket)
{
        socket_writable(socket);
        socket_readable(socket);
        if (!socket->closing && (socket->reading || socket->writing))
                aw_loop_flush(&socket->flush);
}

static void
socket_serve(struct aw_flush *flush)
{
        struct aw_socket *socket = lws_container_of(flush, struct aw_socket, flush);

        if (socket->asked && !socket->closing) {
                socket->asked = false;
                socket->callbacks->flush(socket);
        }
        if (!socket->closing && socket->wsi == NULL)
                socket_serve_hung_up(socket);
        if (socket->closing)
                socket_kill(socket);
        else if (socket->wsi != NULL)
                socket_apply(socket);
}

/*
 * libwebsockets closes the descriptor. If we did not ask for it, both directions have ended or the
 * connection broke, which poll() (and libuv, of errors) reports unasked; but what came before that
 * is still to be read. So the open file goes on under another number.
 */
static void
socket_let_go(struct aw_socket *socket)
{
        lws_set_opaque_user_data(socket->wsi, NULL);
        socket->wsi = NULL;
        if (!socket->closing)
                socket->fd = fcntl(socket->fd, F_DUPFD_CLOEXEC, 0);
        if (socket->closing || socket->fd == -1)
                socket_gone(socket);
        else
                aw_loop_flush(&socket->flush);
}

/* On libuv the last event can come twice: then nobody owns the connection any more. */
static int
dispatch(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t length)
{
        struct aw_socket *socket;

        (void)user;
        (void)in;
        (void)length;
        if (reason != LWS_CALLBACK_RAW_RX_FILE && reason != LWS_CALLBACK_RAW_WRITEABLE_FILE &&
            reason != LWS_CALLBACK_RAW_CLOSE_FILE)
                return 0;
        socket = lws_get_opaque_user_data(wsi);
        if (socket == NULL)
                return 0;
        if (reason == LWS_CALLBACK_RAW_RX_FILE) {
                socket_readable(socket);
        } else if (reason == LWS_CALLBACK_RAW_WRITEABLE_FILE) {
                socket->polled_out = false;
                socket_writable(socket);
        } else {
                socket_let_go(socket);
        }
        return 0;
}

int
aw_socket_open(struct aw_socket *socket, int fd, const struct aw_socket_callbacks *callbacks)
{
        lws_sock_file_fd_type descriptor = {.filefd = fd};
        struct aw_loop *loop = aw_loop_need();

        *socket = (struct aw_socket){.callbacks = callbacks,
                                     .flush.serve = socket_serve,
                                     .fd = fd,
                                     .reading = true,
                                     .polled_in = true};
        /* Refused here, because on libuv it would leave a handle behind that never closes. */
        if (fd < loop->descriptors)
                socket->wsi =
                        lws_adopt_descriptor_vhost(aw_loop_vhost(loop), LWS_ADOPT_RAW_FILE_DESC,
                                                   descriptor, aw_socket_protocols[0].name, NULL);
        if (socket->wsi == NULL) {
                errno = EMFILE;
                return -1;
        }
        lws_set_opaque_user_data(socket->wsi, socket);
        aw_list_append(&all, socket, link);
        return 0;
}

void
aw_socket_read(struct aw_socket *socket, bool wanted)
{
        if (socket->reading == wanted)
                return;
        socket->reading = wanted;
        aw_loop_flush(&socket->flush);
}

void
aw_socket_want_writable(struct aw_socket *socket)
{
        socket->writing = true;
        aw_loop_flush(&socket->flush);
}

void
aw_socket_ask(struct aw_socket *socket)
{
        socket->asked = true;
        aw_loop_flush(&socket->flush);
}

void
aw_socket_close(struct aw_socket *socket)
{
        socket->closing = true;
        aw_loop_flush(&socket->flush);
}

static const struct lws_protocols protocols[] = {
        {.name = "await", .callback = dispatch},
        {.name = NULL},
};
const struct lws_protocols *const aw_socket_protocols = protocols;
