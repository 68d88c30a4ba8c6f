# SPDX-License-Identifier: MIT
"""Time-outs."""

import asyncio
import errno
import time
from asyncio import timeout, timeout_at

from oracle import (fail_after, fail_when_cancelled, main, name_of, nap, run_and_cancel, say,
                    say_outcome, say_what_is_left, scenario, seconds, spawn)


def stand_still(count):
    time.sleep(seconds(count))


async def sleep_in(count, duration=1000):
    async with timeout(seconds(count)):
        await nap(duration)


async def sleep_in_two(outer_count, inner_count, stand_still_for):
    async def inside():
        async with timeout(seconds(outer_count)):
            try:
                async with timeout(seconds(inner_count)):
                    stand_still(stand_still_for)
                    await nap(1000)
            except BaseException as error:
                say(name_of(error))
                raise

    await say_outcome(inside())
    await say_what_is_left()


@scenario
async def the_outer_one_comes_first():
    await sleep_in_two(5, 50, 0)


@scenario
async def both_are_due_when_the_loop_turns():
    await sleep_in_two(10, 5, 20)


@scenario
async def the_inner_one_comes_first():
    async def outside():
        async with timeout(seconds(500)):
            await say_outcome(sleep_in(5))
            await nap(1)

    await say_outcome(outside())
    await say_what_is_left()


@scenario
async def cancelled_and_due_in_one_turn():
    async def sleep_for_10_ms_at_most():
        await say_outcome(sleep_in(10))
        await say_what_is_left()

    task = spawn(sleep_for_10_ms_at_most())
    await nap(1)
    stand_still(20)
    task.cancel()
    await task


@scenario
async def delivered_at_the_next_await():
    async def inside():
        async with timeout(seconds(5)):
            await nap(1)
            stand_still(20)
            await asyncio.sleep(0)
            try:
                await nap(1)
            except asyncio.CancelledError:
                say("delivered")

    await say_outcome(inside())
    await say_what_is_left()


@scenario
async def caught_inside_it_is_over():
    async def inside():
        async with timeout(seconds(5)):
            try:
                await nap(1000)
            except asyncio.CancelledError:
                pass

    await say_outcome(inside())
    await say_what_is_left()


@scenario
async def for_the_clean_up_of_one_that_was_cancelled():
    async def take_5_ms_to_clean_up():
        try:
            await nap(1000)
        except asyncio.CancelledError:
            await say_outcome(sleep_in(5))
            await say_what_is_left()

    await run_and_cancel(take_5_ms_to_clean_up(), 1)


@scenario
async def another_error_stays_what_it_is():
    async def inside():
        async with timeout(seconds(5)):
            await fail_when_cancelled(errno.EIO)

    await say_outcome(inside())
    await say_what_is_left()


@scenario
async def due_when_it_fails():
    async def inside(task):
        async with timeout(seconds(8)):
            stand_still(20)
            await task

    task = spawn(fail_after(5))
    await nap(1)
    await say_outcome(inside(task))
    await say_what_is_left()


@scenario
async def over_before_it_begins():
    async def inside():
        async with timeout_at(asyncio.get_running_loop().time() - 1):
            say("ran")
            await nap(1000)

    await say_outcome(inside())
    await say_what_is_left()


@scenario
async def without_an_end():
    async def inside():
        async with timeout(None):
            await nap(10)

    await say_outcome(inside())


@scenario
async def not_needed():
    await say_outcome(sleep_in(20, 1))
    await say_outcome(nap(40))


main()
