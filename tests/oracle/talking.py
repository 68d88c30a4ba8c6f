# SPDX-License-Identifier: MIT
"""Streams and child processes."""

import asyncio
import signal
from asyncio.subprocess import PIPE, STDOUT

from oracle import main, name_of, nap, say, say_outcome, scenario, seconds, spawn


class Pair:
    """A connection: `here` is the client's end, `there` the server's."""

    async def __aenter__(self):
        self.accepted = asyncio.Queue()
        self.server = await asyncio.start_server(
            lambda *streams: self.accepted.put_nowait(streams), "127.0.0.1", 0)
        return self

    async def connect(self, limit=65536):
        self.address = self.server.sockets[0].getsockname()
        self.here = await asyncio.open_connection(*self.address, limit=limit)
        self.there = await self.accepted.get()
        return self.here[0], self.here[1], *self.there

    async def __aexit__(self, *_):
        for _, writer in self.here, self.there:
            writer.close()
        self.server.close()


async def say_line(reader, limit=None):
    try:
        line = await asyncio.wait_for(reader.readline(), limit)
        say(f"'{line.decode().rstrip()}'")
    except TimeoutError as error:
        say(name_of(error))


@scenario
async def the_end_comes_too_early():
    async with Pair() as pair:
        reader, _, _, writer = await pair.connect()
        writer.write(b"abc")
        writer.write_eof()
        try:
            await reader.readexactly(5)
        except asyncio.IncompleteReadError as error:
            say(name_of(error), len(error.partial), error.partial.decode())


@scenario
async def a_line_that_is_too_long_stays():
    async with Pair() as pair:
        reader, _, _, writer = await pair.connect(16)
        writer.write(b"0123456789012345678901234567890123456789\nnext\n")
        try:
            await reader.readuntil(b"\n")
        except asyncio.LimitOverrunError as error:
            say(name_of(error))
        say(0, (await reader.readexactly(40)).decode())
        await say_line(reader)
        await say_line(reader)


@scenario
async def the_last_line_may_lack_its_end():
    async with Pair() as pair:
        reader, _, _, writer = await pair.connect()
        writer.write(b"one\ntwo")
        writer.write_eof()
        for _ in range(3):
            await say_line(reader)


@scenario
async def one_direction_ends():
    async with Pair() as pair:
        reader, writer, their_reader, their_writer = await pair.connect()
        writer.write(b"question")
        writer.write_eof()
        say((await their_reader.read()).decode())
        their_writer.write(b"answer\n")
        await say_line(reader)


@scenario
async def a_read_that_is_late_loses_nothing():
    async with Pair() as pair:
        reader, _, _, writer = await pair.connect()
        writer.write(b"half ")
        await say_line(reader, seconds(20))
        writer.write(b"whole\n")
        await say_line(reader)


@scenario
async def a_server_closes_and_its_connections_live():
    async with Pair() as pair:
        reader, _, _, writer = await pair.connect()
        pair.server.close()
        await say_outcome(asyncio.open_connection(*pair.address))
        writer.write(b"still here\n")
        await say_line(reader)


async def start(script):
    return await asyncio.create_subprocess_exec("/bin/sh", "-c", script, stdin=PIPE, stdout=PIPE,
                                                stderr=STDOUT)


@scenario
async def how_a_process_ended():
    for script in "exit 3", "kill -TERM $$":
        await say_outcome((await start(script)).wait())


@scenario
async def a_process_that_takes_too_long():
    process = await start("exec sleep 1000")
    await say_outcome(asyncio.wait_for(process.wait(), seconds(5)))
    process.kill()
    say(0)
    await say_outcome(process.wait())
    try:
        process.send_signal(signal.SIGKILL)
        say(0)
    except ProcessLookupError:
        say("ESRCH")


@scenario
async def a_process_reads_and_writes():
    process = await start("cat; echo error >&2; exit 1")
    process.stdin.write(b"some data\n")
    process.stdin.write_eof()
    for _ in range(3):
        await say_line(process.stdout)
    await say_outcome(process.wait())


@scenario
async def a_program_that_is_not_there():
    await say_outcome(asyncio.create_subprocess_exec("/nonexistent/program"))


@scenario
async def two_wait_for_one_process():
    process = await start("read line; exit 4")

    async def wait():
        await say_outcome(process.wait())

    tasks = [spawn(wait()), spawn(wait())]
    await nap(2)
    process.stdin.close()
    await asyncio.gather(*tasks)


main()
