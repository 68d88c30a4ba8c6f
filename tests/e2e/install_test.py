# SPDX-License-Identifier: MIT
"""`make install`: what is installed serves those who have nothing else, from headers to manual
pages, and `make uninstall` takes all of it away."""

import os
import pathlib
import re
import shlex
import shutil
import subprocess

from support import BUILD, ROOT, SANITIZED, Skip, equal, main, match, run, scratch, test

CC = shlex.split(os.environ.get("CC", "cc"))
CFLAGS = ["-std=gnu11", "-Wall", "-Wextra", "-Werror"]
SANITIZERS = ["-fsanitize=address,undefined"] if SANITIZED else []
# Whoever installs has it where he likes.
PREFIX = scratch() / "its own prefix"
LIBRARY = PREFIX / "lib"
PUBLIC = sorted(path.stem for path in (ROOT / "common/await").glob("*.h"))

# Its server and its client talk to each other.
PROGRAM = r"""
#include <await/task_wait.h>
#include <await/ws.h>

#include <stdio.h>

static async int
echo(void *listener)
{
        struct ws *ws = await(ws_accept(listener, AW_NEVER));
        struct ws_message message;

        while (ws != NULL && await(ws_receive(ws, &message, AW_NEVER)) == 0)
                await(ws_send(ws, &message, AW_NEVER));
        return await(ws_close(ws, WS_NORMAL, NULL));
}

static async int
run(void *argument)
{
        struct ws_listen_options here = {.url = argument};
        struct aw_error error;
        struct ws_listener *listener = await(ws_listen(&here, &error));
        struct ws_connect_options there = {.url = ws_listener_url(listener, 0)};
        struct aw_task *task = aw_spawn("echo", echo, listener);
        struct ws *ws = await(ws_connect(&there, &error, aw_loop_now() + 10 * AW_SECOND));
        struct ws_message message;

        await(ws_send_text(ws, "It works.", AW_NEVER));
        if (await(ws_receive(ws, &message, AW_NEVER)) == 0)
                printf("%.*s\n", (int)message.length, (const char *)message.data);
        await(ws_close(ws, WS_NORMAL, NULL));
        ws_listener_close(listener);
        return await(aw_wait_for(task, aw_loop_now() + 10 * AW_SECOND));
}

int
main(void)
{
        char url[] = "ws://127.0.0.1:0";

        return aw_run(NULL, run, url) == -1;
}
"""

# Two tasks wait in a catch block, and in a destructor while the stack is unwound.
EXCEPTIONS = r"""
#include <await.h>

#include <cstdio>
#include <stdexcept>
#include <string>

template <typename A, typename B> static async int give(A, B) { return await(aw_sleep(0)); }

static async int hold(void *name)
{
        try {
                throw std::runtime_error(static_cast<const char *>(name));
        } catch (const std::exception &) {
                await(aw_sleep(*static_cast<const char *>(name) == 'A' ? 1000 : 2000));
                try {
                        throw;
                } catch (const std::exception &held) {
                        std::printf("%s holds %s\n", static_cast<const char *>(name), held.what());
                }
        }
        return await(give<int, long>(1, 2));
}

struct guard {
        const char *name;
        ~guard()
        {
                await(aw_sleep(*name == 'A' ? 3000 : 6000));
                std::printf("left %s\n", name);
        }
};

static async int unwind(void *name)
{
        try {
                guard left{static_cast<const char *>(name)};
                throw std::string(left.name);
        } catch (const std::string &caught) {
                std::printf("caught %s\n", caught.c_str());
        }
        return std::uncaught_exceptions();
}

static async int both(void *)
{
        static char a[] = "A", b[] = "B";

        for (aw_task_function *function : {hold, unwind}) {
                aw_task *tasks[] = {aw_spawn(a, function, a), aw_spawn(b, function, b)};
                if (await(aw_gather(tasks, 2, nullptr)) != 0)
                        return -1;
        }
        return 0;
}

int main()
{
        return aw_run(nullptr, both, nullptr) == -1;
}
"""

TASKS = r"""
#include <await.h>
#include <stdlib.h>

static int
inner(int n)
{
        return n > 0 ? inner(n - 1) + 1 : await(aw_sleep(AW_SECOND));
}

static async int
deep(void *argument)
{
        return inner(argument == NULL ? 3 : 0);
}

static async int
stop(void *argument)
{
        await(aw_sleep(50 * AW_MILLISECOND));
        abort();
        return argument != NULL;
}

static async int
both(void *argument)
{
        struct aw_task *tasks[] = {aw_spawn("deep", deep, argument),
                                   aw_spawn("stop", stop, argument)};

        return await(aw_gather(tasks, 2, NULL));
}

int
main(void)
{
        return aw_run(NULL, both, NULL);
}
"""

