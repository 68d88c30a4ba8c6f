#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Tests of the tests' own tools: tests/run, await.py, borders.py and others. Prints TAP."""

import importlib.machinery
import importlib.util
import os
import shlex
import subprocess
import sys
import tempfile
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
RUN = os.path.join(HERE, os.pardir, "run")
analyze = importlib.import_module("analyze")
awaits = importlib.import_module("await")
borders = importlib.import_module("borders")

HEADER = """
#define async
#define await(call) (call)
/* async int in_a_comment(void); */
async int aw_sleep(long duration);
AW_API async __attribute__((nonnull(1))) int aw_join(struct aw_task *task);
int plain(void);
struct ops {
        async int (*receive)(struct ops *ops, int flags);
        int (*aw_sleep)(long duration);
};
"""


def complaints(body, header=HEADER):
    return awaits.check({"a.h": header, "a.c": body})


def an_awaited_call_is_fine():
    assert not complaints("""
        static async int work(void *x)
        {
                struct ops *ops = x;
                const char *text = "aw_sleep(1)"; // aw_sleep(1)

                if (await(aw_sleep(sizeof(int))) == -1 || await(ops->receive(ops, 0)) < 0)
                        return await(aw_join(ops->tasks[plain()]));
                call(aw_sleep, 'a');
                ops[1].aw_sleep(3);
                return await(ops[2].receive(ops, await(aw_sleep(1))));
        }
        """)


def a_call_without_await_is_found():
    for statement in ("aw_sleep(1);", "return aw_sleep(1);", "int x = plain() + aw_sleep(1);",
                      "(void)aw_join(await(aw_sleep(1)));", "ops->receive(ops, 0);",
                      "if (x) aw_sleep(1); else await(aw_sleep(1));"):
        found = complaints("async int f(void)\n{\n" + statement + "\n}\n")
        assert len(found) == 1 and found[0].startswith("a.c:3: "), (statement, found)
        assert "not awaited" in found[0], found


def an_await_of_something_else_is_found():
    for argument in ("plain()", "1", "aw_sleep", "aw_sleep(1) == 0", "(aw_sleep(1))", "x + plain()"):
        found = complaints("async int f(void)\n{\n return await(" + argument + ");\n}\n")
        assert any("not a call of an async function" in line for line in found), (argument, found)


def the_other_names_of_the_keywords_mean_the_same():
    assert complaints("aw_async int f(void)\n{\n return aw_await(aw_sleep(1));\n}\n") == []
    found = complaints("int f(void)\n{\n return aw_await(aw_sleep(1));\n}\n")
    assert found == ["a.c:3: f() awaits and is not marked async"], found


def a_function_that_awaits_must_be_async():
    found = complaints("int f(void)\n{\n return await(aw_sleep(1));\n}\n")
    assert found == ["a.c:3: f() awaits and is not marked async"], found


def a_definition_must_be_marked_like_its_declaration():
    found = complaints("int\naw_sleep(long d)\n{\n return d > 0;\n}\n")
    assert found == ["a.c:2: aw_sleep() is async elsewhere and not marked here"], found


def only_the_library_calls_the_primitive_without_await():
    body = "async int f(void)\n{\n return aw_wait_in(x, y, z);\n}\n"
    assert not awaits.check({"common/a.c": body})
    assert awaits.check({"client/a.c": body}) == ["client/a.c:3: aw_wait_in() is async, and not awaited"]
    assert not awaits.check({"client/a.c": body.replace("aw_wait_in(x, y, z)", "await(aw_wait_in(x, y, z))")})


def a_static_mark_holds_for_its_file_only():
    first = "static async int f(void)\n{\n return await(aw_sleep(1));\n}\n"
    second = "static int f(void)\n{\n return 0;\n}\nint g(void)\n{\n return f();\n}\n"
    assert not awaits.check({"a.h": HEADER, "a.c": first, "b.c": second})
    assert complaints(first + "async int g(void)\n{\n return f();\n}\n")


def a_brace_that_is_not_closed_is_found():
    assert "not closed" in complaints("int f(void)\n{\n#if A\n if (a) {\n#else\n {\n#endif\n }\n}\n")[0]


