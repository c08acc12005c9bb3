# SPDX-License-Identifier: Apache-2.0
"""Collections of garbage: their share is true, and no other thread's time is in it."""

import pytest

import truth
from interpreters import ON_HOST, VERSIONS, Case
from program import folded, podflame

GC = "<GC>"
TOLD = [Case(i, "host") for i in ON_HOST if (3, 7) <= i.version < (3, 8)] + VERSIONS
EACH = pytest.mark.parametrize("case", TOLD, ids=str)
NEWEST = [case for case in VERSIONS if case.interpreter.version >= (3, 15)]


def split(text):
    """[(names below the collection, names above it)] and their counts; None: no collection."""
    for frames, count in truth.parse_folded(text):
        names = [frame.name.rpartition(".")[2] for frame in frames]
        at = names.index(GC) if GC in names else None
        yield names[:at], names[at + 1:] if at is not None else None, count


def count(text, wanted):
    return sum(n for below, above, n in split(text) if wanted(below, above))


def assert_quarter(text):
    """Of the time in the collector and in burn, by chance alone: cycles are much shorter than a recording."""
    collected = count(text, lambda below, above: above is not None)
    burnt = count(text, lambda below, above: above is None and "burn" in below)
    assert collected + burnt > 200
    truth.assert_share(collected, collected + burnt, 0.25, GC)


@EACH
@pytest.mark.parametrize("kind", ["manual", "automatic"])
def test_share_is_true(start, case, kind):
    target = start(case, "collects.py", 0, kind)
    text = folded("-p", target.pid, samples=1000)
    assert_quarter(text)
    for below, above, _ in split(text):
        assert above is None or "turn" in below and above in ([], ["note"]), text
    if case.interpreter.version >= (3, 11):
        wanted = "collect" if kind == "manual" else "make"
        all_of_it = count(text, lambda below, above: above is not None)
        assert count(text, lambda below, above: above is not None and below[-1] == wanted) > 0.95 * all_of_it, text


@EACH
def test_finalizer_is_not_below_its_collection(start, case):
    """Where it is not certain that it is above, it is left out."""
    target = start(case, "collects.py", 0, "finalizers")
    text = folded("-p", target.pid, samples=1000)
    assert_quarter(text)
    assert count(text, lambda below, above: above is not None and "__del__" in below) == 0, text
    if case.interpreter.version >= (3, 15):
        above = count(text, lambda below, above: above and above[:2] == ["__del__", "spin"])
        truth.assert_share(above, count(text, lambda below, above: above is not None), 0.5, "spin")


@EACH
def test_thread_that_runs_meanwhile_does_not_collect(start, case):
    target = start(case, "collects.py", 0, "released")
    text = folded("-p", target.pid, samples=500)
    assert count(text, lambda below, above: "busy" in below) > 100, text
    assert count(text, lambda below, above: "busy" in below and above is not None) == 0, text
    assert count(text, lambda below, above: above is not None and "busy" in above) == 0, text


@EACH
def test_program_that_never_collects(start, case):
    target = start(case, "collects.py", 0, "disabled")
    text = folded("-p", target.pid, seconds=0.5, samples=1)
    assert count(text, lambda below, above: "make" in below) > 20, text
    assert GC not in text


@pytest.mark.parametrize("case", NEWEST, ids=str)
def test_dump_shows_it(start, case):
    target = start(case, "collects.py", 0, "finalizers")
    texts = [podflame("dump", "-p", target.pid).stdout for _ in range(60)]
    shown = [text for text in texts if GC in text]
    assert shown and len(shown) < len(texts), texts
    for text in shown:
        names = [line.split()[0] for line in text.splitlines() if line.startswith("    ")]
        assert names[names.index(GC) + 1] == "collect", text
