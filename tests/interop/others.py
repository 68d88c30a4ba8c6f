# SPDX-License-Identifier: MIT
"""What the tests with other people's software share: finding it, and running it.

A script whose software is not here says so and is skipped. The rest is tests/e2e/support.py.
"""

import asyncio
import atexit
import contextlib
import importlib
import os
import pathlib
import random
import shutil
import socket
import ssl
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "e2e"))

from support import (  # pylint: disable=wrong-import-position
    DEADLINE, ROOT, Skip, certificates, eventually, run, scratch)

NODE = shutil.which("node")
PACKAGES = pathlib.Path(os.environ.get("NODE_PATH") or ROOT / "build/npm/node_modules")


def skip_all(reason):
    """Ends the script: none of its tests can be done here."""
    print(f"1..0 # SKIP {reason}")
    sys.exit()


def need_module(name):
    """The module of Python."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return skip_all(f"there is no Python module {name}")


def need_program(name):
    """Where the program is."""
    return shutil.which(name) or skip_all(f"there is no {name}")


def need_package(name):
    """Where the package of npm is."""
    if not NODE:
        skip_all("there is no node")
    if not (PACKAGES / name).is_dir():
        skip_all(f"there is no npm package {name}: make build/npm/stamp")
    return PACKAGES / name


def node_command(script, *words):
    """A script of this directory for node, told where the authority's certificate is."""
    return [NODE, HERE / script, *words]


def node_environment():
    """Node before 20 tries one address of localhost only; the servers here are at 127.0.0.1."""
    return dict(os.environ, NODE_OPTIONS="--dns-result-order=ipv4first", NODE_PATH=str(PACKAGES), CA=str(certificates() / "ca.pem"),
                CERT=str(certificates() / "localhost.pem"),
                KEY=str(certificates() / "localhost.key"))


def node(script, *words, **more):
    """Runs it to its end."""
    return run(*node_command(script, *words), env=node_environment(), **more)


def trusting():
    """A client's TLS context that trusts the certificates' authority, and nobody else."""
    return ssl.create_default_context(cafile=certificates() / "ca.pem")


def localhost(url):
    """The same address by the name that is in the certificate, so that names are verified too."""
    return url.replace("127.0.0.1", "localhost")


def asynchronous(function):
    """Makes a coroutine function one that a test can be, with a deadline."""

    def run_it():
        asyncio.run(asyncio.wait_for(function(), DEADLINE))

    return run_it


# Programs that serve.


def find(name):
    """Where the program is: administrators' programs are not on everybody's path."""
    found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
    if not found:
        raise Skip(f"there is no {name}")
    return found


def free_port():
    """A port that is free now, and that the kernel gives to nobody who asks for any: these programs
    cannot be asked for port 0."""
    first = int(pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    while True:
        port = random.randrange(5000, max(first, 6000))
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


def listens(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def start(port, *command, others=(), **more):
    """A program that ends with this script; waits until it listens, at the others too."""
    with open(scratch() / f"log-{port}", "wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                   **more)
    atexit.register(process.wait)
    atexit.register(process.kill)
    eventually(lambda: all(map(listens, (port, *others))) or process.poll() is not None,
               f"{command[0]} listens")
    if process.poll() is not None:
        raise AssertionError((scratch() / f"log-{port}").read_text())
    return port


def write(name, text):
    path = scratch() / name
    path.write_text(text)
    return path
