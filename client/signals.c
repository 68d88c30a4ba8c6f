/* SPDX-License-Identifier: MIT */
/* The signals that stop wsecho, and the end that they make of it. */
#include <signal.h>
#include <unistd.h>

#include "await/signals.h"

#include "client.h"

/* The first one only asks. */
static const int stopping[] = {SIGUSR1, SIGINT, SIGTERM, SIGHUP};
enum { STOPPING = 4 };

static bool dies_of_pipe;

bool
client_ignores(int number)
{
        struct sigaction action;

        return sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

static void
hold(const int *numbers, int count)
{
        sigset_t set;

        sigemptyset(&set);
        for (int i = 0; i < count; i++)
                sigaddset(&set, numbers[i]);
        sigprocmask(SIG_BLOCK, &set, NULL);
}

void
client_mind_signals(void)
{
        hold(stopping, 1);
        dies_of_pipe = !client_ignores(SIGPIPE);
}

void
client_hold_signals(void)
{
        hold(stopping, STOPPING);
}

bool
client_dies_of_pipe(void)
{
        return dies_of_pipe;
}

void
client_exit(int status)
{
        int number = status - CLIENT_SIGNAL;
        sigset_t set;

        if (number > 0) {
                signal(number, SIG_DFL);
                sigemptyset(&set);
                sigaddset(&set, number);
                sigprocmask(SIG_UNBLOCK, &set, NULL);
                raise(number);
        }
        _exit(status);
}

/* One that is ignored, as nohup(1) does with SIGHUP, stays so. */
struct aw_signals *
client_open_signals(void)
{
        int numbers[STOPPING];
        size_t count = 0;

        for (int i = 0; i < STOPPING; i++)
                if (!client_ignores(stopping[i]))
                        numbers[count++] = stopping[i];
        return aw_signals_open(numbers, count);
}
