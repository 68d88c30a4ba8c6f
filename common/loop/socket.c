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
        if ((events & ~(uint32_t)(EPOLLIN | EPOLLRDHUP)) != 0 && socket->writing &&
            !socket->closing) {
                socket->writing = false;
                aw_loop_flush(&socket->flush);
                socket->callbacks->writable(socket);
        }
        if ((events & ~(uint32_t)EPOLLOUT) != 0 && socket->reading && !socket->closing)
                socket->callbacks->readable(socket);
}

/*
 * One at a time: who was fetched must be served, and each may take as long as a handshake does. Who
 * comes again, having been served since the look began (`before`), has more to read, or the kernel is
 * told in the flush only that nothing is wanted: all others that were ready have been served by then.
 */
static void
serve_strangers(struct aw_loop *loop, uint64_t before)
{
        aw_time end = aw_loop_now() + AW_SOCKET_STRANGERS;
        unsigned left = AW_SOCKET_AT_ONCE;
        struct epoll_event event;
        struct aw_socket *socket;

        do {
                if (epoll_wait(loop->strangers, &event, 1, 0) != 1)
                        return;
                socket = event.data.ptr;
                if (socket->served > before)
                        return;
                socket->served = ++loop->served;
                socket_event(socket, event.events);
        } while (--left > 0 && aw_loop_now() < end);
}

/*
 * Whose turn it is. A place in the line does not tell: it changes with who else is ready, and one look
 * may not see all of them.
 */
static struct epoll_event *
served_longest_ago(struct epoll_event *events, unsigned count)
{
        struct epoll_event *first = &events[0];

        for (unsigned i = 1; i < count; i++) {
                const struct aw_socket *socket = events[i].data.ptr, *other = first->data.ptr;

                if (socket->served < other->served)
                        first = &events[i];
        }
        return first;
}

