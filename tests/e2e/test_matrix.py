# SPDX-License-Identifier: Apache-2.0
"""The same checks against every Python at hand; table.py prints what became of them at the end.

Of each interpreter all targets are started at once (tests/targets/several.py) and
observed once: recordings of those that work, one in wall mode of those that sleep, a
dump of all. The checks then judge what was seen.
"""

import json
import pathlib
import re
import subprocess

import pytest

import truth
from interpreters import KINDS, ON_HOST, VERSIONS, Case, Interpreter
from program import podflame, record
from testbed import PROJECT, Unavailable, containers, images
from skips import must_skip

TARGETS = PROJECT / "tests/targets"
MINORS = [(2, 6), (2, 7)] + [(3, minor) for minor in range(4, 16)]
BULLSEYE_2_7 = Interpreter("bullseye-2.7", (2, 7), ("python2",), "bullseye")

DEPTH = 900
WORKING_SECONDS, WORKING_RATE = 1.5, 1000
SLEEPING_SECONDS, SLEEPING_RATE = 1, 100
WORKING_MIN = 60  # samples of each target that works
RECORDINGS_MAX = 8  # until all have so many: they share the CPUs with one another and with other tests

# Target: arguments, and the version that it needs.
WORKING = {
    "split.py": ([], (2, 6)),
    "lines.py": ([], (2, 6)),
    "generators.py": ([], (2, 6)),
    "deep.py": ([0, DEPTH], (2, 6)),
    "unicode_names.py": ([], (3, 0)),
    "coroutines.py": ([], (3, 6)),
}
SLEEPING = {
    "sleeper.py": ([], (2, 6)),
    "threads.py": ([0, 1, 2], (2, 6)),
}
ALL = {**SLEEPING, **WORKING}

PROCESS = re.compile(r" \(pid (\d+)\)$")  # ends the name of the frame that stands for a process


def cases():
    """Every Python that is promised and at hand, oldest first."""
    found = [Case(i, "host") for i in ON_HOST if i.version in MINORS] + [Case(BULLSEYE_2_7, KINDS[0]), *VERSIONS]
    found = {str(case): case for case in found}.values()
    return sorted(found, key=lambda case: (case.interpreter.version, str(case)))


CASES = cases()


# ---- what is seen ---------------------------------------------------------------


def children(pid):
    """{script: process id} of several.py's children, as the host sees them."""
    pids = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True).stdout.split()
    words = {int(pid): pathlib.Path("/proc/%s/cmdline" % pid).read_text().split("\0") for pid in pids}
    return {script: pid for pid, words in words.items() for script in ALL if script in words}


def by_script(pids, text):
    """{script: stacks} of a recording of several processes, without the frames that tell these apart."""
    scripts = {str(pid): script for script, pid in pids.items()}
    found = {script: [] for script in pids}
    for frames, count in truth.parse_folded(text):
        [(depth, process)] = [(i, frame.name) for i, frame in enumerate(frames) if PROCESS.search(frame.name)]
        found[scripts[PROCESS.search(process)[1]]].append((frames[depth + 1:], count))
    return found


