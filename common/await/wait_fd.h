/* SPDX-License-Identifier: MIT */
/*
 * Waiting for a descriptor: for everything that has its own way to read and write, a UDP socket, an
 * eventfd, an inotify, another library's socket. For streams of bytes see stream.h.
 */
#ifndef AW_WAIT_FD_H
#define AW_WAIT_FD_H

#include "task.h"

enum { AW_READ = 1, AW_WRITE = 2 };

/*
 * Waits until the descriptor is ready for one of `events`, AW_READ and AW_WRITE or both, and
 * returns those for which it is. One that has failed, or whose other end is gone, is ready for
 * all, for the call to come will not block and will say so. What cannot be polled, a regular file
 * for example, is always ready. (asyncio: loop.add_reader and add_writer.)
 *
 * The descriptor's flags do not matter and stay as they are. "Ready" is a hint: another process
 * may be faster, so it is best if the call to come does not block (O_NONBLOCK, MSG_DONTWAIT).
 *
 * Any number of tasks may wait for one descriptor; all that wait for what has come are woken. It
 * must not be closed meanwhile. One that is ready makes nobody wait, and then neither the deadline
 * nor a cancellation is looked at.
 *
 * -1 with errno ETIMEDOUT, ECANCELED, EBADF no such descriptor, EINVAL no such events, ENOMEM,
 * EMFILE.
 */
AW_API aw_async int aw_wait_fd(int fd, unsigned events, aw_time deadline);

#endif
