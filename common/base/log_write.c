/* SPDX-License-Identifier: MIT */
/*
 * Standard error, to which a line is written at once or not at all. Its O_NONBLOCK flag would be
 * everybody's who has it open, a shell too, so it is left alone.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "base/private.h"
#include "base/say.h"

static atomic_ulong lost; /* lines, since one was written */
static _Atomic(uint64_t) all_lost;
static _Atomic(aw_log_form *) own_form;
static atomic_bool with_time;
static atomic_bool torn; /* the last line was written in part: there is no newline yet */

/* Whether opening it once more opens the same thing: not so for the master of a terminal. */
static bool
can_reopen(const struct stat *status)
{
        int number;

        if (S_ISFIFO(status->st_mode))
                return true;
        return S_ISCHR(status->st_mode) && isatty(STDERR_FILENO) != 0 &&
               ioctl(STDERR_FILENO, TIOCGPTN, &number) == -1;
}

/* Fails with EAGAIN if it would wait. The description is closed at once, and inherited by nobody. */
static ssize_t
write_reopened(const struct stat *status, const char *line, size_t length)
{
        int own = -1;
        ssize_t written;

        if (can_reopen(status))
                own = open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        if (own == -1)
                return write(STDERR_FILENO, line, length);
        written = write(own, line, length);
        close(own);
        return written;
}

/*
 * A pipe or a terminal. That it is ready is not enough: another writer may be quicker. New kernels
 * write to a pipe without waiting; else a description of our own does not wait. If that cannot be
 * had (no /proc, another user's terminal), we have done what we can. Where the readers of a pipe
 * are gone we do not write, for that would be SIGPIPE.
 */
static ssize_t
write_if_ready(const struct stat *status, char *line, size_t length)
{
        struct iovec vector = {.iov_base = line, .iov_len = length};
        struct pollfd ready = {.fd = STDERR_FILENO, .events = POLLOUT};
        ssize_t written;

        if (poll(&ready, 1, 0) == -1)
                return -1;
        if ((ready.revents & ~POLLOUT) != 0) {
                errno = EPIPE;
                return -1;
        }
        written = pwritev2(STDERR_FILENO, &vector, 1, -1, RWF_NOWAIT);
        if (written != -1 || (errno != EOPNOTSUPP && errno != ENOSYS))
                return written;
        if (ready.revents != 0)
                return write_reopened(status, line, length);
        errno = EAGAIN;
        return -1;
}

/* Files and /dev/null do not wait for a reader; opened once more, a file would lose its place. */
static ssize_t
write_now(char *line, size_t length)
{
        struct stat status;

        if (fstat(STDERR_FILENO, &status) == -1)
                return -1;
        if (S_ISSOCK(status.st_mode))
                return send(STDERR_FILENO, line, length, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (S_ISREG(status.st_mode) || (S_ISCHR(status.st_mode) && isatty(STDERR_FILENO) == 0))
                return write(STDERR_FILENO, line, length);
        return write_if_ready(&status, line, length);
}

static ssize_t
write_unless_interrupted(char *line, size_t length)
{
        ssize_t written;

        do
                written = write_now(line, length);
        while (written == -1 && errno == EINTR);
        return written;
}

void
aw_log_set_form(aw_log_form *form)
{
        atomic_store(&own_form, form);
}

void
aw_log_set_time(bool on)
{
        atomic_store(&with_time, on);
}

void
aw_log_time(char out[AW_LOG_TIME_SIZE])
{
        struct timespec now;
        struct tm tm;
        size_t length;

        clock_gettime(CLOCK_REALTIME, &now);
        gmtime_r(&now.tv_sec, &tm);
        length = strftime(out, AW_LOG_TIME_SIZE, "%Y-%m-%dT%H:%M:%S", &tm);
        snprintf(out + length, AW_LOG_TIME_SIZE - length, ".%03uZ",
                 (unsigned)(now.tv_nsec / 1000000) % 1000);
}

/* The usual form; the level of info has no word. */
static size_t
compose_usual(char out[AW_LOG_LINE_MAX], enum aw_log_level level, const char *message)
{
        const char *program = aw_log_program();
        const char *word = level == AW_LOG_INFO ? "" : aw_log_level_name(level);
        char time[AW_LOG_TIME_SIZE] = "";

        if (atomic_load_explicit(&with_time, memory_order_relaxed))
                aw_log_time(time);
        return (size_t)snprintf(out, AW_LOG_LINE_MAX, "%s%s%.*s%s%s%s%s\n", time,
                                *time != '\0' ? " " : "", AW_LOG_PROGRAM_MAX,
                                program != NULL ? program : "", program != NULL ? ": " : "", word,
                                *word != '\0' ? ": " : "", message);
}

/* At `out`, which has room for it; the length. */
static size_t
compose(char out[AW_LOG_LINE_MAX], enum aw_log_level level, const char *message)
{
        aw_log_form *form = atomic_load(&own_form);
        size_t length = form == NULL ? 0 : form(level, message, out, AW_LOG_LINE_MAX);

        return length > 0 ? length : compose_usual(out, level, message);
}

static size_t
compose_loss(char out[AW_LOG_LINE_MAX], unsigned long count)
{
        char message[100];

        snprintf(message, sizeof(message), "%lu line%s lost: standard error took no more", count,
                 count == 1 ? " was" : "s were");
        return compose(out, AW_LOG_WARNING, message);
}

/*
 * All of it is one write, which a pipe takes whole or not at all (PIPE_BUF). What another kind of
 * descriptor has cut gets its newline first.
 */
void
aw_log_write(enum aw_log_level level, const char *message)
{
        char text[1 + 2 * AW_LOG_LINE_MAX];
        bool was_torn = atomic_exchange(&torn, false);
        unsigned long count = atomic_exchange(&lost, 0);
        size_t length = 0, told;
        ssize_t written;

        if (was_torn)
                text[length++] = '\n';
        if (count > 0)
                length += compose_loss(text + length, count);
        told = length;
        length += compose(text + length, level, message);
        written = write_unless_interrupted(text, length);
        if (written == (ssize_t)length)
                return;
        atomic_fetch_add(&lost, written >= (ssize_t)told ? 1 : count + 1);
        atomic_fetch_add(&all_lost, 1);
        if (written > 0 || was_torn)
                atomic_store(&torn, true);
}

void
aw_log_losses(struct aw_log_losses *losses)
{
        losses->lost = atomic_load(&all_lost);
        losses->left_out = aw_log_limit_left_out();
}
