/* SPDX-License-Identifier: MIT */
/* A listener's sockets: bound, and closed. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "net/ports.h"

#include "base/file.h"
#include "net/accept_private.h"
#include "net/resolve.h"
#include "net/transport.h"

#define BACKLOG    4096
#define PORT_TRIES 16 /* for a port that is free on all addresses */

/* A socket that nobody answers on was left behind by a process that is gone. */
static void
remove_stale_socket(const struct sockaddr_un *address)
{
        struct stat status;
        int fd;

        if (address->sun_path[0] == '\0' || stat(address->sun_path, &status) == -1 ||
            !S_ISSOCK(status.st_mode))
                return;
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd == -1)
                return;
        if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) == -1 &&
            errno == ECONNREFUSED)
                unlink(address->sun_path);
        close(fd);
}

/*
 * A Unix socket's file. Until its socket listens nobody can connect, so the mode is never wider
 * than it should be.
 */
static int
settle_file(struct aw_port *port, const char *path)
{
        struct stat status;
        unsigned mode = port->ports->socket_mode;
        gid_t group = port->ports->socket_group;

        if (path[0] == '@')
                return 0;
        if (lstat(path, &status) == -1 || (group != 0 && lchown(path, (uid_t)-1, group) == -1) ||
            (mode != 0 && chmod(path, (mode_t)mode) == -1))
                return -1;
        port->device = status.st_dev;
        port->inode = status.st_ino;
        return 0;
}

/* Removes the file unless another process has put its own there since. */
static void
remove_file(const struct aw_port *port)
{
        const char *path = port->ports->socket;
        struct stat status;

        if (port->inode != 0 && lstat(path, &status) == 0 && status.st_dev == port->device &&
            status.st_ino == port->inode)
                unlink(path);
}

