/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <libwebsockets.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "loop/socket.h"

#include "await/log.h"
#include "await/loop.h"
#include "loop/private.h"

/* Sockets and watches both hang on a libwebsockets connection, and begin alike. */
struct base {
        struct lws *wsi;
        struct aw_flush flush;
        struct base *next, **link; /* all of this thread's */
        bool stopped;              /* libwebsockets was told not to read */
        bool closing;
};

struct aw_socket {
        struct base base;
        const struct aw_socket_callbacks *callbacks;
        void *owner;
        int error; /* what closed() will be told */
        bool connecting;
        bool paused;   /* by the owner */
        bool shutdown; /* the sending direction is to end */
        bool broken;   /* nothing can be sent any more */

        /*
         * Output that the kernel did not take yet. libwebsockets could hold it too, but does not
         * read while it does: two such peers, each waiting for the other one to read, would wait
         * for ever.
         */
        uint8_t *held;
        size_t held_length, held_sent;
};

struct aw_watch {
        struct base base;
        int fd;
        void (*callback)(void *argument);
        void *argument;
        bool paused;
};

static _Thread_local struct base *all;

static void
base_link(struct base *base)
{
        base->next = all;
        base->link = &all;
        if (all != NULL)
                all->link = &base->next;
        all = base;
}

static void
base_unlink(struct base *base)
{
        lws_set_opaque_user_data(base->wsi, NULL);
        aw_loop_unflush(&base->flush);
        *base->link = base->next;
        if (base->next != NULL)
                base->next->link = base->link;
}

/* Closes the connection now; its close callback is called within. */
static void
base_kill(struct base *base)
{
        lws_set_timeout(base->wsi, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_SYNC);
}

static void
base_stop(struct base *base, bool stop)
{
        if (stop == base->stopped)
                return;
        base->stopped = stop;
        lws_rx_flow_control(base->wsi, !stop);
}

static int
base_adopt(struct base *base, lws_adoption_type type, int fd)
{
        lws_sock_file_fd_type descriptor = {.sockfd = fd};

        base->wsi = lws_adopt_descriptor_vhost(aw_loop_vhost(aw_loop_need()), type, descriptor,
                                               aw_socket_protocols[0].name, NULL);
        if (base->wsi == NULL) {
                errno = EMFILE;
                return -1;
        }
        lws_set_opaque_user_data(base->wsi, base);
        base_link(base);
        return 0;
}

static void
base_close(struct base *base)
{
        base->closing = true;
        aw_loop_flush(&base->flush);
}

void
aw_socket_close_all(void)
{
        while (all != NULL) {
                all->closing = true;
                base_kill(all);
        }
}

/* Nor does it read while connecting, or the read swallows the error that says why that failed. */
static void
socket_apply_pause(struct aw_socket *socket)
{
        base_stop(&socket->base, socket->paused || socket->connecting);
}

/* How much the kernel took, which may be nothing; -1 if the connection is broken. */
static ssize_t
socket_send(struct aw_socket *socket, const uint8_t *data, size_t length)
{
        ssize_t sent = send(aw_socket_fd(socket), data, length, MSG_NOSIGNAL);

        return sent == -1 && (errno == EAGAIN || errno == EINTR) ? 0 : sent;
}

/* Keeps a copy for when the kernel takes more. */
static int
socket_hold(struct aw_socket *socket, const uint8_t *data, size_t length)
{
        uint8_t *held = realloc(socket->held, socket->held_length + length);

        if (held == NULL)
                return -1;
        memcpy(held + socket->held_length, data, length);
        socket->held = held;
        socket->held_length += length;
        lws_callback_on_writable(socket->base.wsi);
        return 0;
}

static void
socket_drop_held(struct aw_socket *socket)
{
        free(socket->held);
        socket->held = NULL;
        socket->held_length = socket->held_sent = 0;
}

/* 0, or -1 if the connection is broken. */
static int
socket_send_held(struct aw_socket *socket)
{
        ssize_t sent = socket_send(socket, socket->held + socket->held_sent,
                                   socket->held_length - socket->held_sent);

        if (sent == -1)
                return -1;
        socket->held_sent += (size_t)sent;
        if (socket->held_sent == socket->held_length)
                socket_drop_held(socket);
        else
                lws_callback_on_writable(socket->base.wsi);
        return 0;
}

