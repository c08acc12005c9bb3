# SPDX-License-Identifier: Apache-2.0
"""The agent in modes cpu and wall at once: two profiles of each process, each with its type and its truth."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections import Counter

import pytest

import browser
import hostile
import otlp
import push
import truth
from collector import Collector, agent
from program import Background, eventually, podflame
from receiver import Receiver
from test_health import Asked

WINDOW, RATE, WALL_RATE = 2, 99, 50
BOTH = ("--mode", "cpu,wall", "--window", "%ds" % WINDOW)
SECONDS = 16  # that the target works: many windows

# A thread that burns 30 ms of CPU and then sleeps for 70 ms, and a child that does the same. Each tells at its end what
# it has spent where, by its own clocks.
TARGET = """
import json, os, sys, threading, time

spent = dict.fromkeys(("burn_cpu", "burn", "nap", "all"), 0.0)

def burn():
    end = time.thread_time() + 0.03
    while time.thread_time() < end:
        pass

def nap():
    time.sleep(0.07)

def work(seconds):
    begin = time.monotonic()
    while time.monotonic() < begin + seconds:
        a, cpu = time.monotonic(), time.thread_time()
        burn()
        b = time.monotonic()
        spent["burn_cpu"] += time.thread_time() - cpu
        nap()
        spent["burn"] += b - a
        spent["nap"] += time.monotonic() - b
    spent["all"] = time.monotonic() - begin

def child_work(seconds):
    work(seconds)

os.nice(-15)  # it gets its CPU on a crowded machine as well
time.sleep(2)  # it is found meanwhile
if os.fork() == 0:
    child_work(float(sys.argv[1]) / 2)
    print(json.dumps(spent), flush=True)
    os._exit(0)
thread = threading.Thread(target=work, args=(float(sys.argv[1]),))
thread.start()
thread.join()
os.wait()
print(json.dumps(spent), flush=True)
"""

# The page draws its buttons anew at any time, so they are asked and pressed at one go.
CHOICES = """
return Array.from(document.querySelectorAll("[aria-label='What is measured'] button")).map(
    b => [b.textContent, b.getAttribute("aria-pressed")]);
"""
CHOOSE = """
Array.from(document.querySelectorAll("[aria-label='What is measured'] button"))
    .find(b => b.textContent === arguments[0]).click();
