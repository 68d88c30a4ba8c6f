/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pidfile.h"

#include "await/log.h"
#include "base/file.h"

static int
refuse_pid_path(const char *path, const char *place, const char *reason)
{
        aw_log(AW_LOG_ERROR, "%s--pidfile: '%s': %s", place, path, reason);
        return -1;
}

static int
refuse_pidfile(const struct pidfile *pidfile, const char *reason)
{
        return refuse_pid_path(pidfile->path, pidfile->place, reason);
}

static const char no_file[] = "it is no regular file";

/* Whoever has the lock has written its number there. */
static int
refuse_locked(const struct pidfile *pidfile)
{
        char text[24] = "", reason[160];
        ssize_t length = pread(pidfile->fd, text, sizeof(text) - 1, 0);

        text[length > 0 ? strcspn(text, "\n") : 0] = '\0';
        snprintf(reason, sizeof(reason),
                 "another server runs with it, process %s: end that one, or take over from it with "
                 "--takeover",
                 text[0] == '\0' ? "unknown" : text);
        return refuse_pidfile(pidfile, reason);
}

/* A device, for example, is neither to be written to nor to be removed. */
static bool
is_regular(int fd)
{
        struct stat status;

        return fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
}

/* Whether the path still leads to the file that we have. */
static bool
is_at_path(const struct pidfile *pidfile)
{
        struct stat file, path;

        return fstat(pidfile->fd, &file) == 0 && stat(pidfile->path, &path) == 0 &&
               file.st_dev == path.st_dev && file.st_ino == path.st_ino;
}

int
pidfile_open(struct pidfile *pidfile, const char *path, const char *place, int fd)
{
        int result = 0;

        /* The option's text may go with a reload. */
        *pidfile = (struct pidfile){.path = path == NULL ? NULL : strdup(path), .fd = fd};
        snprintf(pidfile->place, sizeof(pidfile->place), "%s", place);
        if (path != NULL && pidfile->path == NULL) {
                aw_log(AW_LOG_ERROR, "--pidfile: %s", strerror(errno));
                return -1;
        }
        if (path != NULL && fd != -1 && !is_at_path(pidfile)) {
                /* The file has another name now. */
                close(fd);
                pidfile->fd = fd = -1;
        }
        if (path != NULL && fd == -1)
                pidfile->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY, 0644);
        if (path != NULL && pidfile->fd == -1)
                result = refuse_pidfile(pidfile, strerror(errno));
        else if (path != NULL && !is_regular(pidfile->fd))
                result = refuse_pidfile(pidfile, no_file);
        else if (path != NULL && flock(pidfile->fd, LOCK_EX | LOCK_NB) == -1)
                result = errno == EWOULDBLOCK ? refuse_locked(pidfile)
                                              : refuse_pidfile(pidfile, strerror(errno));
        /* Its last owner may have removed it after we had opened it. */
        else if (path != NULL && !is_at_path(pidfile))
                result =
                        refuse_pidfile(pidfile, "another server has just ended with it: try again");
        if (result == 0 && path != NULL)
                return 0;
        pidfile_close(pidfile, false);
        return result;
}

int
pidfile_check(const char *path, const char *place)
{
        struct stat status;

        if (aw_file_may_write(path) == -1)
                return refuse_pid_path(path, place, strerror(errno));
        if (stat(path, &status) == -1)
                return 0;
        if (!S_ISREG(status.st_mode))
                return refuse_pid_path(path, place, no_file);
        /* The number of whoever has it locked is read. */
        return faccessat(AT_FDCWD, path, R_OK, AT_EACCESS) == 0
                       ? 0
                       : refuse_pid_path(path, place, strerror(errno));
}

int
pidfile_write(const struct pidfile *pidfile, pid_t process)
{
        char text[24];
        int length = snprintf(text, sizeof(text), "%ld\n", (long)process);

        if (pidfile->path == NULL)
                return 0;
        /* It is never empty for those who read it meanwhile. */
        if (pwrite(pidfile->fd, text, (size_t)length, 0) == length &&
            ftruncate(pidfile->fd, length) == 0)
                return 0;
        return refuse_pidfile(pidfile, strerror(errno));
}

void
pidfile_close(struct pidfile *pidfile, bool remove)
{
        /* Who may not remove it leaves at least no number of a process that is gone. */
        if (remove && pidfile->path != NULL && is_at_path(pidfile) && unlink(pidfile->path) == -1 &&
            ftruncate(pidfile->fd, 0) == -1)
                aw_log(AW_LOG_DEBUG, "'%s': %s", pidfile->path, strerror(errno));
        if (pidfile->fd != -1)
                close(pidfile->fd);
        free(pidfile->path);
        *pidfile = (struct pidfile){.path = NULL, .fd = -1};
}
