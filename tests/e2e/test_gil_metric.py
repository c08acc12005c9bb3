# SPDX-License-Identifier: Apache-2.0
"""podflame_gil_wait_ratio of containers whose truth the kernel knows, in Prometheus' own reading."""

import time

import pytest

from collector import Collector
from interpreters import BOOKWORM
from program import MARGIN_SECONDS, eventually
from test_gil_blame import Scheduled
from test_health import WINDOW, Asked

RATIO, UNTOLD = "podflame_gil_wait_ratio", "podflame_gil_untold_containers"
WALL_RATE = 100
SECONDS = 8
WANT = 4  # threads of gil_blame.py that always want to run: one has the GIL, three wait for it


@pytest.fixture
def collector(tmp_path):
    with Collector(tmp_path / "collector") as collector:
        yield collector


def ratios(asked):
    """{container: the ratio of the last window}"""
    return {sample.labels["container_name"]: sample.value for sample in asked.families()[RATIO].samples}


def mean(asked, target):
    """Of the ratios of the next windows. A thread that got no CPU in a window has none; most windows have one."""
    found, end = [], time.monotonic() + SECONDS
    while time.monotonic() < end:
        found.append(ratios(asked).get(target.name))
        time.sleep(WINDOW / 4)
    known = [ratio for ratio in found if ratio is not None]
    assert len(known) > len(found) / 2, found
    return sum(known) / len(known)


@pytest.mark.parametrize("mode", ("wall", "cpu,wall"))
def test_three_of_four_wait_and_one_alone_does_not(start, collector, tmp_path, mode):
    """Who sleeps waits for the GIL, by the kernel's account of the four threads."""
    crowded, alone = start(BOOKWORM, "gil_blame.py", 0, WANT - 1), start(BOOKWORM, "split.py")
    rate = ("--rate", WALL_RATE) if mode == "wall" else ("--wall-rate", WALL_RATE)
    with Asked(tmp_path / "agent", collector.url, "--mode", mode, *rate) as asked:
        eventually(lambda: ratios(asked).keys() >= {crowded.name, alone.name}, MARGIN_SECONDS, "both have a ratio")
        time.sleep(2 * WINDOW)
        with Scheduled(crowded.pid) as kernel:
            ratio = mean(asked, crowded)
        cpu, ready = sum(kernel.cpu.values()), sum(kernel.wait.values())
        asleep = WANT - cpu - ready
        seen = (ratio, kernel.cpu, kernel.wait)
        assert asleep / (asleep + cpu) - 0.07 <= ratio <= (asleep + ready) / (asleep + ready + cpu) + 0.07, seen
        assert ratio > 0.5, seen
        assert mean(asked, alone) == 0
        labels = {label for sample in asked.families()[RATIO].samples for label in sample.labels}
        assert labels <= {"k8s_namespace_name", "k8s_pod_name", "container_name"}
        crowded.stop()
        eventually(lambda: crowded.name not in ratios(asked), MARGIN_SECONDS, "a container that has ended has no ratio")
        assert alone.name in ratios(asked)


def test_where_it_is_not_known_it_is_not_told(start, collector, tmp_path):
    target = start(BOOKWORM, "gil_blame.py", 0, 3)
    with Asked(tmp_path / "agent", collector.url, "--mode", "cpu") as asked:
        eventually(lambda: collector.series_of(target), MARGIN_SECONDS, "the container is known")
        families = asked.families()
        assert families[RATIO].samples == families[UNTOLD].samples == []
