/* SPDX-License-Identifier: MIT */
#include <errno.h>
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

void
socket_file_remove(const char *path, struct socket_file *file)
{
        struct stat status;
        int result;

        if (file->inode == 0)
                return;
        result = lstat(path, &status);
        if (result == 0 && status.st_dev == file->device && status.st_ino == file->inode)
                result = unlink(path);
        if (result == -1 && errno != ENOENT)
                aw_log(AW_LOG_WARNING, "the file of the Unix socket %s stays: %s", path,
                       strerror(errno));
        file->inode = 0;
}
