/* SPDX-License-Identifier: MIT */
/*
 * Child processes to await, and their standard streams (asyncio.create_subprocess_exec):
 *
 *     static const char *const words[] = {"date", "+%s", NULL};
 *     struct aw_process_options options = {.argv = words, .output = {.kind = AW_STDIO_PIPE}};
 *     struct aw_process *process = aw_process_start(&options, &error);
 *
 *     length = await(aw_stream_read_line(aw_process_output(process), &line, AW_NEVER));
 *     await(aw_process_wait(process, &status, AW_NEVER));
 *     aw_process_free(process);
 *
 * The child begins with an empty signal mask, default dispositions, and no descriptors but 0, 1 and
 * 2. It is made by posix_spawn(3), so no memory is copied and no handlers of pthread_atfork() run,
 * which libuv's for one must not in a child. Whoever makes children by other means in a program
 * that waits for signals (signals.h) has to see to the mask.
 *
 * The program must leave SIGCHLD alone: if it is ignored the kernel forgets how children ended, and
 * a wait fails with ECHILD. If it waits for all children itself, and there is no pidfd_open(2)
 * (before Linux 5.3, or under Valgrind 3.19; a thread watches each child then), a signal might reach
 * another process that has the number by now.
 */
#ifndef AW_PROCESS_H
#define AW_PROCESS_H

#include <stddef.h>
#include <sys/types.h>

#include "api.h"
#include "error.h"
#include "stream.h"
#include "task.h"

struct aw_process;

/* What the child's standard input, output or error is. Zeroed: the same as ours. */
enum aw_stdio_kind {
        AW_STDIO_INHERIT,
        AW_STDIO_PIPE,  /* a pipe, whose other end is a stream here */
        AW_STDIO_NULL,  /* /dev/null */
        AW_STDIO_FD,    /* a copy of `fd`, which stays the caller's */
        AW_STDIO_OUTPUT /* standard error only: the same as standard output */
};
struct aw_stdio {
        enum aw_stdio_kind kind;
        int fd;
};

struct aw_process_options {
        /*
         * The program and its arguments, NULL at the end. A name without a '/' is looked up in
         * PATH.
         */
        const char *const *argv;
        const char *const *environment; /* "NAME=value", NULL at the end; NULL: the same as ours */
        const char *directory;          /* to run in; NULL: the same as ours */
        struct aw_stdio input, output, error;
        struct aw_stream_options streams; /* bounds of the streams of pipes */
};

/*
 * Starts the program. The calling thread is kept until it runs or cannot (posix_spawn(3)), about a
 * millisecond. NULL with errno and *error (which may be NULL): ENOENT, EACCES, ENOEXEC and the like
 * as execve(2); EINVAL no program; EBADF; EMFILE, EAGAIN, ENOMEM.
 */
AW_API struct aw_process *aw_process_start(const struct aw_process_options *options,
                                           struct aw_error *error);

AW_API pid_t aw_process_pid(const struct aw_process *process);

/*
 * The streams of what was given as AW_STDIO_PIPE, else NULL. They are the process', and closed with
 * it. aw_stream_shutdown() on the input tells the child of its end.
 */
AW_API struct aw_stream *aw_process_input(const struct aw_process *process);
AW_API struct aw_stream *aw_process_output(const struct aw_process *process);
AW_API struct aw_stream *aw_process_error(const struct aw_process *process);

/* How it ended: by exit() with this code (0 to 255), signal 0; or by this signal, code -1. */
struct aw_process_status {
        int code;
        int signal;
};

/*
 * Waits for its end (Process.wait); any number of tasks may, and again later. status may be NULL.
 * 0, or -1 with errno ETIMEDOUT, ECANCELED, ECHILD.
 *
 * A child whose output nobody reads may never end: read it first.
 */
AW_API aw_async int aw_process_wait(struct aw_process *process, struct aw_process_status *status,
                                    aw_time deadline);

/*
 * Sends a signal (Process.send_signal; SIGTERM: terminate, SIGKILL: kill). Never reaches another
 * process (but see above). 0, or -1 with errno ESRCH: it has ended; EINVAL, EPERM.
 */
AW_API int aw_process_signal(struct aw_process *process, int number);

/*
 * Drops the streams, kills the process (SIGKILL) if it has not ended, and frees this; it does not
 * wait, and no zombie is left. Tasks that wait for the process learn how it ended, as after a
 * transport's close(). NULL does nothing.
 */
AW_API void aw_process_free(struct aw_process *process);

#endif
