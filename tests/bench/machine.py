# SPDX-License-Identifier: MIT
"""Where figures were measured: what one has to know to compare them with one's own."""

import datetime
import os
import platform
import subprocess


def first(path, start):
    """What follows the colon in the first line of a file that begins so, or None."""
    try:
        with open(path, encoding="utf-8") as file:
            lines = (line.partition(":") for line in file if line.startswith(start))
            return next((value.strip() for _, _, value in lines), None)
    except OSError:
        return None


def said(*command):
    """The first line that a command prints, or None."""
    try:
        done = subprocess.run(command, check=False, text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL)
    except FileNotFoundError:
        return None
    return done.stdout.partition("\n")[0].strip() or None if done.returncode == 0 else None


def describe(peers, build):
    """A dictionary; `peers` are names and the commands that print their versions."""
    system = platform.freedesktop_os_release() if hasattr(platform, "freedesktop_os_release") else {}
    return {
        "time": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="milliseconds")
                .replace("+00:00", "Z"),
        "processor": first("/proc/cpuinfo", "model name") or platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "memory": first("/proc/meminfo", "MemTotal"),
        "kernel": platform.release(),
        "system": system.get("PRETTY_NAME"),
        "virtual": "hypervisor" in (first("/proc/cpuinfo", "flags") or ""),
        "load_average": [round(load, 2) for load in os.getloadavg()],
        "commit": said("git", "describe", "--always", "--dirty"),
        "wsechod": said(f"{build}/wsechod", "--version"),
        "openssl": (said("openssl", "version") or "").partition(" (")[0] or None,
        "libwebsockets": said("pkg-config", "--modversion", "libwebsockets"),
        "compiler": said("cc", "--version"),
        "versions": {name: said(*command) for name, command in peers.items() if command},
    }
