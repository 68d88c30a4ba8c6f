# SPDX-License-Identifier: MIT
"""Cancelling, joining, and waiting for several."""

import asyncio
import errno

from oracle import (clean_up_for, fail_after, fail_when_cancelled, main, nap, run_and_cancel, say,
                    say_outcome, say_what_is_left, scenario, seconds, spawn)


def wait_for(task, count):
    return asyncio.wait_for(task, seconds(count))


@scenario
async def a_result_and_a_cancellation_in_one_turn():
    event = asyncio.Event()

    async def wait_for_event():
        await event.wait()
        return 1

    async def wait_10_s_for(task):
        await say_outcome(wait_for(task, 10000))
        await say_what_is_left()

    outer = spawn(wait_10_s_for(spawn(wait_for_event())))
    await nap(2)
    event.set()
    await asyncio.sleep(0)
    outer.cancel()
    await outer


async def return_at_once(result, ran=None):
    if ran is not None:
        ran.append(result)
    return result


@scenario
async def a_time_that_is_over_already():
    ran = []
    await say_outcome(wait_for(spawn(return_at_once(1, ran)), 0))
    say("ran" if ran else "did not run")


@scenario
async def a_late_task_has_a_result_all_the_same():
    async def return_5_when_cancelled():
        try:
            await nap(1000)
        except asyncio.CancelledError:
            return 5

    await say_outcome(wait_for(spawn(return_5_when_cancelled()), 5))


@scenario
async def a_late_task_fails_instead():
    await say_outcome(wait_for(spawn(fail_when_cancelled(errno.EINVAL)), 5))


@scenario
async def cancelled_while_a_late_task_cleans_up():
    async def wait_5_ms_for_a_long_clean_up():
        await say_outcome(wait_for(spawn(clean_up_for(30)), 5))
        await say_what_is_left()

    await run_and_cancel(wait_5_ms_for_a_long_clean_up(), 15)
    await nap(40)


@scenario
async def cancelled_before_it_begins():
    ran = []
    task = spawn(return_at_once(1, ran))
    task.cancel()
    await say_outcome(task)
    say("ran" if ran else "did not run")


@scenario
async def one_of_a_gather_is_cancelled():
    async def return_7_after_20_ms():
        await nap(20)
        return 7

    first, second = spawn(nap(1000)), spawn(return_7_after_20_ms())
    asyncio.get_running_loop().call_later(seconds(5), first.cancel)
    await say_outcome(asyncio.gather(first, second))
    say("done" if second.done() else "runs on")
    await say_outcome(second)


@scenario
async def a_gather_is_cancelled_and_one_fails():
    async def gather_one_that_fails_when_cancelled():
        await say_outcome(asyncio.gather(spawn(fail_when_cancelled(errno.EIO)), spawn(nap(1000))))
        await say_what_is_left()

    await run_and_cancel(gather_one_that_fails_when_cancelled(), 5)


@scenario
async def gather_whatever_comes():
    tasks = [spawn(fail_after(2)), spawn(return_at_once(3)), spawn(nap(1000))]
    tasks[2].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for task in tasks:
        await say_outcome(task)


@scenario
async def a_task_cancels_itself_and_returns():
    async def cancel_oneself():
        asyncio.current_task().cancel()
        return 5

    await say_outcome(spawn(cancel_oneself()))


@scenario
async def cancelled_twice_at_once():
    async def count_cancellations():
        count = 0
        for _ in range(3):
            try:
                await nap(3)
            except asyncio.CancelledError:
                count += 1
        return count

    task = spawn(count_cancellations())
    await nap(1)
    task.cancel()
    task.cancel()
    await say_outcome(task)


@scenario
async def joining_does_not_take_ones_own_cancellation():
    async def join_a_cancelled_one_while_cancelled():
        task = spawn(nap(1000))
        task.cancel()
        await nap(1)
        asyncio.current_task().cancel()
        await say_outcome(task)
        await say_what_is_left()

    await spawn(join_a_cancelled_one_while_cancelled())


@scenario
async def what_counts_as_the_first_exception():
    async def wait_for_two(first, second):
        done, _ = await asyncio.wait([first, second], return_when=asyncio.FIRST_EXCEPTION)
        second.cancel()
        await asyncio.gather(first, second, return_exceptions=True)
        return len(done)

    cancelled = spawn(nap(1000))
    await asyncio.sleep(0)
    cancelled.cancel()
    say(await wait_for_two(cancelled, spawn(nap(20))))
    say(await wait_for_two(spawn(fail_after(5)), spawn(nap(30))))


@scenario
async def a_chain_of_joins_is_cancelled():
    async def join_the_next(left):
        return await (spawn(join_the_next(left - 1)) if left else nap(10000))

    task = spawn(join_the_next(150))
    await nap(50)
    task.cancel()
    await say_outcome(task)


@scenario
async def both_are_cancelled_in_one_turn():
    async def join_and_tell(task):
        await say_outcome(task)
        await say_what_is_left()

    joined = spawn(nap(1000))
    joiner = spawn(join_and_tell(joined))
    await nap(1)
    joined.cancel()
    joiner.cancel()
    await joiner


@scenario
async def who_is_cancelled_knows_it_afterwards():
    async def end_another_in_the_clean_up():
        other = spawn(nap(1000))
        try:
            await nap(1000)
        except asyncio.CancelledError:
            say(asyncio.current_task().cancelling())
            other.cancel()
            await say_outcome(other)
            await say_what_is_left()
            say(asyncio.current_task().cancelling())

    await run_and_cancel(end_another_in_the_clean_up(), 2)


main()
