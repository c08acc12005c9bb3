# SPDX-License-Identifier: Apache-2.0
"""Debian's and Ubuntu's kernels, which by default grant no perf events to CAP_PERFMON. debian_perf.py answers like one;
tests/kernels runs a real one."""

import pathlib
import re
import sys

from collector import Collector
from interpreters import BARE_BOOKWORM
from program import MARGIN_SECONDS, Background, eventually, podflame
from test_confinement import CAPABILITIES, restricted
from test_doctor import checks, doctor
from testbed import PROJECT

DEBIAN = [sys.executable, PROJECT / "tests/e2e/debian_perf.py"]
WITH_THE_FOUR = [*DEBIAN, *restricted(CAPABILITIES)]
WITH_ONE_MORE = [*DEBIAN, *restricted([*CAPABILITIES, "sys_admin"])]
SYS_ADMIN, PERFMON = 21, 38


def capabilities(pid):
    text = pathlib.Path("/proc/%d/status" % pid).read_text()
    return int(re.search(r"^CapPrm:\s*(\w+)", text, re.M)[1], 16)


def perf_row(wrap):
    return checks(doctor(wrap=wrap))["CAP_PERFMON"]


def test_root_has_clock_events_of_the_machine(start):
    target = start(BARE_BOOKWORM, "split.py")
    done = podflame("record", "-v", "-d", 1, "-p", target.pid, "-o", "/dev/null", wrap=DEBIAN)
    assert done.returncode == 0 and "engine: perf tick on" in done.stderr, done.stderr
    row = perf_row(DEBIAN)
    assert row["verdict"] == "ok" and row["state"].startswith("granted by CAP_SYS_ADMIN: all processes"), row


def test_it_keeps_one_capability_more_and_only_there(start, tmp_path):
    target = start(BARE_BOOKWORM, "split.py")
    kept = []
    for wrap in ((), DEBIAN):
        with Background(tmp_path / str(len(kept)), "record", "-v", "-p", target.pid, "-o", tmp_path / "out", wrap=wrap) as record:
            eventually(lambda: "engine:" in record.stderr, MARGIN_SECONDS, lambda: record.stderr)
            pid = record.process.pid if not wrap else only_child(record.process.pid)
            kept.append(capabilities(pid))
            record.process.kill()
    assert kept[0] >> PERFMON & 1 and not kept[0] >> SYS_ADMIN & 1
    assert kept[1] == kept[0] & ~(1 << PERFMON) | 1 << SYS_ADMIN


def only_child(pid):
    [child] = pathlib.Path("/proc/%d/task/%d/children" % (pid, pid)).read_text().split()
    return int(child)


def test_stacks_through_c_are_refused_with_the_reason(start):
    target = start(BARE_BOOKWORM, "split.py")
    done = podflame("record", "--native", "-d", 1, "-p", target.pid, "-o", "/dev/null", wrap=WITH_THE_FOUR)
    assert done.returncode != 0 and "CAP_SYS_ADMIN" in done.stderr, done.stderr


def agent_of(target, collector, folder, wrap):
    """An agent of that target alone, and what it has said when its profiles have arrived."""
    with Background(folder / "agent", "agent", "--collector", collector.url, "-w", "1s", "--select", "pid=%d" % target.pid,
                    wrap=wrap) as agent:
        eventually(lambda: collector.series_of(target), MARGIN_SECONDS, lambda: agent.stderr)
        said = agent.stderr
        agent.process.kill()
    return said


def test_the_four_are_not_enough_and_it_says_what_is(start, tmp_path):
    row = perf_row(WITH_THE_FOUR)
    assert row["verdict"] == "less" and "kernel.perf_event_paranoid is 3" in row["state"], row
    assert "sysctl kernel.perf_event_paranoid=2" in row["grant"], row
    with Collector(tmp_path) as collector:
        said = agent_of(start(BARE_BOOKWORM, "split.py"), collector, tmp_path, WITH_THE_FOUR)
    assert re.search("no clock events.*perf_event_paranoid is above 2.*CAP_SYS_ADMIN", said), said


def test_an_agent_that_is_granted_the_fifth_has_the_perf_tick(start, tmp_path):
    with Collector(tmp_path) as collector:
        said = agent_of(start(BARE_BOOKWORM, "split.py"), collector, tmp_path, WITH_ONE_MORE)
    assert "perf tick on" in said and "no clock events" not in said, said
