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
#include "handover.h"
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
describe_sockets(const struct service *service, int ready, int tickets)
{
        char *text = NULL;
        size_t size = 0;
        FILE *out = open_memstream(&text, &size);

        if (out == NULL)
                return NULL;
        fprintf(out, INHERIT_VARIABLE "=ready %d\n", ready);
        if (service->pidfile.fd != -1)
                fprintf(out, "pidfile %d\n", service->pidfile.fd);
        if (tickets != -1)
                fprintf(out, "tickets %d\n", tickets);
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
become_successor(const struct service *service, int ready, int tickets, char **environment)
{
        pass(ready);
        pass(tickets);
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

bool
takeover_may_begin(const struct service *service, bool ending, bool under_way)
{
        if (service->serving && !ending && !under_way)
                return true;
        aw_log(AW_LOG_WARNING, "SIGUSR2 is ignored: %s",
               !service->serving ? "the server still starts"
               : ending          ? "the server ends"
                                 : "a new server is starting already, and does not serve yet");
        return false;
}

/* Who was started by somebody else and waits. The lines are those of INHERIT_VARIABLE. */
static int
hand_over(struct takeover *takeover, int channel, pid_t process, const char *lines)
{
        if (handover_send(channel, lines) == -1) {
                aw_log(AW_LOG_ERROR, "SIGUSR2: process %ld does not take the sockets: %s",
                       (long)process, strerror(errno));
                close(channel);
                return -1;
        }
        aw_log(AW_LOG_INFO, "SIGUSR2: process %ld has asked for the sockets, and has them",
               (long)process);
        *takeover = (struct takeover){.process = process, .asked = true, .ready = channel};
        return 0;
}

/* The same program once more. */
static int
start_anew(struct takeover *takeover, const struct service *service, int ends[2], int tickets,
           char *text)
{
        char **environment = make_environment(text);
        pid_t child = environment == NULL ? -1 : fork();

        if (child == 0)
                become_successor(service, ends[1], tickets, environment);
        free(environment);
        if (child == -1) {
                aw_log(AW_LOG_ERROR, "SIGUSR2: %s", strerror(errno));
                return -1;
        }
        aw_log(AW_LOG_INFO, "SIGUSR2: started '%s' anew as process %ld", service->argv[0],
               (long)child);
        *takeover = (struct takeover){.process = child, .ready = ends[0]};
        return 0;
}

int
takeover_begin(struct takeover *takeover, const struct service *service)
{
        const char *pidfile = service->pidfile.path;
        pid_t process = -1;
        int channel = pidfile == NULL ? -1 : handover_connect(pidfile, &process);
        int ends[2] = {-1, -1}, tickets, result = -1;
        char *text = NULL;

        if (channel == -1 && process == 0)
                return -1;
        /* Without them clients have to shake hands in full, no more. */
        tickets = tickets_copy(&service->shared->tickets);
        if (tickets == -1)
                aw_log(AW_LOG_WARNING, "TLS sessions will not resume: %s", strerror(errno));
        if (channel != -1 || pipe2(ends, O_CLOEXEC) == 0)
                text = describe_sockets(service, ends[1], tickets);
        if (text == NULL)
                aw_log(AW_LOG_ERROR, "SIGUSR2: %s", strerror(errno));
        else if (channel != -1)
                result = hand_over(takeover, channel, process, text);
        else
                result = start_anew(takeover, service, ends, tickets, text);
        if (text == NULL && channel != -1)
                close(channel);
        if (result == -1 && ends[0] != -1)
                close(ends[0]);
        if (ends[1] != -1)
                close(ends[1]);
        if (tickets != -1)
                close(tickets);
        free(text);
        return result;
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

/* Somebody else's child: what became of it that one knows. */
static void
say_asker_failed(pid_t process, bool late)
{
        aw_log(AW_LOG_ERROR, "the new server, process %ld, %s: this one goes on", (long)process,
               late ? "took too long to start, and was told not to serve" : "is gone");
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

/* Whether it serves. */
static bool
has_succeeded(struct takeover *takeover, bool late)
{
        char byte;

        if (!takeover->asked)
                return !late && read(takeover->ready, &byte, 1) == 1;
        return late ? handover_give_up(takeover->ready, &takeover->process)
                    : handover_is_accepted(takeover->ready, &takeover->process);
}

bool
takeover_end(struct takeover *takeover, struct service *service, bool late)
{
        bool serves = has_succeeded(takeover, late);

        close(takeover->ready);
        takeover->ready = -1;
        if (serves) {
                aw_log(AW_LOG_INFO, "process %ld serves from now on: draining",
                       (long)takeover->process);
                notify_main_process((int)takeover->process);
                service->handed_over = true;
        } else if (takeover->asked) {
                say_asker_failed(takeover->process, late);
        } else {
                say_failed(takeover->process, late);
        }
        return serves;
}

void
takeover_cancel(struct takeover *takeover, struct service *service)
{
        if (takeover->ready == -1)
                return;
        if (takeover->asked)
                service->handed_over = handover_give_up(takeover->ready, &takeover->process);
        else
                end_now(takeover->process);
        close(takeover->ready);
        takeover->ready = -1;
}