NO_KEYWORDS = r"""
#define AW_NO_KEYWORDS
#include <await.h>
#ifdef __cplusplus
#include <future>
#endif
#include <uv.h>

struct names {
        int async, await;
};

aw_async int twice(void *argument);
aw_async int
twice(void *argument)
{
        struct names names = {0, 0};
        uv_async_t handle;

        (void)argument;
        (void)handle;
        return aw_await(aw_sleep(aw_await(aw_sleep(names.async)))) + names.await;
}
"""


def make(*words, **more):
    """Runs make as those who call these tests did; what they built stays as it is."""
    given = {name: value for name, value in os.environ.items()
             if name not in ("DESTDIR", "PREFIX", "MAKEFLAGS", "MAKELEVEL")}
    build = f"BUILD={os.environ.get('BUILD', 'build')}"
    run("make", "-s", "-o", "all", "-C", ROOT, build, *words, env=given, **more).expect(0)


def pkg_config(*words):
    path = {"PKG_CONFIG_PATH": str(LIBRARY / "pkgconfig")}
    return shlex.split(run("pkg-config", *words, env=os.environ | path).expect(0).out.decode())


def below(directory):
    return {str(path.relative_to(directory)) for path in directory.rglob("*")
            if path.is_symlink() or not path.is_dir()}


def compile_program(source, *libraries, compiler=(*CC, *CFLAGS)):
    """Compiles and links a program in a directory of its own, and returns its path."""
    program = scratch() / pathlib.Path(source).stem
    run(*compiler, *SANITIZERS, *pkg_config("--cflags", "await"), "-o", program, source,
        *libraries).expect(0)
    return program


def run_program(program):
    libraries = {"LD_LIBRARY_PATH": str(LIBRARY)}
    return run(program, env=os.environ | libraries).expect(0).out.decode()


def needed(program):
    """The shared libraries it asks for."""
    shown = run("readelf", "-d", program, env=os.environ | {"LC_ALL": "C"}).expect(0).out.decode()
    return re.findall(r"\(NEEDED\).*\[(.*)\]", shown)


def write(name, text):
    path = scratch() / name
    path.write_text(text)
    return path


@test("make install installs programs, libraries, headers and pages, whatever the umask")
def _():
    make("install", f"PREFIX={PREFIX}", preexec_fn=lambda: os.umask(0o077))
    files = below(PREFIX)
    expected = {"bin/wsbench", "bin/wsecho", "bin/wsechod", "lib/libawait.a", "lib/libawait.so",
                "lib/libawait.so.0", "lib/pkgconfig/await.pc", "share/man/man1/wsecho.1",
                "share/man/man1/wsbench.1", "share/man/man3/await.3", "share/await/gdb.py",
                "share/man/man8/wsechod.8",
                "share/bash-completion/completions/wsecho", "share/bash-completion/completions/wsechod",
                "share/bash-completion/completions/wsbench",
                "share/zsh/site-functions/_wsbench", "share/zsh/site-functions/_wsecho",
                "share/zsh/site-functions/_wsechod", "lib/systemd/system/wsechod.service",
                "lib/systemd/system/wsechod.socket",
                *(f"share/doc/wsechod/examples/{name}" for name in
                  ("wsechod.conf", "haproxy.cfg", "nginx.conf", "kubernetes.yaml",
                   "prometheus.yml", "grafana.json", "grafana.yaml"))}
    equal(expected - files, set(), "the set of what is missing")
    headers = {"include/await.h"} | {f"include/await/{name}.h" for name in PUBLIC}
    equal({name for name in files if name.startswith("include/")}, headers, "the set of headers")
    for path in map(PREFIX.joinpath, files):
        if not path.is_symlink():
            mode = 0o755 if path.parent.name == "bin" else 0o644
            equal(oct(path.stat().st_mode & 0o777), oct(mode), f"the mode of {path.name}")
    equal(os.readlink(LIBRARY / "libawait.so"), "libawait.so.0", "what libawait.so leads to")


@test("the installed programs run")
def _():
    for program in ("wsbench", "wsecho", "wsechod"):
        match(rf"^{program} \d", run(PREFIX / "bin" / program, "--version").expect(0).out.decode())


@test("what is installed was built with care")
def _():
    if "-fstack-clash-protection" not in (BUILD / "flags").read_text():
        raise Skip("this flavour is for finding faults")
    files = [PREFIX / "bin" / name for name in ("wsechod", "wsecho", "wsbench")]
    run(ROOT / "tests/lint/hardening.py", *files, LIBRARY / "libawait.so",
        LIBRARY / "libawait.a").expect(0)