# A small tree without a fault: two rooms, a public header of each, and a program.
TREE = {
    "common/await/log.h": "AW_API void aw_log(void);\n",
    "common/await/loop.h": '#include "log.h"\nAW_API int aw_loop_now(void);\n',
    "common/await/all.h": '#include "log.h"\n#include "loop.h"\n',
    "common/base/log.c": '#include "await/log.h"\n#include "base/utf8.h"\nvoid\naw_log(void)\n{\n}\n'
                         "bool\naw_utf8(void)\n{\n return true;\n}\n",
    "common/base/utf8.h": "bool aw_utf8(void);\nstatic inline void\nutf8_skip(void)\n{\n}\n",
    "common/loop/loop.c": '#include "await/loop.h"\n#include "loop/private.h"\n#include "base/utf8.h"\n'
                          "static int (*table[])(void) = {NULL};\n"
                          "int\naw_loop_now(void)\n{\n return aw_loop_clock();\n}\n"
                          "int\naw_loop_clock(void)\n{\n return 0;\n}\n",
    "common/loop/private.h": "typedef int clock_function(void);\nstruct backend {\n int (*open)(void);\n};\n"
                             "extern const struct backend aw_backend;\nint aw_loop_clock(void);\n",
    "common/examples/hello.c": "#include <await/loop.h>\nint\nmain(void)\n{\n}\n",
    "server/main.c": '#include "await/all.h"\n#include "server.h"\nint\nmain(void)\n{\n}\n',
    "server/server.h": "int server_run(void);\n",
    "client/main.c": '#include "await/loop.h"\nint\nmain(void)\n{\n}\n',
    "tests/unit/loop_test.c": '#include "loop/private.h"\nint\nmain(void)\n{\n}\n',
}


def with_files(**changes):
    """The tree with files added or replaced: folder__name_h=text."""
    tree = dict(TREE)
    for name, text in changes.items():
        path, _, ending = name.replace("__", "/").rpartition("_")
        tree[path + "." + ending] = text
    return borders.check(tree)


def borders_are_kept():
    assert not borders.check(TREE), borders.check(TREE)
    assert not with_files(common__loop__socket_c="#include <libwebsockets.h>\n")


def found_once(found, *words):
    assert len(found) == 1 and all(word in found[0] for word in words), (found, words)


def a_border_that_is_crossed_is_found():
    for path, include in (("common/base/log.c", '"await/loop.h"'),
                          ("common/base/new.c", '"await/all.h"'),
                          ("common/coro/coro.c", '"await/loop.h"'),
                          ("common/base/new.c", '"../server/server.h"'),
                          ("common/loop/new.c", '"private.h"'),
                          ("common/new/new.c", '"await/log.h"'),
                          ("common/await/new.h", '"base/utf8.h"'),
                          ("common/loop/new.c", "<uv.h>"),
                          ("common/base/new.c", "<libwebsockets.h>"),
                          ("common/examples/hello.c", "<base/utf8.h>"),
                          ("common/examples/hello.c", '"await/log.h"'),
                          ("server/main.c", '"loop/loop.h"'),
                          ("server/main.c", "<openssl/ssl.h>"), ("client/main.c", "<uv.h>")):
        tree = dict(TREE)
        tree[path] = "/* comment */\n  # include " + include + "\n" + tree.get(path, "")
        found = [line for line in borders.check(tree) if line.startswith(f"{path}:2: ")]
        assert len(found) == 1, (path, include, borders.check(tree))


def a_private_header_is_its_rooms_own():
    found_once(with_files(client__main_c='#include "base/private.h"\n', common__base__private_h="",
                          common__base__new_c='#include "base/private.h"\n'),
               "common/base/private.h:1:", "included by client")
    found_once(with_files(common__loop__heap_h="", common__loop__heap_c='#include "loop/heap.h"\n'),
               "common/loop/heap.h:1:", "call it ..._private.h")
    assert not with_files(common__loop__heap_private_h="", common__loop__heap_c='#include "loop/heap_private.h"\n')


def a_header_declares_what_its_room_defines():
    text = TREE["common/loop/private.h"]
    found_once(with_files(common__loop__private_h=text + "void aw_log(void);\n"),
               "common/loop/private.h:7: aw_log()", "not defined in common/loop/")
    found_once(with_files(common__loop__private_h=text + "void aw_gone(void) __attribute__((noreturn));\n"),
               "aw_gone()", "not defined in common/loop/")