"""


@contextlib.contextmanager
def working(seconds):
    """TARGET under a service name of its own, which is in its attribute @service."""
    service = "both-%s" % uuid.uuid4().hex[:8]
    process = subprocess.Popen([sys.executable, "-S", "-c", TARGET, str(seconds)], stdout=subprocess.PIPE, text=True,
                               env={**os.environ, "OTEL_SERVICE_NAME": service}, start_new_session=True)
    process.service = service
    with process:
        try:
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # its child as well


def only(target):
    return "--select", "service=" + target.service


def of_mode(receiver, mode):
    """The profiles of that mode that have come by OTLP."""
    found = []
    for path, _, body in list(receiver.requests):
        found += [p for p in otlp.profiles(json.loads(body)) if ("podflame.mode", mode) in p.attributes]
    return found


def seconds_in(profiles, among, without=None):
    """Seconds by the function of @among that is in the stack; stacks with @without are left out."""
    seconds = Counter()
    for profile in profiles:
        unit = 1 if profile.kind[1] == "nanoseconds" else profile.period
        for frames, _, values in profile.samples:
            names = {name.rpartition(".")[2] for name, _, _ in frames}
            if without not in names:
                seconds.update({name: sum(values) * unit / 1e9 for name in names & set(among)})
    return seconds


@pytest.fixture(scope="module")
def sent(tmp_path_factory):
    """What one agent has sent to three collectors of one target, from before its birth until after its end."""
    folder = tmp_path_factory.mktemp("both")
    with Receiver() as plain, Receiver() as pyroscope, Collector(folder / "collector") as collector, \
            working(SECONDS) as target, \
            Background(folder / "agent", "agent", *BOTH, "--wall-rate", WALL_RATE, "--threads", *only(target),
                       "--collector", plain.url, "--collector", collector.url, "--collector", pyroscope.url,
                       "--protocol", "pyroscope") as pusher:
        child, spent = (json.loads(target.stdout.readline()) for _ in range(2))
        time.sleep(WINDOW)
        assert pusher.interrupt() == 0, pusher.stderr
        assert "mode cpu, 99 Hz" in pusher.stderr and "mode wall, %d Hz" % WALL_RATE in pusher.stderr
        assert pusher.stderr.count("process %d: Python" % target.pid) == 1, "it is one process"
        yield plain, pyroscope, collector, target, spent, child


def test_each_profile_has_its_type(sent):
    plain, *_ = sent
    cpu, wall = (of_mode(plain, mode) for mode in ("cpu", "wall"))
    assert len(cpu) >= SECONDS / WINDOW - 1 and len(wall) >= SECONDS / WINDOW - 1
    assert {p.kind for p in cpu} == {("samples", "count", "cpu", "nanoseconds")}
    assert {p.kind for p in wall} == {("wall", "nanoseconds", "wall", "nanoseconds")}
    assert {p.period for p in cpu} == {1000000000 // RATE} and {p.period for p in wall} == {1000000000 // WALL_RATE}
    assert {p.resource for p in cpu} == {p.resource for p in wall}, "they are of one service"


def test_cpu_has_what_ran(sent):
    plain, _, _, _, spent, _ = sent
    seconds = seconds_in(of_mode(plain, "cpu"), ("burn", "nap"), without="child_work")
    sigma = (spent["burn_cpu"] / RATE) ** 0.5
    assert seconds["burn"] == pytest.approx(spent["burn_cpu"], abs=truth.SIGMAS * sigma + 0.02 * spent["burn_cpu"])
    assert seconds["nap"] < 0.05 * seconds["burn"], "its system call, not its sleep"


def test_wall_has_what_ran_and_what_slept(sent):
    plain, _, _, _, spent, _ = sent
    seconds = seconds_in(of_mode(plain, "wall"), ("burn", "nap", "work"), without="child_work")
    assert seconds["work"] == pytest.approx(spent["all"], rel=0.04), "the time of its thread is the time that passed"
    n = round((seconds["burn"] + seconds["nap"]) * WALL_RATE)
    truth.assert_share(round(seconds["nap"] * WALL_RATE), n, spent["nap"] / (spent["burn"] + spent["nap"]), "nap")


def test_threads_are_told_apart_in_both(sent):
    plain, _, _, target, *_ = sent
    for mode in ("cpu", "wall"):
        threads = {dict(attributes).get("thread.id") for profile in of_mode(plain, mode)
                   for frames, attributes, _ in profile.samples if any(name.endswith("burn") for name, _, _ in frames)}
        assert len(threads) == 2 and str(target.pid) not in threads, mode  # the thread's, and the child's


def test_a_child_is_in_both_to_its_end(sent):
    plain, *_, child = sent
    cpu, wall = (seconds_in(of_mode(plain, mode), ("child_work",))["child_work"] for mode in ("cpu", "wall"))
    # It is found within a second, later on a crowded machine.
    assert 0.75 * child["all"] < wall < 1.02 * child["all"]
    assert 0.75 * child["burn_cpu"] - 0.3 < cpu < 1.1 * child["burn_cpu"] + 0.3


def test_pyroscope_gets_two_types(sent):
    _, pyroscope, _, target, *_ = sent
    names = Counter()
    for _, _, body in pyroscope.requests:
        for series in push.series_of(body):
            assert series.labels["service_name"] == target.service
            names[series.labels["__name__"]] += 1
            kind = {"process_cpu": "cpu", "wall": "wall"}[series.labels["__name__"]]
            assert series.types == ["%s:%s:nanoseconds:%s:nanoseconds" % (series.labels["__name__"], kind, kind)]
    assert set(names) == {"process_cpu", "wall"} and min(names.values()) >= SECONDS / WINDOW - 1


def test_the_page_switches_between_both(sent):
    _, _, collector, target, spent, child = sent
    [series] = [one for one in collector.json("series") if one["service"] == target.service]
    assert series["modes"] == ["cpu", "wall"]
    with browser.open_page("%s/#series=%d" % (collector.url, series["id"])) as page:
        def choices():
            return page.execute_script(CHOICES)

        def choose(text):
            page.execute_script(CHOOSE, text)
            eventually(lambda: [text, "true"] in choices(), 15, "it is chosen")

        def shown():
            return {label.split(" ")[0] for label, _ in page.execute_script(browser.FRAMES)}

        narrow = browser.widths(page, ["burn"])["burn"]
        assert choices() == [["On CPU", "true"], ["On CPU and waiting", "false"]]
        if "nap" in shown():  # its system call
            assert browser.widths(page, ["nap"])["nap"] < 0.1 * narrow
        choose("On CPU and waiting")
        drawn = browser.widths(page, ["burn", "nap"])
        slept = (spent["nap"] + child["nap"]) / (spent["burn"] + child["burn"])
        assert drawn["nap"] / drawn["burn"] == pytest.approx(slept, rel=0.25)
        choose("On CPU")
        eventually(lambda: browser.widths(page, ["burn"])["burn"] == pytest.approx(narrow, rel=0.05), 15, "as before")
        assert not browser.errors(page)


def test_what_only_sleeps_is_in_wall_and_the_page_leads_there(tmp_path):
    service = "sleeps-%s" % uuid.uuid4().hex[:8]
    command = [sys.executable, "-S", "-c", "import time\ndef nap(): time.sleep(1000)\nnap()"]
    with Collector(tmp_path / "collector") as collector, \
            subprocess.Popen(command, env={**os.environ, "OTEL_SERVICE_NAME": service}) as target:
        time.sleep(2)  # its start is no sleep
        with agent(tmp_path / "agent", collector.url, *BOTH, "--select", "pid=%d" % target.pid, "--confine", "kill") as pusher:
            def found():
                return [s for s in collector.json("series") if s["service"] == service and s["samples"] > 40]

            [series] = eventually(found, 30, lambda: pusher.stderr)
            assert pusher.interrupt() == 0, pusher.stderr
        target.kill()
        assert series["modes"] == ["wall"]
        with browser.open_page("%s/#series=%d&mode=cpu" % (collector.url, series["id"])) as page:
            eventually(lambda: page.execute_script(CHOICES) == [["On CPU and waiting", "false"]], 15, "it is offered")
            page.execute_script(CHOOSE, "On CPU and waiting")
            assert browser.widths(page, ["nap"])["nap"] > 0
            assert not browser.errors(page)


# ---- what it takes -------------------------------------------------------------------


def test_metrics_tell_both(tmp_path):
    with Collector(tmp_path / "collector") as collector, working(600) as target, \
            Asked(tmp_path / "agent", collector.url, "--mode", "cpu,wall", *only(target)) as asked:
        eventually(lambda: asked.value("podflame_cpu_accounted_seconds_total", mode="wall") > 3, 20, "time passes")
        assert asked.value("podflame_targets", state="sampled") == 2, "the target and its child, each once"
        assert asked.value("podflame_rate_hertz", mode="cpu") == 99
        assert asked.value("podflame_rate_hertz", mode="wall") == 11
        cpu, wall = (asked.value("podflame_cpu_accounted_seconds_total", mode=mode) for mode in ("cpu", "wall"))
        assert 0.05 < cpu < 0.5 * wall
        for mode in ("cpu", "wall"):
            eventually(lambda mode=mode: asked.value("podflame_coverage_ratio", mode=mode) > 0.8, 20, mode)


def test_the_budget_of_cpu_slows_both(tmp_path):
    limit = 4
    with Collector(tmp_path / "collector") as collector, working(600) as target, \
            Asked(tmp_path / "agent", collector.url, "--mode", "cpu,wall", "--rate", 20000, "--wall-rate", 2000,
                  "--max-cpu", limit, *only(target)) as asked:
        def share(seconds=3):
            before, began = asked.cpu_seconds(), time.monotonic()
            time.sleep(seconds)
            return 100 * (asked.cpu_seconds() - before) / (time.monotonic() - began)
        eventually(lambda: share() <= limit, 40, lambda: "the budget is kept: " + asked.running.stderr)
        assert asked.value("podflame_rate_hertz", mode="cpu") < 10000
        assert asked.value("podflame_rate_hertz", mode="wall") < 1000
        assert asked.value("podflame_rate_asked_hertz", mode="wall") == 2000


def test_the_bound_of_memory_is_for_both_together(tmp_path):
    """Processes that each make it grow as fast as they can, in both modes at once."""
    limit = 32
    with contextlib.ExitStack() as stack:
        store = stack.enter_context(Collector(tmp_path / "collector"))
        for _ in range(6):
            stack.enter_context(hostile.running("names.py", 400))
        pusher = stack.enter_context(agent(tmp_path / "agent", store.url, "--mode", "cpu,wall", "--window", 300,
                                           "--rate", 499, "--wall-rate", 499, "--max-memory", "%dM" % limit))
        eventually(lambda: "agent:" in pusher.stderr, 10, lambda: pusher.stderr)
        time.sleep(15)
        assert hostile.peak_megabytes(pusher.process.pid) < limit, pusher.stderr
        assert pusher.interrupt() == 0, pusher.stderr


@pytest.mark.parametrize("options, sentence", [
    (["--mode", "cpu,gil"], "'cpu,gil' is none of cpu, wall, gil, blame, and no list of cpu, wall, blame"),
    (["--mode", "cpu,wall", "--idle"], "exclude each other"),
    (["--wall-rate", "11"], "--wall-rate is for --mode cpu,wall"),
    (["--mode", "cpu,wall", "--wall-rate", "0"], "--wall-rate: '0' is not a number from 1 to 20000"),
])
def test_wrong_options(options, sentence):
    done = podflame("agent", *options)
    assert done.returncode == 2 and sentence in done.stderr, done.stderr