@test("the units start the installed program, wherever it is; the examples are those of the tree")
def _():
    units = LIBRARY / "systemd/system"
    for name in ("wsechod.service", "wsechod.socket"):
        match(r"^# SPDX", (units / name).read_text())
        if shutil.which("systemd-analyze"):
            done = run("systemd-analyze", "verify", "--man=no", units / name).expect(0)
            equal((done.out, done.err), (b"", ""), f"what systemd says of {name}")
    word = str(PREFIX / "bin/wsechod").replace(" ", r"\s")
    text = (units / "wsechod.service").read_text()
    equal(re.findall(r"(?m)^Exec(\w+)=(\S+) --config", text), [("StartPre", word), ("Start", word)],
          "the program that is started")
    for path in (PREFIX / "share/doc/wsechod/examples").iterdir():
        equal(path.read_text(), (ROOT / "server/deploy" / path.name).read_text(), path.name)


@test("the shells take the completions")
def _():
    for name in ("wsecho", "wsechod"):
        scripts = {"bash": PREFIX / "share/bash-completion/completions" / name,
                   "zsh": PREFIX / f"share/zsh/site-functions/_{name}"}
        for shell, script in scripts.items():
            match(rf"(?m)^#.*\b{name}$", script.read_text())
            if shutil.which(shell):
                run(shell, "-n", script).expect(0)


@test("each function has a page")
def _():
    for name in re.findall(r"\bAW_API [^;]*?\b((?:aw|ws)_\w+)\(",
                           "".join((ROOT / "common/await" / f"{name}.h").read_text() for name in PUBLIC)):
        text = (PREFIX / "share/man/man3" / f"{name}.3").read_text()
        match(rf"(?m)^\.Fn {name}\b", text)


@test("a program outside of the tree builds with pkg-config and the shared library, and works")
def _():
    program = compile_program(write("shared.c", PROGRAM), *pkg_config("--libs", "await"))
    equal("libawait.so.0" in needed(program), True, "that it asks for the shared library")
    equal(run_program(program), "It works.\n", "the output")


@test("it does so with the static library")
def _():
    libraries = [word.replace("-lawait", "-l:libawait.a")
                 for word in pkg_config("--static", "--libs", "await")]
    program = compile_program(write("static.c", PROGRAM), *libraries)
    equal("libawait.so.0" in needed(program), False, "that it asks for the shared library")
    equal(run(program).expect(0).out, b"It works.\n", "the output")


LOADER = """
#include <dlfcn.h>
#include <stdio.h>

int main(void)
{
        void *library = dlopen("%s", RTLD_NOW);

        puts(library != NULL && dlsym(library, "aw_run") != NULL ? "loaded" : dlerror());
        return 0;
}
"""


@test("the shared library can be loaded by dlopen(3)")
def _():
    source = write("loader.c", LOADER % (LIBRARY / "libawait.so.0"))
    equal(run_program(compile_program(source, "-ldl")), "loaded\n", "the output")


@test("the examples build against the installed library")
def _():
    for source in sorted((ROOT / "common/examples").glob("*.c")):
        compile_program(source, *pkg_config("--libs", "await"))
    equal(run_program(scratch() / "hello"), "Hello, world!\n", "the output of hello")


@test("the programs in the manual pages build and do what they say")
def _():
    expected = {"await": "Hello, world!\n", "await_task": "fast 0\nfast 1\nfast 2\ntoo slow\n",
                "await_sync": "one\ntwo\nthree\n", "await_executor": f"{os.uname().nodename}\n",
                "await_loop": "soon\nlate\n", "await_ws": "Hello World!\n",
                "await_stream": "Hello World!\n", "await_process": "Linux\n"}
    found = {}
    for page in sorted((ROOT / "common/man").glob("*.3")):
        for text in re.findall(r"(?ms)^\.Bd -literal\n(.*?)^\.Ed", page.read_text()):
            source = write(f"{page.stem}.c", text.replace("\\e", "\\"))
            found[page.stem] = run_program(
                compile_program(source, *pkg_config("--libs", "await")))
    equal(found, expected, "what they print")


@test("each header compiles alone, in C and in C++")
def _():
    compilers = [(*CC, *CFLAGS, "-x", "c")]
    if cxx := shutil.which("g++"):
        compilers.append((cxx, "-std=c++11", "-Wall", "-Wextra", "-Werror", "-x", "c++"))
    for name in ("await", *(f"await/{name}" for name in PUBLIC)):
        source = write("header.c", f"#include <{name}.h>\n#include <{name}.h>\n")
        for compiler in compilers:
            run(*compiler, *pkg_config("--cflags", "await"), "-fsyntax-only", source).expect(0)