def what_is_public_is_exported_and_the_other_way_round():
    found_once(with_files(common__await__log_h="AW_API void aw_log(void);\nvoid aw_log_say(void);\n",
                          common__base__say_c="void\naw_log_say(void)\n{\n}\n"),
               "common/await/log.h:2: aw_log_say()", "is not AW_API")
    found_once(with_files(common__base__utf8_h="AW_API bool aw_utf8(void);\n"), "in no public header")
    found_once(with_files(common__await__log_h="AW_API void aw_log(void);\nAW_API int aw_none(int x);\n"),
               "aw_none()", "nowhere defined")
    text = "AW_API async int aw_a(int);\nAW_API __thread const char **aw_v;\nint aw_b(void);\n"
    assert borders.exports({"common/await/a.h": text, "common/base/a.h": text}) == {"aw_a", "aw_v"}


def a_name_that_stands_twice_is_found():
    found_once(with_files(common__base__new_c="static void\nstart(void)\n{\n}\n",
                          client__new_c="static void\nstart(int x)\n{\n}\n"),
               "start() is also defined in")
    assert not with_files(common__base__new_c="static void\nstart(void)\n{\n}\n",
                          tests__unit__new_c="static void\nstart(int x)\n{\n}\n")


def a_circle_is_found():
    found = with_files(common__base__a_h='#include "base/b.h"\n', common__base__b_h='#include "base/a.h"\n',
                       common__loop__new_c='#include "base/a.h"\n#include "base/b.h"\n')
    found_once(found, "common/base/a.h -> common/base/b.h -> common/base/a.h")
    assert not borders.check_rooms()
    found_once(borders.check_rooms({"base": "loop", "loop": "base"}), "base may not include loop")


def a_circle_of_calls_is_found():
    upper = "void\nupper_do(void)\n{\n        lower_do();\n}\n"
    lower = "void\nlower_do(void)\n{\n}\n"
    back = "void\nlower_back(struct upper_do *upper_do)\n{\n        upper_do->upper_do = 0;\n}\n"
    assert not with_files(client__upper_c=upper, client__lower_c=lower)
    assert not with_files(client__upper_c=upper, client__lower_c=lower + back.replace("*upper_do", "*it").replace(
        "upper_do->", "it->"))
    lower += "void\nlower_back(void)\n{\n        upper_do();\n}\n"
    found_once(with_files(client__upper_c=upper, client__lower_c=lower),
               "calls itself: lower.c (upper_do) -> upper.c (lower_do) -> lower.c")
    # Where files are two sides of one thing it is none; nor is it from folder to folder.
    assert not with_files(server__upper_c=upper, server__lower_c=lower)
    assert not with_files(client__upper_c=upper, server__lower_c=lower)


def a_foreign_type_in_a_public_header_is_found():
    text = "/* lws_service() */\nAW_API void aw_log(struct lws *wsi, SSL_CTX *tls);\n"
    assert len(with_files(common__await__log_h=text)) == 2


def the_keywords_stay_out_of_public_headers():
    text = TREE["common/await/log.h"]
    found_once(with_files(common__await__log_h=text + "AW_API async void aw_log(void);\n"),
               "common/await/log.h:2: async in a public header")
    assert not with_files(common__await__log_h=text + "/* async */\n#define async aw_async\n")


def a_structure_tells_whose_its_members_are():
    text, mine = TREE["common/await/log.h"], "struct aw_event {\n bool set;\n struct aw_waiters waiters;\n};\n"
    linked = "struct node {\n struct node *next;\n};\n"
    for structure in mine, linked:
        found_once(with_files(common__await__log_h=f"{text}\n/* An event. */\n{structure}"),
                   "common/await/log.h:4: struct ", "does not say that its members are the library's")
        for said in f"{text}\n/* The members are the library's. */\n{structure}", \
                f"/* All is the library's. */\n#ifndef A\n{text}\n{structure}":
            assert not with_files(common__await__log_h=said), said
    assert not with_files(common__await__log_h=text + "struct options {\n const char *name;\n};\n")


def ran(*scripts, options=()):
    """Runs the scripts under tests/run: status, last line, all output."""
    with tempfile.TemporaryDirectory() as directory:
        names = []
        for i, script in enumerate(scripts):
            loop, _, text = script.rpartition("|")
            name = os.path.join(directory, f"{i}.sh")
            with open(name, "w", encoding="utf-8") as file:
                file.write("#!/bin/sh\n" + text)
            os.chmod(name, 0o755)
            names.append(loop + ":" + name if loop else name)
        done = subprocess.run([sys.executable, RUN, *options, *names], capture_output=True,
                              text=True, check=False)
        return done.returncode, done.stdout.splitlines()[-1], done.stdout


