/* SPDX-License-Identifier: MIT */
/* The file of a Unix socket, which is to be removed as long as it is the same. */
#ifndef SOCKET_FILE_H
#define SOCKET_FILE_H

#include <sys/types.h>

struct socket_file {
        dev_t device;
        ino_t inode; /* 0: there is none */
};

/* Its name in "unix:/PATH"; NULL: the URL is another one. */
const char *socket_file_path(const char *url);

/* The one of this name now. */
struct socket_file socket_file_note(const char *path);

/* Gives it this mode and group, unless it has them; 0: whichever it has. Logs why it cannot. */
void socket_file_settle(const char *path, const struct socket_file *file, unsigned mode,
                        gid_t group);

/* Removes it, unless another process has put its own there since; logs why it stays. Once. */
void socket_file_remove(const char *path, struct socket_file *file);

#endif
