# SPDX-License-Identifier: Apache-2.0
"""One recording in every format: each file's own reader finds the same totals of the same functions."""

import collections
import contextlib
import csv
import functools
import http.server
import io
import json
import re
import shutil
import subprocess
import threading
import time
import xml.etree.ElementTree

import pytest

import browser
import interpreters
import truth
from program import MARGIN_SECONDS, podflame
from skips import must_skip
from testbed import CACHE, PROJECT
from testbed.images import locked

NAMES = ("work", "hot", "warm", "cold")


def converted(*arguments):
    done = podflame("convert", *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def totals(stacks):
    """{function: (total, self)} of [(names root first, weight)]."""
    found = {name: [0, 0] for name in NAMES}
    for names, weight in stacks:
        for name in set(names) & found.keys():
            found[name][0] += weight
        if names and names[-1] in found:
            found[names[-1]][1] += weight
    return {name: tuple(sums) for name, sums in found.items()}


PROGRAM = """
import time
def hot(end):
    while time.process_time() < end: sum(range(300))
def warm(depth, end):
    if depth: warm(depth - 1, end)
    else: hot(end)
def cold():
    for _ in range(300): sum(range(300))
def work():
    while time.process_time() < 0.8:
        warm(3, time.process_time() + 0.02)
        hot(time.process_time() + 0.04)
        cold()
work()
"""
THREADS = """
import gc, threading, time
def napper():
    for _ in range(6): time.sleep(0.1)
def burner():
    end = time.monotonic() + 0.6
    while time.monotonic() < end: gc.collect()
threads = [threading.Thread(target=napper, name="napper"), threading.Thread(target=burner, name="burner")]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""


def record_program(folder, text, file, *options):
    program = folder / "program.py"
    program.write_text(text)
    done = podflame("record", "-r", 500, *options, "-o", file, "--", "/usr/bin/python3", program)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """(folder, totals in samples, totals in ns, all samples): of a recording that has all that OTLP keeps."""
    folder = tmp_path_factory.mktemp("files")
    record_program(folder, PROGRAM, folder / "a.otlp.json")
    for ending in ("jsonl", "folded", "svg", "speedscope.json", "gecko.json", "trace.json", "pstats", "pb.gz"):
        converted(folder / "a.otlp.json", "-o", folder / ("a." + ending))
    stacks = lines_of(folder / "a.jsonl")
    return (folder, totals((names, n) for names, n, _ in stacks), totals((names, ns) for names, _, ns in stacks),
            sum(n for _, n, _ in stacks))


# ---- readers: [(names root first, samples, ns)] ------------------------------------------------------------------


def lines_of(path):
    lines = [json.loads(line) for line in path.read_text().splitlines()[1:]]
    return [([frame["name"] for frame in line["stack"]], line["samples"], line["ns"]) for line in lines]


def speedscope_of(path):
    body = json.loads(path.read_text())
    assert {profile["unit"] for profile in body["profiles"]} == {"nanoseconds"}
    names = [frame["name"] for frame in body["shared"]["frames"]]
    return [([names[i] for i in sample], count, weight) for profile in body["profiles"] for sample, weight, count in zip(
        profile["samples"], profile["weights"], profile["counts"], strict=True)]


def gecko_of(path):
    body = json.loads(path.read_text())
    strings, stacks = body["shared"]["stringArray"], []
    for thread in body["threads"]:
        samples, table = thread["samples"], thread["stackTable"]
        for node, count, ns in zip(samples["stack"], samples["weight"], samples["ns"], strict=True):
            names = []
            while node is not None:
                names.insert(0, strings[thread["funcTable"]["name"][thread["frameTable"]["func"][table["frame"][node]]]])
                node = table["prefix"][node]
            stacks.append((names, count, ns))
    return stacks


def trace_of(path):
    """B and E events are replayed."""
    open_frames, stacks, last = {}, [], {}
    for event in json.loads(path.read_text())["traceEvents"]:
        key = event["pid"], event["tid"]
        frames = open_frames.setdefault(key, [])
        if event["ph"] in "BE" and frames:
            stacks.append((list(frames), 0, round(1000 * (event["ts"] - last[key]))))
        if event["ph"] == "B":
            frames.append(event["name"])
        elif event["ph"] == "E":
            stacks.append((list(frames), event["samples"], 0))
            assert frames.pop() == event["name"]
        last[key] = event["ts"]
    assert not any(open_frames.values())
    return stacks


@pytest.mark.parametrize("ending, read", [
    ("jsonl", lines_of), ("speedscope.json", speedscope_of), ("gecko.json", gecko_of), ("trace.json", trace_of),
], ids=lambda value: value if isinstance(value, str) else "")
def test_stacks_are_the_same(files, ending, read):
    folder, samples, ns, count = files
    stacks = read(folder / ("a." + ending))
    assert samples["hot"][0] > 50 and samples["warm"][0] > 10
    assert totals((names, n) for names, n, _ in stacks) == samples
    assert totals((names, time_ns) for names, _, time_ns in stacks) == ns
    again = truth.parse_folded(converted(folder / ("a." + ending)))
    assert totals((truth.names(frames), n) for frames, n in again) == samples and truth.total(again) == count


def test_folded_and_pprof_are_the_same(files):
    folder, samples, _, count = files
    for ending in ("folded", "pb.gz"):
        stacks = truth.parse_folded(converted(folder / ("a." + ending)))
        assert totals((truth.names(frames), n) for frames, n in stacks) == samples and truth.total(stacks) == count


def pythons():
    """Debian's, and of pyenv's the first, the middle and the last by name."""
    others = [interpreter.command[0] for interpreter in interpreters.pyenv()]
    return ["/usr/bin/python3"] + sorted({others[0], others[len(others) // 2], others[-1]} if others else ())


def test_pstats_of_each_python_reads_the_same(files):
    folder, samples, ns, _ = files
    script = ("import json, pstats, sys; s = pstats.Stats(sys.argv[1]).stats; "
              "print(json.dumps([(k[2], v[0], v[1], v[2], v[3], len(v[4])) for k, v in s.items()]))")
    for python in pythons():
        done = subprocess.run([python, "-c", script, folder / "a.pstats"], capture_output=True, text=True)
        assert done.returncode == 0, python + done.stderr
        rows = {name: row for name, *row in json.loads(done.stdout)}
        for name in NAMES:
            own, total, own_s, total_s, callers = rows.get(name, (0, 0, 0, 0, 0))
            assert (total, own) == samples[name], (python, name)
            assert (round(1e9 * total_s), round(1e9 * own_s)) == ns[name], (python, name)
        assert rows["hot"][4] == 2 and rows["warm"][4] == 2  # work and itself
        shown = subprocess.run([python, "-m", "pstats", folder / "a.pstats"], input="callers hot\nquit\n",
                               capture_output=True, text=True)
        assert "warm" in shown.stdout, shown.stderr


def test_pstats_back(files):
    """Each function's own time; what cProfile of each Python has counted is read as well."""
    folder, samples, _, _ = files
    stacks = truth.parse_folded(converted(folder / "a.pstats"))
    assert {name: sum(n for frames, n in stacks if truth.names(frames) == [name]) for name in NAMES} == {
        name: own for name, (_, own) in samples.items()}
    (folder / "calls.py").write_text("def f(n):\n    return f(n - 1) if n else sum(range(200000))\nf(5)\nf(3)\n")
    for python in pythons():
        out = folder / "calls.prof"
        subprocess.run([python, "-m", "cProfile", "-o", out, folder / "calls.py"], check=True, capture_output=True)
        own = {}
        for frames, n in truth.parse_folded(converted(out)):
            own[truth.names(frames)[0]] = own.get(truth.names(frames)[0], 0) + n
        done = subprocess.run([python, "-c", "import pstats, sys; print(pstats.Stats(sys.argv[1]).total_tt)", out],
                              capture_output=True, text=True, check=True)
        assert sum(own.values()) == pytest.approx(1e6 * float(done.stdout.split()[-1]), abs=100), python
        assert "f" in own and any("sum" in name for name in own), own


def test_svg_has_the_shares(files):
    folder, samples, _, count = files
    tree = xml.etree.ElementTree.parse(folder / "a.svg")
    svg = "{http://www.w3.org/2000/svg}"
    boxes = []
    for group in tree.iter(svg + "g"):
        rect, title = group.find(svg + "rect"), group.find(svg + "title").text
        share = float(re.search(r"([\d.]+) %$", title)[1])
        assert float(rect.get("width")) == pytest.approx(12 * share, abs=0.1), title
        boxes.append((title.partition(" ")[0], float(rect.get("x")), float(rect.get("width")), float(rect.get("y"))))
    own = {name: own for name, (_, own) in samples.items()}
    lines = [(x, x + width) for name, x, width, _ in boxes if name == "work"]
    inside = [box for box in boxes if any(a - 0.01 <= box[1] and box[1] + box[2] <= b + 0.01 for a, b in lines)]
    assert inside and own["hot"] / count == pytest.approx(sum(width for name, _, width, _ in boxes if name == "hot") / 1200, abs=0.03)


# ---- others' pages -----------------------------------------------------------------------------------------------


def speedscope_page():
    """The folder of speedscope's own page, from npm."""
    folder = CACHE / "speedscope"

    def fetch():
        if not shutil.which("npm"):
            must_skip("npm is missing, which fetches speedscope: apt-get install npm")
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(PROJECT / "tests/speedscope" / name, folder)
        done = subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=folder,
                              capture_output=True, text=True)
        if done.returncode != 0:
            must_skip("speedscope cannot be had from npm: " + done.stderr.strip()[:300], debian=False)
        (folder / "ready").touch()

    locked(folder / "ready", fetch)
    return folder / "node_modules/speedscope/dist/release"


