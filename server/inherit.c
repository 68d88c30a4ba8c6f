/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "inherit.h"

#include "await/log.h"
#include "cli/opt.h"

#define FIRST     3    /* SD_LISTEN_FDS_START */
#define SLOTS_MAX 1024 /* a worker's each */

static int
refuse_descriptor(int fd, const char *reason)
{
        aw_log(AW_LOG_ERROR, "the inherited descriptor %d cannot be used: %s", fd, reason);
        return -1;
}

static int
check_socket(int fd)
{
        int type = 0, listens = 0;
        socklen_t size = sizeof(type);

        if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == -1)
                return refuse_descriptor(fd, strerror(errno));
        size = sizeof(listens);
        if (type != SOCK_STREAM ||
            getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == -1 || !listens)
                return refuse_descriptor(fd, "it is no stream socket that listens "
                                             "(systemd: ListenStream= with Accept=no)");
        return fcntl(fd, F_SETFD, FD_CLOEXEC) == -1 ? refuse_descriptor(fd, strerror(errno)) : 0;
}

/* Takes the text in any case: it is freed with the rest. */
static int
add_socket(struct inherited *inherited, struct inherited_socket socket)
{
        struct inherited_socket *sockets =
                realloc(inherited->sockets, (inherited->count + 1) * sizeof(*sockets));

        if (sockets != NULL)
                inherited->sockets = sockets;
        if (sockets == NULL || socket.url == NULL) {
                free(socket.url);
                close(socket.fd);
                return refuse_descriptor(socket.fd, strerror(ENOMEM));
        }
        if (ws_place_of(socket.fd, socket.place) == 0 && socket_file_path(socket.place) != NULL)
                socket.file = socket_file_note(socket_file_path(socket.place));
        sockets[inherited->count++] = socket;
        return 0;
}

/* A service manager's. */

/*
 * The URL that it would have been made for. A socket's name, FileDescriptorName= in systemd's unit,
 * says what is spoken there if it is ws or wss; else it is TLS, but on a Unix socket.
 */
static char *
url_of(int fd, const char *name)
{
        const char *scheme = strcmp(name, "ws") == 0 ? "ws://" : "wss://";
        char place[WS_PLACE_SIZE], *url;

        if (ws_place_of(fd, place) == -1 ||
            asprintf(&url, "%s%s", strncmp(place, "unix:", 5) == 0 ? "" : scheme, place) == -1)
                return NULL;
        return url;
}

static bool
is_count(const char *text, uint64_t *number)
{
        return text != NULL && aw_opt_number(text, number) == 0 && *number <= 1 << 20;
}

/* The next of the names, which colons separate. */
static void
take_name(const char **names, char *name, size_t size)
{
        size_t length = strcspn(*names, ":");

        snprintf(name, size, "%.*s", (int)length, *names);
        *names += length + ((*names)[length] == ':');
}

static int
from_manager(struct inherited *inherited)
{
        const char *names = getenv("LISTEN_FDNAMES");
        uint64_t count = 0, pid = 0;
        char name[256];
        int result = 0, fd;

        if (!is_count(getenv("LISTEN_FDS"), &count) || getenv("LISTEN_PID") == NULL ||
            aw_opt_number(getenv("LISTEN_PID"), &pid) == -1 || pid != (uint64_t)getpid())
                return 0;
        names = names == NULL ? "" : names;
        for (fd = FIRST; fd < FIRST + (int)count && result == 0; fd++) {
                take_name(&names, name, sizeof(name));
                result = check_socket(fd);
                if (result == 0)
                        result = add_socket(inherited,
                                            (struct inherited_socket){.fd = fd,
                                                                      .kind = SOCKET_LENT,
                                                                      .url = url_of(fd, name)});
        }
        return result;
}

/* A predecessor's. */

int
inherit_entry(struct inherited *inherited, const char *line, int given)
{
        int fd = -1, kind = 0, at = 0;
        unsigned slot = 0;
        bool ready = sscanf(line, "ready %d", &fd) == 1;
        bool pidfile = sscanf(line, "pidfile %d", &fd) == 1;
        bool tickets = sscanf(line, "tickets %d", &fd) == 1;
        bool socket = sscanf(line, "socket %d %u %d %n", &fd, &slot, &kind, &at) == 3 && at > 0 &&
                      slot < SLOTS_MAX;

        fd = given != -1 ? given : fd;
        if (ready)
                inherited->ready = fd;
        else if (pidfile)
                inherited->pidfile = fd;
        else if (tickets)
                inherited->tickets = fd;
        else if (socket)
                return check_socket(fd) == -1
                               ? -1
                               : add_socket(inherited, (struct inherited_socket){
                                                               .fd = fd,
                                                               .slot = slot,
                                                               .kind = (enum socket_kind)kind,
                                                               .url = strdup(line + at)});
        return fcntl(fd, F_SETFD, FD_CLOEXEC) == -1 ? refuse_descriptor(fd, strerror(errno)) : 0;
}

static int
from_predecessor(struct inherited *inherited)
{
        const char *given = getenv(INHERIT_VARIABLE);
        char *text, *line, *rest = NULL;
        int result = 0;

        if (given == NULL)
                return 0;
        text = strdup(given);
        if (text == NULL) {
                aw_log(AW_LOG_ERROR, "%s", strerror(errno));
                return -1;
        }
        for (line = strtok_r(text, "\n", &rest); line != NULL && result == 0;
             line = strtok_r(NULL, "\n", &rest))
                result = inherit_entry(inherited, line, -1);
        free(text);
        return result;
}

int
inherit(struct inherited *inherited)
{
        static const char *const names[] = {"LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES",
                                            INHERIT_VARIABLE};
        int result;

        *inherited = (struct inherited){.ready = -1, .pidfile = -1, .tickets = -1};
        result = from_manager(inherited);
        if (result == 0)
                result = from_predecessor(inherited);
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
                unsetenv(names[i]);
        return result;
}

void
inherit_remove_files(struct inherited *inherited)
{
        for (size_t i = 0; i < inherited->count; i++) {
                struct inherited_socket *socket = &inherited->sockets[i];
                const char *path = socket_file_path(socket->place);

                if (path != NULL && socket->fd != -1 && socket->kind != SOCKET_LENT)
                        socket_file_remove(path, &socket->file);
        }
}

void
inherit_drop_sockets(struct inherited *inherited)
{
        for (size_t i = 0; i < inherited->count; i++) {
                struct inherited_socket *socket = &inherited->sockets[i];

                if (socket->fd != -1)
                        close(socket->fd);
                free(socket->url);
        }
        free(inherited->sockets);
        inherited->sockets = NULL;
        inherited->count = 0;
}

void
inherit_free(struct inherited *inherited)
{
        inherit_drop_sockets(inherited);
        if (inherited->ready != -1)
                close(inherited->ready);
        if (inherited->pidfile != -1)
                close(inherited->pidfile);
        if (inherited->tickets != -1)
                close(inherited->tickets);
        *inherited = (struct inherited){.ready = -1, .pidfile = -1, .tickets = -1};
}
