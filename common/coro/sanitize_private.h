/* SPDX-License-Identifier: MIT */
/*
 * What AddressSanitizer, ThreadSanitizer and Valgrind must be told about stacks and switches.
 * Private to coro.c and stack.c. In an ordinary build it is nothing, save for Valgrind's
 * requests, which are a few idle instructions where its header is installed.
 */
#ifndef AW_CORO_SANITIZE_PRIVATE_H
#define AW_CORO_SANITIZE_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>

#if defined(__SANITIZE_ADDRESS__)
#define AW_CORO_ASAN 1
#elif defined(__SANITIZE_THREAD__)
#define AW_CORO_TSAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define AW_CORO_ASAN 1
#elif __has_feature(thread_sanitizer)
#define AW_CORO_TSAN 1
#endif
#endif

#ifdef AW_CORO_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef AW_CORO_TSAN
#include <sanitizer/tsan_interface.h>
#endif
#if __has_include(<valgrind/memcheck.h>)
#include <valgrind/memcheck.h>
#define AW_CORO_VALGRIND 1
#endif

/* A stack as the sanitizers know it: a coroutine's, or the one that resumed it. */
struct fiber {
#ifdef AW_CORO_ASAN
        void *fake_stack;
        const void *low;
        size_t size;
#endif
#ifdef AW_CORO_TSAN
        void *tsan;
#endif
};

static inline void
fiber_open(struct fiber *fiber, const char *low, size_t size)
{
#ifdef AW_CORO_ASAN
        *fiber = (struct fiber){.low = low, .size = size};
#endif
#ifdef AW_CORO_TSAN
        fiber->tsan = __tsan_create_fiber(0);
#endif
        (void)fiber, (void)low, (void)size;
}

/* The frames from sp up to top will never return, so nothing else would clear their marks. */
static inline void
fiber_close(struct fiber *fiber, const char *sp, const char *top)
{
#ifdef AW_CORO_ASAN
        ASAN_UNPOISON_MEMORY_REGION(sp, (size_t)(top - sp));
#endif
#ifdef AW_CORO_TSAN
        __tsan_destroy_fiber(fiber->tsan);
#endif
        (void)fiber, (void)sp, (void)top;
}

/* Takes down the running stack; the rest of it ASan reports on arrival at the other end. */
static inline void
fiber_note_current(struct fiber *fiber)
{
#ifdef AW_CORO_TSAN
        fiber->tsan = __tsan_get_current_fiber();
#endif
        (void)fiber;
}

/* Immediately before a switch. for_good: self will not run again. */
static inline void
fiber_leave(struct fiber *self, const struct fiber *next, bool for_good)
{
#ifdef AW_CORO_ASAN
        __sanitizer_start_switch_fiber(for_good ? NULL : &self->fake_stack, next->low, next->size);
#endif
#ifdef AW_CORO_TSAN
        __tsan_switch_to_fiber(next->tsan, 0);
#endif
        (void)self, (void)next, (void)for_good;
}

/* Immediately after a switch, back on self's stack. */
static inline void
fiber_arrive(struct fiber *self, struct fiber *previous)
{
#ifdef AW_CORO_ASAN
        __sanitizer_finish_switch_fiber(self->fake_stack, &previous->low, &previous->size);
#endif
        (void)self, (void)previous;
}

/*
 * A stack in the pool is out of bounds, so that the use of a destroyed coroutine is found like
 * that of freed memory. Under ASan only its uppermost bytes are: the marks cost memory themselves.
 */
#define AW_CORO_POISONED 4096

static inline void
stack_open(const char *low, const char *top)
{
#ifdef AW_CORO_ASAN
        ASAN_UNPOISON_MEMORY_REGION(top - AW_CORO_POISONED, AW_CORO_POISONED);
#endif
#ifdef AW_CORO_VALGRIND
        VALGRIND_MAKE_MEM_UNDEFINED(low, top - low);
#endif
        (void)low, (void)top;
}

static inline void
stack_close(const char *low, const char *top)
{
#ifdef AW_CORO_ASAN
        ASAN_POISON_MEMORY_REGION(top - AW_CORO_POISONED, AW_CORO_POISONED);
#endif
#ifdef AW_CORO_VALGRIND
        VALGRIND_MAKE_MEM_NOACCESS(low, top - low);
#endif
        (void)low, (void)top;
}

static inline unsigned
stack_register(const char *low, const char *top)
{
#ifdef AW_CORO_VALGRIND
        return VALGRIND_STACK_REGISTER(low, top);
#else
        (void)low, (void)top;
        return 0;
#endif
}

/* The addresses will be somebody else's. */
static inline void
stack_deregister(const char *low, const char *top, unsigned valgrind_id)
{
        stack_open(low, top);
#ifdef AW_CORO_VALGRIND
        VALGRIND_STACK_DEREGISTER(valgrind_id);
#endif
        (void)valgrind_id;
}

#endif
