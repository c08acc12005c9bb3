# SPDX-License-Identifier: Apache-2.0
"""Mode wall where little can be known: threads that hardly live, memory that is gone, a kernel that does not tell."""

import pathlib
import re

import pytest

import truth
from interpreters import ON_HOST, Case
from program import podflame
from test_wall_reasons import HOST, LEAVES, expected, leaves_of, recorded

PASSING = {"", "[waits: CPU]", "[waits: GIL]", "[waits: unknown]"}  # on the way into a wait and out of it
PLACES = [HOST, *[Case(i, "host") for i in ON_HOST if i.version in ((3, 8), (3, 13))]]


@pytest.mark.parametrize("case", PLACES, ids=str)
def test_threads_that_live_for_a_millisecond(start, case):
    """Of those that are seen, each has its own name or the kernel's, and its own reason."""
    target = start(case, "short_naps.py")
    stacks, said = recorded("-p", target.pid, "-t", "-v", seconds=5 if case is HOST else 2, rate=500)
    found = leaves_of(stacks, ["naps", "awaits", "follow"])
    assert set(found["naps"]) <= PASSING | {"[sleeps]"} and found["naps"]["[sleeps]"] > 5, found
    assert set(found["awaits"]) <= PASSING | {"[waits: event]"} and found["awaits"]["[waits: event]"] > 5, found
    assert set(found["follow"]) <= PASSING | {"[waits: thread]", "[waits: event]", "[waits: lock]"}, found
    kernels = pathlib.Path("/proc/%d/comm" % target.pid).read_text().strip()
    for frames, _ in stacks:
        names = [frame.name.rpartition(".")[2] for frame in frames]
        if names[0] == "(ended threads)":
            continue
        name = re.match(r"(.*?) \(tid \d+\)", next(frame.name for frame in frames if " (tid " in frame.name))[1]
        own = "napper" if "naps" in names else "waiter" if "awaits" in names else "MainThread" if "follow" in names else ""
        assert name == kernels or name.startswith(own), (name, names)
    covered, of, by = re.search(r"coverage ([\d.]+) %: of ([\d.]+) s of the threads' time, samples stand for ([\d.]+) s", said).groups()
    assert float(by) == pytest.approx(truth.total(stacks) / 500, rel=0.1), said
    seconds = truth.total([s for s in stacks if any(frame.name == "follow" for frame in s[0])]) / 500
    assert 0.9 * seconds < float(of) < 3.1 * seconds, "the main thread always, and one more or two that end"
    if float(covered) < 99:
        assert re.search(r"ended before it was read|not seen by any tick|could not be read|changed while", said), said


@pytest.mark.parametrize("case", PLACES, ids=str)
def test_locks_whose_memory_is_gone(start, case):
    target = start(case, "gone_words.py")
    stacks, _ = recorded("-p", target.pid)
    found = leaves_of(stacks, ["wants_word", "wants_other"])
    for function in ("wants_word", "wants_other"):
        assert set(found[function]) <= {"[waits: lock]", "[waits: unknown]"}, found
        assert sum(found[function].values()) >= 100, found
    dump = podflame("dump", "-p", target.pid)
    assert dump.returncode == 0 and len(re.findall(r"waits: lock( at 0x[0-9a-f]+)?\)|unknown", dump.stdout)) == 2, dump.stdout


OVER = 'f=$1; pid=$2; shift 3; for t in /proc/$pid/task/*; do mount --bind "$f" $t/%s || exit; done; exec "$@"'


def over(target, tmp_path, name, content):
    """A command's beginning: in a mount namespace in which that file of all threads has other content."""
    file = tmp_path / name
    file.write_text(content)
    return ["unshare", "-m", "sh", "-c", OVER % name, "sh", str(file), str(target.pid), "--"]


@pytest.mark.parametrize("content", ["0 0 0\n", ""])
def test_a_kernel_that_counts_no_slices(start, tmp_path, content):
    """Then a reason is what two readings agree upon. Nobody waits for a CPU, and that is said once."""
    target = start(HOST, "waits.py", 0, 2)
    done = podflame("record", "-p", target.pid, "-m", "wall", "--engine", "timer", "-d", 2, "-r", 100,
                    wrap=over(target, tmp_path, "schedstat", content))
    assert done.returncode == 0, done.stderr
    found = leaves_of(truth.parse_folded(done.stdout), [*LEAVES, "fight"])
    port = found["from_peer"].most_common(1)[0][0].rpartition(":")[2][:-1]
    for function in LEAVES:
        right = expected(HOST, function).replace("PORT", port)
        total = sum(found[function].values())
        assert total >= 100 and found[function][right] >= 0.9 * total, (function, found[function])
        assert set(found[function]) <= {right, "", "[waits: GIL]", "[waits: unknown]"}, (function, found[function])
    assert set(found["fight"]) <= {"", "[waits: GIL]", "[waits: unknown]"}, found["fight"]
    assert done.stderr.count("schedstat") == 1 and "counts as running\n" in done.stderr, done.stderr


def test_it_says_once_that_the_system_call_is_refused(start, tmp_path):
    target = start(HOST, "waits.py")
    wrap = over(target, tmp_path, "syscall", "")
    wrap = [*wrap, *over(target, tmp_path, "wchan", "")]
    done = podflame("record", "-p", target.pid, "-m", "wall", "-d", 1, "-r", 100, wrap=wrap)
    assert done.returncode == 0, done.stderr
    found = leaves_of(truth.parse_folded(done.stdout), LEAVES)
    for function in LEAVES:
        assert set(found[function]) <= {"[waits: unknown]", ""} and found[function]["[waits: unknown]"] > 50, found
    assert done.stderr.count("/syscall is refused: CAP_SYS_PTRACE is missing") == 1, done.stderr
    assert "schedstat" not in done.stderr, done.stderr
