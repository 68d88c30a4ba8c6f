/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "detach.h"

#include "await/log.h"

static void __attribute__((noreturn)) wait_in_parent(pid_t child, int pipe)
{
        char byte;
        int status = 0;
        ssize_t length;
        sigset_t none;

        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        do
                length = read(pipe, &byte, 1);
        while (length == -1 && errno == EINTR);
        if (length == 1)
                _exit(0);
        while (waitpid(child, &status, 0) == -1 && errno == EINTR)
                continue;
        _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
}

int
detach(int *ready)
{
        int ends[2];
        pid_t child = -1;

        *ready = -1;
        if (pipe2(ends, O_CLOEXEC) == 0)
                child = fork();
        if (child == -1) {
                aw_log(AW_LOG_ERROR, "--daemon: %s", strerror(errno));
                return -1;
        }
        if (child > 0) {
                close(ends[1]);
                wait_in_parent(child, ends[0]);
        }
        close(ends[0]);
        *ready = ends[1];
        setsid();
        return 0;
}

void
detach_standard(void)
{
        int null = open("/dev/null", O_RDWR | O_CLOEXEC);

        for (int fd = 0; fd <= 2 && null != -1; fd++)
                dup2(null, fd);
        if (null > 2)
                close(null);
}

void
detach_done(int *ready)
{
        if (*ready == -1)
                return;
        detach_standard();
        if (write(*ready, "", 1) == -1)
                aw_log(AW_LOG_DEBUG, "--daemon: %s", strerror(errno));
        close(*ready);
        *ready = -1;
}
