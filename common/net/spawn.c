/* SPDX-License-Identifier: MIT */
/*
 * posix_spawn() is clone(CLONE_VM | CLONE_VFORK) in the C library: it copies no memory, runs no
 * handlers of pthread_atfork(), and returns the errno of execve() in the child.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <unistd.h>

#include "net/spawn_private.h"

extern char **environ;

/* The child's end for one of its streams, above 2; or -1, with `given` telling if that is right. */
struct ends {
        int theirs[AW_SPAWN_COUNT];
        int *ours;
};

int
aw_spawn_move_up(int fd)
{
        int moved, error;

        if (fd == -1 || fd > STDERR_FILENO)
                return fd;
        moved = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
        error = errno;
        close(fd);
        errno = error;
        return moved;
}

static int
open_pipe(struct ends *ends, int number)
{
        int both[2], read_end = number == AW_SPAWN_INPUT ? 0 : 1;

        if (pipe2(both, O_CLOEXEC) == -1)
                return -1;
        ends->ours[number] = aw_spawn_move_up(both[1 - read_end]);
        ends->theirs[number] = aw_spawn_move_up(both[read_end]);
        return ends->ours[number] == -1 || ends->theirs[number] == -1 ? -1 : 0;
}

static int
open_end(struct ends *ends, int number, const struct aw_stdio *stdio)
{
        switch (stdio->kind) {
        case AW_STDIO_INHERIT:
                return 0;
        case AW_STDIO_PIPE:
                return open_pipe(ends, number);
        case AW_STDIO_NULL:
                ends->theirs[number] = aw_spawn_move_up(open("/dev/null", O_RDWR | O_CLOEXEC));
                break;
        case AW_STDIO_FD:
                ends->theirs[number] = fcntl(stdio->fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
                break;
        case AW_STDIO_OUTPUT:
                if (number == AW_SPAWN_ERROR)
                        return 0;
                errno = EINVAL;
                return -1;
        default:
                errno = EINVAL;
                return -1;
        }
        return ends->theirs[number] == -1 ? -1 : 0;
}

static void
close_ends(int fds[AW_SPAWN_COUNT])
{
        int i;

        for (i = 0; i < AW_SPAWN_COUNT; i++) {
                if (fds[i] != -1)
                        close(fds[i]);
                fds[i] = -1;
        }
}

/* What the child does before execve(). An errno value. */
static int
add_actions(posix_spawn_file_actions_t *actions, const struct aw_process_options *options,
            const struct ends *ends)
{
        int i, error = 0;

        for (i = 0; i < AW_SPAWN_COUNT && error == 0; i++)
                if (ends->theirs[i] != -1)
                        error = posix_spawn_file_actions_adddup2(actions, ends->theirs[i], i);
        if (error == 0 && options->error.kind == AW_STDIO_OUTPUT)
                error = posix_spawn_file_actions_adddup2(actions, STDOUT_FILENO, STDERR_FILENO);
        if (error == 0 && options->directory != NULL)
                error = posix_spawn_file_actions_addchdir_np(actions, options->directory);
#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 34)
        /* What other libraries opened need not be close-on-exec; what we open is. */
        if (error == 0)
                error = posix_spawn_file_actions_addclosefrom_np(actions, STDERR_FILENO + 1);
#endif
        return error;
}

static int
set_attributes(posix_spawnattr_t *attributes)
{
        sigset_t none, all;
        int error;

        sigemptyset(&none);
        sigfillset(&all);
        error = posix_spawnattr_setflags(attributes,
                                         POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
        if (error == 0)
                error = posix_spawnattr_setsigmask(attributes, &none);
        if (error == 0)
                error = posix_spawnattr_setsigdefault(attributes, &all);
        return error;
}

/* An errno value, or 0 and *pid. */
static int
spawn(const struct aw_process_options *options, const struct ends *ends, pid_t *pid)
{
        char *const *argv, *const *environment = environ;
        posix_spawn_file_actions_t actions;
        posix_spawnattr_t attributes;
        int error = posix_spawn_file_actions_init(&actions);

        if (error != 0)
                return error;
        /* None of the words is changed, which posix_spawnp() cannot tell. */
        memcpy(&argv, &options->argv, sizeof(argv));
        if (options->environment != NULL)
                memcpy(&environment, &options->environment, sizeof(environment));
        error = posix_spawnattr_init(&attributes);
        if (error == 0) {
                error = set_attributes(&attributes);
                if (error == 0)
                        error = add_actions(&actions, options, ends);
                if (error == 0)
                        error = posix_spawnp(pid, argv[0], &actions, &attributes, argv,
                                             environment);
                posix_spawnattr_destroy(&attributes);
        }
        posix_spawn_file_actions_destroy(&actions);
        return error;
}

pid_t
aw_spawn_process(const struct aw_process_options *options, int ours[AW_SPAWN_COUNT])
{
        const struct aw_stdio *stdio[] = {&options->input, &options->output, &options->error};
        struct ends ends = {.theirs = {-1, -1, -1}, .ours = ours};
        pid_t pid = -1;
        int i, error = 0;

        for (i = 0; i < AW_SPAWN_COUNT; i++)
                ours[i] = -1;
        for (i = 0; i < AW_SPAWN_COUNT && error == 0; i++)
                if (open_end(&ends, i, stdio[i]) == -1)
                        error = errno;
        if (error == 0)
                error = spawn(options, &ends, &pid);
        close_ends(ends.theirs);
        if (error == 0)
                return pid;
        close_ends(ours);
        errno = error;
        return -1;
}
