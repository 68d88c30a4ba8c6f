/* SPDX-License-Identifier: MIT */
/* What the loop stands on, for people who ask a program for its version. */
#ifndef AW_LOOP_LIBRARY_H
#define AW_LOOP_LIBRARY_H

#include <stdio.h>

/* The version of libwebsockets that the process runs with, as in "4.1.6-unknown". */
const char *aw_loop_library(void);

/*
 * The back ends that can be had here, each behind a space and with its library: " ev (libev/4.33)".
 * It makes and destroys a loop on each, so there may be none on this thread.
 */
void aw_loop_list_backends(FILE *out);

#endif
