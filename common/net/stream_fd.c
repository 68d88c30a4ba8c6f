/* SPDX-License-Identifier: MIT */
/*
 * Streams of descriptors. The flag O_NONBLOCK belongs to the open file, which other processes may
 * share (a terminal's is its shell's, and that of our own output), so it is never changed: the
 * table in await/stream.h says what is done instead.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "await/log.h"
#include "await/wait_fd.h"
#include "net/stream_private.h"
#include "task/suspend.h"

#define READ_SIZE ((size_t)64 << 10)

/* What always has more to read does not keep the others from running. */
#define UNWAITED_MAX ((size_t)256 << 10)

/* What a terminal that is ready takes without waiting. */
#define TERMINAL_CHUNK 256

static ssize_t
read_nowait(int fd, uint8_t *data, size_t size)
{
        struct iovec piece = {.iov_base = data, .iov_len = size};

        return preadv2(fd, &piece, 1, -1, RWF_NOWAIT);
}

/*
 * Writes without SIGPIPE, which a program may not have ignored: it is held back, and taken away
 * again if it came.
 */
static ssize_t
write_quietly(int fd, const uint8_t *data, size_t length, bool nowait)
{
        /* It is only read, which struct iovec cannot tell. */
        const union {
                const uint8_t *given;
                void *taken;
        } bytes = {.given = data};
        struct iovec piece = {.iov_base = bytes.taken, .iov_len = length};
        const struct timespec at_once = {0};
        sigset_t sigpipe, before;
        ssize_t sent;
        int error;

        sigemptyset(&sigpipe);
        sigaddset(&sigpipe, SIGPIPE);
        pthread_sigmask(SIG_BLOCK, &sigpipe, &before);
        sent = nowait ? pwritev2(fd, &piece, 1, -1, RWF_NOWAIT) : write(fd, data, length);
        error = errno;
        if (sent == -1 && error == EPIPE && sigismember(&before, SIGPIPE) == 0)
                sigtimedwait(&sigpipe, NULL, &at_once);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        errno = error;
        return sent;
}

static bool
is_unsupported(int error)
{
        return error == EOPNOTSUPP || error == ENOSYS;
}

/* -1 with errno EAGAIN if it would wait. */
static ssize_t
try_read(struct aw_stream *stream, uint8_t *data, size_t size)
{
        ssize_t length = -1;

        switch (stream->read_method) {
        case AW_STREAM_SOCKET:
                return recv(stream->fd, data, size, MSG_DONTWAIT);
        case AW_STREAM_NONBLOCK:
                return read(stream->fd, data, size);
        case AW_STREAM_NOWAIT:
                length = read_nowait(stream->fd, data, size);
                if (length >= 0 || !is_unsupported(errno))
                        return length;
                stream->read_method = AW_STREAM_THREAD;
                break;
        case AW_STREAM_THREAD:
                break;
        }
        errno = EAGAIN;
        return -1;
}

static ssize_t
try_write(struct aw_stream *stream)
{
        const uint8_t *data = aw_bytes_first(&stream->output);
        size_t size = stream->output.length;
        ssize_t length;

        switch (stream->write_method) {
        case AW_STREAM_SOCKET:
                return send(stream->fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL);
        case AW_STREAM_NONBLOCK:
                return write_quietly(stream->fd, data, size, false);
        case AW_STREAM_NOWAIT:
                length = write_quietly(stream->fd, data, size, true);
                if (length >= 0 || !is_unsupported(errno))
                        return length;
                stream->write_method = AW_STREAM_THREAD;
                break;
        case AW_STREAM_THREAD:
                break;
        }
        errno = EAGAIN;
        return -1;
}

/*
 * It would wait, so wait for it: 0, or -1 with errno. 1: it may still wait when it is ready, or
 * cannot be asked; only a thread can.
 */
static async int
wait_until_ready(const struct aw_stream *stream, unsigned event, aw_time deadline)
{
        enum aw_stream_method method =
                event == AW_READ ? stream->read_method : stream->write_method;

        if (!stream->pollable)
                return 1;
        if (await(aw_wait_fd(stream->fd, event, deadline)) == -1)
                return -1;
        return method == AW_STREAM_THREAD;
}

static async int
fd_fill(struct aw_stream *stream, aw_time deadline)
{
        size_t size = stream->limit - stream->input.length;
        ssize_t length;
        int result;

        if (size > READ_SIZE)
                size = READ_SIZE;
        if (stream->reading_elsewhere)
                return aw_wait_in(&stream->readers, deadline, NULL);
        if (stream->unwaited >= UNWAITED_MAX) {
                stream->unwaited = 0;
                return await(aw_sleep(0));
        }
        if (aw_bytes_reserve(&stream->input, size) == -1)
                return -1;
        length = try_read(stream, aw_bytes_first(&stream->input) + stream->input.length, size);
        if (length == -1) {
                if (errno != EAGAIN)
                        return errno == EINTR ? 0 : -1;
                stream->unwaited = 0;
                result = await(wait_until_ready(stream, AW_READ, deadline));
                if (result != 1 || stream->gone)
                        return result == -1 ? -1 : 0;
                return await(aw_stream_read_elsewhere(stream, size, deadline));
        }
        stream->input.length += (size_t)length;
        stream->unwaited += (size_t)length;
        stream->ended = length == 0;
        return 0;
}

