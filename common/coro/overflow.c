/* SPDX-License-Identifier: MIT */
/* Whose stack overflowed is said before the process dies of it. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/say.h"
#include "coro/overflow_private.h"
#include "coro/stack_private.h"

#define SIGNAL_STACK_MIN ((size_t)16 << 10)
#define NAME_MAX_SHOWN   100

/*
 * This thread's. Its place is known when the thread begins: the handler must not be the first to
 * look for it, which may allocate memory.
 */
static _Thread_local __attribute__((tls_model("initial-exec"))) struct aw_coro_pool *watched;

/* How many threads want the handler. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static size_t watching;

static char *
append(char *at, const char *text)
{
        size_t length = strnlen(text, NAME_MAX_SHOWN);

        memcpy(at, text, length);
        return at + length;
}

/* Only what may be called in a signal handler. */
static void
say_overflow(const char *name)
{
        const char *program = aw_log_program();
        char line[512], *at = line;
        ssize_t ignored;

        if (program != NULL)
                at = append(append(at, program), ": ");
        at = append(at, "error: the stack of '");
        at = append(at, name);
        at = append(at, "' has overflowed");
        at = append(at, AW_CORO_OVERFLOW_CURE "\n");
        ignored = write(STDERR_FILENO, line, (size_t)(at - line));
        (void)ignored;
}

static void
fault(int number, siginfo_t *info, void *context)
{
        const char *name = NULL;

        (void)context;
        if (watched != NULL && info->si_code > 0)
                name = aw_coro_overflowed(watched, (uintptr_t)info->si_addr);
        if (name != NULL)
                say_overflow(name);
        /* The fault happens again on return, as if there had been no handler. */
        signal(number, SIG_DFL);
        if (info->si_code <= 0)
                raise(number); /* a signal that somebody sent does not */
}

static bool
is_default(const struct sigaction *action)
{
        return (action->sa_flags & SA_SIGINFO) == 0 && action->sa_handler == SIG_DFL;
}

static void
take_signal(void)
{
        struct sigaction action = {.sa_sigaction = fault, .sa_flags = SA_SIGINFO | SA_ONSTACK}, now;

        pthread_mutex_lock(&lock);
        if (watching++ == 0 && sigaction(SIGSEGV, NULL, &now) == 0 && is_default(&now))
                sigaction(SIGSEGV, &action, NULL);
        pthread_mutex_unlock(&lock);
}

static void
give_signal_back(void)
{
        struct sigaction standard = {.sa_handler = SIG_DFL}, now;

        pthread_mutex_lock(&lock);
        if (--watching == 0 && sigaction(SIGSEGV, NULL, &now) == 0 &&
            (now.sa_flags & SA_SIGINFO) != 0 && now.sa_sigaction == fault)
                sigaction(SIGSEGV, &standard, NULL);
        pthread_mutex_unlock(&lock);
}

/* The stack that overflowed cannot run the handler. */
static int
make_signal_stack(struct aw_coro_pool *pool)
{
        long wanted = sysconf(_SC_SIGSTKSZ);
        size_t size = wanted > (long)SIGNAL_STACK_MIN ? (size_t)wanted : SIGNAL_STACK_MIN;
        stack_t stack = {.ss_flags = SS_DISABLE};

        if (sigaltstack(NULL, &stack) != 0 || (stack.ss_flags & SS_DISABLE) == 0)
                return 0;
        pool->signal_stack = malloc(size);
        if (pool->signal_stack == NULL)
                return -1;
        stack = (stack_t){.ss_sp = pool->signal_stack, .ss_size = size};
        return sigaltstack(&stack, NULL);
}

static void
free_signal_stack(struct aw_coro_pool *pool)
{
        stack_t none = {.ss_flags = SS_DISABLE}, now;

        if (pool->signal_stack == NULL)
                return;
        if (sigaltstack(NULL, &now) == 0 && now.ss_sp == pool->signal_stack)
                sigaltstack(&none, NULL);
        free(pool->signal_stack);
        pool->signal_stack = NULL;
}

int
aw_coro_pool_watch(struct aw_coro_pool *pool)
{
        if (make_signal_stack(pool) == -1)
                return -1;
        watched = pool;
        take_signal();
        return 0;
}

void
aw_coro_pool_unwatch(struct aw_coro_pool *pool)
{
        if (pool == NULL || watched != pool)
                return;
        give_signal_back();
        free_signal_stack(pool);
        watched = NULL;
}
