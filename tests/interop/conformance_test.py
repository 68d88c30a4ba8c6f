# SPDX-License-Identifier: MIT
# Long: the whole suite, three times.
"""The conformance suite (tests/conformance): wsechod against all of it, over TLS and without, and
the suite itself against two servers of which is known what they do wrong."""

import sys

from others import HERE, NODE, PACKAGES
from support import BUILD, LOOP, ROOT, WSECHOD, Skip, certificates, main, note, test

sys.path.insert(0, str(HERE.parent / "conformance"))

# pylint: disable=wrong-import-position
from suite import catalogue, known, report, runner  # noqa: E402
from suite.spawn import Spawned, SpawnedTarget  # noqa: E402
from suite.targets import Settings  # noqa: E402

PEERS = ROOT / "tests/conformance/peers"
LWS_ECHO = BUILD / "bench/lws_echo"
FRAMES = tuple(map(str, known.FRAMES))
# Longer than by default: the machine may be busy.
SETTINGS = Settings(deadline=30, patience=2)


def pair():
    return [str(certificates() / name) for name in ("localhost.pem", "localhost.key")]


def run_on(name, command, patterns=(), names=None):
    """Runs the suite, or only the cases of these names, on a server."""
    cases = [case for case in catalogue.cases("server", patterns)
             if names is None or case.name in names]
    with Spawned([str(word) for word in command], {"NODE_PATH": str(PACKAGES)}) as server:
        target = SpawnedTarget(server, SETTINGS, cacert=certificates() / "ca.pem")
        run = runner.run(cases, target, name)
    if name.startswith(known.WSECHOD) and (server.deaths or server.status != 0):
        raise AssertionError(f"{server.deaths} deaths, and status {server.status} at the end")
    if len(run.results) < (450 if names is None else len(names)):
        raise AssertionError(f"there are only {len(run.results)} cases")
    return run


def as_known(*arguments, **more):
    """The same; fails unless all comes out as it is known."""
    run = run_on(*arguments, **more)
    if sentences := known.differences(run):
        raise AssertionError("\n".join([*sentences, report.text(run)]))


def declare_own(scheme, *options):
    @test(" ".join(["wsechod", *options, f"keeps to RFC 6455 and RFC 7692, {scheme}"]))
    def _():
        words = [WSECHOD, *options, "--listen", f"{scheme}://127.0.0.1:{{port}}"]
        words += ["--loop", LOOP] if LOOP else []
        cert, key = pair()
        as_known(" ".join([known.WSECHOD, *options]),
                 words + (["--cert", cert, "--key", key] if scheme == "wss" else []))


declare_own("ws")
declare_own("wss")
declare_own("ws", "--compress", "context")
declare_own("wss", "--compress", "context:10")


def declare_lws(name, *words):
    version = known.lws_version()

    @test(f"a check of the suite itself: it finds the known gaps of {name} {version}")
    def _():
        if not LWS_ECHO.exists():
            raise Skip("there is no lws_echo: make build/bench/lws_echo")
        run = run_on(name, [LWS_ECHO, "{port}", *words], names=known.OF_LWS)
        sentences = list(known.of_lws(run))
        if version == known.LWS_VERSION and sentences:
            raise AssertionError("\n".join(sentences))
        # Another version is free to be better: that is told, so that the README can say it.
        for sentence in sentences:
            note(f"{name} {version} differs from {known.LWS_VERSION}, which is no failure: {sentence}")


# Once is enough for what is not ours.
if LOOP not in ("uv", "poll"):
    declare_lws("libwebsockets")
    declare_lws("libwebsockets, wss", *pair())

    @test("a check of the suite itself: of npm's ws it finds the one known gap, and no other")
    def _():
        if not NODE or not (PACKAGES / "ws").is_dir():
            raise Skip("there is no npm package ws")
        as_known("ws (npm)", [NODE, PEERS / "echo_ws.js", "{port}"], FRAMES)


main(threads=2)
