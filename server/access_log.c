/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "access_log.h"

#include "await/log.h"
#include "base/file.h"

#define CLOSE_TIME 2 /* seconds */

#define WARN_PAUSE 60 /* seconds between two warnings of lines that were lost */

/* Lines, one behind the other. */
struct lines {
        char data[ACCESS_LOG_QUEUE];
        size_t length;
};

static struct access_log {
        char *path; /* NULL: not open */
        bool tells;
        pthread_t thread;
        bool started;

        pthread_mutex_t lock;
        pthread_cond_t changed;
        struct lines *waiting; /* these three under the lock */
        bool reopen, ending;

        /* The thread's, as soon as there is one. */
        struct lines *taken;
        int fd;
        bool made;       /* the file, by us */
        bool torn;       /* the last line is there in part */
        uint64_t untold; /* lines that were lost, since that was written */
        uint64_t more;   /* and since the log was told of some */
        time_t warn_at;  /* when it may be told again; 0: it never was */
        int error;       /* of the last one */

        _Atomic(bool) json;
        _Atomic(uint64_t) lost;
} access_log = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER, .fd = -1};

bool
access_log_is_open(void)
{
        return access_log.path != NULL;
}

uint64_t
access_log_lost(void)
{
        return atomic_load(&access_log.lost);
}

void
access_log_use_json(bool json)
{
        atomic_store(&access_log.json, json);
}

/* Lines. */

static size_t
dump(const json_t *value, char *out, size_t size)
{
        return json_dumpb(value, out, size,
                          JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(9));
}

/* `NAME=VALUE NAME=VALUE`; the time has no name. The length, or more than `size`. */
static size_t
compose_pairs(json_t *object, char *out, size_t size)
{
        const char *name;
        json_t *value;
        size_t length = 0;

        json_object_foreach(object, name, value)
        {
                if (length + strlen(name) + 2 >= size)
                        return size + 1;
                if (strcmp(name, "time") == 0) {
                        length += strlen(strcpy(out, json_string_value(value)));
                        continue;
                }
                out[length++] = ' ';
                length = (size_t)(stpcpy(out + length, name) - out);
                out[length++] = '=';
                length += dump(value, out + length, size - length);
                if (length > size)
                        return size + 1;
        }
        return length;
}

/* A line with its newline; its length, or 0: it could not be made. */
static size_t
compose_line(json_t *object, char out[ACCESS_LOG_LINE])
{
        char time[AW_LOG_TIME_SIZE];
        json_t *whole = json_object();
        size_t length = 0, most = ACCESS_LOG_LINE - 1;

        aw_log_time(time);
        if (whole != NULL && object != NULL &&
            json_object_set_new(whole, "time", json_string(time)) == 0 &&
            json_object_update(whole, object) == 0)
                length = atomic_load(&access_log.json) ? dump(whole, out, most)
                                                       : compose_pairs(whole, out, most);
        json_decref(whole);
        if (length == 0 || length > most)
                return 0;
        out[length] = '\n';
        return length + 1;
}

void
access_log_write(json_t *object)
{
        char line[ACCESS_LOG_LINE];
        size_t length = compose_line(object, line);
        struct lines *waiting;
        bool taken;

        json_decref(object);
        pthread_mutex_lock(&access_log.lock);
        waiting = access_log.waiting;
        taken = length > 0 && waiting->length + length <= sizeof(waiting->data);
        if (taken) {
                memcpy(waiting->data + waiting->length, line, length);
                waiting->length += length;
        }
        pthread_cond_signal(&access_log.changed);
        pthread_mutex_unlock(&access_log.lock);
        if (!taken)
                atomic_fetch_add(&access_log.lost, 1);
}

/* Opening. */

/*
 * Without O_NONBLOCK a FIFO would be waited for until somebody reads it. The thread that writes may
 * wait.
 */
static int
open_by_name(const char *path, int more)
{
        int fd =
                open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | more,
                     0640);

        if (fd != -1)
                fcntl(fd, F_SETFL, O_APPEND);
        return fd;
}

