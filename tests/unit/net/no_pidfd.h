/* SPDX-License-Identifier: MIT */
/* A system without pidfd_open(2), as Linux before 5.3 or Valgrind 3.19, for `Wraps: syscall`. */
#ifndef NO_PIDFD_H
#define NO_PIDFD_H

#include <errno.h>
#include <stdarg.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "unit/support.h"

long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);

static int pidfd_error; /* what pidfd_open(2) fails with; 0: nothing stands in its way */

long
__wrap_syscall(long number, ...)
{
        long words[6];
        va_list arguments;

        if (number == SYS_pidfd_open && pidfd_error != 0) {
                errno = pidfd_error;
                return -1;
        }
        va_start(arguments, number);
        for (size_t i = 0; i < 6; i++)
                words[i] = va_arg(arguments, long);
        va_end(arguments);
        return __real_syscall(number, words[0], words[1], words[2], words[3], words[4], words[5]);
}

/* The thread of a test before may just close its own: there may be fewer. */
#define expect_no_more_descriptors(count) expect(test_count_descriptors() <= (count))

/* Whether no more are open than this, once the threads that watched have ended. */
static inline async bool
descriptors_fall_to(size_t count)
{
        for (size_t i = 0; i < 5000 && test_count_descriptors() > count; i++)
                await(aw_sleep(AW_MILLISECOND));
        return test_count_descriptors() <= count;
}

#endif
