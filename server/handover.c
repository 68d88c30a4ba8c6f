/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "handover.h"

#include "await/log.h"
#include "base/file.h"

#define SUFFIX       ".takeover"
#define END          "end" /* of the lines */
#define NO_MORE      "no"  /* the new server is not to serve */
#define LINE_MAX     1024
#define SEND_TIME    1000 /* milliseconds, for the other side to read */
#define RECEIVE_TIME 10   /* seconds, for the next line */

static int
handover_failed(const char *what)
{
        aw_log(AW_LOG_ERROR, "--takeover: %s: %s", what, strerror(errno));
        return -1;
}

/* Where the new server listens. 0, or -1 with errno. */
static int
address_beside(const char *pidfile, struct sockaddr_un *address)
{
        *address = (struct sockaddr_un){.sun_family = AF_UNIX};
        if ((size_t)snprintf(address->sun_path, sizeof(address->sun_path), "%s" SUFFIX, pidfile) <
            sizeof(address->sun_path))
                return 0;
        errno = ENAMETOOLONG;
        return -1;
}

static bool
credentials_of(int fd, struct ucred *peer)
{
        socklen_t size = sizeof(*peer);

        return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, peer, &size) == 0;
}

/* The new server: who runs. */

/* The number of the process that has the file locked; 0: none does; -1: that was logged. */
static pid_t
find_running(const char *pidfile)
{
        int fd = open(pidfile, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        char text[24] = "";
        ssize_t length = 0;
        long number;

        if (fd == -1)
                return errno == ENOENT ? 0 : handover_failed(pidfile);
        if (flock(fd, LOCK_EX | LOCK_NB) == 0)
                number = 0;
        else {
                length = pread(fd, text, sizeof(text) - 1, 0);
                number = length > 0 ? strtol(text, NULL, 10) : 0;
                if (number <= 0) {
                        aw_log(AW_LOG_ERROR, "--takeover: %s is locked, but has no number in it",
                               pidfile);
                        number = -1;
                }
        }
        close(fd);
        return (pid_t)number;
}

/* A file that a server left there which was killed as it waited is replaced. */
static int
listen_beside(const char *pidfile, struct sockaddr_un *address)
{
        int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
        int probe = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        int result = -1;

        if (fd == -1 || probe == -1 || address_beside(pidfile, address) == -1)
                goto out;
        if (connect(probe, (struct sockaddr *)address, sizeof(*address)) == 0) {
                aw_log(AW_LOG_ERROR,
                       "--takeover: another server is taking over already: it waits at "
                       "%s",
                       address->sun_path);
                close(probe);
                close(fd);
                return -1;
        }
        if (errno == ECONNREFUSED)
                unlink(address->sun_path);
        result = bind(fd, (struct sockaddr *)address, sizeof(*address));
        /* The running one may be another user's; it is known by its number. */
        if (result == 0 && (chmod(address->sun_path, 0666) == -1 || listen(fd, 1) == -1)) {
                unlink(address->sun_path);
                result = -1;
        }
out:
        if (result == -1)
                handover_failed(address->sun_path);
        if (result == -1 && fd != -1)
                close(fd);
        if (probe != -1)
                close(probe);
        return result == 0 ? fd : -1;
}

int
handover_check(const char *pidfile)
{
        struct sockaddr_un address;

        return address_beside(pidfile, &address) == 0 && aw_file_may_make(address.sun_path) == 0
                       ? 0
                       : handover_failed(address.sun_path);
}

/* The new server: what it gets. */

/* The next line, and the descriptor that comes with it, or -1. False: there is none, errno is set. */
static bool
receive_line(int channel, char line[LINE_MAX], int *fd)
{
        union {
                struct cmsghdr header;
                char space[CMSG_SPACE(sizeof(int))];
        } control;
        struct iovec part = {.iov_base = line, .iov_len = LINE_MAX - 1};
        struct msghdr message = {.msg_iov = &part,
                                 .msg_iovlen = 1,
                                 .msg_control = &control,
                                 .msg_controllen = sizeof(control)};
        struct cmsghdr *rights;
        ssize_t length;

        *fd = -1;
        do
                length = recvmsg(channel, &message, MSG_CMSG_CLOEXEC);
        while (length == -1 && errno == EINTR);
        rights = CMSG_FIRSTHDR(&message);
        if (length > 0 && rights != NULL && rights->cmsg_type == SCM_RIGHTS)
                memcpy(fd, CMSG_DATA(rights), sizeof(*fd));
        if (length == 0)
                errno = ECONNRESET;
        line[length > 0 ? length : 0] = '\0';
        return length > 0;
}

static int
receive_lines(int channel, struct inherited *inherited)
{
        static const struct timeval longest = {.tv_sec = RECEIVE_TIME};
        char line[LINE_MAX];
        int fd;

        setsockopt(channel, SOL_SOCKET, SO_RCVTIMEO, &longest, sizeof(longest));
        while (receive_line(channel, line, &fd)) {
                if (strcmp(line, END) == 0)
                        return 0;
                if (fd == -1 || inherit_entry(inherited, line, fd) == -1)
                        return -1;
        }
        return handover_failed("the running server has not handed its sockets over");
}

/* The process that the signal went to; others may connect as they like. */
static int
accept_from(int listening, pid_t process)
{
        struct ucred peer;
        int fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC);

        if (fd != -1 && credentials_of(fd, &peer) && peer.pid == process)
                return fd;
        if (fd != -1)
                close(fd);
        return -1;
}

