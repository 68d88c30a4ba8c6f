# SPDX-License-Identifier: MIT
"""server/deploy/ for containers: each file is judged by the tool that it is for, and the image runs."""

import os
import pathlib
import re
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
# pylint: disable=wrong-import-position
from support import (DEADLINE, ROOT, Log, Skip, equal, main, match, run, scratch, test)  # noqa: E402

DEPLOY = ROOT / "server/deploy"
PACKAGES = ROOT / "build/npm-deploy"
NOBODY = 65532


def needs(program):
    if not shutil.which(program):
        raise Skip(f"{program} is not installed")
    return program


def kubernetes(manifest):
    return run("node", PACKAGES / "kubernetes.mjs", manifest)


def altered(old, new):
    """The manifest with a fault."""
    text = (DEPLOY / "kubernetes.yaml").read_text()
    assert old in text, old
    file = scratch() / "faulty.yaml"
    file.write_text(text.replace(old, new, 1))
    return file


@test("Kubernetes' schemas find nothing wrong with the manifest, and do with faulty ones")
def _():
    equal(kubernetes(DEPLOY / "kubernetes.yaml").expect(0).out.split(),
          [b"ConfigMap", b"Deployment", b"Service", b"HorizontalPodAutoscaler",
           b"PodDisruptionBudget", b"NetworkPolicy"], "what it has")
    for old, new, fault in (("replicas: 2", "replicaz: 2", "replicaz"),
                            ("replicas: 2", "replicas: two", "replicas must be integer"),
                            ("minReplicas: 2", "minReplicas: 2, maxReplicas: 3", "")):
        match(fault, kubernetes(altered(old, new)).expect(1).err)


@test("the options in the manifest are options")
def _():
    text = (DEPLOY / "kubernetes.yaml").read_text()
    block = re.search(r"wsechod\.conf: \|\n((?:    .*\n)+)", text)[1]
    lines = [line.strip() for line in block.splitlines()]
    equal([line for line in lines if line.startswith("cert ")], ["cert /tls/tls.crt"], "its certificate")
    config = scratch() / "wsechod.conf"
    config.write_text("\n".join(line for line in lines if "/tls/" not in line) + "\n")
    run(ROOT / "build/wsechod", "--config", config, "--check").expect(0)


@test("docker-compose takes compose.yaml, and Prometheus what it is given there")
def _():
    done = run(needs("docker-compose"), "-f", DEPLOY / "compose.yaml", "config", "--services").expect(0)
    equal(sorted(done.out.split()), [b"grafana", b"prometheus", b"wsechod"], "the services")
    run(needs("promtool"), "check", "config", DEPLOY / "prometheus.yml").expect(0)
    for name in re.findall(r"- \./([^:]+):", (DEPLOY / "compose.yaml").read_text()):
        assert (DEPLOY / name).is_file(), name


@test("nothing is wrong with the Dockerfile, as far as a linter can tell")
def _():
    linter = PACKAGES / "node_modules/.bin/dockerfile-utils"
    done = run(linter, "lint", DEPLOY / "Dockerfile").expect(0)
    equal((done.out, done.err), (b"", ""), "what it says")
    faulty = scratch() / "Dockerfile"
    faulty.write_text((DEPLOY / "Dockerfile").read_text().replace("--interval=", "--intervall="))
    assert run(linter, "lint", faulty).status != 0, "a faulty one passes"


def of_dockerfile(instruction):
    """The words of one of its lines in JSON."""
    text = (DEPLOY / "Dockerfile").read_text()
    return re.findall(r'"([^"]*)"', re.search(rf"{instruction} (\[.*\])", text)[1])


@test("the image has less than 40 MB, and its server serves without a shell, as nobody, read-only")
def _():
    if os.geteuid() != 0:
        raise Skip("only root can change the root")
    image = scratch() / "image"
    run(DEPLOY / "image-root", image).expect(0)
    size = sum(file.stat().st_size for file in image.rglob("*") if not file.is_symlink())
    assert 1_000_000 < size < 40_000_000, size
    (image / "dev").mkdir()
    for name in ("null", "urandom"):
        device = os.stat(f"/dev/{name}")
        os.mknod(image / "dev" / name, device.st_mode, device.st_rdev)
        os.chmod(image / "dev" / name, 0o666)
    enter = ["chroot", f"--userspec={NOBODY}:{NOBODY}", image]
    serve = [word.replace("*:7681", "127.0.0.1:0").replace("*:9464", "127.0.0.1:0")
             for word in of_dockerfile("ENTRYPOINT") + of_dockerfile("CMD(?= \\[\"--admin)")]
    with subprocess.Popen([*enter, *serve], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE) as server:
        try:
            log = Log(server.stderr)
            url = log.wait(r"listening on (wss://\S+)")[0][1]
            admin = log.wait(r"metrics at (http://\S+)/metrics")[0][1]
            equal(run("curl", "-sS", f"{admin}/-/readyz").expect(0).out, b"ready\n", "/-/readyz")
            check = [url if word.startswith("wss:") else word
                     for word in of_dockerfile("HEALTHCHECK(?s:.*?)CMD")]
            equal(run(*enter, *check).expect(0).out, b"healthy\n", "the health check")
            server.terminate()
            equal(server.wait(DEADLINE), 0, "its status")
            match('behaviour=|path="/"', server.stdout.read().decode())
            run(*enter, *check).expect(3)
        finally:
            server.kill()


@test("without /dev a program says what is missing")
def _():
    if os.geteuid() != 0:
        raise Skip("only root can change the root")
    image = scratch() / "bare"
    run(DEPLOY / "image-root", image).expect(0)
    done = run("chroot", image, "/usr/bin/wsecho", "ws://127.0.0.1:1/", "x")
    match("/dev/urandom: No such file or directory", done.err)
    assert done.status == 1, done.status


@test("image-root without its operand says how it is used")
def _():
    match("Usage: server/deploy/image-root DIRECTORY", run(DEPLOY / "image-root").expect(2).err)


main()
