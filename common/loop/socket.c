/* SPDX-License-Identifier: MIT */
/*
 * All sockets of a loop are in one epoll set, and that set is the one descriptor that libwebsockets
 * polls: so a turn asks once for all of them, they behave alike on each back end, and a connection
 * that closes costs no search through libwebsockets' tables. What was tried is in
 * tests/bench/NOTES.md.
 */
#include <errno.h>
#include <libwebsockets.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "loop/socket.h"

#include "await/log.h"
#include "base/list.h"
#include "loop/private.h"

#define EVENTS_AT_ONCE 256

static _Thread_local struct {
        struct aw_socket *first, *last;
} all;

/* Both that it broke and that it has ended are seen by whoever reads, or writes. */
static void
socket_event(struct aw_socket *socket, uint32_t events)
{
        if ((events & ~(uint32_t)EPOLLIN) != 0 && socket->writing && !socket->closing) {
                socket->writing = false;
                aw_loop_flush(&socket->flush);
                socket->callbacks->writable(socket);
        }
        if ((events & ~(uint32_t)EPOLLOUT) != 0 && socket->reading && !socket->closing)
                socket->callbacks->readable(socket);
}

/* None of these sockets can be gone before its event is served: that happens in a flush only. */
bool
aw_socket_serve_set(struct aw_loop *loop)
{
        struct epoll_event events[EVENTS_AT_ONCE];
        int count = epoll_wait(loop->sockets, events, EVENTS_AT_ONCE, 0);

        aw_loop_turn_begins(loop);
        for (int i = 0; i < count; i++)
                socket_event(events[i].data.ptr, events[i].events);
        loop->busy = count > 1;
        return count > 0;
}

/* The end of both directions is reported also if nothing is wanted: but then only once. */
static uint32_t
wanted(const struct aw_socket *socket)
{
        static const uint32_t events[2][2] = {{EPOLLONESHOT, EPOLLOUT},
                                              {EPOLLIN, EPOLLIN | EPOLLOUT}};

        return events[socket->reading][socket->writing];
}

static __attribute__((noinline)) int
tell_kernel(struct aw_socket *socket, int operation)
{
        struct epoll_event event = {.events = wanted(socket), .data.ptr = socket};

        socket->polled = event.events;
        return epoll_ctl(aw_loop_current->sockets, operation, socket->fd, &event);
}

/*
 * A process that was forked meanwhile may still have the open file, so the set has to be told. A
 * child's set is its parent's.
 */
static void
close_descriptor(struct aw_socket *socket)
{
        if (socket->fd == -1)
                return;
        if (!aw_loop_is_parents(aw_loop_current))
                epoll_ctl(aw_loop_current->sockets, EPOLL_CTL_DEL, socket->fd, NULL);
        close(socket->fd);
        socket->fd = -1;
}

static void
socket_kill(struct aw_socket *socket)
{
        socket->closing = true;
        close_descriptor(socket);
        aw_loop_unflush(&socket->flush);
        aw_list_remove(&all, socket, link);
        socket->callbacks->closed(socket);
}

void
aw_socket_close_all(void)
{
        while (all.first != NULL)
                socket_kill(all.first);
}

static void
socket_serve(struct aw_flush *flush)
{
        struct aw_socket *socket = lws_container_of(flush, struct aw_socket, flush);

        if (socket->asked && !socket->closing) {
                socket->asked = false;
                socket->callbacks->flush(socket);
        }
        if (socket->closing)
                socket_kill(socket);
        else if (socket->polled != wanted(socket) && tell_kernel(socket, EPOLL_CTL_MOD) == -1)
                aw_log_abort("epoll_ctl: %s: a descriptor of the loop's was closed elsewhere",
                             strerror(errno));
}

int
aw_socket_open(struct aw_socket *socket, int fd, const struct aw_socket_callbacks *callbacks)
{
        aw_loop_need();
        *socket = (struct aw_socket){
                .callbacks = callbacks, .flush.serve = socket_serve, .fd = fd, .reading = true};
        if (tell_kernel(socket, EPOLL_CTL_ADD) == -1)
                return -1;
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
aw_socket_close(struct aw_socket *socket)
{
        socket->closing = true;
        aw_loop_flush(&socket->flush);
}

void
aw_socket_close_descriptor(struct aw_socket *socket)
{
        close_descriptor(socket);
        aw_socket_close(socket);
}

/* The set. */

static int
dispatch(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t length)
{
        (void)wsi;
        (void)user;
        (void)in;
        (void)length;
        if (reason == LWS_CALLBACK_RAW_RX_FILE)
                aw_socket_serve_set(aw_loop_current);
        return 0;
}

static const struct lws_protocols protocols[] = {
        {.name = "await", .callback = dispatch},
        {.name = NULL},
};
const struct lws_protocols *const aw_socket_protocols = protocols;

int
aw_socket_open_set(struct aw_loop *loop)
{
        lws_sock_file_fd_type descriptor = {.filefd = epoll_create1(EPOLL_CLOEXEC)};

        if (descriptor.filefd == -1)
                return -1;
        if (lws_adopt_descriptor_vhost(aw_loop_vhost(loop), LWS_ADOPT_RAW_FILE_DESC, descriptor,
                                       protocols[0].name, NULL) == NULL) {
                close(descriptor.filefd);
                errno = ENOMEM;
                return -1;
        }
        /* libwebsockets now owns it, and closes it with the context. */
        loop->sockets = descriptor.filefd;
        return 0;
}
