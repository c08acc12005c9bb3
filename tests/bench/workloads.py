# SPDX-License-Identifier: Apache-2.0
"""The programs to profile: the oracle's, of which it is known what can be on their stacks, and those of the bench."""

import contextlib
import dataclasses
import mmap
import os
import pathlib
import signal
import subprocess
import time

import launch
from places import started
from testbed import ends_with_us

READY_SECONDS = 20
COUNTER_BYTES = 8 * 512


@dataclasses.dataclass(frozen=True)
class Workload:
    name: str
    script: str  # under tests/
    arguments: tuple = ()
    known: launch.Workload = None  # the oracle's


def of_oracle(name, known):
    words = [word for pair in known.arguments for word in pair.split()]
    return Workload(name, "oracle/workloads/" + known.script, (*words, "--seconds", "1e9"), known)


def crowd(busy, idle):
    name = "%d thread%s" % (busy + idle, "s" if busy + idle > 1 else "")
    return Workload(name, "bench/targets/crowd.py", ("0", str(busy), str(idle)))


LENGTHS, PARTS = ("2us", "20us", "200us", "2ms"), (9, 3, 1)

STEADY = {depth: of_oracle("steady %d" % depth, launch.BY_NAME["depth %d" % depth]) for depth in (10, 100, 1000)}
CHURN = of_oracle("churn", launch.BY_NAME["call churn"])
GENERATORS, COROUTINES, EXCEPTIONS = (of_oracle(name, launch.BY_NAME[name])
                                      for name in ("generators", "coroutines", "exceptions"))
CODE = of_oracle("code churn", launch.BY_NAME["code made and freed"])
LEAVES = of_oracle("leaves", launch.BY_NAME["lengths of 2 us to 2 ms"])
CROWDS = (crowd(1, 0), crowd(16, 0), crowd(1, 100))
PROCESSES = Workload("16 processes", "bench/targets/processes.py", ("0", "16"))
SLEEPERS = Workload("1000 sleeping threads", "bench/targets/naps.py", ("0", "1000", "0"))
NAPPERS = Workload("20 napping threads", "bench/targets/naps.py", ("0", "0", "20"))
PHASES = Workload("phases", "targets/phases.py")
PHASE_SECONDS, PHASE_COUNT = 0.002, 2000


class Target:
    """A workload, running in @place. A context manager that begins when it is ready."""

    def __init__(self, workload, place):
        self.workload = workload
        self.place = place
        self.truth = launch.describe(workload.known, place) if workload.known else {}

    def __enter__(self):
        name = "counter-%d" % time.monotonic_ns()
        self.counter_file = self.place.scratch / name
        self.counter_file.write_bytes(bytes(COUNTER_BYTES))
        with open(self.counter_file, "r+b") as file:
            self.counters = memoryview(mmap.mmap(file.fileno(), COUNTER_BYTES)).cast("Q")
        python = self.place.python + [self.place.target(self.workload.script)] + list(self.workload.arguments)
        self.process = subprocess.Popen(
            ends_with_us("KILL") + self.place.command(python), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, cwd="/",
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

    def work(self):
        return sum(self.counters)

    def cpu(self):
        """Seconds of CPU time of its main thread so far."""
        return int(pathlib.Path("/proc/%d/schedstat" % self.pid).read_text().split()[0]) / 1e9
