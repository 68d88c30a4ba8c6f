/* SPDX-License-Identifier: MIT */
/* A file with the number of the server's process, which is locked for as long as it runs. */
#ifndef PIDFILE_H
#define PIDFILE_H

#include <stdbool.h>
#include <sys/types.h>

struct pidfile {
        char *path;      /* NULL: there is none */
        char place[512]; /* where the option was said, or "" */
        int fd;
};

/*
 * Makes the file and locks it; with `fd` not -1 that is the file, whose lock another process hands
 * over. A path of NULL is no file. 0, or -1 after having logged why.
 */
int pidfile_open(struct pidfile *pidfile, const char *path, const char *place, int fd);

/*
 * Whether the file may be made, or is one that may be locked, as far as can be seen without doing so;
 * who has it locked may be the server that runs. 0, or -1 after having logged why.
 */
int pidfile_check(const char *path, const char *place);

/* Writes a process's number. 0, or -1 after having logged why. */
int pidfile_write(const struct pidfile *pidfile, pid_t process);

/* Removes the file, if `remove`, and lets go of it. */
void pidfile_close(struct pidfile *pidfile, bool remove);

#endif
