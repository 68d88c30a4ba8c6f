/* SPDX-License-Identifier: MIT */
/*
 * What AddressSanitizer, ThreadSanitizer and Valgrind must be told about stacks and switches.
 * Private to coro.c and stack.c. Where none of them is, it is a look at a few addresses that are
 * NULL, and Valgrind's requests, which are idle instructions where its header was installed.
 */
#ifndef AW_CORO_SANITIZE_PRIVATE_H
#define AW_CORO_SANITIZE_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>
#include <unistd.h>

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

/*
 * The runtimes of the sanitizers, if they are in the program: also if this library was built without
 * them. So it is right for a program that is checked and takes the library as it is installed.
 */
#define AW_CORO_WEAK extern __attribute__((weak))
AW_CORO_WEAK void __sanitizer_start_switch_fiber(void **fake_stack, const void *low, size_t size);
AW_CORO_WEAK void __sanitizer_finish_switch_fiber(void *fake_stack, const void **low, size_t *size);
AW_CORO_WEAK void __asan_poison_memory_region(const volatile void *address, size_t size);
AW_CORO_WEAK void __asan_unpoison_memory_region(const volatile void *address, size_t size);
AW_CORO_WEAK void *__tsan_get_current_fiber(void);
AW_CORO_WEAK void *__tsan_create_fiber(unsigned flags);
AW_CORO_WEAK void __tsan_destroy_fiber(void *fiber);
AW_CORO_WEAK void __tsan_switch_to_fiber(void *fiber, unsigned flags);
AW_CORO_WEAK void AnnotateIgnoreReadsBegin(const char *file, int line);
AW_CORO_WEAK void AnnotateIgnoreWritesBegin(const char *file, int line);

#if __has_include(<valgrind/memcheck.h>)
#include <valgrind/memcheck.h>
#define AW_CORO_VALGRIND 1
#endif

/* A stack as the sanitizers know it: a coroutine's, or the one that resumed it. */
struct fiber {
        void *fake_stack;
        const void *low;
        size_t size;
        void *tsan;
};

/* Whether anybody has to be told. */
static inline bool
fiber_watched(void)
{
        return __sanitizer_start_switch_fiber != NULL || __tsan_switch_to_fiber != NULL;
}

static inline void
fiber_open(struct fiber *fiber, const char *low, size_t size)
{
        *fiber = (struct fiber){.low = low, .size = size};
        if (__tsan_create_fiber != NULL)
                fiber->tsan = __tsan_create_fiber(0);
}

/* The frames from sp up to top will never return, so nothing else would clear their marks. */
static inline void
fiber_close(struct fiber *fiber, const char *sp, const char *top)
{
        if (__asan_unpoison_memory_region != NULL)
                __asan_unpoison_memory_region(sp, (size_t)(top - sp));
        if (__tsan_destroy_fiber != NULL)
                __tsan_destroy_fiber(fiber->tsan);
}

/* Takes down the running stack; the rest of it ASan reports on arrival at the other end. */
static inline void
fiber_note_current(struct fiber *fiber)
{
        if (__tsan_get_current_fiber != NULL)
                fiber->tsan = __tsan_get_current_fiber();
}

/* Immediately before a switch. for_good: self will not run again. */
static inline void
fiber_leave(struct fiber *self, const struct fiber *next, bool for_good)
{
        if (__sanitizer_start_switch_fiber != NULL)
                __sanitizer_start_switch_fiber(for_good ? NULL : &self->fake_stack, next->low,
                                               next->size);
        if (__tsan_switch_to_fiber != NULL)
                __tsan_switch_to_fiber(next->tsan, 0);
}

/* Immediately after a switch, back on self's stack. */
static inline void
fiber_arrive(struct fiber *self, struct fiber *previous)
{
        if (__sanitizer_finish_switch_fiber != NULL)
                __sanitizer_finish_switch_fiber(self->fake_stack, &previous->low, &previous->size);
}

/*
 * Of a process that was forked ThreadSanitizer watches only what did not fork. That would look as if
 * it raced with the coroutine that did: the fiber that runs is not to be watched either. Once for
 * each switch to it does no harm.
 */
static inline void
fiber_unwatch_forked(pid_t process)
{
        if (__tsan_switch_to_fiber == NULL || AnnotateIgnoreReadsBegin == NULL ||
            AnnotateIgnoreWritesBegin == NULL || getpid() == process)
                return;
        AnnotateIgnoreReadsBegin(__FILE__, __LINE__);
        AnnotateIgnoreWritesBegin(__FILE__, __LINE__);
}

/*
 * A stack in the pool is out of bounds, so that the use of a destroyed coroutine is found like
 * that of freed memory. Under ASan only its uppermost bytes are: the marks cost memory themselves.
 */
#define AW_CORO_POISONED 4096

static inline void
stack_open(const char *low, const char *top)
{
        if (__asan_unpoison_memory_region != NULL)
                __asan_unpoison_memory_region(top - AW_CORO_POISONED, AW_CORO_POISONED);
#ifdef AW_CORO_VALGRIND
        VALGRIND_MAKE_MEM_UNDEFINED(low, top - low);
#endif
        (void)low, (void)top;
}

static inline void
stack_close(const char *low, const char *top)
{
        if (__asan_poison_memory_region != NULL)
                __asan_poison_memory_region(top - AW_CORO_POISONED, AW_CORO_POISONED);
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