def results_are_counted():
    status, last, _ = ran("echo 1..2; echo ok 1 - a; echo ok 2 - b", "echo ok; echo 1..1")
    assert (status, last) == (0, "3 passed, 0 failed")
    status, last, _ = ran("echo 1..2; echo ok 1 - a; echo not ok 2 - b; exit 1")
    assert (status, last) == (1, "1 passed, 1 failed")


def skips_are_counted_and_may_be_forbidden():
    script = "echo 1..3; echo ok 1; echo 'ok 2 - b # SKIP no node'; echo 'not ok 3 # SKIP c'"
    assert ran(script)[:2] == (0, "1 passed, 0 failed, 2 skipped")
    assert ran(script, options=["--strict"])[0] == 1
    assert ran("echo '1..0 # SKIP no npm'", "echo 1..1; echo ok")[:2] == (0, "1 passed, 0 failed, 1 skipped")


def a_few_that_failed_run_once_more_and_are_named():
    # Fails unless it has run before.
    once = "echo 1..1; if test -e $0.ran; then echo ok; else touch $0.ran; echo not ok; exit 1; fi"
    good, bad = "echo 1..1; echo ok", "echo 1..1; echo not ok; exit 1"
    assert ran(once, good)[:2] == (1, "1 passed, 1 failed")
    status, last, shown = ran(once, good, options=["--again", "1"])
    assert (status, last) == (0, "2 passed, 0 failed"), shown
    assert "failed beside others, and passed alone: " in shown and "FAIL" in shown, shown
    status, last, shown = ran(bad, once, good, options=["--again", "2"])
    assert (status, last) == (1, "2 passed, 1 failed"), shown
    assert ran(bad, once, good, options=["--again", "1"])[:2] == (1, "1 passed, 2 failed")


def a_program_that_breaks_off_has_failed():
    for script, problem in (("", "printed no plan"), ("echo 1..2; echo ok 1", "planned 2 tests, ran 1"),
                            ("echo 1..1; echo ok 1; kill -SEGV $$", "killed by signal 11"),
                            ("echo 1..1; echo ok 1; exit 23", "ended with status 23"),
                            ("echo 1..1; echo ok 1; echo Bail out!", "Bail out!")):
        status, last, output = ran(script)
        assert status == 1 and last.endswith("1 failed") and problem in output, output


def a_program_that_hangs_is_killed_with_its_children():
    with tempfile.TemporaryDirectory() as directory:
        fifo = os.path.join(directory, "fifo")
        os.mkfifo(fifo)
        # Both hold the fifo open for writing until they are killed.
        reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
        script = f"exec 9>{fifo}; echo 1..1; echo ok; cat /dev/zero >/dev/null & wait"
        status, last, output = ran(script, options=["--time", "0.5"])
        assert status == 1 and last.endswith("1 failed") and "more than 0.5 s" in output, output
        assert os.read(reader, 1) == b""
        os.close(reader)


def what_a_program_leaves_is_removed():
    script = "cat /dev/zero >/dev/null & echo x >$TMPDIR/file; echo 1..1; echo not ok 1 - $TMPDIR"
    output = ran(script)[2]
    scratch = next(line for line in output.splitlines() if "not ok 1 - " in line).split()[-1]
    assert scratch.startswith("/") and not os.path.exists(scratch), output


def the_loop_is_handed_on():
    assert ran('uv|echo 1..1; [ "$AW_TEST_LOOP" = uv ] && echo ok')[0] == 0


def a_program_runs_under_another_one():
    assert ran('echo 1..1; [ "$WITH" = it ] && echo ok', options=["--under", "env WITH=it"])[0] == 0
    assert ran("echo 1..1; echo ok", options=["-u", "false"])[0] == 1


def hardened(*options):
    """What hardening.py says of a program with a large frame that was compiled so, and its status."""
    source = ('#include <stdio.h>\n#include <string.h>\nint main(int argc, char **argv)\n'
              '{ char large[9000]; memset(large, argc, 9000); strcpy(large, argv[0]); '
              'return printf("%s", large); }\n')
    with tempfile.TemporaryDirectory() as directory:
        program = os.path.join(directory, "program")
        subprocess.run([*shlex.split(os.environ.get("CC", "cc")), "-x", "c", "-O2", "-w", *options,
                        "-o", program, "-"], input=source, text=True, check=True)
        done = subprocess.run([sys.executable, os.path.join(HERE, "hardening.py"), program],
                              capture_output=True, text=True, check=False)
    return done.returncode, [line for line in done.stdout.splitlines() if line.endswith("MISSING")]


