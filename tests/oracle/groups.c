/* SPDX-License-Identifier: MIT */
/* Groups of tasks. */
#include "await/sync.h"
#include "oracle/oracle.h"

static struct aw_group outer, inner;
static struct aw_event event;

/* The outcome of a group: 0, or the errors of all that have failed. */
static void
say_group(struct aw_group *group, int result)
{
        int errors[AW_GROUP_ERRORS];
        size_t count = aw_group_errors(group, errors, AW_GROUP_ERRORS);

        if (result == 0 || count == 0)
                say_outcome(result);
        for (size_t i = 0; i < count && result == -1; i++)
                say("%s", strerrorname_np(errors[i]));
}

static async int
wait_in_the_body(void *unused)
{
        (void)unused;
        aw_group_init(&outer);
        aw_group_spawn(&outer, "fails", fail_after, NUMBER(5));
        say_outcome(await(nap(1000)));
        say_group(&outer, await(aw_group_join(&outer)));
        await(say_what_is_left());
        return 0;
}

static async int
a_failure_ends_the_body(void *unused)
{
        (void)unused;
        await(run_alone(wait_in_the_body));
        return 0;
}

static async int
join_one_that_fails_when_cancelled(void *unused)
{
        (void)unused;
        aw_group_init(&outer);
        aw_group_spawn(&outer, "kid", fail_when_cancelled, NUMBER(EIO));
        say_group(&outer, await(aw_group_join(&outer)));
        await(say_what_is_left());
        return 0;
}

static async int
cancelled_and_one_fails_in_its_clean_up(void *unused)
{
        (void)unused;
        await(run_and_cancel(join_one_that_fails_when_cancelled, 5));
        return 0;
}

static async int
join_one_that_fails_and_one_that_cleans_up(void *unused)
{
        (void)unused;
        aw_group_init(&outer);
        aw_group_spawn(&outer, "fails", fail_after, NUMBER(5));
        aw_group_spawn(&outer, "slow", clean_up_for, NUMBER(20));
        say_group(&outer, await(aw_group_join(&outer)));
        await(say_what_is_left());
        return 0;
}

static async int
cancelled_while_the_others_clean_up(void *unused)
{
        (void)unused;
        await(run_and_cancel(join_one_that_fails_and_one_that_cleans_up, 12));
        return 0;
}

static async int
say_after_20_ms(void *word)
{
        if (await(nap(20)) == -1)
                return -1;
        say("%s", (const char *)word);
        return 0;
}

static async int
handle_the_inner_failure(void *unused)
{
        (void)unused;
        aw_group_init(&outer);
        aw_group_spawn(&outer, "background", say_after_20_ms, "background");
        aw_group_init(&inner);
        aw_group_spawn(&inner, "fails", fail_after, NUMBER(5));
        await(nap(1000));
        say_group(&inner, await(aw_group_join(&inner)));
        await(say_what_is_left());
        say_group(&outer, await(aw_group_join(&outer)));
        return 0;
}

static async int
a_failure_inside_is_handled_inside(void *unused)
{
        (void)unused;
        await(run_alone(handle_the_inner_failure));
        return 0;
}

static async int
say_that_it_is_cancelled(void *unused)
{
        (void)unused;
        if (await(nap(1000)) == 0)
                return 0;
        say("kid!");
        errno = ECANCELED;
        return -1;
}

static async int
fail_outside_of_the_inner_join(void *unused)
{
        (void)unused;
        aw_group_init(&outer);
        aw_group_spawn(&outer, "fails", fail_after, NUMBER(5));
        aw_group_init(&inner);
        aw_group_spawn(&inner, "kid", say_that_it_is_cancelled, NULL);
        say_group(&inner, await(aw_group_join(&inner)));
        say_group(&outer, await(aw_group_join(&outer)));
        await(say_what_is_left());
        return 0;
}

static async int
a_failure_outside_ends_what_is_inside(void *unused)
{
        (void)unused;
        await(run_alone(fail_outside_of_the_inner_join));
        return 0;
}

static async int
fail_at_the_event(void *error)
{
        if (await(aw_event_wait(&event, AW_NEVER)) == -1)
                return -1;
        errno = (int)(intptr_t)error;
        return -1;
}

static async int
two_fail_at_the_same_time(void *unused)
{
        (void)unused;
        event = (struct aw_event){.set = false};
        aw_group_init(&outer);
        aw_group_spawn(&outer, "first", fail_at_the_event, NUMBER(EIO));
        aw_group_spawn(&outer, "second", fail_at_the_event, NUMBER(EINVAL));
        await(nap(1));
        aw_event_set(&event);
        say_group(&outer, await(aw_group_join(&outer)));
        return 0;
}

