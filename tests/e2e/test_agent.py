# SPDX-License-Identifier: Apache-2.0
"""podflame agent and collector: containers come and go, their profiles arrive over HTTP."""

import time
import urllib.error
import urllib.request
from collections import Counter

import pytest

import browser
import truth
from collector import Collector, agent, flatten, free_port
from interpreters import BARE_BOOKWORM, BOOKWORM, IN_IMAGES, KINDS, ON_HOST, Case
from page import click, settled, texts
from program import MARGIN_SECONDS, eventually

WINDOW, RATE = 1, 500
OPTIONS = ("--window", "%ds" % WINDOW, "--rate", RATE)
# A new process is sampled within a second, and pushed when its window ends.
KNOWN_WITHIN = 1 + WINDOW
SLACK = 3  # for starting, sending and storing on a busy machine


@pytest.fixture(scope="module")
def watched(tmp_path_factory, request):
    """A collector with an agent that pushes to it."""
    if "docker" in KINDS:
        request.getfixturevalue("docker")  # first: the agent is told where its names are
    folder = tmp_path_factory.mktemp("agent")
    with Collector(folder / "collector") as collector, agent(folder / "agent", collector.url, *OPTIONS) as pusher:
        collector.agent = pusher
        time.sleep(1)
        yield collector
        assert pusher.interrupt() == 0, pusher.stderr
        assert collector.interrupt() == 0, collector.stderr


def enough(series):
    """The series once its target's own work outweighs what it did to start."""
    return series if series and series["samples"] > 3 * WINDOW * RATE else None


@pytest.mark.parametrize("case", [BOOKWORM, BARE_BOOKWORM, Case(IN_IMAGES[-1], KINDS[0])], ids=str)
def test_new_container_is_known_with_true_shares(watched, start, case):
    target = start(case, "split.py")
    series = eventually(lambda: watched.series_of(target), KNOWN_WITHIN + SLACK, "the container is known")
    assert series["runtime_version"].startswith("%d.%d" % case.interpreter.version)
    if case.kind == "docker":
        assert (series["container_name"], series["image"]) == (target.name, target.image)
    series = eventually(lambda: enough(watched.series_of(target)), 60, "there are enough samples")
    top = watched.json("top", series=series["id"], limit=100)
    truth.assert_shares({f["name"]: f["self"] for f in top["functions"]}, truth.SPLIT)
    for f in top["functions"]:
        assert f["self_share"] == pytest.approx(f["self"] / top["total"])
        assert f["total_share"] == pytest.approx(f["total"] / top["total"])
    assert series["cpu_seconds"] == pytest.approx(series["samples"] / RATE, rel=0.2)


def test_tree_has_the_fixed_path(watched, start):
    target = start(BOOKWORM, "path.py")
    series = eventually(lambda: enough(watched.series_of(target)), 60, "there are enough samples")
    tree = watched.json("tree", series=series["id"])["tree"]
    values = Counter()
    for path, value in flatten(tree):
        values[path[path.index("<module>"):] if "<module>" in path else path] += value
    whole = ("<module>", "main", "a", "b", "c", "d", "leaf")
    # The agent may have seen it start, too: from a on there is one path.
    assert values[whole] == values[whole[:3]] >= 0.8 * tree["value"] > 0


def test_target_that_ends_is_not_lost(watched, start):
    """What was sampled of a process that lived for 3 s arrives whole."""
    target = start(BARE_BOOKWORM, "exits.py", 3, "return")
    eventually(lambda: not target.alive(), 10, "the target ends")
    series = eventually(lambda: watched.series_of(target), KNOWN_WITHIN + SLACK, "the container is known")
    assert watched.top(series)["work"] >= 0.02 * RATE  # found after a second, and a busy machine leaves it little of a CPU


def test_containers_are_told_apart(watched, start):
    targets = [start(BOOKWORM, "path.py"), start(BOOKWORM, "generators.py")]
    first, second = [eventually(lambda: enough(watched.series_of(target)), 60, "there are enough samples")
                     for target in targets]
    assert "leaf" in watched.top(first) and "spin" not in watched.top(first)
    assert "spin" in watched.top(second) and "leaf" not in watched.top(second)
    together = {f["name"] for f in watched.json("top", series="all", limit=1000)["functions"]}
    assert {"leaf", "spin"} <= together