@contextlib.contextmanager
def served(folder):
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=folder)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield "http://127.0.0.1:%d/" % server.server_port
        server.shutdown()


def sandwich_rows(page):
    """{name: percent} of speedscope's table, which has a row for each line of a function."""
    deadline = time.monotonic() + MARGIN_SECONDS
    while True:
        text = page.execute_script("return document.body.innerText")
        rows = collections.Counter()
        for share, name in re.findall(r"\((<?[\d.]+)%\)\n\t[^\n]*\n\t([\w<>]+)", text):
            rows[name] += float(share.lstrip("<"))
        if "work" in rows:
            return rows, text
        assert time.monotonic() < deadline, text
        time.sleep(0.2)


def test_speedscopes_own_page_opens_it(files, tmp_path):
    folder, samples, _, count = files
    site = tmp_path / "site"
    shutil.copytree(speedscope_page(), site)
    for name in ("a.speedscope.json", "a.trace.json"):
        shutil.copy(folder / name, site)
    with served(site) as address, browser.open_page("about:blank") as page:
        for name in ("a.speedscope.json", "a.trace.json"):
            page.get("about:blank")  # a change of what follows the # alone loads nothing
            page.get(address + "index.html#profileURL=/%s&view=sandwich" % name)
            rows, text = sandwich_rows(page)
            for function in ("work", "hot"):
                assert rows[function] == pytest.approx(100 * samples[function][0] / count, abs=1.5), text
            assert "merged stacks" in text and browser.errors(page) == []


