# SPDX-License-Identifier: MIT
"""What the scenarios share: see oracle.h, which is the same for C."""

import asyncio
import errno
import sys

scenarios, words = {}, []
scale = 1.0

ERRORS = {asyncio.CancelledError: "ECANCELED", TimeoutError: "ETIMEDOUT",
          asyncio.QueueEmpty: "EAGAIN", asyncio.QueueFull: "EAGAIN",
          asyncio.IncompleteReadError: "ENODATA", asyncio.LimitOverrunError: "EMSGSIZE"}


def scenario(function):
    scenarios[function.__name__] = function
    return function


def say(*found):
    words.extend(str(word) for word in found)


def name_of(error):
    if isinstance(error, BaseExceptionGroup):
        return " ".join(name_of(part) for part in error.exceptions)
    if isinstance(error, OSError) and error.errno:
        return errno.errorcode[error.errno]
    return ERRORS.get(type(error), type(error).__name__)


async def say_outcome(awaitable):
    """What came of it: a number, or the name of the error; None is 0, as in C."""
    try:
        say(await awaitable or 0)
    except BaseException as error:
        say(name_of(error))


def seconds(count):
    return count * scale / 1000


async def nap(count):
    await asyncio.sleep(seconds(count))


async def say_what_is_left():
    """Whether a cancellation is still to come."""
    try:
        await nap(1)
        say("clean")
    except asyncio.CancelledError:
        say("pending")


async def fail_after(count):
    await nap(count)
    raise OSError(errno.EIO, "")


async def fail_when_cancelled(number):
    try:
        await nap(1000)
    except asyncio.CancelledError:
        raise OSError(number, "") from None


async def clean_up_for(count):
    try:
        await nap(1000)
    except asyncio.CancelledError:
        try:
            await nap(count)
            say("cleaned")
        except asyncio.CancelledError:
            say("cut")
        raise


def spawn(coroutine):
    return asyncio.get_running_loop().create_task(coroutine)


async def run_and_cancel(coroutine, count):
    task = spawn(coroutine)
    await nap(count)
    task.cancel()
    await asyncio.wait([task])


def main():
    """Usage: PROGRAM SCALE [SCENARIO...]"""
    global scale
    scale = float(sys.argv[1]) if len(sys.argv) > 1 else 1.0
    for name in sys.argv[2:] or list(scenarios):
        words.clear()
        function = scenarios[name]
        if asyncio.iscoroutinefunction(function):
            asyncio.run(function())
        else:
            function()
        print(f"{name}: {' '.join(words)}", flush=True)
