# SPDX-License-Identifier: Apache-2.0
"""Subinterpreters: a thread is seen in the one that it is in, whichever it was first seen in.

CPython has had a module for them since 3.8, and a GIL for each of them since 3.12.
"""

import json
import re

import pytest

import truth
from interpreters import VERSIONS
from program import eventually, folded, podflame, record

NEWEST = {case.interpreter.version: case for case in VERSIONS}
ALL = pytest.mark.parametrize("case", NEWEST.values(), ids=str)
OWN_THREADS = pytest.mark.parametrize("case", [c for v, c in NEWEST.items() if v >= (3, 13)], ids=str)
GILS = {version: ("own", "shared") if version >= (3, 13) else ("own",) for version in NEWEST}


def by_function(text, names):
    """Samples by which of @names is on the stack; None: none of them."""
    counts = truth.Counter()
    for frames, count in truth.parse_folded(text):
        counts[next((frame.name for frame in frames if frame.name in names), None)] += count
    return counts


@pytest.mark.parametrize("case, gil", [(case, gil) for version, case in NEWEST.items() for gil in GILS[version]],
                         ids=str)
def test_thread_that_goes_to_and_fro(start, case, gil):
    """For a while without a sample: the first finds it in either of the two."""
    target = start(case, "interpreters.py", gil, "turns")
    counts = by_function(folded("-p", target.pid, seconds=1.5), ("outer", "inner"))
    truth.assert_shares({name: counts[name] for name in ("outer", "inner")}, {"outer": 0.25, "inner": 0.75})
    # To go from one to the other runs no Python; that takes a tenth of the time where it is slow.
    assert counts[None] <= 0.15 * sum(counts.values()), counts


@ALL
def test_thread_that_sleeps_in_one(start, case):
    """Without the GIL: it is still in there, and nowhere else."""
    target = start(case, "interpreters.py", "own", "sleep")

    def threads():
        [process] = json.loads(podflame("dump", "--json", "-p", target.pid).stdout)
        return [[frame["function"] for frame in thread["frames"]] for thread in process["threads"]]

    assert eventually(lambda: threads() == [["nap", "<module>"]], 10, threads)
    stacks = truth.parse_folded(record("--idle", "-p", target.pid, seconds=0.3, rate=100))
    assert all("nap" in (frame.name for frame in frames) for frames, _ in stacks), stacks


@ALL
def test_interpreters_that_have_not_run_yet(start, case):
    """They come first in the list, and in 3.13 they have no thread state."""
    target = start(case, "interpreters.py", "own", "many")
    stacks = truth.parse_folded(record("-p", target.pid, seconds=1, rate=100))
    working = sum(n for frames, n in stacks if frames[-1].name == "outer")
    assert working > 0.9 * truth.total(stacks) > 0, stacks


@OWN_THREADS
def test_thread_in_each(start, case):
    target = start(case, "interpreters.py", "own", "threads")
    text = record("-p", target.pid, "--threads", seconds=2)
    counts = by_function(text, ("first", "second"))
    assert min(counts["first"], counts["second"]) > 5, counts
    seen = {(re.search(r"\(tid (\d+)\)", row)[1], name)
            for row in text.splitlines() for name in ("first", "second") if ";%s (" % name in row}
    assert len({tid for tid, _ in seen}) == len(seen) == 2, "each in a thread of its own"
