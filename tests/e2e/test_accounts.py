# SPDX-License-Identifier: Apache-2.0
"""The books of real recordings: samples stand for the CPU time that the kernel accounted, wherever that is told."""

import gzip
import json
import re
import subprocess
import urllib.request

import browser
import otlp
from collector import Collector, agent, free_port
from interpreters import SUPPORTED_ON_HOST, Case
from prometheus_client.parser import text_string_to_metric_families
from program import MARGIN_SECONDS, eventually, podflame

PYTHON = SUPPORTED_ON_HOST[0]
HOST = Case(PYTHON, "host")
CPU_SECONDS = 2
BURN = "import time\nwhile time.process_time() < %g: pass" % CPU_SECONDS
LEAST, MOST = 90, 105  # per cent; on a crowded machine a short program ends before its last tick


def shares(text):
    return [float(share) for share in re.findall(r"overage +(\d+\.\d) %: of", text)]


def is_covered(share):
    return LEAST <= share <= MOST


def test_a_busy_loop_is_covered_in_every_output(tmp_path):
    recorded = tmp_path / "busy.otlp.json"
    done = podflame("record", "-v", "-r", 1000, "-o", recorded, "--", PYTHON.command[0], "-I", "-S", "-c", BURN)
    assert done.returncode == 0, done.stderr
    told = shares(done.stderr)
    assert len(told) == 1 and is_covered(told[0]), done.stderr

    [profile] = otlp.profiles(json.loads(recorded.read_text()))
    own = dict(profile.attributes)
    assert float(own["podflame.accounted_ns"]) >= 0.95e9 * CPU_SECONDS
    assert abs(100 * float(own["podflame.coverage"]) - told[0]) < 0.06  # both are rounded

    page, pprof = tmp_path / "busy.html", tmp_path / "busy.pb.gz"
    assert podflame("convert", recorded, "-o", page).returncode == 0
    assert podflame("convert", recorded, "-o", pprof).returncode == 0
    meta = json.loads(re.search(r'id="profile">\s*(.*?)\s*</script>', page.read_text(), re.S)[1])["meta"]
    assert round(100 * meta["coverage"]["share"], 1) == told[0] and (told[0] < 98 or not meta["coverage"]["low"])
    assert b"coverage: %.4f" % meta["coverage"]["share"] in gzip.decompress(pprof.read_bytes())
    assert shares(podflame("convert", pprof, "-f", "text").stdout) == told


def test_what_ran_without_a_sample_is_not_said_to_have_slept(tmp_path):
    """At one tick a second, hardly any meets a program of some milliseconds."""
    page_file = tmp_path / "short.html"
    for _ in range(20):
        done = podflame("record", "-r", 1, "-o", page_file, "--", PYTHON.command[0], "-I", "-S", "-c", "")
        if "no samples" in done.stderr:
            break
    assert re.search(r"no samples: \d+\.\d ms of time were accounted, and ticks come every 1000.0 ms", done.stderr), done.stderr
    assert "nothing ran" not in done.stderr
    with browser.open_page(page_file.as_uri()) as page:
        empty = page.execute_script("return document.querySelector('.empty').textContent")
        assert not browser.errors(page)
    assert empty.startswith("No samples, although it ran. Coverage 0.0 %: of "), empty


def metric(port, name):
    with urllib.request.urlopen("http://127.0.0.1:%d/metrics" % port, timeout=MARGIN_SECONDS) as answer:
        families = text_string_to_metric_families(answer.read().decode())
    return sum(sample.value for family in families for sample in family.samples if sample.name == name)


def test_agent_and_collector_tell_the_coverage(start, tmp_path):
    target = start(HOST, "grammar.py")
    port = free_port()
    with Collector(tmp_path / "collector") as served, \
            agent(tmp_path / "agent", served.url, "--window", "1s", "--rate", 1000, "--select", "pid=%d" % target.pid,
                  "--listen", "127.0.0.1:%d" % port):
        meta = eventually(lambda: covered_for(served, CPU_SECONDS), 60, "the collector has books")
        accounted, sampled, unsampled = (metric(port, "podflame_cpu_%s_seconds_total" % what)
                                         for what in ("accounted", "sampled", "unsampled"))
        ratio = metric(port, "podflame_coverage_ratio")
    assert is_covered(100 * meta["coverage"]["share"]), meta
    assert accounted >= CPU_SECONDS
    assert is_covered(100 * sampled / accounted), (accounted, sampled, unsampled)
    assert accounted <= (sampled + unsampled) * 1.001, "all of it is told"
    assert 0.8 <= ratio <= 1.2, "of one window, which may have been short of CPU time"


def covered_for(served, seconds):
    """What the collector has, once it is of so much CPU time."""
    meta = served.json("tree")["meta"]
    return meta if meta.get("coverage", {"accounted": 0})["accounted"] >= seconds else None


# Opened, and removed by its exec, a dozen times.
CIRCLE = """
import os, sys, time
if len(sys.argv) == 1:
    print("ready", flush=True)
start = time.process_time()
while time.process_time() < start + 0.1:
    pass
if time.process_time() > 1.5:
    open(%r, "w").write(str(time.process_time()))
    sys.exit()
os.execv(sys.executable, [sys.executable, "-S", sys.argv[0], "again"])
"""


def test_a_program_that_executes_itself_is_accounted_for_once(tmp_path, script):
    """It was, at each exec, for all that it had used since the first."""
    told = tmp_path / "told"
    with subprocess.Popen([PYTHON.command[0], "-S", script(CIRCLE % str(told))], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "ready\n"
        done = podflame("record", "-p", process.pid, "-d", 60, "-f", "otlp", "-o", tmp_path / "out.otlp")
    assert done.returncode == 0, done.stderr
    accounted = sum(float(dict(profile.attributes)["podflame.accounted_ns"])
                    for profile in otlp.profiles(json.loads((tmp_path / "out.otlp").read_text())))
    assert accounted <= 1e9 * (float(told.read_text()) + 0.1)
