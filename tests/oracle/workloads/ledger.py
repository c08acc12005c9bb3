# SPDX-License-Identifier: Apache-2.0
"""What every workload of the oracle does: it waits for the word, works, and keeps the books.

A workload is called as `python NAME.py [--seconds S] [--truth FILE] [--gate] [...]`.
With --gate it says "ready" and sleeps until a line comes on its standard input, works,
says "done" and sleeps until its standard input is at its end. So a profiler that is
started before the line and ended after "done" has seen all of the work and nothing
else: what it is asked for does not depend on when exactly it began. Without --gate it
works at once. At its end it writes the truth to FILE, or prints it.

The truth is JSON:
    workload, arguments, python, seconds (of work, by the clock)
    cpu_ns        CPU time of the process for the work, threads that have ended included,
                  and of those of its children that belong to the work
    processes     CPU time of each process, by PID; the parent's is there as well
    threads       CPU time of threads by name, of those that said so at their end
    functions     for each function that keeps books: cpu_ns, wall_ns, calls; no two of
                  them are on a stack at the same time
    native_ns     CPU time of threads that Python knows nothing of
    proportions   groups of functions whose CPU times are in a known proportion by construction
    grammar       which stacks there can be: for the functions of the workload's own files,
                  their callers; where stacks can begin; the depth of functions that always have the same

CPU times are the kernel's own clocks of threads and processes (clock_gettime: the
scheduler's nanoseconds, no counting of ticks). Workloads are for Python 3.8 and later and
need the standard library only.
"""
import argparse
import json
import os
import random
import resource
import sys
import tempfile
import threading
import time
from itertools import repeat

# What workloads have in common with the targets of other tests.
sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../targets"))

WORKLOAD = os.path.basename(sys.argv[0])[:-3]
entries = []  # (function, CPU ns, wall ns): one for each call; append is atomic
ended = []  # (name of a thread, CPU ns)
children = {}  # CPU ns by PID
options = None
end = last = 0.0  # of the work, and at the latest, CLOCK_MONOTONIC
before = 0  # CPU ns before the work
PATIENCE = 5


def parse(**defaults):
    """Reads the command line; @defaults are the workload's own options. Returns all of them."""
    global options
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=10, help="how long it works")
    parser.add_argument("--cpu", type=float, default=0,
                        help="works longer, up to five times, until it has had so many seconds of CPU time")
    parser.add_argument("--truth", metavar="FILE", help="where to write the truth (standard output)")
    parser.add_argument("--gate", action="store_true", help="wait for a line before the work, and for the end after it")
    parser.add_argument("--describe", action="store_true", help="write what is known beforehand, and do not work")
    for name, value in defaults.items():
        if value is False:
            parser.add_argument("--" + name, action="store_true")
        else:
            parser.add_argument("--" + name, type=type(value), default=value)
    options = parser.parse_args()
    return options


# ---- work ----------------------------------------------------------------------


def running():
    now = time.monotonic()
    return now < end or now < last and cpu_ns() - before < options.cpu * 1e9


def cpu_ns():
    """CPU time so far, of children that have ended as well."""
    return time.process_time_ns() + children_ns()


def children_ns():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return round((usage.ru_utime + usage.ru_stime) * 1e9)


def open_book(name):
    """Returns what closes it: what this thread does in between is @name's."""
    wall, begin = time.monotonic_ns(), time.thread_time_ns()

    def book():
        entries.append((name, time.thread_time_ns() - begin, time.monotonic_ns() - wall))
    return book


def burn(name, seconds):
    """Takes @seconds of this thread's CPU time, in the books as @name's."""
    book = open_book(name)
    last = time.thread_time_ns() + int(seconds * 1e9)
    while time.thread_time_ns() < last:
        for _ in repeat(None, 20):
            pass
    book()


def turn(name, turns):
    """Turns a loop @turns times, in the books as @name's; no system call is in it."""
    book = open_book(name)
    x = 0
    for _ in repeat(None, turns):
        x = (x * 5 + 1) & 1023
    book()


def rest(name, seconds):
    """Sleeps, in the books as @name's."""
    book = open_book(name)
    time.sleep(seconds)
    book()


