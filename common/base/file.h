/* SPDX-License-Identifier: MIT */
/* What can be known of files without opening them. */
#ifndef AW_BASE_FILE_H
#define AW_BASE_FILE_H

/*
 * Whether this user may make a file of that name, or put another one in its place: its directory is
 * there and may be written to. 0, or -1 with errno.
 */
int aw_file_may_make(const char *path);

/*
 * Whether open() would open the file to write to it, and make it if it is not there. 0, or -1 with
 * errno. Nothing is made, and nobody who waits at a FIFO sees it come and go.
 */
int aw_file_may_write(const char *path);

#endif