def a_program_that_was_built_with_care_passes():
    x86 = ["-fcf-protection=branch"] if os.uname().machine == "x86_64" else []
    assert hardened("-fPIE", "-pie", "-Wl,-z,relro,-z,now", "-fstack-protector-strong",
                    "-fstack-clash-protection", "-U_FORTIFY_SOURCE", "-D_FORTIFY_SOURCE=2", *x86) == (0, [])


def a_program_that_was_built_without_care_is_told_of():
    status, missing = hardened("-fno-PIE", "-no-pie", "-Wl,-z,norelro,-z,lazy,-z,execstack",
                               "-fno-stack-protector", "-fno-stack-clash-protection",
                               "-U_FORTIFY_SOURCE", "-fcf-protection=none" if
                               os.uname().machine == "x86_64" else "-O2")
    assert status == 1
    wanted = 8 if os.uname().machine == "x86_64" else 6
    assert len(missing) == wanted, missing


def what_the_compiler_finds_is_told_even_if_warnings_are_errors():
    twice = "#include <stdlib.h>\nvoid twice(void *data)\n{\n\tfree(data);\n\tfree(data);\n}\n"
    once = twice.replace("\tfree(data);\n", "", 1)
    for source, wanted in (twice, {"double-free"}), (twice + "}", {"error"}), (once, set()):
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "twice.c")
            with open(path, "w", encoding="ascii") as file:
                file.write(source)
            found = analyze.with_gcc(path, ["-Wall", "-Werror"])
            assert {what for _, _, _, _, what in found} == wanted, found
            assert all(name == path for _, name, _, _, _ in found), found


def lines_that_ran_are_counted_by_folder():
    with tempfile.TemporaryDirectory() as directory:
        for name, calls in ("common/a", "f(1)"), ("server/b", "f(0)"), ("client/c", "f(0)"):
            path = os.path.join(directory, name)
            os.makedirs(os.path.dirname(path))
            with open(path + ".c", "w", encoding="ascii") as file:
                file.write("static int\nf(int yes)\n{\nif (yes)\nreturn 1;\nyes++;\nyes++;\nyes++;\n"
                           f"return yes;\n}}\nint\nmain(void)\n{{\nreturn !{calls} && !f(0);\n}}\n")
            subprocess.run(["gcc", "--coverage", "-o", name + ".out", "-c", name + ".c"], cwd=directory,
                           check=True)
            subprocess.run(["gcc", "--coverage", "-o", name, name + ".out"], cwd=directory, check=True)
            subprocess.run([os.path.join(".", name)], cwd=directory, check=False)
        done = subprocess.run([sys.executable, os.path.join(HERE, "coverage.py"), ".", "--missing"],
                              cwd=directory, capture_output=True, text=True, check=False)
        assert done.returncode == 1, done.stdout
        said = done.stdout.splitlines()
        # f(1) leaves four of nine lines out; !f(0) and !f(0) leave out the one for yes.
        assert any("all of common/" in line and "5 of      9" in line for line in said), said
        assert any("all of server/" in line and "8 of      9" in line for line in said), said


def a_line_of_a_corpus_is_what_was_found():
    path = os.path.join(HERE, os.pardir, "fuzz", "run")
    loader = importlib.machinery.SourceFileLoader("fuzz_run", path)
    fuzz = importlib.util.module_from_spec(importlib.util.spec_from_loader("fuzz_run", loader))
    loader.exec_module(fuzz)
    every = bytes(range(256)) + b'\\x41"\\\\'
    assert fuzz.unquoted(fuzz.quoted(every)) == every
    assert "\n" not in fuzz.quoted(every) and fuzz.quoted(every).isascii()


def main():
    tests = [value for name, value in globals().items()
             if callable(value) and name not in ("complaints", "ran", "main", "with_files", "found_once", "hardened")]
    print(f"1..{len(tests)}")
    failed = 0
    for number, test in enumerate(tests, 1):
        try:
            test()
            print(f"ok {number} - {test.__name__}")
        except Exception:
            failed = 1
            print(f"not ok {number} - {test.__name__}")
            print("".join(f"# {line}\n" for line in traceback.format_exc().splitlines()), end="")
    return failed


sys.exit(main())