class Seen:
    """What podflame shows of the targets under an interpreter."""

    def __init__(self, version, target):
        told = re.search(r"^lines (.*)$", target.output(), re.M)[1].split()
        self.lines = [(word.split(":")[0], int(word.split(":")[1])) for word in told]
        self.version = version
        self.pids = children(target.pid)
        self.working = {}
        for _ in range(RECORDINGS_MAX):
            for script, stacks in self.record(WORKING, WORKING_SECONDS, WORKING_RATE).items():
                self.working.setdefault(script, []).extend(stacks)
            if all(truth.total(stacks) >= WORKING_MIN for stacks in self.working.values()):
                break
        self.watch_sleepers()
        done = podflame("dump", "--json", *self.options(ALL))
        assert done.returncode == 0, done.stderr
        self.dump = {process["pid"]: process for process in json.loads(done.stdout)}

    def options(self, scripts):
        return [word for script in scripts if script in self.pids for word in ("-p", self.pids[script])]

    def record(self, scripts, seconds, rate, *options):
        pids = {script: pid for script, pid in self.pids.items() if script in scripts}
        return by_script(pids, record(*self.options(scripts), *options, seconds=seconds, rate=rate))

    def watch_sleepers(self):
        """Where others have the CPUs, a recording ends later than it was to, and stands for all of that time."""
        pids = {script: pid for script, pid in self.pids.items() if script in SLEEPING}
        done = podflame("record", *self.options(SLEEPING), "-m", "wall", "-d", SLEEPING_SECONDS, "-r", SLEEPING_RATE, "-v")
        assert done.returncode == 0, done.stderr
        self.sleeping = by_script(pids, done.stdout)
        self.slept_seconds = float(re.search(r"samples of \d+ process\w* in ([\d.]+) s", done.stderr)[1])

    def stacks(self, script):
        """Of a target that works: enough of them."""
        assert truth.total(self.working[script]) >= WORKING_MIN, self.working[script]
        return self.working[script]

    def paths(self, script):
        """The different paths of a target that works, from <module> on."""
        return {tuple(truth.names(frames)) for frames, _ in self.stacks(script)}

    def threads(self, script):
        """Of the dump: [(name, state, frames root first)]."""
        threads = self.dump[self.pids[script]]["threads"]
        return [(thread["name"], thread["state"], [(frame["function"], frame["line"])
                                                   for frame in reversed(thread["frames"])]) for thread in threads]


def observe(request, case):
    version = case.interpreter.version
    words = [":".join(map(str, [script, *arguments])) for script, (arguments, since) in ALL.items() if version >= since]
    command = [*case.interpreter.command, "several.py", *words]
    try:
        if case.kind == "host":
            target = containers.Host(command, TARGETS)
        elif case.kind == "bare":
            target = containers.Bare(case.interpreter.suite, command, TARGETS)
        else:
            docker = request.getfixturevalue("docker")
            target = containers.Docker(docker, images.docker(docker, case.interpreter.suite), command, TARGETS)
    except Unavailable as e:
        must_skip(str(e))
    with target:
        return Seen(version, target)


@pytest.fixture(scope="module")
def look(request):
    """look(case): what was seen of it; a failure, too, is the same for all checks."""
    seen = {}

    def look(case):
        if case not in seen:
            try:
                seen[case] = observe(request, case)
            except (Exception, pytest.skip.Exception, pytest.fail.Exception) as e:
                seen[case] = e
        if isinstance(seen[case], BaseException):
            raise seen[case]
        return seen[case]
    return look


# ---- the checks -------------------------------------------------------------------


def busy(seen):
    truth.assert_shares(truth.leaves(seen.stacks("split.py")), truth.SPLIT, of_all=0.9)


def sleeping(seen):
    stacks = seen.sleeping["sleeper.py"]
    assert {tuple(truth.names(frames)) for frames, _ in stacks} == {("<module>", "main", "nap", "[sleeps]")}
    assert truth.total(stacks) == pytest.approx(seen.slept_seconds * SLEEPING_RATE, rel=0.2)  # a tenth of a second is the least that it says


def threads(seen):
    found = {name: (state, [function for function, _ in frames]) for name, state, frames in seen.threads("threads.py")}
    assert len(seen.threads("threads.py")) == 4
    for name, place in {"busy-0": "spin", "idle-0": "rest", "idle-1": "rest"}.items():
        state, path = found.pop(name)
        # Python 2 waits by looking again and again.
        rests = state == "sleeping" or place == "spin" or seen.version < (3, 0)
        assert place in path and rests, (name, state, path)
    [(state, path)] = found.values()
    assert path == ["<module>", "main", "wait"]
    counts = truth.Counter()
    for frames, count in seen.sleeping["threads.py"]:
        counts.update({place: count for place in ("spin", "rest", "main") if place in truth.names(frames)})
    for place, number in {"spin": 1, "rest": 2, "main": 1}.items():
        # On a crowded machine the thread that spins is told from one that waits for a CPU a little late.
        assert counts[place] == pytest.approx(number * seen.slept_seconds * SLEEPING_RATE, rel=0.25), counts


