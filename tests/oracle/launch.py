# SPDX-License-Identifier: Apache-2.0
"""The workloads with their arguments, and how one of them is run beside a profiler."""

import contextlib
import json
import os
import pathlib
import signal
import subprocess
import time
from typing import NamedTuple

from places import started
from testbed import Unavailable, ends_with_us

END_SECONDS = 60
JOIN = 'echo $$ >"$0/cgroup.procs" && exec "$@"'
QUOTA_PERIOD_US = 100000


class Workload(NamedTuple):
    name: str
    script: str
    arguments: tuple = ()
    quota: int = 0  # per cent of one CPU that its cgroup may take; 0: no limit
    family: bool = False  # children belong to the work

    def command(self, python, script, *more):
        return [*python, script, *(word for pair in self.arguments for word in pair.split()), *more]


def bursts(busy, pause):
    return Workload("bursts of %g ms, pauses of %g" % (busy, pause), "bursts.py", ("--busy %g" % busy, "--pause %g" % pause))


CATALOGUE = [
    bursts(1, 99),  # duty cycles of 1, 5, 33, 50 and 100 %
    bursts(1, 19),
    bursts(1, 2),
    bursts(2, 6),
    bursts(5, 5),
    bursts(100, 0),
    bursts(0.1, 0.2),
    bursts(100, 100),
    Workload("in step with 10 ms", "bursts.py", ("--busy 3", "--pause 7", "--regular")),
    Workload("bias of 1 and 30 ms", "bias.py"),
    Workload("bias of 0.1 and 3 ms", "bias.py", ("--short 0.1", "--long 3")),
    Workload("bias of 2 and 60 ms", "bias.py", ("--short 2", "--long 60", "--pause 8")),
    *(Workload("threads of %g ms" % life, "lives.py", ("--life %g" % life,)) for life in (0.2, 1, 5, 50)),
    Workload("20 threads of 5 ms at a time", "lives.py", ("--life 5", "--together 20")),
    *(Workload("%d busy threads" % busy, "crowd.py", ("--busy %d" % busy,)) for busy in (1, 2, 4, 16, 300)),
    Workload("1 busy thread, 100 idle", "crowd.py", ("--busy 1", "--idle 100")),
    Workload("6 busy threads, 1 that naps", "crowd.py", ("--busy 6", "--napping 1")),
    Workload("4 threads without a GIL", "crowd.py", ("--busy 4", "--free")),
    *(Workload("children of %g ms" % life, "children.py", ("--life %g" % life,), family=True) for life in (5, 20, 50)),
    Workload("4 children of 20 ms at a time", "children.py", ("--together 4",), family=True),
    Workload("interpreters of 50 ms", "children.py", ("--life 50", "--exec"), family=True),
    Workload("30 % of a CPU", "bias.py", ("--pause 0",), quota=30),
    Workload("30 % of a CPU, 4 threads", "crowd.py", ("--busy 4",), quota=30),
    Workload("ThreadingHTTPServer", "webserver.py"),
    Workload("pool of 8", "pool.py"),
    Workload("pool of 150, 50 at a lock", "pool.py", ("--workers 150", "--lockers 50")),
    Workload("call churn", "calls.py"),
    Workload("coroutines", "async_chains.py"),
    Workload("generators", "generator_turns.py"),
    Workload("exceptions", "exceptions.py"),
    Workload("code made and freed", "codes.py"),
    Workload("lengths of 2 us to 2 ms", "lengths.py"),
    *(Workload("depth %d" % depth, "deep.py", ("--depth %d" % depth,)) for depth in (10, 100, 1000)),
    Workload("native code and a native thread", "native.py"),
]
BY_NAME = {workload.name: workload for workload in CATALOGUE}


def script(workload, place):
    return place.target("oracle/workloads/" + workload.script)


def describe(workload, place):
    """What is known of a workload without its run: see ledger.py."""
    command = place.command(workload.command(place.python, script(workload, place), "--describe"))
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=place.environment, cwd="/")
    return json.loads(done.stdout)


@contextlib.contextmanager
def limited(quota):
    """A cgroup that may take @quota per cent of one CPU."""
    for mount, limit in (("/sys/fs/cgroup/cpu", lambda group: (group / "cpu.cfs_quota_us", "%d")),
                         ("/sys/fs/cgroup", lambda group: (group / "cpu.max", "%%d %d" % QUOTA_PERIOD_US))):
        group = pathlib.Path(mount, "podflame-oracle-%d-%d" % (os.getpid(), time.monotonic_ns()))
        try:
            group.mkdir()
        except OSError:
            continue
        try:
            file, text = limit(group)
            file.write_text(text % (quota * QUOTA_PERIOD_US // 100))
            yield group
            return
        except OSError as error:
            raise Unavailable("no CPU quota can be set: %s" % error) from error
        finally:
            remove(group)
    raise Unavailable("no cgroup hierarchy for CPU quotas is writable here")


def leave(group, pid):
    """Puts a process back into the cgroup above."""
    (group.parent / "cgroup.procs").write_text(str(pid))


def remove(group):
    """Its processes may take a moment to leave it."""
    for _ in range(200):
        with contextlib.suppress(OSError):
            group.rmdir()
            return
        time.sleep(0.05)


class Target:
    """A workload behind its gate, in a place (see places.py): a context manager that begins when it is ready.

    begin(); wait(); and, once no profiler looks any more, truth(). It works for @seconds,
    or longer until it has had @cpu seconds of CPU time.
    """

    def __init__(self, workload, place, seconds, cpu=0):
        self.workload = workload
        self.place = place
        self.seconds, self.cpu = seconds, cpu

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            self.name = "truth-%d.json" % time.monotonic_ns()
            command = self.place.command(self.workload.command(
                self.place.python, script(self.workload, self.place), "--gate", "--seconds",
                str(self.seconds), "--cpu", str(self.cpu), "--truth", self.place.output(self.name)))
            if self.workload.quota:
                command = ["sh", "-c", JOIN, str(stack.enter_context(limited(self.workload.quota))), *command]
            command = ends_with_us("KILL") + command
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd="/",
                                            env=self.place.environment, start_new_session=True)
            stack.callback(self.stop)
            started(self.process)
            self.pid = self.process.pid
            self.expect("ready")
            self.stack = stack.pop_all()
        return self

    def __exit__(self, *_):
        self.stack.close()

    def stop(self):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            with contextlib.suppress(OSError):
                pipe.close()

    def expect(self, word):
        line = self.process.stdout.readline().decode().strip()
        if line != word:
            raise RuntimeError("%s has ended before it was %s" % (self.workload.name, word))

    def begin(self):
        self.process.stdin.write(b"\n")
        self.process.stdin.flush()

    def wait(self):
        """Until the work is done."""
        self.expect("done")

    def truth(self):
        self.process.stdin.close()
        self.process.wait(END_SECONDS)
        return json.loads((self.place.scratch / self.name).read_text())
