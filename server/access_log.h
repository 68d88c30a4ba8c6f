/* SPDX-License-Identifier: MIT */
/*
 * The access log: a line for each connection that has ended. The lines wait in memory for a thread
 * that writes them, up to ACCESS_LOG_QUEUE bytes; what is over is lost, and counted.
 */
#ifndef ACCESS_LOG_H
#define ACCESS_LOG_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define ACCESS_LOG_QUEUE ((size_t)256 << 10)
#define ACCESS_LOG_LINE  4096 /* bytes, which a pipe takes whole or not at all */

/*
 * Opens the file to append to it, or standard output for "-". 0, or -1 after having logged why. `place`
 * is that of the option, or "".
 */
int access_log_open(const char *path, const char *place);

/* The file, if access_log_open() has made it, is theirs from now on. */
void access_log_give(uid_t user, gid_t group);

/*
 * Whether each line from now on is an object, or else NAME=VALUE, where texts are written as in JSON:
 * the default.
 */
void access_log_use_json(bool json);

/* Whether that may go well, as far as can be seen without making the file. The same results. */
int access_log_check(const char *path, const char *place);

/*
 * Begins to write, after what else may fork. 0, or -1 with errno. Does nothing if none is open. Of
 * several processes that write to one file, one `tells` when it opens that anew.
 */
int access_log_start(bool tells);

/* Writes what waits, for up to 2 seconds, and closes. */
void access_log_close(void);

bool access_log_is_open(void);

/* Adds a line with the time and the members of an object, which it frees. NULL is lost. */
void access_log_write(json_t *object);

/* Opens the file by its name once more, for it may have been renamed. False: it has no name. */
bool access_log_reopen(void);

/* Lines that were lost so far. */
uint64_t access_log_lost(void);

#endif
