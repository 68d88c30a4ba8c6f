# SPDX-License-Identifier: MIT
"""The tasks of a program that uses libawait, in gdb:

    (gdb) source PREFIX/share/await/gdb.py
    (gdb) info aw-tasks
    (gdb) aw-backtrace NAME

The first lists the tasks of the selected thread, parents before children: name, state, age of its
last await, and how much of its stack is in use while it waits. The second shows where one waits, by
its frames; of several with that name, all. The library must have its debugging symbols. A core file
will do for the list, the frames need a live process, whose registers are put back afterwards.
"""

import gdb

STATES = ("ready", "running", "waiting", "done, not joined")


def text(pointer):
    return pointer.string(errors="replace") if int(pointer) else ""


def tasks(first, depth=0):
    """Of a list of siblings: each task and its depth, and then its children."""
    while int(first):
        yield first, depth
        yield from tasks(first["children"]["first"], depth + 1)
        first = first["siblings"]["next"]


def all_tasks():
    try:
        roots = gdb.parse_and_eval("aw_scheduler.roots.first")
    except gdb.error as error:
        raise gdb.GdbError(f"libawait's tasks cannot be seen: {error}. Is the library loaded, with its "
                           "debugging symbols, and has the process begun?") from error
    return tasks(roots)


def is_suspended(task):
    """Not before its first turn, nor after its last."""
    return str(task["coro"]["state"]) == "STARTED"


def in_use(task):
    """Bytes of the stack from its top to where the task was suspended."""
    coro = task["coro"]
    top = int(coro["stack"]["low"]) + int(coro["pool"]["usable"]) - int(coro["stack"]["colour"])
    return top - int(coro["context"])


def describe(task):
    state = STATES[int(task["state"])]
    if state in ("ready", "waiting") and is_suspended(task):
        state += f", stack {in_use(task)} bytes"
    site = text(task["here"]["site"])
    return f"{text(task['name'].address.cast(CHARS()))} ({state})" + (f" at {site}" if site else "")


def CHARS():
    return gdb.lookup_type("char").pointer()


class InfoTasks(gdb.Command):
    """The tasks of libawait in the selected thread: info aw-tasks"""

    def __init__(self):
        super().__init__("info aw-tasks", gdb.COMMAND_STATUS)

    def invoke(self, argument, from_tty):
        count = 0
        for task, depth in all_tasks():
            print("  " * depth + describe(task))
            count += 1
        if not count:
            print("No tasks in this thread.")


class Backtrace(gdb.Command):
    """Where a task that is suspended waits: aw-backtrace NAME"""

    def __init__(self):
        super().__init__("aw-backtrace", gdb.COMMAND_STACK)

    def invoke(self, argument, from_tty):
        found = [task for task, _ in all_tasks()
                 if text(task["name"].address.cast(CHARS())) == argument]
        if not found:
            raise gdb.GdbError(f"there is no task '{argument}': see info aw-tasks")
        for task in found:
            print(describe(task))
            if int(task["state"]) == 1:
                print("It runs: see backtrace.")
            elif is_suspended(task):
                self.show(int(task["coro"]["context"]))

    @staticmethod
    def show(context):
        gdb.execute("frame 0", to_string=True)
        saved = [(name, gdb.parse_and_eval(f"(unsigned long){name}")) for name in ("$sp", "$pc")]
        try:
            gdb.execute(f"set $sp = {context}")
            gdb.execute("set $pc = (unsigned long)&aw_coro_switch_saved")
            gdb.execute("backtrace")
        finally:
            for name, value in saved:
                gdb.execute(f"set {name} = {int(value)}")


InfoTasks()
Backtrace()
