/* SPDX-License-Identifier: MIT */
/* What somebody at a terminal can do besides sending lines: lines that begin with a slash. */
#ifndef COMMAND_H
#define COMMAND_H

#include <stddef.h>
#include <wchar.h>

#include "await/task.h"
#include "keys.h"

struct session;

/*
 * Does what the line says, which stands behind the slash and is used up; what is wrong with it is
 * told. 0, or -1 if nothing more can be sent.
 */
async int command_run(struct session *session, char *line);

/* What to add to a line so that it names a command; or NULL, and the commands that it may become. */
const wchar_t *command_complete(const wchar_t *text, size_t length,
                                char choices[KEYS_CHOICES_SIZE]);

#endif
