/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "takeover.h"

#include "await/log.h"
#include "notify.h"

/* The environment of the successor: this one's, without what was meant for this process alone. */
static char **
make_environment(char *handed_over)
{
        size_t count = 0, kept = 0, i;
        char **result;

        while (environ[count] != NULL)
                count++;
        result = calloc(count + 2, sizeof(*result));
        for (i = 0; i < count && result != NULL; i++)
                if (strncmp(environ[i], "WATCHDOG_PID=", strlen("WATCHDOG_PID=")) != 0)
                        result[kept++] = environ[i];
        if (result != NULL)
                result[kept] = handed_over;
        return result;
}

static void
write_listener(FILE *out, const struct listener *listener)
{
        for (unsigned slot = 0; slot < listener->slot_count; slot++)
                for (int i = 0; i < listener->slots[slot].count; i++)
                        fprintf(out, "socket %d %u %d %s\n", listener->slots[slot].fds[i], slot,
                                (int)listener->kind, listener->url);
}

/* See INHERIT_VARIABLE. NULL: no memory. */
static char *
describe_sockets(const struct service *service, int ready)
{
        char *text = NULL;
        size_t size = 0;
        FILE *out = open_memstream(&text, &size);

        if (out == NULL)
                return NULL;
        fprintf(out, INHERIT_VARIABLE "=ready %d\n", ready);
        if (service->pidfile.fd != -1)
                fprintf(out, "pidfile %d\n", service->pidfile.fd);
        for (size_t i = 0; i < service->listeners.count; i++)
                write_listener(out, &service->listeners.items[i]);
        if (fclose(out) == 0)
                return text;
        free(text);
        return NULL;
}

static void
pass(int fd)
{
        if (fd != -1)
                fcntl(fd, F_SETFD, 0);
}

/* In the child of a process with threads: no more than system calls. */
static void __attribute__((noreturn))
become_successor(const struct service *service, int ready, char **environment)
{
        pass(ready);
        pass(service->pidfile.fd);
        for (size_t i = 0; i < service->listeners.count; i++) {
                const struct listener *listener = &service->listeners.items[i];

                for (unsigned slot = 0; slot < listener->slot_count; slot++)
                        for (int n = 0; n < listener->slots[slot].count; n++)
                                pass(listener->slots[slot].fds[n]);
        }
        execvpe(service->argv[0], service->argv, environment);
        _exit(errno == ENOENT ? 127 : 126);
}

int
takeover_begin(struct takeover *takeover, const struct service *service)
{
        int ends[2] = {-1, -1};
        char *text, **environment;
        pid_t child = -1;

        if (pipe2(ends, O_CLOEXEC) == -1) {
                aw_log(AW_LOG_ERROR, "SIGUSR2: %s", strerror(errno));
                return -1;
        }
        text = describe_sockets(service, ends[1]);
        environment = text == NULL ? NULL : make_environment(text);
        if (environment != NULL)
                child = fork();
        if (child == 0)
                become_successor(service, ends[1], environment);
        if (child == -1) {
                aw_log(AW_LOG_ERROR, "SIGUSR2: %s", strerror(errno));
                close(ends[0]);
        } else {
                aw_log(AW_LOG_INFO, "SIGUSR2: started '%s' anew as process %ld", service->argv[0],
                       (long)child);
                *takeover = (struct takeover){.process = child, .ready = ends[0]};
        }
        close(ends[1]);
        free(environment);
        free(text);
        return child == -1 ? -1 : 0;
}

/*
 * Its status. The pipe ends with it, and SIGKILL changes nothing then; but one that only let go of
 * the pipe would keep this process waiting.
 */
static int
end_now(pid_t process)
{
        int status = 0;

        kill(process, SIGKILL);
        while (waitpid(process, &status, 0) == -1 && errno == EINTR)
                continue;
        return status;
}

static void
say_failed(pid_t process, bool late)
{
        int status = end_now(process);

        if (late)
                aw_log(AW_LOG_ERROR,
                       "the new server, process %ld, took too long to start, and was killed: this "
                       "one goes on",
                       (long)process);
        else if (WIFSIGNALED(status))
                aw_log(AW_LOG_ERROR,
                       "the new server, process %ld, was ended by signal %d: this one goes on",
                       (long)process, WTERMSIG(status));
        else
                aw_log(AW_LOG_ERROR,
                       "the new server, process %ld, ended with status %d%s: this one goes on",
                       (long)process, WEXITSTATUS(status),
                       WEXITSTATUS(status) == 127   ? " (there is no such program)"
                       : WEXITSTATUS(status) == 126 ? " (the program cannot be run)"
                                                    : "");
}

bool
takeover_end(struct takeover *takeover, struct service *service, bool late)
{
        char byte;
        ssize_t length = late ? 0 : read(takeover->ready, &byte, 1);

        close(takeover->ready);
        takeover->ready = -1;
        if (length != 1) {
                say_failed(takeover->process, late);
                return false;
        }
        aw_log(AW_LOG_INFO, "process %ld serves from now on: draining", (long)takeover->process);
        notify_main_process((int)takeover->process);
        service->handed_over = true;
        return true;
}

void
takeover_cancel(struct takeover *takeover)
{
        if (takeover->ready == -1)
                return;
        end_now(takeover->process);
        close(takeover->ready);
        takeover->ready = -1;
}
