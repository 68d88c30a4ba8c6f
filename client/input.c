/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "input.h"

#define READ_SIZE ((size_t)65536)

struct input {
        int fd;
        struct aw_watch *watch; /* NULL: it never makes anyone wait */
        struct aw_waiters waiters;
        char *data;
        size_t start, length, capacity; /* what is there begins at start */
        size_t searched;                /* bytes of it in which there is no line's end */
        bool ended;
};

/*
 * The loop wants descriptors that do not block. That is a property of the open file, which others
 * may share (a terminal's is its shell's, and that of our own output): so it is opened anew where
 * that is possible.
 */
static int
reopen(int fd)
{
        char path[32];
        int own;

        snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        own = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
        return own != -1 ? own : fcntl(fd, F_DUPFD_CLOEXEC, 0);
}

/* Nobody reads while nobody waits. */
static void
readable(void *argument)
{
        struct input *input = argument;

        if (!aw_wake_one(&input->waiters))
                aw_watch_pause(input->watch, true);
}

static int
open_descriptor(struct input *input, int fd)
{
        struct stat status;

        if (fstat(fd, &status) == -1)
                return -1;
        /* Opened anew it could be read, but nobody gave it to us for that. */
        if ((fcntl(fd, F_GETFL) & O_ACCMODE) == O_WRONLY) {
                errno = EBADF;
                return -1;
        }
        /*
         * A file keeps its position with the open file; it is always readable, and cannot be
         * polled.
         */
        if (S_ISREG(status.st_mode)) {
                input->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
                return input->fd == -1 ? -1 : 0;
        }
        input->fd = reopen(fd);
        if (input->fd == -1)
                return -1;
        input->watch = aw_watch_open(input->fd, readable, input);
        /* EPERM: a device like /dev/null, which never makes anyone wait either. */
        if (input->watch != NULL || errno == EPERM)
                return 0;
        close(input->fd);
        return -1;
}

struct input *
input_open(int fd)
{
        struct input *input = calloc(1, sizeof(*input));

        if (input == NULL)
                return NULL;
        input->capacity = 2 * READ_SIZE;
        input->data = malloc(input->capacity);
        if (input->data != NULL && open_descriptor(input, fd) == 0)
                return input;
        free(input->data);
        free(input);
        return NULL;
}

void
input_free(struct input *input)
{
        if (input == NULL)
                return;
        if (input->watch != NULL)
                aw_watch_close(input->watch);
        else
                close(input->fd);
        free(input->data);
        free(input);
}

static int
make_room(struct input *input)
{
        size_t capacity = 2 * input->capacity;
        char *data;

        if (input->start > 0)
                memmove(input->data, input->data + input->start, input->length);
        input->start = 0;
        if (input->capacity - input->length >= READ_SIZE)
                return 0;
        data = realloc(input->data, capacity);
        if (data == NULL)
                return -1;
        input->data = data;
        input->capacity = capacity;
        return 0;
}

/* Reads more, or finds the end. */
static async int
read_more(struct input *input)
{
        ssize_t length;

        if (input->start + input->length + READ_SIZE > input->capacity && make_room(input) == -1)
                return -1;
        while ((length = read(input->fd, input->data + input->start + input->length, READ_SIZE)) ==
               -1) {
                if (errno != EAGAIN && errno != EINTR)
                        return -1;
                aw_watch_pause(input->watch, false);
                if (await(aw_wait_in(&input->waiters, AW_NEVER, NULL)) == -1)
                        return -1;
        }
        input->length += (size_t)length;
        input->ended = length == 0;
        return 0;
}

/* Takes `length` bytes of text and `end` bytes that end it. */
static ssize_t
input_take(struct input *input, size_t length, size_t end, const char **line)
{
        *line = input->data + input->start;
        input->start += length + end;
        input->length -= length + end;
        input->searched = 0;
        if (length > 0 && end > 0 && (*line)[length - 1] == '\r')
                length--;
        return (ssize_t)length;
}

async ssize_t
input_line(struct input *input, const char **line)
{
        const char *begin, *end;

        for (;;) {
                begin = input->data + input->start;
                end = input->length == input->searched ? NULL
                                                       : memchr(begin + input->searched, '\n',
                                                                input->length - input->searched);
                if (end != NULL)
                        return input_take(input, (size_t)(end - begin), 1, line);
                input->searched = input->length;
                if (input->ended)
                        break;
                if (await(read_more(input)) == -1)
                        return -1;
        }
        if (input->length > 0)
                return input_take(input, input->length, 0, line);
        errno = ENODATA;
        return -1;
}
