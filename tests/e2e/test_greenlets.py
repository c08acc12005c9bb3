# SPDX-License-Identifier: Apache-2.0
"""Stacks of greenlets, whose parents are known: Debian's greenlet 2.0 and 3.1, and the host's."""

import importlib.util
import re
from collections import Counter

import pytest

from interpreters import on_host
from program import podflame
from skips import must_skip
from testbed import PROJECT, Unavailable, containers

TARGETS = PROJECT / "tests/targets"
IMAGES = ("bookworm-greenlet", "trixie-tasks")
PLACES = ("host", *IMAGES)
MARK = "(greenlet)"
RATE = 5000
SUMMARY = re.compile(r"(\d+) samples of .*; torn (\d+), retried (\d+)")
# Whose stack it is cannot be told at some moments of a switch. Then it is counted, and stands without its parents.
ROOTLESS = 0.002


def target(place, *arguments, script="greenlets.py"):
    if place != "host":
        try:
            return containers.Bare(place, ["python3", "/app/" + script, *arguments], TARGETS)
        except Unavailable as reason:
            must_skip(str(reason))
    if not importlib.util.find_spec("greenlet"):
        must_skip("python3-greenlet is missing")
    return containers.Host([*on_host()[0].command, str(TARGETS / script), *arguments], TARGETS)


def recorded(place, what, *options, seconds=4, least=400):
    """How often each stack was seen, as names outermost first, and the numbers of samples, torn and retried ones."""
    stacks, numbers = Counter(), Counter()
    with target(place, *what) as process:
        while sum(stacks.values()) < least:
            done = podflame("record", "-v", "-p", process.pid, "-d", seconds, "-r", RATE, *options)
            assert done.returncode == 0, done.stderr
            numbers.update(dict(zip(("samples", "torn", "retried"), map(int, SUMMARY.search(done.stderr).groups()))))
            for row in done.stdout.splitlines():
                stack, _, count = row.rpartition(" ")
                stacks[tuple(re.sub(r"(?<=.) \(.*", "", frame) for frame in stack.split(";"))] += int(count)
    return stacks, numbers


def is_true(stack):
    """Whether each frame stands where its greenlet was started."""
    for outer, outside, name in zip(("", "", *stack), ("", *stack), stack):
        kind, _, path = name.partition("_")
        if kind == "child" and (outside, outer) != (MARK, "hop_" + path):
            return False
        if kind == "hop" and outside != ("child_" + path[:-1] if path != "r" else "main"):
            return False
        if kind == "leaf" and outside != "child_" + path:
            return False
    return True


@pytest.mark.parametrize("engine", ["auto", "timer", "blocking"])
@pytest.mark.parametrize("place", PLACES)
def test_stacks_go_on_into_the_parents(place, engine):
    stacks, numbers = recorded(place, [], "--engine", engine)
    rootless = sum(count for stack, count in stacks.items() if stack[0] != "<module>")
    wrong = [stack for stack in stacks if stack[0] == "<module>" and not is_true(stack)]
    assert not wrong, wrong[:3]
    assert rootless <= ROOTLESS * sum(stacks.values()) + 3
    assert max(stack.count(MARK) for stack in stacks) == 4


@pytest.mark.parametrize("place", PLACES)
def test_switching_at_full_speed_tears_nothing(place):
    stacks, numbers = recorded(place, ["switch"], least=2000)
    assert numbers["torn"] + numbers["retried"] <= 0.001 * numbers["samples"] + 2, numbers
    known = {("<module>", "switches", MARK, "turn")}
    assert sum(count for stack, count in stacks.items() if stack not in known) <= ROOTLESS * sum(stacks.values()) + 3


def test_no_marks_without_tasks():
    stacks, _ = recorded("host", ["switch"], "--tasks", "off", seconds=2)
    assert set(stacks) <= {("turn",), ("<module>", "switches")}


@pytest.mark.parametrize("place", IMAGES)
def test_greenlets_of_gevent_stand_below_their_hub(place):
    stacks, _ = recorded(place, ["gevent"])
    works = {stack: count for stack, count in stacks.items() if "works" in stack}
    assert sum(works.values()) > 0.5 * sum(stacks.values())
    rootless = sum(count for stack, count in works.items() if stack[0] != "<module>")
    assert rootless <= ROOTLESS * sum(stacks.values()) + 3
    for stack in works:
        if stack[0] != "<module>":
            continue
        marks = [i for i, name in enumerate(stack) if name == MARK]
        assert len(marks) == 2, stack
        assert stack[0] == "<module>" and "with_gevent" in stack[:marks[0]], stack
        assert re.search(r"\brun$", stack[marks[0] + 1]), stack
        assert "works" in stack[marks[1]:], stack


@pytest.mark.parametrize("engine", ["auto", "timer"])
@pytest.mark.parametrize("place", PLACES)
def test_a_task_that_waits_for_its_greenlet_is_the_root(place, engine):
    stacks, _ = recorded(place, ["bridge"], "--engine", engine)
    queries = {stack: count for stack, count in stacks.items() if "query" in stack}
    rooted = {stack: count for stack, count in queries.items() if re.fullmatch("task Task-[234]", stack[0])}
    assert {stack[1:] for stack in rooted} == {("request", "spawn", MARK, "queries", "query")}
    assert sum(rooted.values()) >= 0.99 * sum(queries.values())
    assert sum(queries.values()) > 0.6 * sum(stacks.values())  # the rest starts the interpreter