def test_perfetto_reads_the_same(files):
    folder, _, ns, _ = files
    shell = shutil.which("trace_processor_shell") or shutil.which("trace_processor")
    if not shell:
        must_skip("Perfetto's trace processor is missing: its PyPI package fetches it from elsewhere", debian=False)
    query = folder / "query.sql"
    query.write_text("select name, sum(dur) from slice where name in ('work', 'hot') group by name")
    done = subprocess.run([shell, "-q", query, folder / "a.trace.json"], capture_output=True, text=True, check=True)
    rows = dict(row for row in csv.reader(io.StringIO(done.stdout)) if len(row) == 2)
    assert {name: int(rows[name]) for name in ("work", "hot")} == {name: ns[name][0] for name in ("work", "hot")}


# ---- timelines ---------------------------------------------------------------------------------------------------


def test_timeline_has_the_order_of_time(tmp_path):
    """The napper waits in six spans of 100 ms; the burner collects garbage, and the GIL goes from one to the other."""
    record_program(tmp_path, THREADS, tmp_path / "t.gecko.json", "--timeline", "-m", "wall")
    body = json.loads((tmp_path / "t.gecko.json").read_text())
    strings = body["shared"]["stringArray"]
    assert "timeline" in body["meta"]["product"]
    threads = {}
    for thread in body["threads"]:
        threads.setdefault(thread["name"], []).append(thread)
        times = thread["samples"]["time"]
        assert times == sorted(times) and len(times) == thread["samples"]["length"]
    [napper], [burner] = threads["napper"], threads["burner"]
    assert napper["pid"] == burner["pid"] and napper["tid"] != burner["tid"]

    def spans(thread, name):
        markers = thread["markers"]
        return [(begin, end) for index, begin, end in zip(markers["name"], markers["startTime"], markers["endTime"],
                                                          strict=True) if strings[index] == name]

    slept = sum(end - begin for begin, end in spans(napper, "[sleeps]"))
    assert 500 < slept < 800, spans(napper, "[sleeps]")
    collected = spans(burner, "<GC>")
    assert collected and all(end > begin for begin, end in collected)
    assert sum(napper["samples"]["ns"]) / 1e6 == pytest.approx(600, rel=0.3)