def unicode(seen):
    assert seen.paths("unicode_names.py") == {("<module>", "main", "größe", "вес", "𐍅𐌰𐌹𐌷𐍄")}


def deep(seen):
    assert seen.paths("deep.py") == {("<module>", "main") + DEPTH * ("down",) + ("leaf",)}


MOSTLY = 0.7


def assert_chain(seen, script, chain):
    """Nothing but @chain, or its beginning, from its first function on; mostly all of it, by chance less 1 in 30 000 times."""
    total, whole = truth.total(seen.stacks(script)), 0
    for frames, count in seen.stacks(script):
        path = truth.names(frames, chain[0])
        own = [name for name in path if name in chain]
        assert own == chain[:len(own)], path
        whole += count if path == chain else 0
    assert whole > MOSTLY * total - 4 * (total * MOSTLY * (1 - MOSTLY)) ** 0.5


def generators(seen):
    assert_chain(seen, "generators.py", ["main", "outer", "middle", "inner", "spin"])


def coroutines(seen):
    assert_chain(seen, "coroutines.py", ["outer", "middle", "ticks", "inner", "spin"])


def lines(seen):
    source = (TARGETS / "lines.py").read_text().splitlines()
    if seen.version >= (3, 8):
        assert all(source[line - 1].rpartition("# ")[2] == "calls" for _, line in seen.lines), seen.lines
    for frames, _ in seen.stacks("lines.py"):
        assert [(frame.name, frame.line) for frame in frames[:-1]] == seen.lines
        assert frames[-1].name == "leaf" and "end:" in source[frames[-1].line - 1] + source[frames[-1].line - 2]


def dump(seen):
    pid = seen.pids["sleeper.py"]
    process = seen.dump[pid]
    assert re.fullmatch(r"%d\.%d(\.\d+.*)?" % seen.version, process["python"])
    [thread] = process["threads"]
    assert thread["tid"] == pid and thread["state"] == "sleeping" and not thread["truncated"]
    source = (TARGETS / "sleeper.py").read_text().splitlines()
    places = [(frame["function"], source[frame["line"] - 1].strip()) for frame in reversed(thread["frames"])]
    assert places == [("<module>", "main()"), ("main", "nap(seconds or 1000000)"), ("nap", "time.sleep(seconds)")]
    [(_, _, frames)] = seen.threads("lines.py")
    assert frames[:-1] == seen.lines and frames[-1][0] == "leaf"


# Check: what judges, the version that it needs, and why.
CHECKS = {
    "busy": (busy, (2, 6), ""),
    "sleeping": (sleeping, (2, 6), ""),
    "threads": (threads, (2, 6), ""),
    "unicode": (unicode, (3, 0), "names are ASCII in Python 2"),
    "deep": (deep, (2, 6), ""),
    "generators": (generators, (2, 6), ""),
    "async": (coroutines, (3, 6), "no asynchronous generators before 3.6"),
    "lines": (lines, (2, 6), ""),
    "dump": (dump, (2, 6), ""),
}


def grouped():
    """All checks of a case in one process, which observes it once."""
    return [pytest.param(case, check, marks=pytest.mark.xdist_group(str(case)), id="%s-%s" % (case, check))
            for case in CASES for check in CHECKS]


@pytest.mark.parametrize("case, check", grouped())
def test_matrix(look, record_property, case, check):
    judge, since, reason = CHECKS[check]
    record_property("cell", (str(case), check))
    if case.interpreter.version < since:
        pytest.skip(reason)
    judge(look(case))
