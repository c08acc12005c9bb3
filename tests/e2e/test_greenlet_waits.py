# SPDX-License-Identifier: Apache-2.0
"""Greenlets that do not run: dump --tasks lists them, and mode wall samples them."""

import json

import pytest

from program import podflame
from test_greenlets import PLACES, target

DEPTHS = [["work"] + ["deep"] * (n + 1) for n in range(5)]


def functions(greenlet):
    return [frame["function"] for frame in reversed(greenlet["frames"])]


@pytest.mark.parametrize("place", PLACES)
def test_dump_lists_them(place):
    with target(place, script="greenlet_waits.py") as process:
        done = podflame("dump", "--tasks", "--json", "-p", process.pid)
        text = podflame("dump", "--tasks", "-p", process.pid).stdout
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)[0]
    found = told["greenlets"]
    assert told["greenlets_unread"] == 0 and told["greenlets_cut"] is False
    [main] = [g for g in found if g["main"]]
    waiting = [g for g in found if g["state"] == "suspended" and not g["main"]]
    assert sorted(functions(g) for g in waiting) == sorted(DEPTHS), found
    assert {g["parent"] for g in waiting} == {main["id"]} and main["parent"] is None
    [new] = [g for g in found if g["state"] == "has not begun"]
    assert new["frames"] == [] and len(found) == 7
    assert "\nGreenlets that do not run: 7\n" in text and text.count("(suspended, its parent is %s)" % main["id"]) == 5, text


@pytest.mark.parametrize("place", PLACES)
def test_mode_wall_samples_them(place):
    with target(place, script="greenlet_waits.py") as process:
        done = podflame("record", "-p", process.pid, "-m", "wall", "-d", 2, "-f", "folded")
    assert done.returncode == 0, done.stderr
    rows = [row.rpartition(" ") for row in done.stdout.splitlines()]
    counts = {tuple(frame.split(" (")[0] for frame in stack.split(";")): int(count) for stack, _, count in rows}
    wanted = [counts.get(("(greenlet)", *depth, "[waits: switch]")) for depth in DEPTHS]
    assert None not in wanted and max(wanted) - min(wanted) <= 3 and min(wanted) >= 190, counts
    # The running one's stack goes on into its parent's, and that one is not sampled a second time.
    [of_main] = [stack for stack in counts if stack[0] == "<module>"]
    assert of_main == ("<module>", "(greenlet)", "run", "[sleeps]"), counts


def test_off_leaves_them_out():
    with target("host", script="greenlet_waits.py") as process:
        done = podflame("record", "-p", process.pid, "-m", "wall", "-d", 1, "--tasks", "off", "-f", "folded")
    assert done.stdout and "(greenlet)" not in done.stdout, done.stdout
