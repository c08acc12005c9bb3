# SPDX-License-Identifier: Apache-2.0
"""What the agent says of itself and what it takes: metrics, probes, budget, log."""

import json
import os
import pathlib
import signal
import time
import urllib.error
import urllib.request

import pytest
from prometheus_client.parser import text_string_to_metric_families

import truth
from collector import Collector, agent, free_port
from interpreters import BOOKWORM
from program import MARGIN_SECONDS, eventually, podflame

WINDOW = 1


class Asked:
    """An agent that answers: its metrics, as Prometheus' own parser reads them."""

    def __init__(self, folder, collector_url, *options, wrap=()):
        self.port = free_port()
        self.running = agent(folder, collector_url, "--window", "%ds" % WINDOW, "--listen",
                             "127.0.0.1:%d" % self.port, *options, wrap=wrap)
        self.pid = self.running.process.pid

    def __enter__(self):
        self.running.__enter__()
        eventually(lambda: self.status("/readyz") == 200, 20, lambda: "the agent is ready: " + self.running.stderr)
        return self

    def __exit__(self, *_):
        self.running.__exit__()

    def get(self, path):
        with urllib.request.urlopen("http://127.0.0.1:%d%s" % (self.port, path), timeout=MARGIN_SECONDS) as answer:
            return answer.read().decode()

    def status(self, path):
        assert self.running.process.poll() is None, self.running.stderr
        try:
            self.get(path)
        except urllib.error.HTTPError as e:
            return e.code
        except OSError:
            return 0
        return 200

    def families(self):
        return {family.name: family for family in text_string_to_metric_families(self.get("/metrics"))}

    def value(self, name, **labels):
        samples = [s for family in self.families().values() for s in family.samples]
        found = [s.value for s in samples if s.name == name and labels.items() <= s.labels.items()]
        assert len(found) == 1, (name, labels, found)
        return found[0]

    def cpu_seconds(self):
        """Of all its threads, by the scheduler's own account."""
        tasks = pathlib.Path("/proc/%d/task" % self.pid).iterdir()
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


@pytest.fixture
def collector(tmp_path):
    with Collector(tmp_path / "collector") as collector:
        yield collector


def test_metrics_are_true(start, collector, tmp_path):
    target = start(BOOKWORM, "split.py")
    with Asked(tmp_path / "agent", collector.url, "--rate", 500) as asked:
        eventually(lambda: collector.series_of(target), 15, "the container is known")
        families = asked.families()
        for name in ("ticks", "samples", "batches", "sent_bytes", "retries", "dropped_batches"):
            assert families["podflame_" + name].type == "counter"
        for name in ("targets", "spool_bytes", "rate_hertz", "build_info"):
            assert families["podflame_" + name].type == "gauge"
        assert asked.value("podflame_rate_hertz") == 500
        assert asked.value("podflame_targets", state="sampled") >= 1
        outcomes = {s.labels["outcome"]: s.value for s in asked.families()["podflame_samples"].samples}
        ticks = asked.value("podflame_ticks_total")
        assert outcomes["ok"] > 0 and sum(outcomes[o] for o in ("ok", "torn", "gone", "failed")) <= ticks
        labels = {label for family in families.values() for sample in family.samples for label in sample.labels}
        assert labels == {"version", "state", "reason", "outcome", "collector", "mode"}
        delivered = asked.value("podflame_batches_total", outcome="delivered", collector=collector.url)
        assert delivered >= 1 and asked.value("podflame_sent_bytes_total") > 100 * delivered
        own = pathlib.Path("/proc/%d" % asked.pid)
        assert asked.value("process_open_fds") == pytest.approx(len(list((own / "fd").iterdir())), abs=8)
        pages = int((own / "statm").read_text().split()[1])
        assert asked.value("process_resident_memory_bytes") == pytest.approx(pages * os.sysconf("SC_PAGESIZE"), rel=0.2)
        assert asked.value("process_cpu_seconds_total") == pytest.approx(asked.cpu_seconds(), abs=0.3)
        assert asked.value("process_start_time_seconds") == pytest.approx(time.time(), abs=60)
        again = asked.value("podflame_ticks_total")
        eventually(lambda: asked.value("podflame_ticks_total") > again, 10, "the ticks grow")
        assert asked.status("/healthz") == 200


