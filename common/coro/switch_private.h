/* SPDX-License-Identifier: MIT */
/*
 * The switch itself, private to coro.c: in assembly for x86-64 and AArch64 (x86_64.S,
 * aarch64.S), with ucontext elsewhere or when AW_CORO_UCONTEXT is defined (ucontext.c).
 * What a saved context looks like, only those files know. All of them may be compiled everywhere;
 * those that do not apply come out empty.
 */
#ifndef AW_CORO_SWITCH_PRIVATE_H
#define AW_CORO_SWITCH_PRIVATE_H

#if !defined(AW_CORO_UCONTEXT) &&                                                                  \
        (defined(__ILP32__) || !(defined(__x86_64__) || defined(__aarch64__)))
#define AW_CORO_UCONTEXT 1
#endif

/*
 * Lays out, below top on the stack that ends at low, the context of a function that was never
 * called yet; switching to it calls function(argument), which must not return. The floating-point
 * control words are the caller's.
 */
void *aw_coro_switch_prepare(char *low, char *top, void (*function)(void *argument),
                             void *argument);

/* Saves the context on the running stack and its address in *from, then goes on in the other. */
void aw_coro_switch(void **from, void *to);

#endif
