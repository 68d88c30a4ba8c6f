# SPDX-License-Identifier: MIT
"""Queues."""

import asyncio

from oracle import main, name_of, nap, say, say_outcome, scenario, seconds, spawn


async def end(*tasks):
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def get_one(queue, name):
    try:
        say(name + await queue.get())
    except asyncio.CancelledError:
        say(name + "!")


async def put_one(queue, name):
    try:
        await queue.put(name)
        say(name)
    except asyncio.CancelledError:
        say(name + "!")


def say_next(queue):
    try:
        say("n" + queue.get_nowait())
    except asyncio.QueueEmpty:
        say("empty")


def put_nowait(queue, item):
    try:
        queue.put_nowait(item)
        say(0)
    except asyncio.QueueFull as error:
        say(name_of(error))


@scenario
async def who_gets_and_is_cancelled_loses_nothing():
    queue = asyncio.Queue()
    tasks = [spawn(get_one(queue, name)) for name in "ab"]
    await nap(1)
    queue.put_nowait("1")
    tasks[0].cancel()
    await nap(5)
    say(queue.qsize())
    await end(*tasks)


@scenario
async def who_puts_and_is_cancelled_leaves_his_place():
    queue = asyncio.Queue(1)
    queue.put_nowait("0")
    tasks = [spawn(put_one(queue, name)) for name in "ab"]
    await nap(1)
    queue.get_nowait()
    tasks[0].cancel()
    await nap(5)
    say(queue.qsize())
    say_next(queue)
    await end(*tasks)


@scenario
async def an_item_is_taken_before_the_getter_runs():
    queue = asyncio.Queue()
    task = spawn(get_one(queue, "g"))
    await nap(1)
    queue.put_nowait("1")
    say_next(queue)
    await nap(5)
    await end(task)


@scenario
async def putters_come_in_their_order():
    queue = asyncio.Queue(1)
    queue.put_nowait("0")
    tasks = [spawn(put_one(queue, name)) for name in "abc"]
    await nap(1)
    for _ in range(4):
        say_next(queue)
        await nap(1)
    say_next(queue)
    await end(*tasks)


@scenario
async def a_get_that_is_late_takes_nothing():
    queue = asyncio.Queue()
    await say_outcome(asyncio.wait_for(queue.get(), seconds(2)))
    queue.put_nowait("1")
    queue.put_nowait("2")
    say(queue.qsize())
    item = await asyncio.wait_for(queue.get(), seconds(2))
    say(0, item)
    say_next(queue)
    say_next(queue)


@scenario
async def a_full_queue_takes_no_more():
    queue = asyncio.Queue(2)
    for item in "123":
        put_nowait(queue, item)
    await say_outcome(asyncio.wait_for(queue.put("4"), seconds(2)))
    say_next(queue)
    put_nowait(queue, "5")
    say_next(queue)
    say_next(queue)


@scenario
async def a_queue_is_shut_down():
    queue = asyncio.Queue()

    async def work_until_the_end(name):
        try:
            while True:
                say(name + await queue.get())
        except asyncio.QueueShutDown:
            say(name, "ends")

    if not hasattr(queue, "shutdown"):
        say("no such function")
        return
    tasks = [spawn(work_until_the_end(name)) for name in "ab"]
    await nap(1)
    for item in "123":
        queue.put_nowait(item)
    queue.shutdown()
    await asyncio.wait(tasks)


@scenario
async def a_queue_is_joined():
    queue = asyncio.Queue()

    async def do_the_work(name):
        while True:
            item = await queue.get()
            await nap(2)
            say(name + item)
            queue.task_done()

    task = spawn(do_the_work("a"))
    for item in "123":
        queue.put_nowait(item)
    await say_outcome(queue.join())
    await end(task)


main()
