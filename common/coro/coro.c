/* SPDX-License-Identifier: MIT */
#include <stdint.h>
#include <sys/mman.h>

#include "coro/coro.h"

#include "await/log.h"
#include "coro/overflow_private.h"
#include "coro/sanitize_private.h"
#include "coro/stack_private.h"
#include "coro/switch_private.h"

/*
 * How much of a canary is looked at on every suspension: all of it would take too long, but calls
 * leave their return addresses more often than this.
 */
#define CANARY_GLANCE 512

/* Memory that was given back to the kernel reads as GONE. From FRESH on it may be resumed. */
enum state { GONE, FINISHED, FRESH, STARTED };

/* At the top of its own stack; the caller's reserve lies below it, then the frames. */
struct aw_coro {
        void *context;
        struct aw_coro_pool *pool;
        struct aw_coro_stack *stack;
        void (*entry)(void *argument);
        void *argument;
        void *reserved;
        const char *name;
        enum state state;
        bool has_canary;
        bool careful; /* that, or a sanitizer watches: a switch is not just a switch */
        struct fiber fiber;
} __attribute__((aligned(64)));

static char *
stack_top(const struct aw_coro_pool *pool, const struct aw_coro_stack *stack)
{
        return stack->low + pool->usable - stack->colour;
}

static void __attribute__((noinline)) enter_watched(struct aw_coro *coro)
{
        struct aw_coro_pool *pool = coro->pool;

        fiber_note_current(&pool->resumer_fiber);
        fiber_leave(&pool->resumer_fiber, &coro->fiber, false);
        aw_coro_switch(&pool->resumer, coro->context);
        fiber_arrive(&pool->resumer_fiber, &coro->fiber);
        fiber_unwatch_forked(pool->process);
}

static void __attribute__((noinline)) leave_watched(struct aw_coro *coro, bool for_good)
{
        struct aw_coro_pool *pool = coro->pool;

        fiber_leave(&coro->fiber, &pool->resumer_fiber, for_good);
        aw_coro_switch(&coro->context, pool->resumer);
        fiber_arrive(&coro->fiber, &pool->resumer_fiber);
}

/*
 * Nothing may follow the switch in these two where no sanitizer watches: then it is a tail call, and
 * the processor predicts its return.
 */
static void
enter(struct aw_coro *coro)
{
        struct aw_coro_pool *pool = coro->pool;

        pool->running = coro;
        if (coro->careful && fiber_watched())
                enter_watched(coro);
        else
                aw_coro_switch(&pool->resumer, coro->context);
}

static void
leave(struct aw_coro *coro, bool for_good)
{
        struct aw_coro_pool *pool = coro->pool;

        pool->running = NULL;
        if (coro->careful && fiber_watched())
                leave_watched(coro, for_good);
        else
                aw_coro_switch(&coro->context, pool->resumer);
}

/* The outermost function of every coroutine. */
static void
coro_run(void *argument)
{
        struct aw_coro *coro = argument;

        if (coro->careful)
                fiber_arrive(&coro->fiber, &coro->pool->resumer_fiber);
        coro->state = STARTED;
        coro->entry(coro->argument);
        coro->state = FINISHED;
        leave(coro, true);
}

struct aw_coro *
aw_coro_create(struct aw_coro_pool *pool, void (*entry)(void *argument), void *argument,
               size_t reserve)
{
        struct aw_coro_stack *stack;
        struct aw_coro *coro;
        char *top;

        if (reserve > pool->usable / 2)
                aw_log_abort("aw_coro_create: a reserve of %zu bytes leaves too little stack",
                             reserve);
        stack = aw_coro_stack_take(pool);
        if (stack == NULL)
                return NULL;
        top = stack_top(pool, stack) - sizeof(*coro);
        coro = (struct aw_coro *)(void *)top;
        top -= (reserve + 15) & ~(size_t)15;
        coro->context = aw_coro_switch_prepare(stack->low, top, coro_run, coro);
        coro->pool = pool;
        coro->stack = stack;
        coro->entry = entry;
        coro->argument = argument;
        coro->reserved = top;
        coro->name = "a coroutine";
        coro->state = FRESH;
        coro->has_canary = stack->guard == AW_CORO_GUARD_CANARY;
        coro->careful = coro->has_canary | pool->watched;
        if (coro->careful)
                fiber_open(&coro->fiber, stack->low, pool->usable);
        return coro;
}

void *
aw_coro_reserved(struct aw_coro *coro)
{
        return coro->reserved;
}

void
aw_coro_set_name(struct aw_coro *coro, const char *name)
{
        coro->name = name;
}

const char *
aw_coro_overflowed(const struct aw_coro_pool *pool, uintptr_t address)
{
        const struct aw_coro *coro = pool->running;

        if (coro == NULL || address >= (uintptr_t)coro->stack->low ||
            address < (uintptr_t)coro->stack->low - pool->page)
                return NULL;
        return coro->name;
}

size_t
aw_coro_depth(const struct aw_coro *coro)
{
        const struct aw_coro_pool *pool = coro->pool;
        unsigned char present[64];
        size_t left = pool->usable / pool->page, count;

        /* From the far end up, until a page is there. */
        while (left > 0) {
                count = left < sizeof(present) ? left : sizeof(present);
                if (mincore(coro->stack->low + pool->usable - left * pool->page, count * pool->page,
                            present) != 0)
                        break;
                for (size_t i = 0; i < count; i++)
                        if ((present[i] & 1) != 0)
                                return (left - i) * pool->page;
                left -= count;
        }
        return 0;
}

void
aw_coro_resume(struct aw_coro *coro)
{
        if (coro->state < FRESH)
                aw_log_abort("aw_coro_resume: the coroutine has finished");
        if (coro->pool->running != NULL)
                aw_log_abort("aw_coro_resume: called by a coroutine");
        enter(coro);
}

static void
check_canary(const struct aw_coro *coro, size_t depth)
{
        if (!aw_coro_stack_intact(coro->stack, depth))
                aw_log_abort("the stack of '%s' has overflowed" AW_CORO_OVERFLOW_CURE, coro->name);
}

void
aw_coro_suspend(struct aw_coro *coro)
{
        if (coro->pool->running != coro)
                aw_log_abort("aw_coro_suspend: the coroutine is not the one that runs");
        if (coro->careful && coro->has_canary)
                check_canary(coro, CANARY_GLANCE);
        leave(coro, false);
}

bool
aw_coro_finished(const struct aw_coro *coro)
{
        return coro->state == FINISHED;
}

void
aw_coro_destroy(struct aw_coro *coro)
{
        struct aw_coro_pool *pool = coro->pool;
        struct aw_coro_stack *stack = coro->stack;

        if (coro->state == GONE)
                aw_log_abort("aw_coro_destroy: the coroutine was destroyed before");
        if (coro->state == STARTED)
                aw_log_abort("aw_coro_destroy: the coroutine has not finished");
        if (coro->careful) {
                check_canary(coro, pool->page);
                fiber_close(&coro->fiber, coro->context, stack_top(pool, stack));
        }
        coro->state = GONE;
        aw_coro_stack_give(pool, stack);
}
