/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

static int
may_write_to_directory(const char *path)
{
        struct stat status;

        if (stat(path, &status) == -1)
                return -1;
        if (S_ISDIR(status.st_mode))
                return faccessat(AT_FDCWD, path, W_OK | X_OK, AT_EACCESS);
        errno = ENOTDIR;
        return -1;
}

int
aw_file_may_make(const char *path)
{
        size_t length = strlen(path);
        char *copy = strdup(path);
        int result = -1, error;

        if (copy == NULL)
                return -1;
        if (length > 0 && path[length - 1] != '/')
                result = may_write_to_directory(dirname(copy));
        else
                errno = length == 0 ? ENOENT : EISDIR;
        error = errno;
        free(copy);
        errno = error;
        return result;
}

int
aw_file_may_write(const char *path)
{
        struct stat status;

        if (stat(path, &status) == -1)
                return errno == ENOENT ? aw_file_may_make(path) : -1;
        if (!S_ISDIR(status.st_mode))
                return faccessat(AT_FDCWD, path, W_OK, AT_EACCESS);
        errno = EISDIR;
        return -1;
}
