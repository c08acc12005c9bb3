#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Children that live for a moment: births.py --children N --life MS --kind KIND [--together N] [--gate].

Each takes LIFE ms of CPU time and ends. KIND: fork (a copy of this process), python (an
interpreter of its own), program (one that is not Python), grandchild (a child whose child works),
daemon (one that is not waited for: fork, setsid, fork), unwaited (the kernel throws its status away).
At its end it prints the CPU seconds of all of them, as far as the kernel tells them to it, and as they tell themselves.
"""
import argparse
import os
import resource
import signal
import subprocess
import sys
import time

parser = argparse.ArgumentParser()
parser.add_argument("--children", type=int, default=100)
parser.add_argument("--life", type=float, default=20)
parser.add_argument("--together", type=int, default=1)
parser.add_argument("--kind", default="fork")
parser.add_argument("--gate", action="store_true")
options = parser.parse_args()
LIFE = options.life / 1000
told_read, told_write = os.pipe()
started = []


def work():
    while time.process_time() < LIFE:
        pass


def tell():
    """What a process has used, told by itself: a number of nanoseconds in 16 bytes."""
    os.write(told_write, b"%15d\n" % time.process_time_ns())


def begin_fork(then=work):
    pid = os.fork()
    if pid == 0:
        then()
        tell()
        os._exit(0)
    return pid


def grandchild():
    begin_fork()
    os.wait()


def daemon():
    os.setsid()
    begin_fork()


def begin_python():
    return subprocess.Popen([sys.executable, "-I", "-S", "-c", "import time\nend = %r\n"
                             "while time.process_time() < end: pass" % LIFE]).pid


def begin_program():
    return subprocess.Popen(["/bin/sh", "-c", "i=0; while [ $i -lt %d ]; do i=$((i+1)); done" % (options.life * 250)]).pid


KINDS = {"fork": begin_fork, "python": begin_python, "program": begin_program, "unwaited": begin_fork,
         "grandchild": lambda: begin_fork(grandchild), "daemon": lambda: begin_fork(daemon)}


def wait():
    if options.kind == "unwaited":
        while True:  # for all of them, and none is told of
            try:
                os.wait()
            except ChildProcessError:
                return
    os.wait()


def used(who):
    usage = resource.getrusage(who)
    return usage.ru_utime + usage.ru_stime


if options.gate:
    print("ready", flush=True)
    sys.stdin.readline()
before = used(resource.RUSAGE_SELF) if options.gate else 0
if options.kind == "unwaited":
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
for i in range(options.children):
    KINDS[options.kind]()
    if i % options.together == options.together - 1 or i == options.children - 1:
        for _ in range(i % options.together + 1):
            wait()
os.close(told_write)
told = 0
while word := os.read(told_read, 16):
    told += int(word)
print("%.6f %.6f %.6f" % (used(resource.RUSAGE_SELF) - before, used(resource.RUSAGE_CHILDREN), told / 1e9), flush=True)
if options.gate:
    sys.stdin.read()
os._exit(0)  # what follows is in nobody's sum: an interpreter's end takes 10 to 100 ms on a crowded machine
