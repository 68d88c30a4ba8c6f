/* SPDX-License-Identifier: MIT */
/* Once: coroutines know no loop. */
#include <unwind.h>

#include "unit/coro/coro_test.h"

static void
double_what_comes(void *arg)
{
        struct job *job = arg;

        while (job->rounds-- > 0) {
                job->value *= 2;
                aw_coro_suspend(job->self);
        }
        job->value = -1;
}

static void
values_flow_in_and_out(void **state)
{
        struct job job = {.rounds = 100};

        start(&job, *state, double_what_comes);
        for (long i = 0; i < 100; i++) {
                job.value = i;
                aw_coro_resume(job.self);
                assert_int_equal(job.value, 2 * i);
                assert_false(aw_coro_finished(job.self));
        }
        aw_coro_resume(job.self);
        assert_int_equal(job.value, -1);
        assert_true(aw_coro_finished(job.self));
        aw_coro_destroy(job.self);
}

static void
nothing_runs_before_the_first_resume(void **state)
{
        struct job job = {.rounds = 1, .value = 7};

        start(&job, *state, double_what_comes);
        assert_int_equal(job.value, 7);
        assert_false(aw_coro_finished(job.self));
        aw_coro_destroy(job.self);
}

/* Suspends at every depth, on the way down and up. */
static long
sum_below(struct job *job, long depth)
{
        long sum = depth;

        aw_coro_suspend(job->self);
        if (depth > 0)
                sum += sum_below(job, depth - 1);
        aw_coro_suspend(job->self);
        return sum;
}

static void
sum_nested(void *arg)
{
        struct job *job = arg;

        job->value = sum_below(job, job->rounds);
}

static void
suspends_from_nested_calls(void **state)
{
        struct job jobs[10] = {{0}};
        int resumed = 0;

        for (long i = 0; i < 10; i++) {
                jobs[i].rounds = 10 * i;
                start(&jobs[i], *state, sum_nested);
        }
        for (bool any = true; any;) {
                any = false;
                for (long i = 0; i < 10; i++) {
                        if (aw_coro_finished(jobs[i].self))
                                continue;
                        aw_coro_resume(jobs[i].self);
                        resumed++;
                        any = true;
                }
        }
        for (long i = 0; i < 10; i++) {
                assert_int_equal(jobs[i].value, 10 * i * (10 * i + 1) / 2);
                aw_coro_destroy(jobs[i].self);
        }
        /* Twice at each depth, and the rest. */
        assert_int_equal(resumed, 10 + 2 * (10 + 450));
}

/* More values across the suspension than the processor has registers to keep them in. */
static void
keep_many_values(void *arg)
{
        struct job *job = arg;
        long a = job->value, b = a + 1, c = a + 2, d = a + 3, e = a + 4, f = a + 5, g = a + 6;
        double p = (double)a, q = p + 1, r = p + 2, s = p + 3, t = p + 4, u = p + 5, v = p + 6;

        for (long i = 0; i < job->rounds; i++) {
                a += b, b ^= c, c += d, d ^= e, e += f, f ^= g, g += a;
                p += q, q -= r, r += s, s -= t, t += u, u -= v, v += 0.5 * p;
                if (job->self != NULL)
                        aw_coro_suspend(job->self);
        }
        job->value = a ^ b ^ c ^ d ^ e ^ f ^ g ^ (long)(p + q + r + s + t + u + v);
}

static void
registers_survive(void **state)
{
        struct job jobs[4];

        for (long i = 0; i < 4; i++) {
                jobs[i] = (struct job){.value = i, .rounds = 20};
                start(&jobs[i], *state, keep_many_values);
        }
        for (int round = 0; round <= 20; round++)
                for (int i = 0; i < 4; i++)
                        aw_coro_resume(jobs[i].self);
        for (long i = 0; i < 4; i++) {
                struct job plain = {.value = i, .rounds = 20};

                keep_many_values(&plain);
                assert_int_equal(jobs[i].value, plain.value);
                aw_coro_destroy(jobs[i].self);
        }
}

/* The rounding modes, of all units that have one; set_rounding() takes what rounding() returned. */
#if defined(__x86_64__)
static unsigned
rounding(void)
{
        uint32_t sse;
        uint16_t x87;

        __asm__ volatile("stmxcsr %0\n\tfnstcw %1" : "=m"(sse), "=m"(x87));
        return (sse & 0x6000) << 16 | (x87 & 0xc00);
}

static void
set_rounding(unsigned mode)
{
        uint32_t sse = 0x1f80 | (mode >> 16);
        uint16_t x87 = 0x37f | (mode & 0xffff);

        __asm__ volatile("ldmxcsr %0\n\tfldcw %1" : : "m"(sse), "m"(x87));
}

static const unsigned roundings[] = {0, 0x2000u << 16, 0x400, 0x4000u << 16 | 0x800};
#elif defined(__aarch64__)
static unsigned
rounding(void)
{
        uint64_t fpcr;

        __asm__ volatile("mrs %0, fpcr" : "=r"(fpcr));
        return (unsigned)fpcr & 0xc00000;
}

static void
set_rounding(unsigned mode)
{
        __asm__ volatile("msr fpcr, %0" : : "r"((uint64_t)mode));
}

static const unsigned roundings[] = {0, 0x400000, 0x800000, 0xc00000};
#else
static unsigned
rounding(void)
{
        return 0;
}

static void
set_rounding(unsigned mode)
{
        (void)mode;
}

static const unsigned roundings[] = {0};
#endif

static void
round_otherwise(void *arg)
{
        struct job *job = arg;
        unsigned mode = (unsigned)job->rounds;

        set_rounding(mode);
        aw_coro_suspend(job->self);
        job->value = rounding() == mode;
        aw_coro_suspend(job->self);
}