def test_page_shows_the_hot_function(watched, start):
    target = start(BOOKWORM, "split.py")
    series = eventually(lambda: watched.series_of(target), KNOWN_WITHIN + SLACK, "the container is known")
    time.sleep(2 * WINDOW)
    # The agent also watches the containers of the tests beside this one, some of which have very many functions.
    with browser.open_page("%s/#series=%d" % (watched.url, series["id"])) as page:
        eventually(lambda: target.name in page.find_element("tag name", "body").text, 10, "the page names the container")
        widths = browser.widths(page, ["hot"])
        assert widths["hot"] > 0
        assert not browser.errors(page)


def test_page_asks_on_about_what_an_agent_has_sent(watched, start):
    target = start(BOOKWORM, "split.py")
    series = eventually(lambda: enough(watched.series_of(target)), 60, "there are enough samples")
    with browser.open_page("%s/#series=%d&last=900&live=0" % (watched.url, series["id"])) as page:
        settled(page)
        chart = page.find_element("css selector", ".bars svg").get_attribute("aria-label")
        assert chart.startswith("CPU time by container, ") and "sampled at %d Hz" % RATE in texts(page, ".scale")[0], chart
        click(page, ".functions td button", "hot")
        click(page, "[aria-label='What is shown'] button", "Callers and callees")
        eventually(lambda: "hot" in texts(page, ".pane-function h2"), 10, "the function is shown")
        names = "return [...document.querySelectorAll('[aria-label=Callers] g')].map(g => g.getAttribute('name'))"
        assert page.execute_script(names)[0] == "hot" and "main" in page.execute_script(names)
        click(page, ".actions button", "Compare with previous range")
        eventually(lambda: "no samples" in "".join(texts(page, "#main")), 10, "it did not run before")
        assert not browser.errors(page)


def test_bad_requests_are_refused(watched):
    for path, body, status in [("/v1development/profiles", b"{", 400), ("/no/such/page", None, 404),
                               ("/api/v1/tree?series=nonsense", None, 400), ("/api/v1/top?series=999999", None, 404)]:
        request = urllib.request.Request(watched.url + path, data=body, headers={"Content-Type": "application/json"})
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request, timeout=MARGIN_SECONDS)
        assert refused.value.code == status, path
    assert watched.healthy()


def test_collector_that_comes_later(start, tmp_path):
    """The agent says once that nobody answers, goes on, and delivers what waited."""
    target = start(BOOKWORM, "split.py")
    port = free_port()
    with agent(tmp_path / "agent", "http://127.0.0.1:%d" % port, *OPTIONS) as pusher:
        time.sleep(5 * WINDOW)
        assert pusher.process.poll() is None, pusher.stderr
        complaints = [row for row in pusher.stderr.splitlines() if ":%d " % port in row and "does not take" in row]
        assert len(complaints) == 1, pusher.stderr
        with Collector(tmp_path / "collector", port) as collector:
            # Retries are seconds apart; then the whole backlog comes, oldest first.
            eventually(lambda: enough(collector.series_of(target)), 60, "what waited arrives")
            assert pusher.interrupt() == 0, pusher.stderr
            truth.assert_shares(collector.top(collector.series_of(target)), truth.SPLIT)


def test_store_survives_a_restart(start, tmp_path):
    target = start(BOOKWORM, "split.py")
    with Collector(tmp_path / "collector") as collector:
        with agent(tmp_path / "agent", collector.url, *OPTIONS) as pusher:
            eventually(lambda: collector.series_of(target), KNOWN_WITHIN + SLACK + 1, "the container is known")
            assert pusher.interrupt() == 0, pusher.stderr
        before = collector.top(collector.series_of(target))
        assert collector.interrupt() == 0, collector.stderr
    with Collector(tmp_path / "collector") as collector:
        assert collector.top(collector.series_of(target)) == before


def test_program_of_the_host(start, tmp_path):
    with Collector(tmp_path / "collector") as collector, agent(tmp_path / "agent", collector.url, *OPTIONS) as pusher:
        start(Case(ON_HOST[0], "host"), "split.py")

        def found():
            return [s for s in collector.json("series") if s["service"] == "split.py" and not s.get("container_id")
                    and s["samples"] > WINDOW * RATE / 10]

        [series] = eventually(found, KNOWN_WITHIN + SLACK + 10, lambda: "it is known: " + pusher.stderr)
        assert {"hot", "warm"} <= set(collector.top(series))
        assert pusher.interrupt() == 0, pusher.stderr
