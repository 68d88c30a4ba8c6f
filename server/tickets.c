/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tickets.h"

#include "await/log.h"

int
tickets_rotate(struct tickets *tickets)
{
        if (aw_tls_tickets_rotate(&tickets->keys) == -1)
                return -1;
        tickets->rotated = aw_loop_now();
        return 0;
}

aw_time
tickets_rotate_due(struct tickets *tickets, aw_time interval)
{
        aw_time now = aw_loop_now();

        if (now - tickets->rotated < interval)
                return tickets->rotated + interval;
        if (tickets_rotate(tickets) == -1) {
                aw_log(AW_LOG_WARNING, "no new key for TLS session tickets: %s", strerror(errno));
                /* Not again at once. */
                tickets->rotated = now;
        }
        return tickets->rotated + interval;
}

int
tickets_copy(const struct tickets *tickets)
{
        int fd = memfd_create("tickets", MFD_CLOEXEC), error;

        if (fd == -1)
                return -1;
        if (write(fd, tickets, sizeof(*tickets)) == (ssize_t)sizeof(*tickets))
                return fd;
        error = errno;
        close(fd);
        errno = error;
        return -1;
}

int
tickets_take(struct tickets *tickets, int fd)
{
        struct tickets taken;
        char more;

        /* Another version of this program may have made it. */
        if (pread(fd, &taken, sizeof(taken), 0) != (ssize_t)sizeof(taken) ||
            pread(fd, &more, 1, sizeof(taken)) != 0 || taken.rotated > aw_loop_now()) {
                aw_log(AW_LOG_INFO, "the keys of the server before this one are of another kind: "
                                    "its TLS sessions do not resume");
                return -1;
        }
        *tickets = taken;
        explicit_bzero(&taken, sizeof(taken));
        return 0;
}
