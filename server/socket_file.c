/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "socket_file.h"

#include "await/log.h"

const char *
socket_file_path(const char *url)
{
        return strncmp(url, "unix:/", 6) == 0 ? url + strlen("unix:") : NULL;
}

struct socket_file
socket_file_note(const char *path)
{
        struct stat status;

        return lstat(path, &status) == 0 && S_ISSOCK(status.st_mode)
                       ? (struct socket_file){.device = status.st_dev, .inode = status.st_ino}
                       : (struct socket_file){.inode = 0};
}

static bool
is_same(const struct socket_file *file, const struct stat *status)
{
        return status->st_dev == file->device && status->st_ino == file->inode;
}

void
socket_file_settle(const char *path, const struct socket_file *file, unsigned mode, gid_t group)
{
        static const char sentence[] = "the %s of the Unix socket %s stays: %s";
        struct stat status;

        if (lstat(path, &status) == -1 || !is_same(file, &status))
                return;
        if (group != 0 && status.st_gid != group && lchown(path, (uid_t)-1, group) == -1)
                aw_log(AW_LOG_WARNING, sentence, "group", path, strerror(errno));
        if (mode != 0 && (status.st_mode & 0777) != mode && chmod(path, (mode_t)mode) == -1)
                aw_log(AW_LOG_WARNING, sentence, "mode", path, strerror(errno));
}

void
socket_file_remove(const char *path, struct socket_file *file)
{
        struct stat status;
        int result;

        if (file->inode == 0)
                return;
        result = lstat(path, &status);
        if (result == 0 && is_same(file, &status))
                result = unlink(path);
        if (result == -1 && errno != ENOENT)
                aw_log(AW_LOG_WARNING, "the file of the Unix socket %s stays: %s", path,
                       strerror(errno));
        file->inode = 0;
}
