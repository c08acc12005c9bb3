# SPDX-License-Identifier: Apache-2.0
"""podflame gil -o FILE: the stacks of those that held the GIL, by the time for which others waited."""

import gzip
import json
import re

import pytest

import browser
import otlp
import truth
from interpreters import ON_HOST, Case
from program import podflame
from test_bad_input import refused

HOST = Case(ON_HOST[0], "host")
SECONDS, RATE = 4, 250

THREADS = """
return Array.from(document.querySelectorAll(".threads tbody tr")).map(
    row => Array.from(row.children).map(cell => cell.textContent));
"""


@pytest.fixture
def target(start):
    return start(HOST, "gil_blame.py", 0, 3)


def gil(target, *arguments):
    done = podflame("gil", "-p", target.pid, "-d", SECONDS, "-r", RATE, *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def waited(stacks):
    """Counts by leaf."""
    counts = truth.Counter()
    for frames, count in stacks:
        counts[frames[-1].name.rpartition(".")[2]] += count
    return counts


def test_widths_are_the_waiting_that_the_report_tells(target, tmp_path):
    file = tmp_path / "blame.otlp.json"
    report = json.loads(gil(target, "--json", "-o", file))
    profile, = otlp.profiles(json.loads(file.read_text()))
    assert profile.kind == ("samples", "count", "gil_wait", "nanoseconds")
    assert ("podflame.mode", "blame") in profile.attributes
    told = {row["function"].rpartition(".")[2]: row["waited_ns"] for row in report["functions"] if row["waited_ns"]}
    told.update({"(nobody)": report["waited_for_nobody_ns"], "(unknown holder)": report["waited_for_unknown_ns"]})
    counts = waited(truth.parse_folded(podflame("convert", file, "-f", "folded").stdout))
    whole = sum(counts.values())
    assert sum(told.values()) == report["waited_ns"] > 0
    for name, ns in told.items():
        assert counts[name.rpartition(".")[2]] / whole == pytest.approx(ns / report["waited_ns"], abs=0.02), (counts, told)
    assert counts["big"] > 2 * counts["small"] > 0
    leaves = {frames[0][0].rpartition(".")[2]: [name.rpartition(".")[2] for name, _, _ in frames] for frames, _, _ in profile.samples}
    assert leaves["big"][:2] == ["big", "hog"], "the stack is that of the thread that held it"
    assert not any("GIL" in name for names in leaves.values() for name in names)


def test_html_says_what_its_widths_are(target, tmp_path):
    file = tmp_path / "blame.html"
    assert "FUNCTION THAT HELD IT" in gil(target, "-o", file), "the report is printed as well"
    with browser.open_page(file.as_uri()) as page:
        widths = browser.widths(page, ("big", "small"))
        text = page.execute_script("return document.body.innerText")
        rows = page.execute_script(THREADS)
        assert not browser.errors(page)
    names = [re.sub(r" \(tid \d+\)$", "", row[0]) for row in rows]
    assert names.count("wants") == 3 and names.count("hog") == names.count("naps") == 1, rows
    assert float(rows[names.index("naps")][4].split()[0]) > 90, "of its time it is idle: %s" % rows
    assert widths["big"] > 2 * widths["small"] > 0
    assert "Waiting for the GIL" in text
    assert "Width: the time for which other threads waited for the GIL while this held it" in text


def test_formats(target, tmp_path):
    """pprof has the type, text the mode; folded stacks go to a pipe."""
    pprof, text = tmp_path / "blame.pb.gz", tmp_path / "blame.txt"
    packed = tmp_path / "blame.html.gz"
    gil(target, "-o", packed)
    assert b'"threads":[{"name":' in gzip.decompress(packed.read_bytes())
    gil(target, "-o", pprof)
    assert b"gil_wait" in gzip.decompress(pprof.read_bytes())
    assert "Mode       blame" in podflame("convert", pprof, "-f", "text").stdout
    gil(target, "-o", text)
    assert "Mode       blame, %d Hz" % RATE in text.read_text()
    printed = gil(target, "-f", "folded", "--threads")
    stacks = truth.parse_folded(printed)
    assert waited(stacks)["big"] > 0 and "HELD" not in printed
    assert any(frames[0].name.startswith("hog (tid ") for frames, _ in stacks), printed


def test_nobody_waits(start, tmp_path):
    file = tmp_path / "calm.html"
    done = podflame("gil", "-p", start(HOST, "split.py").pid, "-d", 1, "-o", file)
    assert done.returncode == 0, done.stderr
    with browser.open_page(file.as_uri()) as page:
        assert "No samples: no thread is known to have waited for the GIL" in page.execute_script("return document.body.innerText")


@pytest.mark.parametrize("arguments, words", [
    (["-o", "x.png"], [".png", ".html is the picture"]),
    (["--threads"], ["--threads", "-o FILE"]),
    (["--json", "-f", "folded"], ["--json", "-o FILE"]),
    (["--live", "-f", "folded"], ["--live", "-o FILE"]),
], ids=lambda value: " ".join(value))
def test_wrong_usage(arguments, words):
    refused(podflame("gil", "-p", "1", *arguments), *words, status=2)


def test_a_file_that_gets_nothing_is_removed(tmp_path):
    file = tmp_path / "none.html"
    assert podflame("gil", "-p", 1, "-o", file, "-d", 1).returncode == 1 and not file.exists()
