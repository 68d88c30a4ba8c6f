/* SPDX-License-Identifier: MIT */
/* Descriptors of several kinds, for streams. */
#ifndef STREAM_KINDS_H
#define STREAM_KINDS_H

#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <termios.h>

#include "unit/net/stream_test.h"

/*
 * The ways to use a descriptor, of which the better ones can be taken away: no open file of one's
 * own (as with another user's, or without /proc), and no RWF_NOWAIT (as with older kernels).
 */
static bool refuse_reopen, refuse_nowait;

static inline int
refused_open(const char *path, int flags, mode_t mode)
{
        if (refuse_reopen && strncmp(path, "/proc/self/fd/", 14) == 0) {
                errno = EACCES;
                return -1;
        }
        return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

/* These stand in for the C library's. */
int
open(const char *path, int flags, ...)
{
        return refused_open(path, flags, 0600);
}

int __open_2(const char *path, int flags);
int
__open_2(const char *path, int flags)
{
        return refused_open(path, flags, 0);
}

/* What is left there after a call that was good says nothing. */
static inline ssize_t
leave_errno(ssize_t result)
{
        if (result >= 0)
                errno = EOPNOTSUPP;
        return result;
}

ssize_t
preadv2(int fd, const struct iovec *pieces, int count, off_t offset, int flags)
{
        if (refuse_nowait) {
                errno = EOPNOTSUPP;
                return -1;
        }
        return leave_errno(syscall(SYS_preadv2, fd, pieces, count, offset, 0, flags));
}

ssize_t
pwritev2(int fd, const struct iovec *pieces, int count, off_t offset, int flags)
{
        if (refuse_nowait) {
                errno = EOPNOTSUPP;
                return -1;
        }
        return leave_errno(syscall(SYS_pwritev2, fd, pieces, count, offset, 0, flags));
}

static inline void
make_pipe(int ends[2])
{
        assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
}

static inline void
make_sockets(int ends[2])
{
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
}

static inline int
open_terminal(int *master)
{
        struct termios settings;
        int slave;

        *master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
        assert_true(*master != -1 && grantpt(*master) == 0 && unlockpt(*master) == 0);
        slave = open(ptsname(*master), O_RDWR | O_NOCTTY | O_CLOEXEC);
        assert_int_not_equal(slave, -1);
        tcgetattr(slave, &settings);
        cfmakeraw(&settings);
        tcsetattr(slave, TCSANOW, &settings);
        return slave;
}

static inline int
temporary_file(void)
{
        char path[] = "/tmp/await-XXXXXX";
        int fd = mkstemp(path);

        assert_int_not_equal(fd, -1);
        unlink(path);
        return fd;
}

#endif
