/* SPDX-License-Identifier: MIT */
/* The switch for processors that have no assembly here. Two system calls each: slow but right. */
#include "coro/switch_private.h"

#ifdef AW_CORO_UCONTEXT

#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <ucontext.h>

struct start {
        ucontext_t context;
        void (*function)(void *argument);
        void *argument;
};

/* makecontext() passes ints only, so the pointer comes in two pieces. */
static void
ucontext_start(unsigned first, unsigned second)
{
        struct start *start = NULL;

        memcpy(&start, (unsigned[]){first, second}, sizeof(start));
        start->function(start->argument);
}

void *
aw_coro_switch_prepare(char *low, char *top, void (*function)(void *argument), void *argument)
{
        uintptr_t address = ((uintptr_t)top - sizeof(struct start)) & ~(uintptr_t)63;
        struct start *new = (struct start *)(void *)(top - ((uintptr_t)top - address));
        unsigned pieces[2] = {0};

        new->function = function;
        new->argument = argument;
        getcontext(&new->context);
        new->context.uc_link = NULL;
        new->context.uc_stack = (stack_t){.ss_sp = low, .ss_size = address - (uintptr_t)low};
        memcpy(pieces, &new, sizeof(new));
        makecontext(&new->context, (void (*)(void))ucontext_start, 2, pieces[0], pieces[1]);
        return &new->context;
}

__attribute__((no_sanitize("thread"))) void
aw_coro_switch(void **from, void *to)
{
        ucontext_t here = {.uc_link = NULL};
        ucontext_t *there = to;

        *from = &here;
        /* The signal mask is the thread's, not the coroutine's. */
        pthread_sigmask(SIG_SETMASK, NULL, &there->uc_sigmask);
        swapcontext(&here, there);
}

#endif
