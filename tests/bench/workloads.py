# SPDX-License-Identifier: Apache-2.0
"""The programs to profile, and what is known of their stacks.

A stack is impossible if it does not begin where every stack of the program begins,
or if in it a function is called by one that never calls it. Frames of the standard
library are not judged; markers that a profiler puts between frames, such as <GC>
or (idle), are left out first.
"""

import contextlib
import dataclasses
import mmap
import os
import pathlib
import re
import signal
import subprocess
import time

from places import DIE_WITH_US, started

READY_SECONDS = 20
COUNTER_BYTES = 8 * 512
MARKERS = {"<GC>", "<native>", "(idle)"}
MADE = re.compile(r"made_\d+")


@dataclasses.dataclass(frozen=True)
class Workload:
    name: str
    script: str  # under tests/
    arguments: tuple = ()
    callers: dict = dataclasses.field(default_factory=dict)  # a function's name to those of its callers
    roots: frozenset = frozenset(["<module>"])
    depth: int = 0  # of every stack, if it is always the same

    def possible(self, stack):
        """@stack: (name, file, line) each, outermost first."""
        frames = [(name.rpartition(".")[2], file) for name, file, _ in stack if name not in MARKERS]
        if not frames or frames[0][0] not in self.roots or self.depth not in (0, len(frames)):
            return False
        for (caller, _), (name, file) in zip(frames, frames[1:]):
            made = MADE.fullmatch(name)
            if made and (caller != "main" or file != name + ".py"):
                return False
            if name in self.callers and caller not in self.callers[name]:
                return False
        return True


def chain(*names):
    return {name: {caller} for caller, name in zip(names, names[1:])}


def steady(depth):
    callers = {"main": {"<module>"}, "down": {"main", "down"}, "leaf": {"down"}}
    return Workload("steady %d" % depth, "bench/targets/steady.py", ("0", str(depth)), callers, depth=depth)


def grammar():
    callers = {"main": {"<module>"}}
    for i in range(16):
        for callee in ((3 * i + 1) % 16, (7 * i + 2) % 16):
            callers.setdefault("f%d" % callee, {"main"}).add("f%d" % i)
    for i in range(16):
        callers.setdefault("f%d" % i, {"main"})
    return Workload("churn", "targets/grammar.py", (), callers)


def crowd(busy, idle):
    callers = {"main": {"<module>"}, "spin": {"main", "run"}, "rest": {"run"}}
    name = "%d thread%s" % (busy + idle, "s" if busy + idle > 1 else "")
    return Workload(name, "bench/targets/crowd.py", ("0", str(busy), str(idle)), callers,
                    frozenset(["<module>", "_bootstrap"]))


LENGTHS, PARTS = ("2us", "20us", "200us", "2ms"), (9, 3, 1)

STEADY = {depth: steady(depth) for depth in (10, 100, 1000)}
CHURN = grammar()
GENERATORS = Workload("generators", "targets/generators.py", (),
                      chain("<module>", "main", "outer", "middle", "inner", "spin"))
COROUTINES = Workload("coroutines", "bench/targets/coroutines.py", (), {
    **chain("_run", "top_a", "middle_a", "inner_a", "spin_a"),
    **chain("_run", "top_b", "middle_b", "inner_b", "spin_b"),
    "sleep": {"inner_a", "inner_b"}, "__sleep0": {"sleep"}})
EXCEPTIONS = Workload("exceptions", "bench/targets/exceptions.py", (), {
    **chain("<module>", "main", "e1", "e2", "e3", "e4", "e5", "e6", "__init__"), "caught": {"main"}})
CODE = Workload("code churn", "targets/churn_code.py")
LEAVES = Workload("leaves", "bench/targets/lengths.py", (), {
    "main": {"<module>"}, **{"leaf_%s_%d" % (length, part): {"main"} for length in LENGTHS for part in PARTS}})
CROWDS = (crowd(1, 0), crowd(16, 0), crowd(1, 100))
PROCESSES = Workload("16 processes", "bench/targets/processes.py", ("0", "16"), chain("<module>", "main", "child"))
PHASES = Workload("phases", "bench/targets/phases.py")
PHASE_SECONDS, PHASE_COUNT = 0.002, 2000


class Target:
    """A workload, running in @place. A context manager that begins when it is ready."""

    def __init__(self, workload, place):
        self.workload = workload
        self.place = place

    def __enter__(self):
        name = "counter-%d" % time.monotonic_ns()
        self.counter_file = self.place.scratch / name
        self.counter_file.write_bytes(bytes(COUNTER_BYTES))
        with open(self.counter_file, "r+b") as file:
            self.counters = memoryview(mmap.mmap(file.fileno(), COUNTER_BYTES)).cast("Q")
        python = self.place.python + [self.place.target(self.workload.script)] + list(self.workload.arguments)
        self.process = subprocess.Popen(
            DIE_WITH_US + self.place.command(python), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, cwd="/",
            env=dict(self.place.environment, BENCH_COUNTER=self.place.output(name)), start_new_session=True)
        started(self.process)
        self.pid = self.process.pid
        os.set_blocking(self.process.stdout.fileno(), False)
        deadline = time.monotonic() + READY_SECONDS
        while b"ready" not in (self.process.stdout.read() or b""):
            if time.monotonic() > deadline or self.process.poll() is not None:
                self.__exit__()
                raise RuntimeError("%s did not start" % self.workload.name)
            time.sleep(0.01)
        return self

    def __exit__(self, *_):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.process.stdout.close()
        self.counter_file.unlink()

    def pids(self):
        """Its own and its children's."""
        children = pathlib.Path("/proc/%d/task/%d/children" % (self.pid, self.pid)).read_text()
        return [self.pid] + [int(word) for word in children.split()]

    def work(self):
        return sum(self.counters)

    def cpu(self):
        """Seconds of CPU time of its main thread so far."""
        return int(pathlib.Path("/proc/%d/schedstat" % self.pid).read_text().split()[0]) / 1e9