static void
socket_break(struct aw_socket *socket)
{
        socket->broken = true;
        base_close(&socket->base);
}

/* Before it went away the peer may have said why, and what it said may not have been read yet. */
static void
socket_read_rest(struct aw_socket *socket)
{
        uint8_t data[4096];
        ssize_t length;

        if (socket->connecting || (socket->base.closing && !socket->broken))
                return;
        socket->broken = true;
        while (socket->broken && !socket->paused &&
               (length = recv(aw_socket_fd(socket), data, sizeof(data), MSG_DONTWAIT)) > 0)
                socket->callbacks->data(socket->owner, data, (size_t)length);
}

static void
socket_write_more(struct aw_socket *socket)
{
        if (socket->held == NULL)
                socket->callbacks->writable(socket->owner);
        if (socket->held == NULL && socket->shutdown)
                shutdown(aw_socket_fd(socket), SHUT_WR);
        socket_apply_pause(socket);
}

static void
socket_writeable(struct aw_socket *socket)
{
        if (socket->held != NULL && socket_send_held(socket) == -1)
                socket_break(socket);
        else
                socket_write_more(socket);
}

static void
socket_serve(struct aw_flush *flush)
{
        struct aw_socket *socket = lws_container_of(flush, struct aw_socket, base.flush);

        if (socket->base.closing)
                base_kill(&socket->base);
        else if (!socket->connecting)
                socket_write_more(socket);
}

/* 0, or -1 with socket->error. */
static int
socket_connected(struct aw_socket *socket)
{
        socklen_t size = sizeof(socket->error);

        if (getsockopt(aw_socket_fd(socket), SOL_SOCKET, SO_ERROR, &socket->error, &size) != 0)
                socket->error = errno;
        if (socket->error != 0)
                return -1;
        socket->connecting = false;
        socket_apply_pause(socket);
        socket->callbacks->connected(socket->owner);
        /* What was asked for meanwhile. */
        aw_loop_flush(&socket->base.flush);
        return 0;
}

static int
socket_event(struct aw_socket *socket, enum lws_callback_reasons reason, const uint8_t *data,
             size_t length)
{
        int result = 0;

        switch (reason) {
        case LWS_CALLBACK_RAW_RX:
                if (!socket->base.closing || socket->broken)
                        socket->callbacks->data(socket->owner, data, length);
                break;
        case LWS_CALLBACK_RAW_WRITEABLE:
                if (socket->base.closing)
                        break;
                if (socket->connecting)
                        result = socket_connected(socket);
                else
                        socket_writeable(socket);
                break;
        case LWS_CALLBACK_RAW_CLOSE:
                if (socket->connecting && socket->error == 0 && !socket->base.closing &&
                    socket_connected(socket) == 0)
                        socket->error = ECONNABORTED;
                socket_read_rest(socket);
                base_unlink(&socket->base);
                socket_drop_held(socket);
                socket->callbacks->closed(socket->owner, socket->error);
                free(socket);
                break;
        default:
                break;
        }
        return result;
}

struct aw_socket *
aw_socket_adopt(int fd, bool connecting, const struct aw_socket_callbacks *callbacks, void *owner)
{
        struct aw_socket *socket = calloc(1, sizeof(*socket));

        if (socket == NULL) {
                close(fd);
                errno = ENOMEM;
                return NULL;
        }
        socket->callbacks = callbacks;
        socket->owner = owner;
        socket->connecting = connecting;
        socket->base.flush.serve = socket_serve;
        if (base_adopt(&socket->base, LWS_ADOPT_SOCKET, fd) == -1) {
                free(socket);
                return NULL;
        }
        if (connecting) {
                socket_apply_pause(socket);
                lws_callback_on_writable(socket->base.wsi);
        }
        return socket;
}

void
aw_socket_set_owner(struct aw_socket *socket, const struct aw_socket_callbacks *callbacks,
                    void *owner)
{
        socket->callbacks = callbacks;
        socket->owner = owner;
}

void
aw_socket_want_write(struct aw_socket *socket)
{
        if (socket->held == NULL)
                aw_loop_flush(&socket->base.flush);
}