def test_timeline_comes_back_as_samples(tmp_path):
    record_program(tmp_path, THREADS, tmp_path / "t.jsonl", "--timeline")
    lines = [json.loads(line) for line in (tmp_path / "t.jsonl").read_text().splitlines()]
    assert lines[0]["order"] == "timeline" and {"burner"} <= {line["thread"] for line in lines[1:]}
    stacks = truth.parse_folded(converted(tmp_path / "t.jsonl"))
    assert truth.total(stacks) == sum(line["samples"] for line in lines[1:])


def test_timeline_needs_a_format_with_time(tmp_path):
    done = podflame("record", "--timeline", "-p", 1, "-o", tmp_path / "a.html")
    assert done.returncode == 2 and "html does not keep the time of samples" in done.stderr
    assert "gecko (-o FILE.gecko.json)" in done.stderr and not (tmp_path / "a.html").exists()


# ---- bad files ---------------------------------------------------------------------------------------------------


def test_counts_alone_make_no_seconds(tmp_path):
    (tmp_path / "a.folded").write_text("main;f 3\n")
    done = podflame("convert", tmp_path / "a.folded", "-o", tmp_path / "a.pstats")
    assert done.returncode == 1 and "pstats has times in seconds" in done.stderr and not (tmp_path / "a.pstats").exists()


def test_damaged_files_write_nothing(files, tmp_path):
    folder = files[0]
    for ending in ("speedscope.json", "gecko.json", "trace.json", "jsonl", "pstats"):
        data = (folder / ("a." + ending)).read_bytes()
        (tmp_path / "cut").write_bytes(data[:len(data) * 2 // 3])
        done = podflame("convert", tmp_path / "cut", "-o", tmp_path / "b.html")
        assert done.returncode == 1 and str(tmp_path / "cut") in done.stderr, ending
        assert not (tmp_path / "b.html").exists()
