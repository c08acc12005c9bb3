# SPDX-License-Identifier: Apache-2.0
"""Runs a profiler on a target, once, and tells what it cost and what came of it."""

import contextlib
import dataclasses
import os
import pathlib
import re
import shutil
import signal
import subprocess
import time

import peers
import places
import readers
from testbed import Unavailable

GRACE_SECONDS = 4  # to start and to write, before it is interrupted; and once more before it is killed
LOOK_SECONDS = 0.05
HUNG = "did not end"


@dataclasses.dataclass
class Run:
    output: peers.Output
    asked: float  # samples that rate and time call for; see profile() for mode cpu
    began: float  # CLOCK_MONOTONIC at its start
    seconds: float  # of sampling, as far as can be told from outside
    cpu: float  # seconds, user and system, of it and its children
    memory: int  # bytes, resident, at most


class Process:
    """A profiler's process, watched until its end."""

    def __init__(self, tool, command, scratch):
        self.log = scratch / "log"
        self.began = time.monotonic()
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/",
                                            env=tool.place.environment, start_new_session=True)
        places.started(self.process)
        self.memory = 0

    def look(self):
        """Its resident memory at most so far, by the kernel's own high-water mark."""
        with contextlib.suppress(OSError, TypeError):
            status = pathlib.Path("/proc/%d/status" % self.process.pid).read_text()
            self.memory = int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) * 1024

    def wait(self, seconds):
        """Waits for its end, at most so long; returns its resource usage. Interrupts it, then kills it."""
        steps = [(seconds + GRACE_SECONDS, signal.SIGINT), (seconds + 2 * GRACE_SECONDS, signal.SIGKILL)]
        while True:
            pid, _, usage = os.wait4(self.process.pid, os.WNOHANG)
            if pid:
                self.process.returncode = 0  # waited for: Popen must not do it again
                return usage
            self.look()
            if steps and time.monotonic() > self.began + steps[0][0]:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self.process.pid, steps.pop(0)[1])
            time.sleep(LOOK_SECONDS)


def profile(tool, target, seconds, rate, during=lambda: None, **options):
    """Runs @tool for @seconds; Unavailable with its own words if it delivers nothing.

    @during is called once it has started and returns before it ends. A tool of mode
    cpu is asked for samples of the CPU time that the target's main thread uses.
    """
    scratch = tool.place.scratch
    for old in scratch.glob("out*"):
        old.unlink()
    command = tool.command(target, seconds, rate, tool.place.output("out"), **options)
    cpu = target.cpu()
    process = Process(tool, command, scratch)
    during()
    usage = process.wait(seconds)
    wall = time.monotonic() - process.began
    used = usage.ru_utime + usage.ru_stime
    busy = min(1, (target.cpu() - cpu) / wall) if tool.mode == "cpu" else 1
    log = process.log.read_text(errors="replace")
    try:
        output = tool.read(scratch / "out", log, rate)
    except (OSError, ValueError, readers.Unreadable) as error:
        raise Unavailable(peers.complaint(log) if log.strip() else HUNG) from error
    if not output.delivered:
        raise Unavailable(peers.complaint(log))
    if tool.counts or wall > seconds + GRACE_SECONDS:
        seconds = max(seconds, wall - 2 * LOOK_SECONDS)
    return Run(output, rate * seconds * busy, process.began, seconds, used, process.memory)


# How to count system calls; the first that works here. The tracepoint costs least.
COUNTERS = (
    (("perf", "stat", "-e", "raw_syscalls:sys_enter", "-x", ",", "-o"), r"^(\d+),.*raw_syscalls"),
    (("strace", "-f", "-c", "-o"), r"^100\.00\s+\S+\s+\S+\s+(\d+)\s.*total$"),
)


def system_calls(tool, target, seconds, rate):
    """(system calls, samples delivered) of one run."""
    scratch = tool.place.scratch
    for words, total in COUNTERS:
        if not shutil.which(words[0]):
            continue
        for old in [*scratch.glob("out*"), *scratch.glob("calls")]:
            old.unlink()
        command = [*words, str(scratch / "calls"), *tool.command(target, seconds, rate, tool.place.output("out"))]
        process = Process(tool, command, scratch)
        process.wait(seconds)
        counted = re.search(total, (scratch / "calls").read_text(), re.M)
        if counted:
            output = tool.read(scratch / "out", process.log.read_text(errors="replace"), rate)
            return int(counted[1]), output.delivered
    raise Unavailable("neither perf nor strace counts here")
