/* SPDX-License-Identifier: MIT */
/* Once: coroutines know no loop. */
#include "unit/coro/coro_test.h"

static int
destroy_suspended(struct aw_coro_pool *pool)
{
        struct job job = {0};

        aw_coro_resume(start(&job, pool, suspend_once)->self);
        aw_coro_destroy(job.self);
        return 0;
}

static int
destroy_twice(struct aw_coro_pool *pool)
{
        struct job job = {0};

        start(&job, pool, do_nothing);
        aw_coro_destroy(job.self);
        aw_coro_destroy(job.self);
        return 0;
}

static int
resume_finished(struct aw_coro_pool *pool)
{
        struct job job = {0};

        aw_coro_resume(start(&job, pool, do_nothing)->self);
        aw_coro_resume(job.self);
        return 0;
}

static void
resume_oneself(void *arg)
{
        struct job *job = arg;

        aw_coro_resume(job->self);
}

static int
resume_inside(struct aw_coro_pool *pool)
{
        struct job job = {0};

        end(start(&job, pool, resume_oneself));
        return 0;
}

static int
suspend_outside(struct aw_coro_pool *pool)
{
        struct job job = {0};

        aw_coro_suspend(start(&job, pool, do_nothing)->self);
        return 0;
}

static int
reserve_everything(struct aw_coro_pool *pool)
{
        return aw_coro_create(pool, do_nothing, NULL, AW_CORO_STACK_SIZE) != NULL;
}

static int
destroy_pool_in_use(struct aw_coro_pool *pool)
{
        struct job job = {0};

        start(&job, pool, do_nothing);
        aw_coro_pool_destroy(pool);
        return 0;
}

static void
misuse_aborts_with_a_sentence(void **state)
{
        assert_aborts(destroy_suspended, *state, "aw_coro_destroy: the coroutine has not finished");
        assert_aborts(resume_finished, *state, "aw_coro_resume: the coroutine has finished");
        assert_aborts(resume_inside, *state, "aw_coro_resume: called by a coroutine");
        assert_aborts(suspend_outside, *state, "aw_coro_suspend: the coroutine is not the one");
        assert_aborts(reserve_everything, *state, "aw_coro_create: a reserve of 262144 bytes");
        assert_aborts(destroy_pool_in_use, *state, "aw_coro_pool_destroy: 1 coroutines");
}

static void
a_destroyed_coroutine_is_out_of_bounds(void **state)
{
#ifdef AW_CORO_ASAN
        struct ending ending = in_child(destroy_twice, *state);

        assert_int_not_equal(ending.status, 0);
        assert_non_null(strstr(ending.text, "use-after-poison"));
#else
        assert_aborts(destroy_twice, *state, "aw_coro_destroy: the coroutine was destroyed before");
#endif
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                with_pool(misuse_aborts_with_a_sentence),
                with_pool(a_destroyed_coroutine_is_out_of_bounds),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