/* Bytes that went out, 0 try again, or -1 with errno. */
static async ssize_t
write_some(struct aw_stream *stream)
{
        ssize_t length = try_write(stream);
        int result;

        if (length >= 0)
                return length;
        if (errno != EAGAIN)
                return errno == EINTR ? 0 : -1;
        result = await(wait_until_ready(stream, AW_WRITE, AW_NEVER));
        if (result != 1 || stream->write_error != 0)
                return result == -1 ? -1 : 0;
        return await(
                aw_stream_write_elsewhere(stream, stream->pollable ? TERMINAL_CHUNK : READ_SIZE));
}

/* The end of what is sent. A terminal has none, and in a file it is where it is. */
static void
end_sending(struct aw_stream *stream)
{
        if (stream->write_method == AW_STREAM_SOCKET) {
                shutdown(stream->fd, SHUT_WR);
        } else if (!stream->can_read) {
                close(stream->fd);
                stream->fd = -1;
        }
}

/* Sends what there is, and ends. */
static async int
send_output(void *argument)
{
        struct aw_stream *stream = argument;
        ssize_t length;

        while (stream->output.length > 0) {
                length = await(write_some(stream));
                if (length == -1)
                        aw_stream_write_failed(stream, errno);
                else if (stream->write_error == 0)
                        aw_stream_sent(stream, (size_t)length);
        }
        if (stream->shutdown && stream->write_error == 0)
                end_sending(stream);
        stream->sender = NULL;
        aw_wake_all(&stream->writers);
        aw_stream_unref(stream);
        return 0;
}

static int
fd_send(struct aw_stream *stream)
{
        if (stream->sender != NULL)
                return 0;
        stream->sender = aw_spawn("stream send", send_output, stream);
        if (stream->sender == NULL)
                return -1;
        stream->references++;
        aw_task_detach(stream->sender);
        return 0;
}

static bool
fd_sending(struct aw_stream *stream)
{
        return stream->sender != NULL;
}

static void
fd_close(struct aw_stream *stream, bool sent)
{
        (void)sent;
        aw_wait_fd_wake(stream->fd);
        if (stream->sender != NULL)
                aw_cancel(stream->sender);
}

static void
fd_release(struct aw_stream *stream)
{
        if (stream->fd != -1)
                close(stream->fd);
}

static const struct aw_stream_carrier fd_carrier = {
        .refill = fd_fill,
        .send = fd_send,
        .sending = fd_sending,
        .close = fd_close,
        .release = fd_release,
};

/*
 * A second open file of the same pipe or terminal, which is ours alone; -1 if there can be none.
 * What else is opened anew may be another thing (a terminal's master, a tun device).
 */
static int
reopen(int fd, int access, const struct stat *status)
{
        char path[32];
        struct stat own_status;
        unsigned number;
        int own;

        if (!S_ISFIFO(status->st_mode) &&
            !(S_ISCHR(status->st_mode) && isatty(fd) == 1 && ioctl(fd, TIOCGPTN, &number) == -1))
                return -1;
        snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        own = open(path, access | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
        if (own == -1)
                return -1;
        if (fstat(own, &own_status) == 0 && own_status.st_dev == status->st_dev &&
            own_status.st_ino == status->st_ino && own_status.st_rdev == status->st_rdev)
                return own;
        close(own);
        return -1;
}

/* Finds out how the descriptor is best used. 0, or -1 with errno. */
static int
choose(struct aw_stream *stream, int fd, int access)
{
        enum aw_stream_method method = AW_STREAM_NOWAIT;
        struct stat status;

        if (fstat(fd, &status) == -1)
                return -1;
        if (S_ISDIR(status.st_mode)) {
                errno = EISDIR;
                return -1;
        }
        stream->fd = reopen(fd, access, &status);
        if (stream->fd != -1)
                method = AW_STREAM_NONBLOCK;
        else
                stream->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        if (stream->fd == -1)
                return -1;
        if (S_ISSOCK(status.st_mode))
                method = AW_STREAM_SOCKET;
        stream->read_method = stream->write_method = method;
        stream->pollable = !S_ISREG(status.st_mode) && !S_ISBLK(status.st_mode);
        return 0;
}

struct aw_stream *
aw_stream_open(int fd, const struct aw_stream_options *options)
{
        const struct aw_stream_options defaults = {0};
        int flags = fcntl(fd, F_GETFL), error;
        struct aw_stream *stream;

        if (flags == -1)
                return NULL;
        if (options == NULL)
                options = &defaults;
        stream = aw_stream_create(&fd_carrier, options->limit, options->high_water);
        if (stream == NULL)
                return NULL;
        stream->can_read = (flags & O_ACCMODE) != O_WRONLY;
        stream->can_write = (flags & O_ACCMODE) != O_RDONLY;
        snprintf(stream->peer, sizeof(stream->peer), "descriptor %d", fd);
        if (choose(stream, fd, flags & O_ACCMODE) == 0)
                return stream;
        error = errno;
        aw_stream_unref(stream);
        errno = error;
        return NULL;
}

struct aw_stream *
aw_stream_adopt(int fd, const struct aw_stream_options *options)
{
        struct aw_stream *stream =
                aw_stream_create(&fd_carrier, options->limit, options->high_water);
        int flags = fcntl(fd, F_GETFL);

        if (stream == NULL) {
                close(fd);
                return NULL;
        }
        fcntl(fd, F_SETFL, flags | O_NONBLOCK);
        stream->fd = fd;
        stream->can_read = (flags & O_ACCMODE) != O_WRONLY;
        stream->can_write = (flags & O_ACCMODE) != O_RDONLY;
        stream->read_method = stream->write_method = AW_STREAM_NONBLOCK;
        stream->pollable = true;
        snprintf(stream->peer, sizeof(stream->peer), "descriptor %d", fd);
        return stream;
}