static int
open_log_file(const char *path)
{
        int fd;

        access_log.made = false;
        if (strcmp(path, "-") == 0)
                return fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
        fd = open_by_name(path, O_EXCL);
        access_log.made = fd != -1;
        return fd == -1 && errno == EEXIST ? open_by_name(path, 0) : fd;
}

/* errno says why. */
static int
refuse_log_path(const char *path, const char *place)
{
        aw_log(AW_LOG_ERROR, "%s--access-log: cannot write to %s: %s%s", place, path,
               strerror(errno), errno == ENXIO ? ": nobody reads it" : "");
        return -1;
}

int
access_log_check(const char *path, const char *place)
{
        return strcmp(path, "-") == 0 || aw_file_may_write(path) == 0
                       ? 0
                       : refuse_log_path(path, place);
}

int
access_log_open(const char *path, const char *place)
{
        /* The option's text may go with a reload. */
        access_log.path = strdup(path);
        access_log.fd = open_log_file(path);
        access_log.waiting = malloc(sizeof(*access_log.waiting));
        access_log.taken = malloc(sizeof(*access_log.taken));
        if (access_log.fd == -1 || access_log.waiting == NULL || access_log.taken == NULL ||
            access_log.path == NULL) {
                refuse_log_path(path, place);
                free(access_log.waiting);
                free(access_log.taken);
                free(access_log.path);
                access_log.path = NULL;
                if (access_log.fd != -1)
                        close(access_log.fd);
                return -1;
        }
        access_log.waiting->length = access_log.taken->length = 0;
        access_log.reopen = access_log.ending = access_log.torn = false;
        access_log.untold = atomic_load(&access_log.lost);
        access_log.more = 0;
        access_log.warn_at = 0;
        return 0;
}

void
access_log_give(uid_t user, gid_t group)
{
        if (access_log.path != NULL && access_log.made && fchown(access_log.fd, user, group) == -1)
                aw_log(AW_LOG_DEBUG, "the access log %s keeps its owner: %s", access_log.path,
                       strerror(errno));
}

static void
reopen_file(void)
{
        int fd = open_log_file(access_log.path);

        if (fd == -1) {
                aw_log(AW_LOG_ERROR, "cannot open the access log %s: %s: the old file goes on",
                       access_log.path, strerror(errno));
                return;
        }
        close(access_log.fd);
        access_log.fd = fd;
        access_log.torn = false;
        aw_log(access_log.tells ? AW_LOG_INFO : AW_LOG_DEBUG, "reopened the access log %s",
               access_log.path);
}

/* The thread. */

/* 0, or -1 with errno; then *length is how much of it was written. */
static int
write_whole(const char *data, size_t *length)
{
        size_t done = 0;
        ssize_t written;

        while (done < *length) {
                written = write(access_log.fd, data + done, *length - done);
                if (written == -1 && errno == EINTR)
                        continue;
                if (written <= 0) {
                        *length = done;
                        return -1;
                }
                done += (size_t)written;
        }
        return 0;
}

static size_t
count_lines(const char *data, size_t length)
{
        size_t count = 0, i;

        for (i = 0; i < length; i++)
                count += data[i] == '\n';
        return count;
}

/* The lines before this one that were lost, in a line of its own. True if that went well. */
static bool
tell_of_lost(void)
{
        uint64_t lost = atomic_load(&access_log.lost), untold = lost - access_log.untold;
        json_t *object;
        char line[ACCESS_LOG_LINE + 1] = "\n";
        size_t begin = access_log.torn ? 0 : 1, length;

        if (untold == 0 && !access_log.torn)
                return true;
        object = json_pack("{sI}", "lost_lines", (json_int_t)untold);
        length = 1 - begin + compose_line(object, line + 1);
        json_decref(object);
        if (write_whole(line + begin, &length) == -1)
                return false;
        access_log.torn = false;
        access_log.untold = lost;
        return true;
}

/* Whole lines that go out in one write: as many as a pipe takes without mixing them with others'. */
static size_t
portion(const char *data, size_t length)
{
        const char *end;

        if (length <= PIPE_BUF)
                return length;
        end = memrchr(data, '\n', PIPE_BUF);
        return (size_t)(end - data) + 1;
}

