/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "password.h"

#include "await/log.h"
#include "client.h"

/* Signals that stop or end us, and the one that continues us. */
static const int watched[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGCONT};
enum { WATCHED = sizeof(watched) / sizeof(watched[0]) };

/* For the handlers, while it is asked. */
static struct {
        int fd;
        struct termios before, quiet;
        char question[128];
} asked;

/* In the background the terminal is somebody else's: reading from it stops us. */
static bool
show_nothing(int when)
{
        return tcgetpgrp(asked.fd) == getpgrp() && tcsetattr(asked.fd, when, &asked.quiet) == 0;
}

static void
put_question(void)
{
        /* If it cannot be written, nobody is there to read it. */
        (void)!write(asked.fd, asked.question, strlen(asked.question));
}

static void note_signal(int number);

/* Those that are ignored, as nohup(1) does with SIGHUP, stay so. */
static void
watch_signal(int number)
{
        struct sigaction action = {.sa_handler = note_signal,
                                   .sa_flags = SA_RESTART | SA_NODEFER |
                                               (number == SIGCONT ? 0 : (int)SA_RESETHAND)};

        if (!client_ignores(number))
                sigaction(number, &action, NULL);
}

/* A handler: it calls only what signal-safety(7) lists. */
static void
note_signal(int number)
{
        int saved = errno;

        if (number == SIGCONT) {
                if (show_nothing(TCSAFLUSH))
                        put_question();
        } else {
                tcsetattr(asked.fd, TCSANOW, &asked.before);
                raise(number);
                /* Continued; or there is no shell that could continue us, and nothing happened. */
                watch_signal(number);
                show_nothing(TCSANOW);
        }
        errno = saved;
}

/* The mask is what it was before. */
static void
mind_signals(sigset_t *mask)
{
        sigset_t set;

        sigemptyset(&set);
        for (int i = 0; i < WATCHED; i++) {
                watch_signal(watched[i]);
                sigaddset(&set, watched[i]);
        }
        sigprocmask(SIG_UNBLOCK, &set, mask);
}

static void
leave_signals(const sigset_t *mask)
{
        sigprocmask(SIG_SETMASK, mask, NULL);
        for (int i = 0; i < WATCHED; i++)
                if (!client_ignores(watched[i]))
                        signal(watched[i], SIG_DFL);
}

/* The terminal shows nothing from before the question on. */
static char *
read_secretly(FILE *terminal)
{
        char *line = NULL;
        size_t size = 0;
        sigset_t mask;

        asked.quiet = asked.before;
        asked.quiet.c_lflag &= ~(tcflag_t)ECHO;
        mind_signals(&mask);
        tcsetattr(asked.fd, TCSAFLUSH, &asked.quiet);
        put_question();
        if (getline(&line, &size, terminal) <= 0) {
                free(line);
                line = NULL;
        } else {
                line[strcspn(line, "\r\n")] = '\0';
        }
        leave_signals(&mask);
        tcsetattr(asked.fd, TCSAFLUSH, &asked.before);
        dprintf(asked.fd, "\n");
        return line;
}

char *
password_ask(const char *user, struct aw_error *error)
{
        FILE *terminal;
        char *password = NULL, name[81];
        size_t used;
        bool usable;

        asked.fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
        terminal = asked.fd == -1 ? NULL : fdopen(asked.fd, "r");
        usable = terminal != NULL && tcgetattr(asked.fd, &asked.before) == 0;
        aw_log_escape(user, strlen(user), "", name, sizeof(name), &used);
        snprintf(asked.question, sizeof(asked.question), "wsecho: password for %s: ", name);
        if (usable)
                password = read_secretly(terminal);
        if (terminal != NULL)
                fclose(terminal);
        else if (asked.fd != -1)
                close(asked.fd);
        if (password == NULL)
                aw_error_set(error, AW_ERROR_USAGE, EINVAL, "%s of '%s': give --user NAME:PASSWORD",
                             usable ? "nobody typed the password"
                                    : "there is no terminal to ask for the password",
                             user);
        return password;
}
