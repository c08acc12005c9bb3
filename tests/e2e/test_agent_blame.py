# SPDX-License-Identifier: Apache-2.0
"""The agent in mode blame, beside others: what it sends of who keeps others waiting, and what the page shows of it."""

import json

import pytest

import browser
import otlp
from collector import Collector, agent
from interpreters import BOOKWORM
from program import MARGIN_SECONDS, eventually, podflame
from receiver import Receiver
from test_both import CHOICES, CHOOSE, of_mode, seconds_in
from test_gil_blame import Report

NAMES = ("big", "small", "wants", "naps")


def leaves(profiles):
    """Seconds by innermost function."""
    seconds = {}
    for profile in profiles:
        for frames, _, values in profile.samples:
            name = frames[0][0].rpartition(".")[2]
            seconds[name] = seconds.get(name, 0) + sum(values) / 1e9
    return seconds


def only(*targets):
    return [word for target in targets for word in ("--select", "container=" + target.name)]


def test_who_keeps_others_waiting_is_sent_and_shown(start, tmp_path):
    """The shares are those that `podflame gil` tells of the same time."""
    target, calm = start(BOOKWORM, "gil_blame.py", 0, 3), start(BOOKWORM, "split.py")
    with Receiver() as plain, Collector(tmp_path / "collector") as collector, \
            agent(tmp_path / "agent", collector.url, "--collector", plain.url, "--mode", "cpu,wall,blame", "--wall-rate", 100,
                  "--window", "2s", *only(target, calm), "--confine", "kill") as pusher:
        eventually(lambda: len(of_mode(plain, "blame")) >= 2, MARGIN_SECONDS, lambda: pusher.stderr)
        report = Report("-p", target.pid, seconds=6)
        assert pusher.interrupt() == 0, pusher.stderr
        assert "mode blame, 100 Hz" in pusher.stderr
        blame = of_mode(plain, "blame")
        assert {p.kind for p in blame} == {("gil_wait", "nanoseconds", "gil_wait", "nanoseconds")}
        assert {dict(p.resource)["container.name"] for p in blame} == {target.name}, "nobody waits in the other"
        seconds = leaves(blame)
        waited = sum(seconds.values())
        assert "naps" not in seconds and not any("GIL" in name for name in seconds), seconds
        for name in ("big", "small", "wants"):
            told = report.of(name, "waited_ns") / report.seconds("waited_ns")
            assert seconds.get(name, 0) / waited == pytest.approx(told, abs=0.15), (seconds, report.functions)
        assert seconds_in(of_mode(plain, "wall"), ("naps",))["naps"] > 1
        check_page(collector, target, calm)


def check_page(collector, target, calm):
    series, other = (next(s for s in collector.json("series") if s["container_name"] == t.name) for t in (target, calm))
    assert series["modes"] == ["cpu", "wall", "blame"] and other["modes"] == ["cpu", "wall"]
    with browser.open_page("%s/#series=%d" % (collector.url, series["id"])) as page:
        last = "Making others wait for the GIL"
        eventually(lambda: [text for text, _ in page.execute_script(CHOICES)] == ["On CPU", "On CPU and waiting", last],
                   15, lambda: page.execute_script(CHOICES))
        page.execute_script(CHOOSE, last)
        eventually(lambda: [last, "true"] in page.execute_script(CHOICES), 15, "it is chosen")
        drawn = browser.widths(page, ["big", "small"])
        assert drawn["big"] > 1.5 * drawn["small"]
        assert "Time others waited" in page.execute_script("return document.body.innerText")
        assert "mode=blame" in page.current_url
        assert not browser.errors(page)


def test_blame_alone_is_a_mode(start, tmp_path):
    """As a stream of OTLP it can be read again, and says what it is."""
    target = start(BOOKWORM, "gil_blame.py", 0, 2)
    with Receiver() as plain, agent(tmp_path / "agent", plain.url, "--mode", "blame", "--window", "1s",
                                    "--select", "container=" + target.name) as pusher:
        eventually(lambda: of_mode(plain, "blame"), MARGIN_SECONDS, lambda: pusher.stderr)
        assert pusher.interrupt() == 0, pusher.stderr
    message = next(json.loads(body) for _, _, body in plain.requests if otlp.profiles(json.loads(body)))
    file = tmp_path / "window.otlp.json"
    file.write_text(json.dumps(message))
    assert "Mode       blame, 99 Hz" in podflame("convert", file, "-f", "text").stdout
