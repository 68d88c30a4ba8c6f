# SPDX-License-Identifier: MIT
"""Groups of tasks."""

import asyncio
import errno
from asyncio import TaskGroup

from oracle import (clean_up_for, fail_after, fail_when_cancelled, main, name_of, nap,
                    run_and_cancel, say, say_outcome, say_what_is_left, scenario, spawn)


async def fail_at(event, number):
    await event.wait()
    raise OSError(number, "")


async def say_after_20_ms(word):
    await nap(20)
    say(word)


async def say_that_it_is_cancelled():
    try:
        await nap(1000)
    except asyncio.CancelledError:
        say("kid!")
        raise


async def say_group(body):
    """What came of a group: 0, or the errors of all that have failed."""
    await say_outcome(body)
    await say_what_is_left()


async def wait_in_the_body(failing):
    async with TaskGroup() as group:
        group.create_task(failing)
        try:
            await nap(1000)
        except asyncio.CancelledError as error:
            say(name_of(error))
            raise


@scenario
async def a_failure_ends_the_body():
    await spawn(say_group(wait_in_the_body(fail_after(5))))


@scenario
async def cancelled_and_one_fails_in_its_clean_up():
    async def join_one_that_fails_when_cancelled():
        async with TaskGroup() as group:
            group.create_task(fail_when_cancelled(errno.EIO))

    await run_and_cancel(say_group(join_one_that_fails_when_cancelled()), 5)


@scenario
async def cancelled_while_the_others_clean_up():
    async def join_one_that_fails_and_one_that_cleans_up():
        async with TaskGroup() as group:
            group.create_task(fail_after(5))
            group.create_task(clean_up_for(20))

    await run_and_cancel(say_group(join_one_that_fails_and_one_that_cleans_up()), 12)


@scenario
async def a_failure_inside_is_handled_inside():
    async def fail_inside():
        async with TaskGroup() as inner:
            inner.create_task(fail_after(5))
            await nap(1000)

    async def handle_the_inner_failure():
        async with TaskGroup() as outer:
            outer.create_task(say_after_20_ms("background"))
            await say_group(fail_inside())

    await spawn(say_outcome(handle_the_inner_failure()))


@scenario
async def a_failure_outside_ends_what_is_inside():
    async def fail_outside_of_the_inner_join():
        async with TaskGroup() as outer:
            outer.create_task(fail_after(5))
            try:
                async with TaskGroup() as inner:
                    inner.create_task(say_that_it_is_cancelled())
            except BaseException as error:
                say(name_of(error))
                raise

    await spawn(say_group(fail_outside_of_the_inner_join()))


@scenario
async def two_fail_at_the_same_time():
    event = asyncio.Event()

    async def join_two_that_fail():
        async with TaskGroup() as group:
            group.create_task(fail_at(event, errno.EIO))
            group.create_task(fail_at(event, errno.EINVAL))

    task = spawn(join_two_that_fail())
    await nap(1)
    event.set()
    await say_outcome(task)


def spawn_late(group):
    """One more, if the group takes it."""
    late = nap(1)
    try:
        group.create_task(late)
    except RuntimeError:
        say("refused")
        late.close()


@scenario
async def a_group_that_has_failed_takes_no_more():
    async def spawn_in_the_clean_up(group):
        try:
            await nap(1000)
        except asyncio.CancelledError:
            spawn_late(group)
            raise

    async def body():
        async with TaskGroup() as group:
            group.create_task(spawn_in_the_clean_up(group))
            group.create_task(fail_after(5))

    await say_outcome(spawn(body()))


@scenario
async def a_group_that_was_joined_takes_no_more():
    async with TaskGroup() as group:
        group.create_task(nap(1))
    say(0)
    spawn_late(group)


@scenario
async def a_failure_and_a_cancellation_in_one_turn():
    event = asyncio.Event()
    task = spawn(say_group(wait_in_the_body(fail_at(event, errno.EIO))))
    await nap(2)
    event.set()
    task.cancel()
    await task


@scenario
async def a_task_adds_another_while_the_group_is_joined():
    async def spawn_another(group):
        say("first")
        group.create_task(say_after_20_ms("second"))

    async with TaskGroup() as group:
        group.create_task(spawn_another(group))
    say(0, "joined")


@scenario
async def an_empty_group_makes_nobody_wait():
    asyncio.get_running_loop().call_soon(say, "callback")
    async with TaskGroup():
        pass
    say(0, "joined")
    await asyncio.sleep(0)


@scenario
async def the_body_gives_up():
    async def give_up():
        async with TaskGroup() as group:
            group.create_task(say_that_it_is_cancelled())
            group.create_task(clean_up_for(5))
            await nap(2)
            raise OSError(errno.EINVAL, "")

    await say_group(give_up())


@scenario
async def one_of_the_group_is_cancelled():
    async with TaskGroup() as group:
        kid = group.create_task(say_that_it_is_cancelled())
        await nap(1)
        kid.cancel()
        group.create_task(say_after_20_ms("other"))
    say(0)


main()
