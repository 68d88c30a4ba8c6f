# SPDX-License-Identifier: MIT
"""The npm package ws as a client of wsechod."""

from others import localhost, need_package, node, node_command, node_environment
from support import Server, equal, finish, main, started, test

need_package("ws")
server = Server(listen=("wss://127.0.0.1:0",))


def declare(scenario, title):
    @test(title)
    def _():
        node("ws_client.js", scenario, localhost(server.wss)).expect(0)


declare("text", "ws: texts come back")
declare("binary", "ws: binary messages come back")
declare("large", "ws: messages of megabytes come back")
declare("fragments", "ws: fragments come back as one message, and a ping between them is answered")
declare("ping", "ws: pings are answered with their payload")
declare("hundred", "ws: a hundred messages at once come back in order")
declare("many", "ws: fifty connections at once")
declare("codes", "ws: a Close frame is answered with its code")
declare("tooLarge", "ws: a message over the limit is refused with 1009")
declare("invalid", "ws: a text that is not UTF-8 is refused with 1007")
declare("terminated", "ws: a client that breaks off")
declare("unverified", "ws: the certificate is verified")


@test("ws: the server stops with 1001")
def _():
    with Server(listen=("wss://127.0.0.1:0",)) as stopping:
        command = node_command("ws_client.js", "stopped", localhost(stopping.wss))
        with started(*command, env=node_environment()) as client:
            equal(client.stdout.readline(), b"open\n")
            stopping.stop()
            finish(client).expect(0)


main(threads=2)