static async int
spawn_in_the_clean_up(void *unused)
{
        (void)unused;
        if (await(nap(1000)) == 0)
                return 0;
        if (aw_group_spawn(&outer, "late", nap_for, NUMBER(1)) == -1)
                say("refused");
        errno = ECANCELED;
        return -1;
}

static async int
a_group_that_has_failed_takes_no_more(void *unused)
{
        (void)unused;
        aw_group_init(&outer);
        aw_group_spawn(&outer, "kid", spawn_in_the_clean_up, NULL);
        aw_group_spawn(&outer, "fails", fail_after, NUMBER(5));
        say_group(&outer, await(aw_group_join(&outer)));
        return 0;
}

static async int
a_group_that_was_joined_takes_no_more(void *unused)
{
        (void)unused;
        aw_group_init(&outer);
        aw_group_spawn(&outer, "kid", nap_for, NUMBER(1));
        say_group(&outer, await(aw_group_join(&outer)));
        if (aw_group_spawn(&outer, "late", nap_for, NUMBER(1)) == -1)
                say("refused");
        return 0;
}

static async int
wait_in_the_body_for_the_event(void *unused)
{
        (void)unused;
        event = (struct aw_event){.set = false};
        aw_group_init(&outer);
        aw_group_spawn(&outer, "fails", fail_at_the_event, NUMBER(EIO));
        say_outcome(await(nap(1000)));
        say_group(&outer, await(aw_group_join(&outer)));
        await(say_what_is_left());
        return 0;
}

static async int
a_failure_and_a_cancellation_in_one_turn(void *unused)
{
        struct aw_task *task = aw_spawn("parent", wait_in_the_body_for_the_event, NULL);

        (void)unused;
        await(nap(2));
        aw_event_set(&event);
        aw_cancel(task);
        return await(aw_join(task));
}

static async int
spawn_another(void *unused)
{
        (void)unused;
        say("first");
        return aw_group_spawn(&outer, "second", say_after_20_ms, "second");
}

/* test_taskgroups: test_taskgroup_08, test_taskgroup_23. */
static async int
a_task_adds_another_while_the_group_is_joined(void *unused)
{
        (void)unused;
        aw_group_init(&outer);
        aw_group_spawn(&outer, "first", spawn_another, NULL);
        say_group(&outer, await(aw_group_join(&outer)));
        say("joined");
        return 0;
}

static void
say_word(void *word)
{
        say("%s", (const char *)word);
}

/* test_taskgroups: test_taskgroup_25. */
static async int
an_empty_group_makes_nobody_wait(void *unused)
{
        struct aw_handle handle = {.callback = NULL};

        (void)unused;
        aw_call_soon(&handle, say_word, "callback");
        aw_group_init(&outer);
        say_group(&outer, await(aw_group_join(&outer)));
        say("joined");
        await(aw_sleep(0));
        return 0;
}

/* test_taskgroups: test_taskgroup_03. Who gives up cancels the others, and joins them. */
static async int
the_body_gives_up(void *unused)
{
        (void)unused;
        aw_group_init(&outer);
        aw_group_spawn(&outer, "kid", say_that_it_is_cancelled, NULL);
        aw_group_spawn(&outer, "slow", clean_up_for, NUMBER(5));
        await(nap(2));
        aw_group_cancel(&outer);
        await(aw_group_join(&outer));
        say("EINVAL");
        await(say_what_is_left());
        return 0;
}

/* test_taskgroups: test_taskgroup_04. One that was cancelled has not failed. */
static async int
one_of_the_group_is_cancelled(void *unused)
{
        (void)unused;
        aw_group_init(&outer);
        aw_group_spawn(&outer, "kid", say_that_it_is_cancelled, NULL);
        await(nap(1));
        aw_group_cancel(&outer);
        aw_group_spawn(&outer, "other", say_after_20_ms, "other");
        say_group(&outer, await(aw_group_join(&outer)));
        return 0;
}

static const struct scenario scenarios[] = {
        SCENARIO(a_failure_ends_the_body),
        SCENARIO(cancelled_and_one_fails_in_its_clean_up),
        SCENARIO(cancelled_while_the_others_clean_up),
        SCENARIO(a_failure_inside_is_handled_inside),
        SCENARIO(a_failure_outside_ends_what_is_inside),
        SCENARIO(two_fail_at_the_same_time),
        SCENARIO(a_group_that_has_failed_takes_no_more),
        SCENARIO(a_group_that_was_joined_takes_no_more),
        SCENARIO(a_failure_and_a_cancellation_in_one_turn),
        SCENARIO(a_task_adds_another_while_the_group_is_joined),
        SCENARIO(an_empty_group_makes_nobody_wait),
        SCENARIO(the_body_gives_up),
        SCENARIO(one_of_the_group_is_cancelled),
};

ORACLE_MAIN(scenarios)