def about(seconds):
    """That long on average: nothing is in step with a sampler's clock."""
    return seconds * random.uniform(0.5, 1.5)


def leave():
    """The last that a thread says: how much CPU time it has had."""
    ended.append((threading.current_thread().name, time.thread_time_ns()))


def fork(function):
    """A child that calls function() and keeps books too; returns its PID. To be waited for by wait()."""
    pid = os.fork()
    if pid:
        return pid
    del entries[:]
    try:
        function()
        totals = []
        for name, book in balance().items():  # no comprehension: before 3.12 it is a function of its own
            totals.append([name, book["cpu_ns"], book["wall_ns"], book["calls"]])
        os.write(books.fileno(), (json.dumps(totals) + "\n").encode())
    finally:
        os._exit(0)


def wait(pid=0):
    """Waits for a child's end; returns its PID."""
    pid, _, usage = os.wait4(pid or -1, 0)
    children[pid] = round((usage.ru_utime + usage.ru_stime) * 1e9)
    return pid


# ---- books ---------------------------------------------------------------------

books = tempfile.TemporaryFile("a+b")  # of children; each appends a line


def balance():
    totals = {}
    for name, cpu, wall, *calls in entries:
        book = totals.setdefault(name, {"cpu_ns": 0, "wall_ns": 0, "calls": 0})
        book["cpu_ns"] += cpu
        book["wall_ns"] += wall
        book["calls"] += calls[0] if calls else 1
    return totals


def collect():
    """Takes over what children have left."""
    books.seek(0)
    for line in books:
        entries.extend(map(tuple, json.loads(line)))


def by_name(pairs):
    totals = {}
    for name, cpu in pairs:
        totals[name] = totals.get(name, 0) + cpu
    return totals


def say(word):
    sys.stdout.write(word + "\n")
    sys.stdout.flush()


CALLERS = {"main": ["<module>"], "work_and_count": ["main"], "collect": ["work_and_count"],
           "balance": ["work_and_count", "fork"], "say": ["main"], "by_name": ["main"], "write": ["main"],
           "open_book": ["burn", "turn", "rest"], "book": ["burn", "turn", "rest"],
           "cpu_ns": ["running", "work_and_count"], "children_ns": ["cpu_ns", "work_and_count"]}


def work_and_count(work):
    """Works; returns what is known of it."""
    global end, last, before
    began, before, theirs = time.monotonic(), cpu_ns(), children_ns()
    end, last = began + options.seconds, began + PATIENCE * options.seconds
    work()
    collect()
    functions = balance()
    total, theirs = cpu_ns() - before, children_ns() - theirs
    return {"seconds": time.monotonic() - began, "cpu_ns": total, "functions": functions,
            "processes": {str(os.getpid()): total - theirs}}


def main(work, callers, roots=("<module>",), proportions=(), depths=None, native=lambda: 0, more=dict, files=()):
    """Runs work() between the word to begin and the end.

    @callers: the names of the workload's functions, and of those above that it calls, each
    with those of its callers. @roots: where stacks can begin. @depths: functions that always
    stand at the same depth, 1 being the outermost. @native: CPU time of threads without
    Python, in ns. @more: what else --describe finds out, by working a little. @files: others that have functions of it.
    """
    callers = dict(CALLERS, work=["work_and_count"], **callers)
    truth = {"workload": WORKLOAD, "arguments": sys.argv[1:], "python": "%d.%d.%d" % sys.version_info[:3],
             "proportions": list(proportions),
             "grammar": {"callers": callers, "files": ["ledger.py", os.path.basename(sys.argv[0]), *files],
                         "roots": list(roots), "depths": depths or {}}}
    if options.describe:
        return write(dict(truth, **more()))
    say("ready")
    if options.gate:
        os.read(0, 1)
    truth.update(work_and_count(work))
    say("done")
    if options.gate:
        os.read(0, 1)
    truth["processes"].update(children)
    truth.update(threads=by_name(ended), native_ns=native())
    write(truth)


def write(truth):
    text = json.dumps(truth, indent=1)
    if options.truth:
        with open(options.truth, "w") as file:
            file.write(text + "\n")
    else:
        say(text)