/* Asked for before the port is bound, it would let us in beside whoever has it. */
static int
share_port(const struct aw_port *port, enum aw_sharing when)
{
        int on = 1;

        return port->ports->sharing != when || port->ports->socket[0] != '\0'
                       ? 0
                       : setsockopt(port->fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
}

static int
bind_port(struct aw_port *port, const struct aw_address *address)
{
        int on = 1;

        if (address->storage.ss_family == AF_UNIX)
                remove_stale_socket((const struct sockaddr_un *)&address->storage);
        else
                setsockopt(port->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
        if (address->storage.ss_family == AF_INET6)
                setsockopt(port->fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
        if (share_port(port, AW_SHARING_JOIN) == -1 ||
            bind(port->fd, (const struct sockaddr *)&address->storage, address->length) == -1 ||
            share_port(port, AW_SHARING_FIRST) == -1)
                return -1;
        if (address->storage.ss_family == AF_UNIX && settle_file(port, port->ports->socket) == -1)
                return -1;
        return listen(port->fd, BACKLOG);
}

/* With port 0 the first address gets a free one, and the others take the same. */
static uint16_t
free_port(const struct aw_ports *ports)
{
        struct sockaddr_storage bound;
        socklen_t size = sizeof(bound);

        if (ports->count == 0 ||
            getsockname(ports->items[0].fd, (struct sockaddr *)&bound, &size) == -1)
                return 0;
        return aw_address_port(&bound);
}

static void
name_port(struct aw_port *port, const struct aw_url *url)
{
        struct sockaddr_storage bound;
        socklen_t size = sizeof(bound);
        char text[64];

        if (url->scheme == AW_URL_UNIX) {
                snprintf(port->url, sizeof(port->url), "unix:%s", url->socket);
                return;
        }
        if (getsockname(port->fd, (struct sockaddr *)&bound, &size) == -1)
                return;
        aw_address_format(&bound, text, sizeof(text));
        snprintf(port->url, sizeof(port->url), "%s%s",
                 port->ports->bare           ? ""
                 : url->scheme == AW_URL_WSS ? "wss://"
                                             : "ws://",
                 text);
}

/* The socket listens: from now on connections are accepted. */
static int
start_port(struct aw_port *port, const struct aw_url *url)
{
        name_port(port, url);
        if (aw_accept_begin(port) == -1)
                return -1;
        port->ports->count++;
        return 0;
}

/* The next of the listener's ports. */
static int
open_port(struct aw_ports *ports, const struct aw_url *url, struct aw_address *address)
{
        struct aw_port *port = &ports->items[ports->count];
        int error;

        *port = (struct aw_port){.ports = ports};
        if (url->port == 0)
                aw_address_set_port(address, free_port(ports));
        port->fd =
                socket(address->storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (port->fd == -1)
                return -1;
        aw_transport_set_options(port->fd);
        if (bind_port(port, address) == 0 && start_port(port, url) == 0)
                return 0;
        error = errno;
        remove_file(port);
        close(port->fd);
        errno = error;
        return -1;
}

void
aw_ports_close(struct aw_ports *ports)
{
        struct aw_port *port;

        while (ports->count > 0) {
                port = &ports->items[--ports->count];
                remove_file(port);
                if (!port->lent)
                        shutdown(port->fd, SHUT_RDWR);
                aw_accept_end(port);
        }
}

/* Why it did not work, and what would. */

static const char *
cure_socket(const char *path, int error)
{
        struct stat status;

        if (error == EACCES)
                return ": this user may not write to the directory";
        if (error == EPERM)
                return ": only root may give it to a group that this user is not in";
        if (error != EADDRINUSE)
                return "";
        if (path[0] == '@' || (lstat(path, &status) == 0 && S_ISSOCK(status.st_mode)))
                return ": another socket listens there ('ss -lxp' shows whose it is)";
        return ": the file is not a socket, so it is not replaced";
}

static const char *
cure(const struct aw_url *url, int error)
{
        if (url->scheme == AW_URL_UNIX)
                return cure_socket(url->socket, error);
        if (error == EACCES && url->port < 1024)
                return ": ports below 1024 need root or CAP_NET_BIND_SERVICE";
        if (error == EADDRINUSE)
                return ": another socket has this port ('ss -ltnp' shows whose it is)";
        if (error == EADDRNOTAVAIL)
                return ": no interface of this machine has this address";
        return "";
}

/* Whether the host stands for its addresses, rather than being one. */
static bool
is_host_with_addresses(const char *host)
{
        struct in_addr binary;

        return strchr(host, ':') == NULL && inet_pton(AF_INET, host, &binary) != 1 &&
               strcmp(host, AW_URL_ANY_HOST) != 0;
}

/* errno says what is wrong with the address, or with the Unix socket. */
static int
port_failed(const struct aw_url *url, const struct aw_address *address, struct aw_error *error)
{
        int reason = errno;
        char text[64], name[AW_URL_HOST_MAX + 8] = "";

        if (url->scheme != AW_URL_UNIX) {
                aw_address_format(&address->storage, text, sizeof(text));
                if (is_host_with_addresses(url->host))
                        snprintf(name, sizeof(name), " (%s)", url->host);
        }
        return aw_error_set(error, AW_ERROR_LISTEN, reason, "cannot listen on %s%s: %s%s",
                            url->scheme == AW_URL_UNIX ? url->socket : text, name, strerror(reason),
                            cure(url, reason));
}

/* Opens a port for each; *failed is the address that errno is about. */
static int
open_ports(struct aw_ports *ports, const struct aw_url *url, struct aw_addresses *addresses,
           struct aw_address **failed)
{
        size_t i;

        for (i = 0; i < addresses->count; i++) {
                if (open_port(ports, url, &addresses->items[i]) == 0)
                        continue;
                *failed = &addresses->items[i];
                if (errno != EAFNOSUPPORT && errno != EADDRNOTAVAIL)
                        return -1;
        }
        return ports->count > 0 ? 0 : -1;
}

int
aw_ports_open(struct aw_ports *ports, const struct aw_url *url, struct aw_addresses *addresses,
              struct aw_error *error)
{
        struct aw_address *failed = NULL;
        int tries;

        memcpy(ports->socket, url->socket, sizeof(ports->socket));
        if (addresses->count > AW_PORTS_MAX)
                return aw_error_set(error, AW_ERROR_LISTEN, E2BIG,
                                    "cannot listen on %s: the name has %zu addresses, and a "
                                    "listener has at most %d",
                                    url->host_header, addresses->count, AW_PORTS_MAX);
        for (tries = 1; open_ports(ports, url, addresses, &failed) == -1; tries++) {
                /* The port that is free on one address need not be so on the next. */
                if (url->port != 0 || errno != EADDRINUSE || ports->count == 0 ||
                    tries == PORT_TRIES) {
                        port_failed(url, failed, error);
                        aw_ports_close(ports);
                        return -1;
                }
                aw_ports_close(ports);
        }
        return 0;
}

int
aw_ports_check(const struct aw_url *url, struct aw_error *error)
{
        struct stat status;

        if (url->scheme != AW_URL_UNIX || url->socket[0] == '@')
                return 0;
        if (aw_file_may_make(url->socket) == -1)
                return port_failed(url, NULL, error);
        if (lstat(url->socket, &status) == -1 || S_ISSOCK(status.st_mode))
                return 0;
        errno = EADDRINUSE;
        return port_failed(url, NULL, error);
}

static int
adopt_port(struct aw_ports *ports, const struct aw_url *url, int descriptor)
{
        struct aw_port *port = &ports->items[ports->count];
        int on = 1, error;

        *port = (struct aw_port){.ports = ports, .lent = true, .early = true};
        port->fd = fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
        if (port->fd == -1)
                return -1;
        aw_transport_set_options(port->fd);
        /* accept4() must not wait for a connection that another process was quicker to take. */
        if (ioctl(port->fd, FIONBIO, &on) == 0 && start_port(port, url) == 0)
                return 0;
        error = errno;
        close(port->fd);
        errno = error;
        return -1;
}

int
aw_ports_adopt(struct aw_ports *ports, const struct aw_url *url, const int *descriptors,
               size_t count, struct aw_error *error)
{
        size_t i;
        int reason;

        memcpy(ports->socket, url->socket, sizeof(ports->socket));
        if (count > AW_PORTS_MAX)
                return aw_error_set(error, AW_ERROR_LISTEN, E2BIG,
                                    "cannot listen on %zu sockets: a listener has at most %d",
                                    count, AW_PORTS_MAX);
        for (i = 0; i < count; i++) {
                if (adopt_port(ports, url, descriptors[i]) == 0)
                        continue;
                reason = errno;
                aw_ports_close(ports);
                return aw_error_set(error, AW_ERROR_LISTEN, reason,
                                    "cannot listen on descriptor %d: %s", descriptors[i],
                                    strerror(reason));
        }
        return 0;
}

int
aw_ports_release(struct aw_ports *ports, int descriptors[AW_PORTS_MAX])
{
        int count = (int)ports->count, i;

        for (i = 0; i < count; i++) {
                descriptors[i] = fcntl(ports->items[i].fd, F_DUPFD_CLOEXEC, 0);
                if (descriptors[i] == -1) {
                        while (i > 0)
                                close(descriptors[--i]);
                        errno = EMFILE;
                        return -1;
                }
        }
        for (i = 0; i < count; i++) {
                ports->items[i].lent = true;
                ports->items[i].inode = 0;
        }
        aw_ports_close(ports);
        return count;
}
