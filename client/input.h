/* SPDX-License-Identifier: MIT */
/* Lines of standard input, awaited, whatever it is: a file, a pipe, a terminal. */
#ifndef INPUT_H
#define INPUT_H

#include <sys/types.h>

#include "await/task.h"

struct input;

/* NULL with errno. The descriptor's own flags stay as they are. */
struct input *input_open(int fd);
void input_free(struct input *input); /* NULL does nothing */

/*
 * The next line without its end, which is LF or CRLF, or the end of input; *line is valid until the
 * next call. Its length, -1 with errno: ECANCELED, ENOMEM or a read error, or ENODATA at the end of
 * input.
 */
async ssize_t input_line(struct input *input, const char **line);

#endif