if shutil.which("g++") and not SANITIZED:
    @test("a program in C++ builds and works")
    def _():
        source = (ROOT / "common/examples/hello.c").read_text()
        program = compile_program(write("hello.cc", source), *pkg_config("--libs", "await"),
                                  compiler=("g++", "-Wall", "-Wextra", "-Werror"))
        equal(run_program(program), "Hello, world!\n", "the output")

    @test("in C++ each task has its own exceptions, and an await may be anywhere in them")
    def _():
        program = compile_program(write("exceptions.cc", EXCEPTIONS), *pkg_config("--libs", "await"),
                                  compiler=("g++", "-std=c++17", "-Wall", "-Wextra", "-Werror"))
        equal(run_program(program), "A holds A\nB holds B\nleft A\ncaught A\nleft B\ncaught B\n",
              "the output")


@test("without the keywords the header lives with those who use the names themselves")
def _():
    compilers = [(*CC, *CFLAGS, "-Wpedantic", "-Wshadow", "-x", "c")]
    if cxx := shutil.which("g++"):
        compilers.append((cxx, "-std=c++11", "-Wall", "-Wextra", "-Wpedantic", "-Werror",
                          "-x", "c++"))
    for compiler in compilers:
        source = write("names.c", NO_KEYWORDS)
        run(*compiler, *pkg_config("--cflags", "await"), "-fsyntax-only", source).expect(0)


@test("without the calls' texts only file and line of each await are in the program")
def _():
    for before, there in (("", True), ("#define AW_NO_CALL_TEXT\n", False)):
        source = write("sites.c", before + TASKS)
        target = f"{source}.o"
        run(*CC, *CFLAGS, *pkg_config("--cflags", "await"), "-c", "-o", target, source).expect(0)
        text = pathlib.Path(target).read_bytes()
        equal(b": aw_gather(tasks" in text, there, "that the text of a call is in the object")
        match(rb"sites\.c:\d+\0" if not there else rb"sites\.c:\d+: ", text)


if shutil.which("gdb") and not SANITIZED:
    @test("gdb tells of the tasks, and where each waits")
    def _():
        program = compile_program(write("tasks.c", TASKS), *pkg_config("--libs", "await"),
                                  compiler=(*CC, *CFLAGS, "-g", "-O0"))
        script = ("run", f"source {PREFIX}/share/await/gdb.py", "info aw-tasks", "aw-backtrace deep",
                  "aw-backtrace nobody", "info symbol $pc")
        shown = run("gdb", "-q", "-nx", "-batch", *(f"-ex={line}" for line in script), program,
                    env=os.environ | {"LD_LIBRARY_PATH": str(LIBRARY), "HOME": str(scratch())},
                    stderr=subprocess.STDOUT).out.decode()
        match(r"(?m)^main \(waiting, stack \d+ bytes\) at .*tasks\.c:\d+: aw_gather\(", shown)
        match(r"(?m)^  deep \(waiting, stack \d+ bytes\) at .*: aw_sleep\(", shown)
        match(r"(?m)^  stop \(running\)", shown)
        match(r"(?m)(^#\d+ .* inner \(n=\d\) at .*tasks\.c.*\n){4}#\d+ .* deep ", shown)
        match(r"(?m)^there is no task 'nobody'", shown)
        match(r"(?m)^(__pthread_kill|raise|abort|__GI_)", shown.splitlines()[-1])


@test("make uninstall leaves nothing of what make install installed")
def _():
    stranger = PREFIX / "share/man/man3/stranger.3"
    stranger.touch()
    make("uninstall", f"PREFIX={PREFIX}")
    equal(below(PREFIX), {"share/man/man3/stranger.3"}, "what is left")
    equal((PREFIX / "include/await").exists(), False, "that there is a folder for headers")


@test("with DESTDIR it is all below that, and nothing in it knows")
def _():
    root = scratch() / "root"
    # GNU's name of the prefix does as well.
    make("install", "prefix=/opt/await", f"DESTDIR={root}")
    equal({name.split("/")[:2] == ["opt", "await"] for name in below(root)}, {True}, "the paths")
    match("(?m)^prefix=/opt/await$", (root / "opt/await/lib/pkgconfig/await.pc").read_text())
    done = subprocess.run(["grep", "-rlF", str(root), root], stdout=subprocess.PIPE, check=False)
    equal(done.stdout, b"", "the list of files that name DESTDIR")
    make("uninstall", "PREFIX=/opt/await", f"DESTDIR={root}")
    equal(below(root), set(), "what is left")


main()