/* Its connection; -1: it has ended meanwhile, or (*late) nothing came. */
static int
wait_for_connection(int listening, pid_t process, aw_time longest, bool *late)
{
        struct pollfd polled[] = {
                {.fd = listening, .events = POLLIN},
                {.fd = (int)syscall(SYS_pidfd_open, process, 0), .events = POLLIN}};
        aw_time end = aw_loop_now() + longest, left = longest;
        int fd = -1;

        while (fd == -1 && left > 0 && polled[1].revents == 0) {
                if (poll(polled, 2, (int)(left / AW_MILLISECOND) + 1) > 0 && polled[0].revents != 0)
                        fd = accept_from(listening, process);
                left = end - aw_loop_now();
        }
        *late = fd == -1 && polled[1].revents == 0;
        if (polled[1].fd != -1)
                close(polled[1].fd);
        return fd;
}

static int
ask_process(const char *pidfile, pid_t process, aw_time longest, struct inherited *inherited)
{
        struct sockaddr_un address = {.sun_path = ""};
        int listening = listen_beside(pidfile, &address), channel = -1, result = -1;
        bool late = false;

        if (listening == -1)
                return -1;
        if (kill(process, SIGUSR2) == 0)
                channel = wait_for_connection(listening, process, longest, &late);
        else if (errno != ESRCH) {
                handover_failed("the running server cannot be told");
                late = true;
                process = 0;
        }
        unlink(address.sun_path);
        close(listening);
        if (channel != -1) {
                inherited->ready = channel;
                inherited->asked = true;
                result = receive_lines(channel, inherited);
        } else if (!late) {
                aw_log(AW_LOG_INFO,
                       "--takeover: process %ld has ended meanwhile: starting as usual",
                       (long)process);
                result = 0;
        } else if (process != 0) {
                aw_log(AW_LOG_ERROR,
                       "--takeover: process %ld does not hand its sockets over: its log may say "
                       "why",
                       (long)process);
        }
        return result;
}

int
handover_ask(const char *pidfile, aw_time longest, struct inherited *inherited)
{
        pid_t process;

        /* Its options are those of a server that took over. */
        if (inherited->ready != -1)
                return 0;
        process = find_running(pidfile);
        if (process == 0)
                aw_log(AW_LOG_INFO, "--takeover: no server runs with %s: starting as usual",
                       pidfile);
        return process > 0 ? ask_process(pidfile, process, longest, inherited) : process;
}

pid_t
handover_process(const struct inherited *inherited)
{
        struct ucred peer;

        return credentials_of(inherited->ready, &peer) ? peer.pid : 0;
}