static time_t
seconds(void)
{
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return now.tv_sec;
}

/* The log is told at once of the first, and later of how many more there were. */
static void
warn_of_lost(bool last)
{
        time_t now = seconds();

        if (access_log.more == 0 || (now < access_log.warn_at && !last))
                return;
        if (access_log.warn_at == 0)
                aw_log(AW_LOG_WARNING, "lines of the access log %s were lost: %s", access_log.path,
                       strerror(access_log.error));
        else
                aw_log(AW_LOG_WARNING,
                       "%" PRIu64 " more of the access log's lines in %s %s lost: %s",
                       access_log.more, access_log.path, access_log.more == 1 ? "was" : "were",
                       strerror(access_log.error));
        access_log.more = 0;
        access_log.warn_at = now + WARN_PAUSE;
}

static void
write_taken_lines(void)
{
        const struct lines *taken = access_log.taken;
        size_t done = 0, size, written, lost;

        warn_of_lost(false);
        for (; done < taken->length; done += size) {
                written = size = portion(taken->data + done, taken->length - done);
                if (tell_of_lost() && write_whole(taken->data + done, &written) == 0)
                        continue;
                access_log.error = errno;
                if (written == size)
                        written = 0;
                access_log.torn |= written > 0 && taken->data[done + written - 1] != '\n';
                lost = count_lines(taken->data + done + written, size - written);
                access_log.more += lost;
                warn_of_lost(false);
                atomic_fetch_add(&access_log.lost, lost);
        }
}

/* Takes what waits; false: there is nothing more to do. */
static bool
take_lines(bool *reopen)
{
        struct lines *taken;

        pthread_mutex_lock(&access_log.lock);
        while (access_log.waiting->length == 0 && !access_log.reopen && !access_log.ending)
                pthread_cond_wait(&access_log.changed, &access_log.lock);
        *reopen = access_log.reopen;
        access_log.reopen = false;
        taken = access_log.waiting;
        access_log.waiting = access_log.taken;
        access_log.taken = taken;
        access_log.waiting->length = 0;
        pthread_mutex_unlock(&access_log.lock);
        return taken->length > 0 || *reopen;
}

/* What came before the file was renamed may go to either one; what comes after it goes to the new. */
static void *
write_lines(void *unused)
{
        bool reopen;

        while (take_lines(&reopen)) {
                if (reopen)
                        reopen_file();
                write_taken_lines();
        }
        warn_of_lost(true);
        return unused;
}

int
access_log_start(bool tells)
{
        sigset_t all, before;
        int error;

        access_log.tells = tells;
        if (access_log.path == NULL)
                return 0;
        /* Signals are the loop's. */
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        error = pthread_create(&access_log.thread, NULL, write_lines, NULL);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        access_log.started = error == 0;
        errno = error;
        return error == 0 ? 0 : -1;
}

bool
access_log_reopen(void)
{
        if (access_log.path == NULL || strcmp(access_log.path, "-") == 0)
                return false;
        if (!access_log.started) {
                reopen_file();
                return true;
        }
        pthread_mutex_lock(&access_log.lock);
        access_log.reopen = true;
        pthread_cond_signal(&access_log.changed);
        pthread_mutex_unlock(&access_log.lock);
        return true;
}

/* A thread that nobody reads from may wait for ever: it ends with the process then. */
void
access_log_close(void)
{
        struct timespec until;

        if (access_log.started) {
                pthread_mutex_lock(&access_log.lock);
                access_log.ending = true;
                pthread_cond_signal(&access_log.changed);
                pthread_mutex_unlock(&access_log.lock);
                clock_gettime(CLOCK_REALTIME, &until);
                until.tv_sec += CLOSE_TIME;
                if (pthread_timedjoin_np(access_log.thread, NULL, &until) != 0) {
                        aw_log(AW_LOG_WARNING,
                               "the access log %s takes no more: its last lines "
                               "are lost",
                               access_log.path);
                        return;
                }
        }
        if (access_log.path == NULL)
                return;
        close(access_log.fd);
        free(access_log.waiting);
        free(access_log.taken);
        free(access_log.path);
        access_log.path = NULL;
        access_log.started = false;
}
