# SPDX-License-Identifier: Apache-2.0
"""Which processes: --select, --drop, --rules and --min-age, in ps and in the agent."""

import json
import secrets
import signal
import time

import pytest

from collector import Collector, agent
from interpreters import BARE_BOOKWORM, BOOKWORM
from program import eventually, podflame

OPTIONS = ("--window", "1s", "--rate", 200)
SECONDS = 15  # for a process to be found, sampled and pushed, on a busy machine


def ps(*options):
    done = podflame("ps", "--json", *options)
    assert done.returncode == 0, done.stderr
    return {process["pid"]: (process["selected"], process["rule"]) for process in json.loads(done.stdout)}


def test_ps_tells_which_rule_decided(start):
    web = start(BOOKWORM, "sleeper.py", labels=["app=web", "tier=front"])
    batch = start(BOOKWORM, "sleeper.py", labels=["app=batch"])
    bare = start(BARE_BOOKWORM, "sleeper.py")
    assert [ps()[t.pid] for t in (web, batch, bare)] == [(True, None)] * 3
    cases = [
        (["--select", "container=" + web.name], [(True, "select container=" + web.name), (False, None), (False, None)]),
        (["--drop", "label=app=b*"], [(True, None), (False, "drop label=app=b*"), (True, None)]),
        (["--select", "label=app=*", "--drop", "container=%s*" % batch.id[:20]],
         [(True, "select label=app=*"), (False, "drop container=%s*" % batch.id[:20]), (False, None)]),
        (["--drop", "cmdline=*sleeper.py*", "--select", "image=?*,label=tier=front"],
         [(True, "select image=?*,label=tier=front"), (False, "drop cmdline=*sleeper.py*"),
          (False, "drop cmdline=*sleeper.py*")]),
        (["--select", "cgroup=*" + bare.id], [(False, None), (False, None), (True, "select cgroup=*" + bare.id)]),
        (["--drop", "exe=python3*"], [(False, "drop exe=python3*")] * 3),
        (["--min-age", "1h"], [(False, "min-age 3600 s")] * 3),
    ]
    for options, expected in cases:
        seen = ps(*options)
        assert [seen[t.pid] for t in (web, batch, bare)] == expected, options


def test_ps_table_tells_it_too(start):
    target = start(BOOKWORM, "sleeper.py")
    done = podflame("ps", "--drop", "container=" + target.name)
    lines = done.stdout.splitlines()
    assert lines[0].split()[:3] == ["PID", "PYTHON", "SELECTED"]
    [at] = [i for i, line in enumerate(lines) if line.split()[:1] == [str(target.pid)]]
    assert lines[at].split()[2] == "no" and target.name in lines[at]
    assert lines[at + 1].strip() == "not selected: drop container=" + target.name


def test_rules_from_the_environment(start, monkeypatch):
    target = start(BOOKWORM, "sleeper.py")
    monkeypatch.setenv("PODFLAME_DROP", "service=x\ncontainer=" + target.name)
    assert ps()[target.pid] == (False, "drop container=" + target.name)
    assert ps("--drop", "service=x")[target.pid] == (True, None)


@pytest.mark.parametrize("command", ["ps", "agent"])
@pytest.mark.parametrize("options, word", [
    (["--select", "colour=red"], "'colour' is not a key; there are namespace"),
    (["--drop", "pod=[a"], "this '[' has no ']'"),
    (["--select", "pod"], "KEY=GLOB is expected"),
    (["--rules", "/no/such/file"], "/no/such/file: No such file"),
    (["--rules", "RULES"], "line 3: 'keep pod=x' is none of"),
    (["--min-age", "soon"], "--min-age"),
])
def test_wrong_rules_are_refused(command, options, word, tmp_path):
    rules = tmp_path / "rules"
    rules.write_text("# mine\nselect pod=a\nkeep pod=x\n")
    done = podflame(command, *[str(rules) if option == "RULES" else option for option in options])
    assert done.returncode == 2 and word in done.stderr and "-h" in done.stderr, done.stderr


def test_agent_samples_only_what_is_selected(start, tmp_path):
    key = "app-" + secrets.token_hex(4)  # other tests' containers have labels, too
    chosen, dropped = [start(BOOKWORM, "split.py", labels=["%s=%s" % (key, value)]) for value in ("web", "db")]
    with Collector(tmp_path / "collector") as collector, \
            agent(tmp_path / "agent", collector.url, *OPTIONS, "--select", "label=%s=*" % key,
                  "--drop", "label=%s=db" % key, "--label", "deployment.environment=test") as pusher:
        series = eventually(lambda: collector.series_of(chosen), SECONDS, lambda: pusher.stderr)
        samples = series["samples"]
        eventually(lambda: collector.series_of(chosen)["samples"] > samples, SECONDS, "the next window")
        assert pusher.interrupt() == 0, pusher.stderr
        assert collector.series_of(dropped) is None
        assert {s.get("container_id") for s in collector.json("series")} == {chosen.id}


def test_hangup_reads_the_rules_again(start, tmp_path):
    first, second = start(BOOKWORM, "split.py"), start(BOOKWORM, "split.py")
    rules = tmp_path / "rules"
    rules.write_text("select container=%s\n" % first.name)
    with Collector(tmp_path / "collector") as collector, \
            agent(tmp_path / "agent", collector.url, *OPTIONS, "--rules", rules) as pusher:
        eventually(lambda: collector.series_of(first), SECONDS, lambda: pusher.stderr)

        rules.write_text("select container=%s\nselect colour=red\n" % second.name)
        pusher.process.send_signal(signal.SIGHUP)
        eventually(lambda: "line 2: 'colour=red'" in pusher.stderr, SECONDS, lambda: pusher.stderr)
        assert "the rules stay as they were" in pusher.stderr
        samples = collector.series_of(first)["samples"]
        eventually(lambda: collector.series_of(first)["samples"] > samples, SECONDS, "it is sampled on")
        assert collector.series_of(second) is None

        rules.write_text("select container=%s\n" % second.name)
        pusher.process.send_signal(signal.SIGHUP)
        eventually(lambda: collector.series_of(second), SECONDS, lambda: pusher.stderr)
        time.sleep(1)  # the first one's last window
        samples = collector.series_of(first)["samples"]
        more = collector.series_of(second)["samples"]
        eventually(lambda: collector.series_of(second)["samples"] > more, SECONDS, "it is sampled on")
        assert collector.series_of(first)["samples"] - samples < 200
        assert pusher.interrupt() == 0, pusher.stderr


def test_the_young_are_left_alone(start, tmp_path):
    """One that ends before it is old enough is never sampled."""
    with Collector(tmp_path / "collector") as collector, \
            agent(tmp_path / "agent", collector.url, *OPTIONS, "--min-age", "5s") as pusher:
        short = start(BARE_BOOKWORM, "exits.py", 1.5, "return")
        long = start(BARE_BOOKWORM, "split.py")
        begin = time.monotonic()
        eventually(lambda: collector.series_of(long), 5 + SECONDS, lambda: pusher.stderr)
        assert time.monotonic() - begin > 3
        assert collector.series_of(short) is None
        assert "process %d:" % short.pid not in pusher.stderr
        assert pusher.interrupt() == 0, pusher.stderr
