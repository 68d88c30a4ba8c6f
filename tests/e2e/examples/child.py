# SPDX-License-Identifier: MIT
import asyncio


async def main():
    child = await asyncio.create_subprocess_exec(
        "sh", "-c", "while read word; do echo \"got $word\"; done; exit 3",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE)
    child.stdin.write(b"one\ntwo\n")
    child.stdin.write_eof()
    async for line in child.stdout:
        print(line.decode(), end="")
    print("exit status", await child.wait())
    try:
        await asyncio.create_subprocess_exec("nonesuch")
    except FileNotFoundError:
        print("no such program")

asyncio.run(main())
