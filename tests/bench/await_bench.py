#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What await_bench.c measures, on asyncio. Usage: await_bench.py [asyncio|uvloop]"""

import asyncio
import sys
import time
import types

SWITCHES = 1_000_000
ROUNDS = 50_000
JOBS = 5_000
PENDING = 100_000
BATCH = 100
FAR = 1000.0


def report(name, begin, count):
    print(name, f"{(time.perf_counter() - begin) / count * 1e9:.2f}", flush=True)


@types.coroutine
def suspend():
    yield


async def suspend_often():
    for _ in range(SWITCHES // 2):
        await suspend()


def measure_switch():
    coroutine = suspend_often()
    begin = time.perf_counter()
    try:
        while True:
            coroutine.send(None)
    except StopIteration:
        report("switch", begin, SWITCHES)


async def give_way():
    for _ in range(ROUNDS):
        await asyncio.sleep(0)


async def measure_give_way():
    begin = time.perf_counter()
    await asyncio.gather(give_way(), give_way())
    report("sleep0", begin, 2 * ROUNDS)


async def do_nothing():
    return 0


async def measure_spawn():
    begin = time.perf_counter()
    for _ in range(ROUNDS):
        await asyncio.create_task(do_nothing())
    report("spawn", begin, ROUNDS)


async def measure_spawn_many():
    begin = time.perf_counter()
    for _ in range(ROUNDS // BATCH):
        await asyncio.gather(*[asyncio.create_task(do_nothing()) for _ in range(BATCH)])
    report("gather", begin, ROUNDS)


async def ping_pong(events):
    for _ in range(ROUNDS):
        await events[1].wait()
        events[1].clear()
        events[0].set()


async def measure_events():
    events = [asyncio.Event(), asyncio.Event()]
    task = asyncio.create_task(ping_pong(events))
    begin = time.perf_counter()
    for _ in range(ROUNDS):
        events[1].set()
        await events[0].wait()
        events[0].clear()
    report("event", begin, 2 * ROUNDS)
    await task


async def produce(queue):
    for _ in range(ROUNDS):
        await queue.put(queue)


async def measure_queue():
    queue = asyncio.Queue(1)
    task = asyncio.create_task(produce(queue))
    begin = time.perf_counter()
    for _ in range(ROUNDS):
        await queue.get()
    report("queue", begin, ROUNDS)
    await task


async def contend(lock):
    for _ in range(ROUNDS):
        await lock.acquire()
        await asyncio.sleep(0)
        lock.release()


async def measure_lock():
    lock = asyncio.Lock()
    begin = time.perf_counter()
    await asyncio.gather(contend(lock), contend(lock))
    report("lock", begin, 2 * ROUNDS)


def job_nothing():
    return 0


async def measure_executor():
    loop = asyncio.get_running_loop()
    await loop.run_in_executor(None, job_nothing)
    begin = time.perf_counter()
    for _ in range(JOBS):
        await loop.run_in_executor(None, job_nothing)
    report("executor", begin, JOBS)


def scattered(i):
    return i * 7919 % PENDING * 1e-6


async def measure_timers():
    loop = asyncio.get_running_loop()
    done = asyncio.Event()
    left = PENDING

    def on_timer():
        nonlocal left
        left -= 1
        if left == 0:
            done.set()

    now = loop.time()
    begin = time.perf_counter()
    handles = [loop.call_at(now + FAR + scattered(i), on_timer) for i in range(PENDING)]
    for handle in handles:
        handle.cancel()
    await asyncio.sleep(0)  # asyncio then takes them out
    report("timer_cancel", begin, PENDING)
    del handles

    now = loop.time() - 0.2
    begin = time.perf_counter()
    for i in range(PENDING):
        loop.call_at(now + scattered(i), on_timer)
    await done.wait()
    report("timer_fire", begin, PENDING)


def resident_bytes():
    with open("/proc/self/statm", encoding="ascii") as statm:
        return int(statm.read().split()[1]) * 4096


async def measure_sleepers():
    before = resident_bytes()
    tasks = [asyncio.create_task(asyncio.sleep(FAR)) for _ in range(PENDING)]
    await asyncio.sleep(0.001)
    print("memory", round((resident_bytes() - before) / PENDING), flush=True)
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


async def main():
    await measure_sleepers()
    await measure_give_way()
    await measure_spawn()
    await measure_spawn_many()
    await measure_events()
    await measure_queue()
    await measure_lock()
    await measure_executor()
    await measure_timers()


if sys.argv[1:] == ["uvloop"]:
    import uvloop

    uvloop.install()
measure_switch()
asyncio.run(main())
