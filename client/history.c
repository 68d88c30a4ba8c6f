/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <wchar.h>

#include "history.h"

#include "await/stream.h"
#include "base/utf8.h"
#include "client.h"

/* A file that has grown over the first is cut to its end, about so much. */
#define FILE_MAX  ((off_t)4 << 20)
#define FILE_KEPT ((off_t)1 << 20)

/* For what is not written yet at the end. */
#define END_TIME (200 * AW_MILLISECOND)

struct history_lines {
        HistoryW *lines;
        int fd;                   /* of the file; or -1 */
        struct aw_stream *stream; /* over it; once there was something to write */
};

/* $XDG_STATE_HOME/wsecho/history. NULL: nobody knows where. */
static char *
file_path(void)
{
        const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
        char *path = NULL;
        int length;

        if (state != NULL && state[0] == '/')
                length = asprintf(&path, "%s/wsecho/history", state);
        else
                length =
                        asprintf(&path, "%s/.local/state/wsecho/history", home == NULL ? "" : home);
        return length == -1 ? NULL : path;
}

/* The folders that a file is in. */
static int
make_folders(char *path)
{
        int result = 0;

        for (char *slash = strchr(path + 1, '/'); slash != NULL && result == 0;
             slash = strchr(slash + 1, '/')) {
                *slash = '\0';
                if (mkdir(path, 0700) == -1 && errno != EEXIST)
                        result = -1;
                *slash = '/';
        }
        return result;
}

/* In place. */
static void
unescape_line(char *line)
{
        char *out = line;

        for (; *line != '\0'; line++) {
                if (*line == '\\' && (line[1] == 'n' || line[1] == '\\'))
                        *out++ = *++line == 'n' ? '\n' : '\\';
                else
                        *out++ = *line;
        }
        *out = '\0';
}

/* As it stands in the file, with its end; for free(). */
static char *
escape_line(const char *line)
{
        char *escaped = malloc(2 * strlen(line) + 2), *out = escaped;

        if (escaped == NULL)
                return NULL;
        for (; *line != '\0'; line++) {
                if (*line == '\n' || *line == '\\')
                        *out++ = '\\';
                *out++ = *line == '\n' ? 'n' : *line;
        }
        *out++ = '\n';
        *out = '\0';
        return escaped;
}

/* False: it is the last one already, or is not kept. */
static bool
enter_line(struct history_lines *history, const char *line)
{
        wchar_t *wide = malloc((strlen(line) + 1) * sizeof(*wide));
        HistEventW event = {0};
        bool is_new = false;

        if (wide != NULL && line[0] != '\0' && strlen(line) <= HISTORY_LINE_MAX &&
            aw_utf8_valid((const uint8_t *)line, strlen(line)) &&
            mbstowcs(wide, line, strlen(line) + 1) != (size_t)-1)
                is_new = history_w(history->lines, &event, H_ENTER, wide) > 0;
        free(wide);
        return is_new;
}

static void
read_lines(struct history_lines *history, FILE *in)
{
        char *line = NULL;
        size_t size = 0;
        ssize_t length;

        while ((length = getline(&line, &size, in)) > 0) {
                if (line[length - 1] == '\n')
                        line[length - 1] = '\0';
                unescape_line(line);
                enter_line(history, line);
        }
        free(line);
}

