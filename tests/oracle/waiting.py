# SPDX-License-Identifier: MIT
"""Events, locks, semaphores, conditions and barriers."""

import asyncio

from oracle import main, name_of, nap, say, say_outcome, scenario, seconds, spawn


async def cancel_all(tasks):
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def take_the_lock(lock, name):
    try:
        async with lock:
            say(name)
    except asyncio.CancelledError:
        say(name + "!")


async def hold_the_lock_before_two():
    lock = asyncio.Lock()
    await lock.acquire()
    tasks = [spawn(take_the_lock(lock, name)) for name in "ab"]
    await nap(1)
    return lock, tasks


async def see_who_had_the_lock(lock, tasks):
    await asyncio.wait(tasks, timeout=seconds(100))
    say("locked" if lock.locked() else "free")
    await cancel_all(tasks)


@scenario
async def a_lock_is_released_and_the_next_cancelled():
    lock, tasks = await hold_the_lock_before_two()
    lock.release()
    tasks[0].cancel()
    await see_who_had_the_lock(lock, tasks)


@scenario
async def the_next_is_cancelled_and_the_lock_released():
    lock, tasks = await hold_the_lock_before_two()
    tasks[0].cancel()
    lock.release()
    await see_who_had_the_lock(lock, tasks)


async def take_a_unit(semaphore, name):
    try:
        await semaphore.acquire()
        say(name)
    except asyncio.CancelledError:
        say(name + "!")


@scenario
async def a_newcomer_does_not_overtake():
    semaphore = asyncio.Semaphore(0)
    tasks = [spawn(take_a_unit(semaphore, "a"))]
    await nap(1)
    semaphore.release()
    tasks.append(spawn(take_a_unit(semaphore, "b")))
    await nap(1)
    say("none left" if semaphore.locked() else "free")
    semaphore.release()
    await nap(1)
    await cancel_all(tasks)


@scenario
async def a_unit_is_passed_on_by_who_is_cancelled():
    semaphore = asyncio.Semaphore(0)
    tasks = [spawn(take_a_unit(semaphore, name)) for name in "ab"]
    await nap(1)
    semaphore.release()
    tasks[0].cancel()
    await nap(5)
    await cancel_all(tasks)


@scenario
async def two_units_are_passed_on():
    semaphore = asyncio.Semaphore(0)
    tasks = [spawn(take_a_unit(semaphore, name)) for name in "abcd"]
    await nap(1)
    semaphore.release()
    semaphore.release()
    tasks[0].cancel()
    tasks[1].cancel()
    await nap(5)
    await cancel_all(tasks)


@scenario
async def who_gives_up_leaves_the_order_as_it_is():
    semaphore = asyncio.Semaphore(1)
    say(0 if await semaphore.acquire() else -1)
    tasks = [spawn(take_a_unit(semaphore, name)) for name in "abc"]
    await nap(1)
    tasks[1].cancel()
    await nap(1)
    for _ in range(3):
        semaphore.release()
    await nap(5)
    say("none left" if semaphore.locked() else "one left")
    await cancel_all(tasks)


async def wait_for(event):
    try:
        await event.wait()
        say("woken")
    except asyncio.CancelledError as error:
        say(name_of(error))


@scenario
async def an_event_is_set_and_cleared_at_once():
    event = asyncio.Event()
    task = spawn(wait_for(event))
    await nap(1)
    event.set()
    event.clear()
    await say_outcome(asyncio.wait_for(task, seconds(50)))


@scenario
async def an_event_is_set_and_who_waits_cancelled():
    event = asyncio.Event()
    task = spawn(wait_for(event))
    await nap(1)
    event.set()
    task.cancel()
    await cancel_all([task])


@scenario
async def an_event_that_is_set_makes_nobody_wait():
    event = asyncio.Event()
    event.set()
    asyncio.get_running_loop().call_soon(say, "callback")
    say(0 if await event.wait() else -1)
    say("went on")
    await asyncio.sleep(0)


@scenario
async def a_lock_is_released_by_another():
    lock = asyncio.Lock()
    await lock.acquire()

    async def release():
        lock.release()

    await spawn(release())
    say("free" if not lock.locked() else "locked")


class Stock:
    """A state, and the condition that it has changed."""

    def __init__(self):
        self.count, self.changed = 0, asyncio.Condition()

    async def take(self, name):
        try:
            async with self.changed:
                await self.changed.wait_for(lambda: self.count > 0)
                say(f"{name}{self.count}")
                self.count -= 1
        except asyncio.CancelledError:
            say(name + "!")

    async def put(self, count, everybody):
        async with self.changed:
            self.count = count
            if everybody:
                self.changed.notify_all()
            else:
                self.changed.notify()


@scenario
async def a_condition_wakes_one():
    stock = Stock()
    tasks = [spawn(stock.take(name)) for name in "abc"]
    await nap(1)
    await stock.put(2, False)
    await nap(2)
    say("|")
    await stock.put(stock.count, False)
    await nap(2)
    await cancel_all(tasks)


@scenario
async def a_condition_wakes_all():
    stock = Stock()
    tasks = [spawn(stock.take(name)) for name in "abc"]
    await nap(1)
    await stock.put(2, True)
    await nap(2)
    say("|")
    await stock.put(1, True)
    await nap(2)
    await cancel_all(tasks)


@scenario
async def a_barrier_lets_all_go():
    barrier = asyncio.Barrier(3)

    async def meet(name):
        say(name)
        await barrier.wait()
        say(name + "+")

    tasks = []
    for name in "abc":
        tasks.append(spawn(meet(name)))
        await nap(1)
    await asyncio.gather(*tasks)


main()