bool
handover_accept(const struct inherited *inherited)
{
        char text[24];
        int length = snprintf(text, sizeof(text), "%ld", (long)getpid());

        if (send(inherited->ready, text, (size_t)length, MSG_NOSIGNAL | MSG_DONTWAIT) == length)
                return true;
        /* What it said before it went is still there. */
        if (recv(inherited->ready, text, sizeof(text), MSG_DONTWAIT) <= 0)
                aw_log(AW_LOG_WARNING, "the server before this one is gone");
        else
                return false;
        return true;
}

/* The old server. */

int
handover_connect(const char *pidfile, pid_t *process)
{
        int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        struct sockaddr_un address;
        struct ucred peer;

        *process = -1;
        if (fd == -1 || address_beside(pidfile, &address) == -1 ||
            connect(fd, (struct sockaddr *)&address, sizeof(address)) == -1) {
                if (errno != ENOENT && errno != ECONNREFUSED && errno != ENAMETOOLONG) {
                        aw_log(AW_LOG_ERROR, "SIGUSR2: %s" SUFFIX ": %s", pidfile, strerror(errno));
                        *process = 0;
                }
        } else if (!credentials_of(fd, &peer) || (peer.uid != 0 && peer.uid != geteuid())) {
                aw_log(AW_LOG_ERROR,
                       "SIGUSR2: %s" SUFFIX " is not of this user's: nothing is handed over",
                       pidfile);
                *process = 0;
        } else {
                *process = peer.pid;
                return fd;
        }
        if (fd != -1)
                close(fd);
        return -1;
}

static int
send_handed(int channel, const char *line, size_t length, int fd)
{
        union {
                struct cmsghdr header;
                char space[CMSG_SPACE(sizeof(int))];
        } control = {.header = {.cmsg_len = CMSG_LEN(sizeof(int)),
                                .cmsg_level = SOL_SOCKET,
                                .cmsg_type = SCM_RIGHTS}};
        char copy[LINE_MAX];
        struct iovec part = {.iov_base = copy, .iov_len = length};
        struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
        struct pollfd polled = {.fd = channel, .events = POLLOUT};

        if (length >= sizeof(copy)) {
                errno = EMSGSIZE;
                return -1;
        }
        memcpy(copy, line, length);
        if (fd != -1) {
                memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
                message.msg_control = &control;
                message.msg_controllen = sizeof(control);
        }
        /* Only a supervisor, which serves nobody, has so much to send that it waits. */
        while (sendmsg(channel, &message, MSG_NOSIGNAL | MSG_DONTWAIT) == -1)
                if (errno != EAGAIN || poll(&polled, 1, SEND_TIME) != 1)
                        return -1;
        return 0;
}

int
handover_send(int channel, const char *lines)
{
        size_t length;
        int fd;

        for (; *lines != '\0'; lines += length + (lines[length] == '\n')) {
                length = strcspn(lines, "\n");
                if (sscanf(lines, "socket %d ", &fd) != 1 &&
                    sscanf(lines, "pidfile %d", &fd) != 1 && sscanf(lines, "tickets %d", &fd) != 1)
                        continue;
                if (send_handed(channel, lines, length, fd) == -1)
                        return -1;
        }
        return send_handed(channel, END, strlen(END), -1);
}

bool
handover_is_accepted(int channel, pid_t *process)
{
        char text[24];
        ssize_t length = recv(channel, text, sizeof(text) - 1, MSG_DONTWAIT);

        if (length <= 0)
                return false;
        text[length] = '\0';
        /* It may have gone to the background since it asked. */
        *process = (pid_t)strtol(text, NULL, 10);
        return true;
}

bool
handover_give_up(int channel, pid_t *process)
{
        /* It can say nothing from here on, so what it said until now counts. */
        shutdown(channel, SHUT_RD);
        if (handover_is_accepted(channel, process))
                return true;
        if (send_handed(channel, NO_MORE, strlen(NO_MORE), -1) == -1)
                aw_log(AW_LOG_DEBUG, "process %ld is gone: %s", (long)*process, strerror(errno));
        return false;
}