def test_the_budget_is_kept_and_the_weights_stay_true(start, collector, tmp_path):
    """20 kHz are asked for, which takes a fifth of a CPU and more; what arrives is the time that the target spent."""
    limit = 4  # per cent; the births of a crowded machine alone may take one
    target = start(BOOKWORM, "split.py")
    with Asked(tmp_path / "agent", collector.url, "--rate", 20000, "--max-cpu", limit) as asked:
        eventually(lambda: collector.series_of(target), 40, "the container is known")

        def share(seconds=3):
            before, began = asked.cpu_seconds(), time.monotonic()
            time.sleep(seconds)
            return 100 * (asked.cpu_seconds() - before) / (time.monotonic() - began)
        eventually(lambda: share() <= limit, 40, lambda: "the budget is kept: " + asked.running.stderr)
        assert asked.value("podflame_rate_hertz") < 10000
        assert asked.value("podflame_rate_asked_hertz") == 20000
        assert asked.value("podflame_cpu_limit_ratio") == pytest.approx(limit / 100)
        assert "budget: sampling begins with" in asked.running.stderr
        seconds = {"profile": collector.series_of(target)["cpu_seconds"], "target": target.cpu_seconds()}
        time.sleep(12)
        sampled = collector.series_of(target)["cpu_seconds"] - seconds["profile"]
        # A window more or less is on its way.
        spent = target.cpu_seconds() - seconds["target"]
        assert sampled == pytest.approx(spent, abs=0.15 * spent + 2 * WINDOW)
        # A slow tick on a crowded machine finds the target's own loop more often.
        truth.assert_shares(collector.top(collector.series_of(target)), truth.SPLIT, of_all=0.85)


def test_memory_is_let_go(start, collector, tmp_path):
    """A bound below what the program itself takes: caches are emptied, the rate falls, and both are said."""
    start(BOOKWORM, "split.py")
    with Asked(tmp_path / "agent", collector.url, "--rate", 99, "--max-memory", "16M") as asked:
        pages = int(pathlib.Path("/proc/%d/statm" % asked.pid).read_text().split()[1])
        if pages * os.sysconf("SC_PAGESIZE") < 16 << 20:
            assert asked.value("podflame_memory_limit_bytes") == 16 << 20
            assert asked.value("podflame_trims_total") == 0
            return
        eventually(lambda: asked.value("podflame_trims_total") >= 2, 10, "caches are emptied")
        assert asked.value("podflame_rate_hertz") < 99
        assert "caches have been emptied" in asked.running.stderr


def test_ticks_that_find_no_room_are_counted(start, collector, tmp_path):
    """Stopped for two seconds at 5 kHz, the agent's rings overflow: its metrics have it, and so do profiles, as late.

    A ring's losses go to the next target on its CPU: this one, of one of two CPUs, with up to 10 000.
    """
    target = start(BOOKWORM, "split.py")
    os.sched_setaffinity(target.pid, {0})
    with Asked(tmp_path / "agent", collector.url, "--rate", 5000) as asked:
        eventually(lambda: asked.value("podflame_samples_total", outcome="ok") > 0, 20, "samples come")
        lost, late = (asked.value("podflame_samples_total", outcome=outcome) for outcome in ("lost", "late"))
        os.kill(asked.pid, signal.SIGSTOP)
        time.sleep(2)
        os.kill(asked.pid, signal.SIGCONT)
        eventually(lambda: asked.value("podflame_samples_total", outcome="lost") > lost + 5000, 30,
                   "the loss is counted")
        lost = asked.value("podflame_samples_total", outcome="lost") - lost
        eventually(lambda: asked.value("podflame_samples_total", outcome="late") - late > 0.4 * lost, 10,
                   "profiles have it too")


def test_log_lines_are_json_and_few(start, tmp_path):
    """A collector that is away is one line; a crowd of processes is 20, and how many more."""
    target = start(BOOKWORM, "several.py", *["sleeper.py"] * 50)
    url = "http://127.0.0.1:%d" % free_port()
    begin = time.monotonic()
    with Asked(tmp_path / "agent", url, "--log-format", "json") as asked:
        eventually(lambda: asked.value("podflame_targets", state="sampled") >= len(target.host_pids()), 15,
                   "all are known")
        eventually(lambda: "does not take" in asked.running.stderr, 15, "the collector is missed")
        assert asked.running.interrupt() == 0
        rows = [json.loads(row) for row in asked.running.stderr.splitlines()]
        assert all(row.keys() == {"time", "level", "message"} for row in rows)
        assert len([row for row in rows if "does not take profiles" in row["message"]]) == 1
        spans = 2 + (time.monotonic() - begin) // 10  # of 10 s, which begin with the agent's own clock
        assert len([row for row in rows if ": Python " in row["message"]]) <= 21 * spans


@pytest.mark.parametrize("options, sentence", [
    (["--listen", "9464"], "expected ADDR:PORT"),
    (["--listen", "127.0.0.1:99999999"], "expected ADDR:PORT"),
    (["--max-cpu", "0"], "--max-cpu: '0' is not a number from 0.1 to 10000"),
    (["--max-memory", "1K"], "--max-memory"),
    (["--log-format", "xml"], "neither text nor json"),
    (["--confine", "perhaps"], "none of deny, kill, off"),
])
def test_wrong_options(options, sentence):
    done = podflame("agent", *options)
    assert done.returncode == 2 and sentence in done.stderr, done.stderr


def test_port_that_is_taken(collector):
    done = podflame("agent", "--listen", "127.0.0.1:%d" % collector.port)
    assert done.returncode == 1 and "in use" in done.stderr and "--listen takes another port" in done.stderr