static void
rounding_belongs_to_the_coroutine(void **state)
{
        size_t count = sizeof(roundings) / sizeof(*roundings);

        for (size_t i = 0; i < count * count; i++) {
                unsigned mine = roundings[i / count];
                struct job job = {.rounds = roundings[i % count]};

                start(&job, *state, round_otherwise);
                aw_coro_resume(job.self);
                assert_int_equal(rounding(), 0);
                set_rounding(mine);
                aw_coro_resume(job.self);
                assert_int_equal(rounding(), mine);
                set_rounding(0);
                assert_int_equal(job.value, 1);
                end(&job);
        }
}

static bool
is_blocked(int number)
{
        sigset_t set;

        sigprocmask(SIG_SETMASK, NULL, &set);
        return sigismember(&set, number) == 1;
}

static void
change_mask(int how, int number)
{
        sigset_t set;

        sigemptyset(&set);
        sigaddset(&set, number);
        sigprocmask(how, &set, NULL);
}

static void
block_a_signal(void *arg)
{
        struct job *job = arg;

        change_mask(SIG_BLOCK, SIGUSR1);
        aw_coro_suspend(job->self);
        job->value = is_blocked(SIGUSR1);
}

static void
the_signal_mask_is_the_threads(void **state)
{
        struct job job = {.value = -1};

        start(&job, *state, block_a_signal);
        aw_coro_resume(job.self);
        assert_true(is_blocked(SIGUSR1));
        change_mask(SIG_UNBLOCK, SIGUSR1);
        end(&job);
        assert_int_equal(job.value, 0);
}

static _Unwind_Reason_Code
count_frame(struct _Unwind_Context *context, void *count)
{
        (void)context;
        return ++*(long *)count < 100 ? _URC_NO_REASON : _URC_NORMAL_STOP;
}

static void
unwind(void *arg)
{
        struct job *job = arg;

        aw_coro_suspend(job->self);
        if (_Unwind_Backtrace(count_frame, &job->value) != _URC_END_OF_STACK)
                job->value = -1;
}

/* Leaves code addresses all over the top of a stack, for a careless unwinder to find. */
static void
litter_a_stack(struct aw_coro_pool *pool)
{
        struct aw_coro *coro = aw_coro_create(pool, do_nothing, NULL, 2048);
        uintptr_t *words = aw_coro_reserved(coro);

        for (size_t i = 0; i < 2048 / sizeof(*words); i++)
                words[i] = (uintptr_t)count_frame + 1;
        aw_coro_destroy(coro);
}

static void
a_backtrace_ends_at_the_entry(void **state)
{
        struct job clean = {0}, littered = {0};

        end(start(&clean, *state, unwind));
        assert_in_range(clean.value, 2, 10);
        litter_a_stack(*state);
        end(start(&littered, *state, unwind));
        assert_int_equal(littered.value, clean.value);
}

static void
the_reserve_is_the_callers_until_destruction(void **state)
{
        for (size_t size = 0; size < 1000; size += 13) {
                struct job job = {.rounds = 3};
                char *reserved;

                job.self = aw_coro_create(*state, double_what_comes, &job, size);
                assert_non_null(job.self);
                reserved = aw_coro_reserved(job.self);
                assert_int_equal((uintptr_t)reserved % 16, 0);
                memset(reserved, 0x5a, size);
                while (!aw_coro_finished(job.self))
                        aw_coro_resume(job.self);
                for (size_t i = 0; i < size; i++)
                        assert_int_equal(reserved[i], 0x5a);
                aw_coro_destroy(job.self);
        }
}

static void
a_hundred_thousand_coroutines_live_at_once(void **state)
{
        size_t count = many(100000);
        struct job *jobs = calloc(count, sizeof(*jobs));
        struct aw_coro_pool_stats stats;

        assert_non_null(jobs);
        for (size_t i = 0; i < count; i++)
                aw_coro_resume(start(&jobs[i], *state, suspend_once)->self);
        aw_coro_pool_stats(*state, &stats);
        assert_int_equal(stats.live, count);
        assert_int_equal(stats.idle, 0);
        assert_true(stats.mapped >= count * AW_CORO_STACK_SIZE);
        for (size_t i = 0; i < count; i++) {
                assert_int_equal(jobs[i].value, 0);
                end(&jobs[i]);
                assert_int_equal(jobs[i].value, 1);
        }
        aw_coro_pool_stats(*state, &stats);
        assert_int_equal(stats.live, 0);
        assert_int_equal(stats.idle, count);
        free(jobs);
}

static void
two_pools_can_be_used_in_turn(void **state)
{
        struct aw_coro_pool *other = aw_coro_pool_create(0);
        struct job a = {0}, b = {0};

        assert_non_null(other);
        start(&a, *state, suspend_once);
        start(&b, other, suspend_once);
        aw_coro_resume(a.self);
        aw_coro_resume(b.self);
        end(&a);
        end(&b);
        aw_coro_pool_destroy(other);
}

static void
destroying_no_pool_does_nothing(void **state)
{
        (void)state;
        aw_coro_pool_destroy(NULL);
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                with_pool(values_flow_in_and_out),
                with_pool(nothing_runs_before_the_first_resume),
                with_pool(suspends_from_nested_calls),
                with_pool(registers_survive),
                with_pool(rounding_belongs_to_the_coroutine),
                with_pool(the_signal_mask_is_the_threads),
                with_pool(a_backtrace_ends_at_the_entry),
                with_pool(the_reserve_is_the_callers_until_destruction),
                with_pool(a_hundred_thousand_coroutines_live_at_once),
                with_pool(two_pools_can_be_used_in_turn),
                cmocka_unit_test(destroying_no_pool_does_nothing),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