/* The peer has ended, or the connection broke. */
static bool
peer_ended(const struct epoll_event *event)
{
        return (event->events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
}

/* So many at most, and one at least if there is any. */
static void
serve_some(struct aw_loop *loop, struct epoll_event *events, unsigned count, unsigned most)
{
        aw_time end = aw_loop_now() + AW_SOCKET_HEAVY;

        while (count > 0 && most > 0) {
                struct epoll_event *event = served_longest_ago(events, count);
                struct aw_socket *socket = event->data.ptr;

                socket->served = ++loop->served;
                socket_event(socket, event->events);
                *event = events[--count];
                most = aw_loop_now() < end ? most - 1 : 0;
        }
}

/* A crowd that leaves does not keep the others waiting. */
static void
serve_heavy(struct aw_loop *loop, struct epoll_event *events, unsigned count)
{
        unsigned ended = 0;

        for (unsigned i = 0; i < count; i++)
                if (peer_ended(&events[i])) {
                        struct epoll_event event = events[i];

                        events[i] = events[ended];
                        events[ended++] = event;
                }
        serve_some(loop, events, ended, AW_SOCKET_AT_ONCE);
        serve_some(loop, events + ended, count - ended, EVENTS_AT_ONCE);
}

/*
 * None of these sockets can be gone before its event is served: that happens in a flush only. The
 * heavy ones are gathered at the beginning of the events, over those that are served already.
 */
bool
aw_socket_serve_set(struct aw_loop *loop)
{
        struct epoll_event events[EVENTS_AT_ONCE];
        int count = epoll_wait(loop->sockets, events, EVENTS_AT_ONCE, 0);
        bool strangers = false, others = false;
        uint64_t before = loop->served;
        unsigned heavy = 0;

        aw_loop_turn_begins(loop);
        for (int i = 0; i < count; i++) {
                struct aw_socket *socket = events[i].data.ptr;

                if (events[i].data.ptr == loop) {
                        strangers = true;
                } else if (socket->heavy || peer_ended(&events[i])) {
                        events[heavy++] = events[i];
                } else {
                        others = true;
                        socket_event(socket, events[i].events);
                }
        }
        loop->waiting = others && !loop->waiting && (heavy > 0 || strangers);
        if (!loop->waiting && heavy > 0)
                serve_heavy(loop, events, heavy);
        if (!loop->waiting && strangers)
                serve_strangers(loop, before);
        loop->busy = count > 1;
        return count > 0;
}

/* The end of both directions is reported also if nothing is wanted: but then only once. */
static uint32_t
wanted(const struct aw_socket *socket)
{
        static const uint32_t events[2][2] = {
                {EPOLLONESHOT, EPOLLOUT}, {EPOLLIN | EPOLLRDHUP, EPOLLIN | EPOLLRDHUP | EPOLLOUT}};

        return events[socket->reading][socket->writing];
}

static __attribute__((noinline)) int
tell_kernel(struct aw_socket *socket, int operation)
{
        struct epoll_event event = {.events = wanted(socket), .data.ptr = socket};

        socket->polled = event.events;
        return epoll_ctl(socket->set, operation, socket->fd, &event);
}

static int
set_for(const struct aw_socket *socket)
{
        return socket->stranger ? aw_loop_current->strangers : aw_loop_current->sockets;
}

/* From the strangers' set to that of all others. */
static int
change_set(struct aw_socket *socket)
{
        if (epoll_ctl(socket->set, EPOLL_CTL_DEL, socket->fd, NULL) == -1)
                return -1;
        socket->set = set_for(socket);
        return tell_kernel(socket, EPOLL_CTL_ADD);
}

/* What the kernel is to know. 0, or -1 with errno. */
static int
update_kernel(struct aw_socket *socket)
{
        if (socket->set != set_for(socket))
                return change_set(socket);
        return socket->polled == wanted(socket) ? 0 : tell_kernel(socket, EPOLL_CTL_MOD);
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
                epoll_ctl(socket->set, EPOLL_CTL_DEL, socket->fd, NULL);
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

bool
aw_socket_any(void)
{
        return all.first != NULL;
}

void
aw_socket_close_all(void)
{
        while (all.first != NULL)
                socket_kill(all.first);
        close(aw_loop_current->strangers);
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
        else if (update_kernel(socket) == -1)
                aw_log_abort("epoll_ctl: %s: a descriptor of the loop's was closed elsewhere",
                             strerror(errno));
}

int
aw_socket_open(struct aw_socket *socket, int fd, bool stranger,
               const struct aw_socket_callbacks *callbacks)
{
        aw_loop_need();
        *socket = (struct aw_socket){.callbacks = callbacks,
                                     .flush.serve = socket_serve,
                                     .fd = fd,
                                     .stranger = stranger,
                                     /* Who was accepted in a turn is served in the next. */
                                     .served = ++aw_loop_current->served,
                                     .reading = true};
        socket->set = set_for(socket);
        if (tell_kernel(socket, EPOLL_CTL_ADD) == -1)
                return -1;
        aw_list_append(&all, socket, link);
        return 0;
}

void
aw_socket_befriend(struct aw_socket *socket)
{
        if (!socket->stranger)
                return;
        socket->stranger = false;
        aw_loop_flush(&socket->flush);
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

/* In the other set it is ready while one of the strangers is. */
static int
open_strangers(struct aw_loop *loop, int sockets)
{
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = loop};

        loop->strangers = epoll_create1(EPOLL_CLOEXEC);
        if (loop->strangers == -1)
                return -1;
        if (epoll_ctl(sockets, EPOLL_CTL_ADD, loop->strangers, &event) == 0)
                return 0;
        close(loop->strangers);
        return -1;
}

int
aw_socket_open_set(struct aw_loop *loop)
{
        lws_sock_file_fd_type descriptor = {.filefd = epoll_create1(EPOLL_CLOEXEC)};

        if (descriptor.filefd == -1)
                return -1;
        if (open_strangers(loop, descriptor.filefd) == -1) {
                close(descriptor.filefd);
                return -1;
        }
        if (lws_adopt_descriptor_vhost(aw_loop_vhost(loop), LWS_ADOPT_RAW_FILE_DESC, descriptor,
                                       protocols[0].name, NULL) == NULL) {
                close(loop->strangers);
                close(descriptor.filefd);
                errno = ENOMEM;
                return -1;
        }
        /* libwebsockets now owns it, and closes it with the context. */
        loop->sockets = descriptor.filefd;
        return 0;
}
