/* SPDX-License-Identifier: MIT */
/* --daemon: the server goes to the background when it serves. */
#ifndef DETACH_H
#define DETACH_H

/*
 * Goes on in a child, in a session of its own. The parent stays until detach_done(), and ends with
 * status 0, or with the child's if that ends before. *ready is for that; -1: not detached. 0, or -1
 * after having logged why.
 */
int detach(int *ready);

/* Lets standard input, output and error go, for the terminal may have to end. */
void detach_standard(void);

/* The server serves: lets the parent go, and with it standard input, output and error. */
void detach_done(int *ready);

#endif
