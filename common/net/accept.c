/* SPDX-License-Identifier: MIT */
/*
 * Accepting from a listener's sockets. While no descriptors are left it rests, and whoever has waited
 * for one for too long is turned away.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "await/log.h"
#include "net/accept_private.h"
#include "net/transport.h"

#define ACCEPT_BATCH    64 /* connections accepted at a time, then the others have their turn */
#define ACCEPT_TIME     (AW_MILLISECOND / 8) /* likewise */
#define ACCEPT_PAUSE    (AW_SECOND / 4)      /* when there are no descriptors left */
#define ACCEPT_PATIENCE (2 * AW_SECOND)      /* then those that wait are turned away */

static void
port_resume(void *argument)
{
        struct aw_port *port = argument;

        aw_watch_pause(port->watch, port->ports->paused);
}

/* Nothing can be accepted for now, and the poller would tell us of it without end. */
static void
port_pause(struct aw_port *port, int error)
{
        aw_time now = aw_loop_now();

        if (!port->out_of_descriptors)
                aw_log(AW_LOG_WARNING, "%s: cannot accept connections for now: %s", port->url,
                       strerror(error));
        /* After a while in which nobody came, whoever comes is the first to wait. */
        if (!port->out_of_descriptors || now - port->failed > 2 * ACCEPT_PAUSE)
                port->since = now;
        port->failed = now;
        port->out_of_descriptors = true;
        aw_watch_pause(port->watch, true);
        aw_call_later(&port->resume, ACCEPT_PAUSE, port_resume, port);
}

static void
port_recovered(struct aw_port *port)
{
        if (port->out_of_descriptors)
                aw_log(AW_LOG_INFO, "%s: accepting again", port->url);
        port->out_of_descriptors = false;
}

/* Errors that concern one connection only, which is gone, or nothing at all. */
static bool
is_harmless(int error)
{
        return error == EAGAIN || error == EINTR || error == ECONNABORTED || error == EPROTO ||
               error == ENETDOWN || error == EHOSTUNREACH || error == ENETUNREACH ||
               error == ENOPROTOOPT || error == EHOSTDOWN || error == ENONET || error == EPERM;
}

/* The descriptor that the others leave free: for turning connections away, one at a time. */
static void
open_spare(struct aw_ports *ports)
{
        int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

        ports->spare = fd > 0 ? fd : 0;
}

static void
close_spare(struct aw_ports *ports)
{
        if (ports->spare > 0)
                close(ports->spare);
        ports->spare = 0;
}

/* It is read before it is answered: bytes that nobody read would make of the end a reset. */
void
aw_ports_turn_away(const struct aw_ports *ports, int fd)
{
        char request[16384];

        recv(fd, request, sizeof(request), MSG_DONTWAIT);
        if (ports->busy != NULL &&
            send(fd, ports->busy, ports->busy_size, MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
                shutdown(fd, SHUT_WR);
        close(fd);
}

/*
 * Nobody hangs for ever because others hold all descriptors: who has waited for one is told that
 * there is none.
 */
static void
turn_away_waiting(struct aw_port *port)
{
        struct aw_ports *ports = port->ports;
        int i, fd = 0;

        for (i = 0; i < ACCEPT_BATCH && ports->spare > 0 && fd != -1; i++) {
                close_spare(ports);
                fd = accept4(port->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
                if (fd != -1) {
                        aw_ports_turn_away(ports, fd);
                        if (ports->turned_away != NULL)
                                ports->turned_away(ports->owner);
                }
                open_spare(ports);
        }
        /* Who comes from now on waits as well. */
        port->since = aw_loop_now();
}

/*
 * A connection has the options that the socket had when it came. Once nobody waits any more, whoever
 * comes has them.
 */
static int
accept_next(struct aw_port *port, struct sockaddr_storage *address)
{
        socklen_t size = sizeof(*address);
        int fd;

        address->ss_family = AF_UNSPEC;
        fd = accept4(port->fd, (struct sockaddr *)address, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (port->early && fd != -1)
                aw_transport_set_options(fd);
        else if (fd == -1 && errno == EAGAIN)
                port->early = false;
        return fd;
}

static void
port_readable(void *argument)
{
        struct aw_port *port = argument;
        aw_time end = aw_loop_now() + ACCEPT_TIME;
        struct sockaddr_storage address;
        int fd, i;

        for (i = 0; i < ACCEPT_BATCH && !port->ports->paused && (i == 0 || aw_loop_now() < end);
             i++) {
                fd = accept_next(port, &address);
                if (fd == -1 && is_harmless(errno))
                        return;
                if (fd == -1 || port->ports->accepted(port->ports->owner, fd, &address) == -1) {
                        port_pause(port, errno);
                        if (aw_loop_now() - port->since >= ACCEPT_PATIENCE)
                                turn_away_waiting(port);
                        return;
                }
                port_recovered(port);
        }
}

int
aw_accept_begin(struct aw_port *port)
{
        port->watch = aw_watch_open(port->fd, port_readable, port);
        if (port->watch == NULL)
                return -1;
        if (port->ports->spare == 0)
                open_spare(port->ports);
        return 0;
}

void
aw_accept_end(struct aw_port *port)
{
        aw_handle_cancel(&port->resume);
        aw_watch_close(port->watch);
        close_spare(port->ports);
}

void
aw_ports_pause(struct aw_ports *ports, bool pause)
{
        size_t i;

        ports->paused = pause;
        /* One that rests goes on by itself. */
        for (i = 0; i < ports->count; i++)
                if (pause || ports->items[i].resume.state == 0)
                        aw_watch_pause(ports->items[i].watch, pause);
}