int
aw_socket_write(struct aw_socket *socket, const uint8_t *data, size_t length)
{
        ssize_t sent;

        if (socket->broken)
                return -1;
        sent = socket->held == NULL ? socket_send(socket, data, length) : 0;
        if (sent == (ssize_t)length)
                return 0;
        if (sent == -1 || socket_hold(socket, data + sent, length - (size_t)sent) == -1) {
                socket_break(socket);
                return -1;
        }
        return 1;
}

void
aw_socket_pause(struct aw_socket *socket, bool pause)
{
        if (socket->paused == pause)
                return;
        socket->paused = pause;
        aw_loop_flush(&socket->base.flush);
}

void
aw_socket_close(struct aw_socket *socket)
{
        socket->broken = false;
        base_close(&socket->base);
}

void
aw_socket_shutdown(struct aw_socket *socket)
{
        socket->shutdown = true;
        aw_socket_want_write(socket);
}

int
aw_socket_fd(const struct aw_socket *socket)
{
        return lws_get_socket_fd(socket->base.wsi);
}

static void
watch_serve(struct aw_flush *flush)
{
        struct aw_watch *watch = lws_container_of(flush, struct aw_watch, base.flush);

        if (watch->base.closing)
                base_kill(&watch->base);
        else
                base_stop(&watch->base, watch->paused);
}

static void
watch_event(struct aw_watch *watch, enum lws_callback_reasons reason)
{
        if (reason == LWS_CALLBACK_RAW_RX_FILE && !watch->base.closing && !watch->paused)
                watch->callback(watch->argument);
        if (reason == LWS_CALLBACK_RAW_CLOSE_FILE) {
                base_unlink(&watch->base);
                close(watch->fd);
                free(watch);
        }
}

/*
 * A descriptor that is readable while fd is, or has failed, and that does not fail itself:
 * libwebsockets' own poll closes what hangs up without having been asked.
 */
static int
epoll_of(int fd)
{
        struct epoll_event event = {.events = EPOLLIN};
        int epoll = epoll_create1(EPOLL_CLOEXEC);

        if (epoll != -1 && epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == -1) {
                close(epoll);
                return -1;
        }
        return epoll;
}

struct aw_watch *
aw_watch_open(int fd, void (*callback)(void *argument), void *argument)
{
        struct aw_watch *watch = calloc(1, sizeof(*watch));
        int epoll;

        if (watch == NULL)
                return NULL;
        watch->fd = fd;
        watch->callback = callback;
        watch->argument = argument;
        watch->base.flush.serve = watch_serve;
        epoll = epoll_of(fd);
        if (epoll == -1)
                goto fail;
        if (base_adopt(&watch->base, LWS_ADOPT_RAW_FILE_DESC, epoll) == -1)
                goto fail_epoll;
        return watch;
fail_epoll:
        close(epoll);
fail:
        free(watch);
        return NULL;
}

void
aw_watch_pause(struct aw_watch *watch, bool pause)
{
        watch->paused = pause;
        aw_loop_flush(&watch->base.flush);
}

void
aw_watch_close(struct aw_watch *watch)
{
        if (watch != NULL)
                base_close(&watch->base);
}

/* Every event of every connection comes here. What has no owner (yet) is of no interest. */
static int
dispatch(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t length)
{
        void *owner;

        (void)user;
        switch (reason) {
        case LWS_CALLBACK_RAW_RX:
        case LWS_CALLBACK_RAW_WRITEABLE:
        case LWS_CALLBACK_RAW_CLOSE:
                owner = lws_get_opaque_user_data(wsi);
                return owner == NULL ? 0 : socket_event(owner, reason, in, length);
        case LWS_CALLBACK_RAW_RX_FILE:
        case LWS_CALLBACK_RAW_CLOSE_FILE:
                owner = lws_get_opaque_user_data(wsi);
                if (owner != NULL)
                        watch_event(owner, reason);
                return 0;
        default:
                return 0;
        }
}

static const struct lws_protocols protocols[] = {
        {.name = "await", .callback = dispatch},
        {.name = NULL},
};
const struct lws_protocols *const aw_socket_protocols = protocols;
