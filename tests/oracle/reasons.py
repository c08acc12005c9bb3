#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What threads do that do not run, and what mode wall says of it: a matrix, in seconds.

    reasons.py [--seconds 5] [--rate 200] [--python /usr/bin/python3]

Each row is what threads did, each column what was said. As root: it needs FUSE, cgroups, and real-time priorities.

A thread's reason is known from the function that it is in (tests/targets/wait_kinds.py), or from what was done to its
process. How long it ran, waited for a CPU and was throttled meanwhile is the kernel's account (schedstat, cpu.stat). What was
said of a thread is set against that by the sums: as many seconds as both have of a kind agree.
"""

import argparse
import collections
import concurrent.futures
import contextlib
import os
import pathlib
import re
import signal
import sys
import tempfile
import time

PROJECT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(PROJECT / "tests"), str(PROJECT / "tests/oracle"), str(PROJECT / "tests/e2e")]

import freezers  # noqa: E402
import hostile  # noqa: E402
import launch  # noqa: E402
import readers  # noqa: E402
from grid import padded  # noqa: E402
from program import eventually, podflame  # noqa: E402
from testbed import containers  # noqa: E402

TARGETS = PROJECT / "tests/targets"
KINDS = ["running", "CPU", "throttled", "GIL", "lock", "socket", "pipe", "file", "page", "sleep", "child", "stopped", "frozen"]
UNKNOWN = "unknown"
BY_CHANCE = ("running", "CPU", "throttled")  # their shares are right, and which sample is which is chance
FUNCTIONS = {"sleep": "sleep", "sleep_with_gil": "sleep", "socket_": "socket", "pipe": "pipe", "lock": "lock", "child": "child",
             "file": "file", "page": "page", "gil": "GIL", "nap": "sleep"}
SAID = [(r"\[sleeps\]", "sleep"), (r"\[waits: (GIL|CPU|lock|page|child|pipe|unknown)\]", None), (r"\[(throttled|stopped|frozen)\]", None),
        (r"\[waits: socket 127\.0\.0\.1:\d+\]", "socket"), (r"\[waits: file /.*\]", "file")]
CONTENT_BYTES = 1 << 20


class Subject:
    """A process of which it is known why its threads do not run. @kind: of all of them; None: by their functions."""

    def __init__(self, target, kind=None, group=None):
        self.pid = target.pid
        self.kind = kind
        self.group = group  # a cgroup that has a quota

    def account(self):
        """{thread: (seconds that it ran, seconds that it waited for a CPU or a quota)}, and those that it was throttled."""
        times = {}
        for file in pathlib.Path("/proc/%d/task" % self.pid).glob("*/schedstat"):
            with contextlib.suppress(OSError):
                ran, waited, _ = file.read_text().split()
                times[int(file.parent.name)] = int(ran) / 1e9, int(waited) / 1e9
        return times, throttled_seconds(self.group) if self.group else 0

    def observe(self, seconds, rate):
        """[(known seconds by kind, said seconds by kind)], one for each thread."""
        (begin, throttled), since = self.account(), time.monotonic()
        done = podflame("record", "-p", self.pid, "-m", "wall", "-t", "-d", seconds, "-r", rate)
        assert done.returncode == 0, done.stderr
        (end, throttled_end), elapsed = self.account(), time.monotonic() - since
        found = []
        for tid, (kind, said) in said_by_thread(done.stdout, rate).items():
            share = {"running": (end[tid][0] - begin[tid][0]) / elapsed}
            waited = (end[tid][1] - begin[tid][1]) / elapsed
            share["throttled"] = min(waited, (throttled_end - throttled) / elapsed)
            share["CPU"] = waited - share["throttled"]
            found.append((known_seconds(self.kind or kind, share, sum(said.values())), said))
        return found


def throttled_seconds(group):
    stat = dict(row.split() for row in (group / "cpu.stat").read_text().splitlines())
    return int(stat["throttled_time"]) / 1e9 if "throttled_time" in stat else int(stat["throttled_usec"]) / 1e6


def known_seconds(kind, share, total):
    known = collections.Counter({name: part * total for name, part in share.items()})
    known[kind] += total - sum(known.values())
    return known


def said_of(frame):
    if not readers.is_idle(frame):
        return "running"
    for pattern, kind in SAID:
        match = re.fullmatch(pattern, frame.name)
        if match:
            return kind or match[1]
    return frame.name


def said_by_thread(text, rate):
    """{tid: (the kind that its function tells, "running" if none does; seconds by what was said)}."""
    kinds, said = {}, collections.defaultdict(collections.Counter)
    for frames, count in readers.parse_folded(text):
        tid = int(next(re.search(r" \(tid (\d+)\)$", frame.name) for frame in frames if " (tid " in frame.name)[1])
        said[tid][said_of(frames[-1])] += count / rate
        for frame in frames:
            if frame.file in ("wait_kinds.py", "sleeper.py") and frame.name in FUNCTIONS:
                kinds[tid] = FUNCTIONS[frame.name]
    return {tid: (kinds.get(tid, "running"), seconds) for tid, seconds in said.items()}


# ---- the processes -----------------------------------------------------------------


@contextlib.contextmanager
def subjects(python):
    with contextlib.ExitStack() as stack:
        def target(*words):
            return stack.enter_context(containers.Host([python, *words], TARGETS))

        content = stack.enter_context(tempfile.NamedTemporaryFile())
        content.write(bytes(CONTENT_BYTES))
        content.flush()
        silent = stack.enter_context(hostile.mounted(content.name, 0, "killable"))
        made = [Subject(target("wait_kinds.py", "0", "calm", silent)), Subject(target("wait_kinds.py", "0", "gil"))]
        rivals = [target("split.py", "0") for _ in range(2)]
        for rival in rivals:
            os.sched_setaffinity(rival.pid, {0})
        made.append(Subject(rivals[0]))
        slow = target("split.py", "0")
        group = stack.enter_context(launch.limited(20))
        (group / "cgroup.procs").write_text(str(slow.pid))
        stack.callback(launch.leave, group, slow.pid)
        made.append(Subject(slow, group=group))
        stopped, frozen = target("sleeper.py", "0"), target("sleeper.py", "0")
        os.kill(stopped.pid, signal.SIGSTOP)
        eventually(lambda: stopped.state() == "T", 10, "it has stopped")
        frozen.wait_until(frozen.sleeps, "sleep")
        stack.enter_context(freezers.frozen(1 if "freezer" in pathlib.Path("/proc/self/cgroup").read_text() else 2, frozen.pid))
        yield made + [Subject(stopped, "stopped"), Subject(frozen, "frozen")]


# ---- the matrix --------------------------------------------------------------------


def confuse(known, said, matrix):
    """Adds a thread to @matrix, {(known, said): seconds}. What does not agree is set against each other in turn."""
    known, said = collections.Counter(known), collections.Counter(said)
    for kind in list(known):
        both = max(0, min(known[kind], said[kind]))
        matrix[kind, kind] += both
        known[kind] -= both
        said[kind] -= both
    for kind in [kind for kind in known if known[kind] > 1e-9]:
        for word in sorted(said, key=said.get, reverse=True):
            part = min(known[kind], said[word])
            if part > 1e-9:
                matrix[kind, word] += part
                known[kind] -= part
                said[word] -= part


def measure(seconds, rate, python="/usr/bin/python3"):
    """{(known, said): seconds}."""
    matrix = collections.Counter()
    with subjects(python) as everybody, concurrent.futures.ThreadPoolExecutor(len(everybody)) as pool:
        for found in pool.map(lambda subject: subject.observe(seconds, rate), everybody):
            for known, said in found:
                confuse(known, said, matrix)
    return matrix


def total(matrix):
    return sum(matrix.values())


def unknown(matrix):
    return sum(seconds for (_, said), seconds in matrix.items() if said == UNKNOWN)


def wrong(matrix, chance=True):
    """Seconds of another kind than is known. @chance: also those of kinds that take turns, whose sums vary by chance."""
    return sum(seconds for (known, said), seconds in matrix.items() if said not in (known, UNKNOWN) and
               (chance or not (known in BY_CHANCE or said in BY_CHANCE)))


def table(matrix):
    columns = [*KINDS, *sorted({said for _, said in matrix} - {*KINDS, UNKNOWN}), UNKNOWN]
    rows = [["known \\ said", *columns, "right, %"]]
    for known in KINDS:
        cells = [matrix[known, said] for said in columns]
        rows.append([known, *("%.2f" % cell if cell else "" for cell in cells),
                     "%.1f" % (100 * matrix[known, known] / sum(cells)) if sum(cells) else "none"])
    return padded(rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--rate", type=int, default=200)
    parser.add_argument("--python", default="/usr/bin/python3", help="the interpreter of the programs, 3.8 or later")
    arguments = parser.parse_args()
    matrix = measure(arguments.seconds, arguments.rate, arguments.python)
    print(table(matrix))
    print("\n%.1f s in all. Wrong: %.2f s, and %.2f %% among what runs, waits for a CPU, or is throttled. Unknown: %.2f %%." % (
        total(matrix), wrong(matrix, chance=False), 100 * (wrong(matrix) - wrong(matrix, chance=False)) / total(matrix),
        100 * unknown(matrix) / total(matrix)))


if __name__ == "__main__":
    main()
