# SPDX-License-Identifier: MIT
"""A proxy for clients to go through."""

import contextlib
import socket
import threading

from peer import Script


class Tunnel:
    """An HTTP proxy that does what it should, once, and keeps what it was asked."""

    def __init__(self, tls=False, interim=b""):
        self.interim = interim
        self.script = Script(self.serve, tls=tls)
        self.place = f"127.0.0.1:{self.script.port}"

    def serve(self, peer):
        request = peer.read_request()
        host, _, port = request[0].split()[1].rpartition(":")
        target = socket.create_connection((host, int(port)))
        peer.send(self.interim + b"HTTP/1.1 200 Connection established\r\n\r\n")

        def back():
            with contextlib.suppress(OSError):
                while data := target.recv(65536):
                    peer.send(data)
            with contextlib.suppress(OSError):
                peer.sock.shutdown(socket.SHUT_WR)

        thread = threading.Thread(target=back, daemon=True)
        thread.start()
        with contextlib.suppress(OSError):
            while data := peer.receive():
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        thread.join()
        target.close()
        return request
