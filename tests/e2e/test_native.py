# SPDX-License-Identifier: Apache-2.0
"""Mixed stacks are right, or they are not mixed: each is judged alone, see tests/oracle/mixed."""

import re
import sys

import pytest

from interpreters import IN_IMAGES, Interpreter, on_host
from skips import must_skip
from testbed import PROJECT, Unavailable

sys.path[:0] = [str(PROJECT / "tests/oracle"), str(PROJECT / "tests/oracle/mixed")]

import judge_mixed  # noqa: E402
import places  # noqa: E402
import record_mixed as mixed  # noqa: E402

SECONDS, RATE = 3, 500
LEAST = 40  # samples, and of those mixed ones a quarter, however crowded the machine is
# What a crowded machine has no part in: C code that cannot be followed, or does not fit to Python.
UNFIT = ("the C stack could not be followed", "C and Python did not fit together")
UNFIT_MAX = 0.02
COVERAGE_MIN = 90

BULLSEYE_2_7 = Interpreter("bullseye-2.7", (2, 7), ("python2",), "bullseye")
CASES = [*on_host(), BULLSEYE_2_7, *IN_IMAGES]


@pytest.fixture
def recorded(tmp_path):
    """recorded(interpreter, arguments of calls.py, options of cc and of podflame): a verdict."""
    opened = []

    def recorded(interpreter, words, cc=(), options=()):
        if interpreter.suite:
            try:
                place = places.Rootfs(interpreter.suite, interpreter.command[0], tmp_path, None)
            except Unavailable as error:
                must_skip(str(error))
            opened.append(place)
        else:
            place = places.Host(interpreter.command[0], tmp_path)
        mixed.compiled(tmp_path, *cc)
        return mixed.recorded(place, words, ["-d", str(SECONDS), "-r", str(RATE), *options])
    yield recorded
    for place in opened:
        place.close()


def assert_right(verdict, unfit_max=UNFIT_MAX):
    assert verdict.wrong == 0, "\n".join([verdict.said, *verdict.examples])
    assert verdict.samples > LEAST, verdict.said
    assert verdict.samples - verdict.alone > verdict.samples / 4, verdict.said
    unfit = sum(verdict.reasons[reason] for reason in UNFIT)
    assert unfit <= max(2, unfit_max * verdict.mixed), verdict.said
    coverage = re.search(r"coverage ([\d.]+) %", verdict.said)
    assert COVERAGE_MIN < float(coverage[1]) < 200 - COVERAGE_MIN, verdict.said


@pytest.mark.parametrize("interpreter", CASES, ids=str)
def test_every_stack_is_one_that_can_be(recorded, interpreter):
    assert_right(recorded(interpreter, []))


@pytest.mark.parametrize("words, options", [
    pytest.param(["--threads", "3", "--levels", "8"], [], id="threads"),
    pytest.param(["--child", "--levels", "8"], ["-s"], id="child"),
    pytest.param(["--native", "--levels", "8"], [], id="native-thread"),
])
def test_of_threads_and_children_too(recorded, words, options):
    assert_right(recorded(CASES[0], words, options=options))


@pytest.mark.parametrize("kinds, cc, unfit", [
    pytest.param("abyss,map", [], UNFIT_MAX, id="a-thousand-C-frames"),
    # More than is read of a stack.
    pytest.param("map,huge,bounce", [], 1, id="a-frame-of-7-MB"),
    # Nothing tells where the callers of such code are.
    pytest.param("map,made,bounce", [], 1, id="code-made-at-run-time"),
    # It keeps no frame pointer, but its caller's is there.
    pytest.param("map,made,bounce", ["-fno-omit-frame-pointer"], 1, id="code-made-at-run-time-below-frame-pointers"),
    pytest.param("map,bounce,sorted", ["-fno-asynchronous-unwind-tables"], 1, id="no-tables"),
])
def test_what_cannot_be_followed_is_not_mixed(recorded, kinds, cc, unfit):
    verdict = recorded(CASES[0], ["--kinds", kinds], cc)
    assert verdict.wrong == 0, "\n".join([verdict.said, *verdict.examples])
    assert verdict.samples > LEAST, verdict.said
    unfit_seen = sum(verdict.reasons[reason] for reason in UNFIT)
    assert unfit_seen <= max(2, unfit * verdict.mixed), verdict.said


ROOTS = {"<module>": {"main": {"a_0": {"c_sort": {"c_compare": {"a_1": {}}}}}}}
LIB, PY = "%s (calls.so)", "%s (/x/calls.py:1)"


def row(*frames):
    return ";".join((LIB if name.startswith("c_") else PY) % name for name in frames) + " 3\n"


@pytest.mark.parametrize("frames, right", [
    (("<module>", "main", "a_0", "c_sort", "c_compare", "a_1"), True),
    (("<module>", "main", "a_0", "c_sort"), True),
    (("<module>", "main", "a_0", "a_1"), True),  # Python alone
    (("<module>", "main", "a_1"), False),
    (("<module>", "main", "a_0", "c_sort", "a_1"), False),
    (("<module>", "main", "a_0", "c_sort", "c_sort", "c_compare"), False),
    (("<module>", "main", "c_sort", "a_0", "c_compare", "a_1"), False),
    (("main", "a_0", "c_sort"), False),
    (("c_compare",), False),
])
def test_the_judge_can_tell(frames, right):
    verdict = judge_mixed.judge(row(*frames), ROOTS, ("calls.py", "calls.so"))
    assert (verdict.right, verdict.wrong) == ((3, 0) if right else (0, 3))
