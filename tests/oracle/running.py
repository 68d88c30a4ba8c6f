# SPDX-License-Identifier: MIT
"""The order of callbacks and tasks, the end of a run, signals, and threads."""

import asyncio
import concurrent.futures
import errno
import os
import signal
import time

from oracle import (clean_up_for, fail_when_cancelled, main, name_of, nap, say, say_outcome,
                    scenario, seconds, spawn)


@scenario
async def callbacks_in_their_order():
    loop = asyncio.get_running_loop()
    now = loop.time()
    loop.call_at(now + seconds(5), say, "c")
    loop.call_at(now + seconds(5), say, "d")
    loop.call_at(now - 1, say, "past")
    loop.call_later(0, say, "zero")
    loop.call_soon(say, "soon")
    loop.call_soon(lambda: loop.call_soon(say, "nested"))
    loop.call_soon(say, "soon2")
    await nap(20)


@scenario
async def tasks_take_turns():
    async def say_thrice(word):
        for _ in range(3):
            say(word)
            await asyncio.sleep(0)

    await asyncio.gather(say_thrice("a"), say_thrice("b"), say_thrice("c"))


def run(coroutine):
    try:
        say(asyncio.run(coroutine) or 0)
    except KeyboardInterrupt:
        say("EINTR")
    except OSError as error:
        say(name_of(error))


@scenario
def what_is_left_cleans_up_before_the_end():
    async def leave_one_that_cleans_up():
        task = spawn(clean_up_for(5))
        await nap(1)
        say("returns" if not task.done() else "?")

    run(leave_one_that_cleans_up())


@scenario
def what_is_left_and_fails_is_logged():
    async def leave_one_that_fails():
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: say("logged"))
        task = spawn(fail_when_cancelled(errno.EIO))
        await nap(1)
        say("returns" if not task.done() else "?")

    run(leave_one_that_fails())


@scenario
def a_run_that_fails_and_one_that_does_not():
    async def fail_at_once():
        raise OSError(errno.EIO, "")

    async def succeed():
        pass

    run(fail_at_once())
    run(succeed())


@scenario
async def a_signal_wakes_who_waits():
    loop, came = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGUSR1, came.set)
    await say_outcome(asyncio.wait_for(came.wait(), seconds(2)))
    os.kill(os.getpid(), signal.SIGUSR1)
    await came.wait()
    say("SIGUSR1")
    came.clear()
    await say_outcome(asyncio.wait_for(came.wait(), seconds(2)))
    loop.remove_signal_handler(signal.SIGUSR1)


@scenario
async def a_signal_that_comes_late_is_forgotten():
    loop, came = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, came.set)
    os.kill(os.getpid(), signal.SIGTERM)
    await came.wait()
    say("SIGTERM")
    os.kill(os.getpid(), signal.SIGTERM)
    loop.remove_signal_handler(signal.SIGTERM)
    say("goes on")


@scenario
def an_interrupt_cancels_the_main_task():
    async def wait_for_sigint():
        await nap(1)
        os.kill(os.getpid(), signal.SIGINT)
        try:
            await nap(1000)
        except asyncio.CancelledError:
            await nap(1)
            say("cleaned")
            raise

    run(wait_for_sigint())


@scenario
async def a_thread_returns_or_fails():
    def fail():
        raise OSError(errno.EIO, "")

    loop = asyncio.get_running_loop()
    await say_outcome(loop.run_in_executor(None, lambda: 5))
    await say_outcome(loop.run_in_executor(None, fail))


@scenario
async def a_job_that_has_not_begun_never_begins():
    begun = []

    def block(count):
        begun.append(count)
        time.sleep(seconds(count))

    async def block_in_the_pool(count):
        await loop.run_in_executor(pool, block, count)

    loop = asyncio.get_running_loop()
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        tasks = [spawn(block_in_the_pool(20)) for _ in range(2)]
        await nap(5)
        tasks[1].cancel()
        await say_outcome(tasks[1])
        await say_outcome(tasks[0])
    say(len(begun))


main()