/* Makes the file what can be read from here on. */
static int
cut_file(const char *path, FILE *in)
{
        char *other = NULL, *line = NULL;
        size_t size = 0;
        FILE *out = NULL;
        int result = -1, fd = -1;
        bool whole;

        if (asprintf(&other, "%s.%d", path, (int)getpid()) != -1)
                fd = open(other, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (fd != -1)
                out = fdopen(fd, "w");
        if (out != NULL) {
                while (getline(&line, &size, in) > 0)
                        fputs(line, out);
                whole = feof(in) && !ferror(out);
                if (fclose(out) == 0 && whole)
                        result = rename(other, path);
                if (result == -1)
                        unlink(other);
        } else if (fd != -1) {
                close(fd);
        }
        free(line);
        free(other);
        return result;
}

/* What was done to an open file has this result: the file, or -1 with errno. */
static int
keep_or_close(int fd, int result)
{
        int error = errno;

        if (result == 0)
                return fd;
        close(fd);
        errno = error;
        return -1;
}

/* ENOTSUP: it is no regular file. A FIFO, or a device, might keep us waiting for ever. */
static int
check_file(const struct stat *status)
{
        errno = ENOTSUP;
        return S_ISREG(status->st_mode) ? 0 : -1;
}

/* Only its owner may read it, whoever has made it. */
static int
open_file(const char *path)
{
        int fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0600);
        struct stat status;
        int result;

        if (fd == -1)
                return -1;
        result = fstat(fd, &status);
        if (result == 0)
                result = check_file(&status);
        if (result == 0 && (status.st_mode & 077) != 0)
                result = fchmod(fd, 0600);
        return keep_or_close(fd, result);
}

/* A last line without its end would be one with the next. */
static int
open_to_add(const char *path)
{
        int fd = open_file(path);
        struct stat status;
        char last;

        if (fd == -1 || fstat(fd, &status) == -1 || pread(fd, &last, 1, status.st_size - 1) != 1 ||
            last == '\n')
                return fd;
        return keep_or_close(fd, write(fd, "\n", 1) == 1 ? 0 : -1);
}

/* A large one is cut first; its first line may be half a one then. */
static int
load_file(struct history_lines *history, const char *path)
{
        int fd = open_file(path);
        FILE *in = fd == -1 ? NULL : fdopen(fd, "r");
        struct stat status;

        if (in == NULL) {
                if (fd != -1)
                        close(fd);
                return -1;
        }
        if (fstat(fd, &status) == 0 && status.st_size > FILE_MAX) {
                fseeko(in, -FILE_KEPT, SEEK_END);
                while (!feof(in) && fgetc(in) != '\n')
                        continue;
                if (cut_file(path, in) == -1) {
                        fclose(in);
                        return -1;
                }
                fclose(in);
                return load_file(history, path);
        }
        read_lines(history, in);
        fclose(in);
        return open_to_add(path);
}

static void
use_file(struct history_lines *history)
{
        char *path = file_path();

        if (path != NULL && make_folders(path) == 0)
                history->fd = load_file(history, path);
        if (history->fd == -1)
                client_say("the history '%s' cannot be kept: %s", path == NULL ? "" : path,
                           errno == ENOTSUP ? "it is no regular file" : strerror(errno));
        free(path);
}

struct history_lines *
history_open(bool keep)
{
        struct history_lines *history = calloc(1, sizeof(*history));
        HistEventW event;

        if (history == NULL)
                return NULL;
        history->fd = -1;
        history->lines = history_winit();
        if (history->lines == NULL) {
                free(history);
                return NULL;
        }
        history_w(history->lines, &event, H_SETSIZE, HISTORY_LINES);
        history_w(history->lines, &event, H_SETUNIQUE, 1);
        if (keep)
                use_file(history);
        return history;
}

async void
history_flush(struct history_lines *history)
{
        int result = await(aw_stream_close(history->stream, aw_loop_now() + END_TIME));

        if (result == -1)
                client_say("the history is not complete: %s", strerror(errno));
        history->stream = NULL;
}

void
history_close(struct history_lines *history)
{
        if (history == NULL)
                return;
        if (history->fd != -1)
                close(history->fd);
        history_wend(history->lines);
        free(history);
}

HistoryW *
history_of(struct history_lines *history)
{
        return history->lines;
}

async void
history_add(struct history_lines *history, const char *line)
{
        char *escaped;

        if (!enter_line(history, line) || history->fd == -1)
                return;
        if (history->stream == NULL)
                history->stream = aw_stream_open(history->fd, NULL);
        escaped = escape_line(line);
        if (history->stream == NULL || escaped == NULL ||
            await(aw_stream_write(history->stream, escaped, strlen(escaped), AW_NEVER)) == -1)
                client_say("the history cannot be kept: %s", strerror(errno));
        free(escaped);
}
