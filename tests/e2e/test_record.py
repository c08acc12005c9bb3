# SPDX-License-Identifier: Apache-2.0
"""podflame record: what it writes is what the target did."""

import gzip
import importlib.util
import re
import signal
import subprocess
import time

import pytest

import browser
import program
import truth
from interpreters import BARE_BOOKWORM, BOOKWORM, CONTAINED, EVERYWHERE, ON_HOST, VERSIONS, Case
from program import MARGIN_SECONDS, Background, eventually, podflame, record
from testbed import PROJECT

PATH = ["<module>", "main", "a", "b", "c", "d", "leaf"]


def folded(*arguments, samples=0, **options):
    return truth.parse_folded(program.folded(*arguments, samples=samples, **options))


def case_id(case):
    return str(case)


# ---- the truth, for every interpreter wherever it runs ------------------------


@pytest.mark.parametrize("case", EVERYWHERE, ids=case_id)
def test_shares_by_pid(start, case):
    target = start(case, "split.py")
    before, begin = target.cpu_seconds(), time.monotonic()
    stacks = folded("-p", target.pid)
    cpu = (target.cpu_seconds() - before) * 2 / (time.monotonic() - begin)
    truth.assert_shares(truth.leaves(stacks), truth.SPLIT)
    # Mode cpu: a sample is a millisecond on a CPU, whatever else the machine does.
    # The target's share of a busy machine may differ a little before and after the recording.
    assert 0.75 * cpu * 1000 - 50 <= truth.total(stacks) <= 1.25 * cpu * 1000 + 50


@pytest.mark.parametrize("case", CONTAINED, ids=case_id)
def test_shares_by_container(start, case):
    target = start(case, "split.py")
    truth.assert_shares(truth.leaves(folded("-c", target.name, samples=400)), truth.SPLIT)


@pytest.mark.parametrize("case", EVERYWHERE, ids=case_id)
def test_fixed_path_is_exact(start, case):
    target = start(case, "path.py")
    stacks = folded("-p", target.pid, seconds=1, samples=400)
    assert truth.total(stacks) > 100
    lines = [""] + (PROJECT / "tests/targets/path.py").read_text().splitlines()
    for frames, _ in stacks:
        assert truth.names(frames) == PATH
        for caller, callee in zip(frames, PATH[1:]):
            assert caller.file == "path.py"
            assert lines[caller.line].endswith("# " + callee), "%s is not at the line of its call" % (caller,)
        assert "while" in lines[frames[-1].line] or "pass" in lines[frames[-1].line]


# ---- hard programs, for every version -----------------------------------------


@pytest.mark.parametrize("case", VERSIONS, ids=case_id)
def test_no_impossible_stack(start, case):
    target = start(case, "grammar.py")
    stacks = folded("-p", target.pid, seconds=2, rate=5000, samples=1001)
    assert truth.total(stacks) > 1000
    for frames, _ in stacks:
        path = [frame.name for frame in frames]
        for caller, callee in zip(path, path[1:]):
            if caller.startswith("f") and caller[1:].isdigit():
                i = int(caller[1:])
                allowed = ("f%d" % ((3 * i + 1) % 16), "f%d" % ((7 * i + 2) % 16))
                assert callee in allowed, "%s never calls %s: %s" % (caller, callee, path)


@pytest.mark.parametrize("case", VERSIONS, ids=case_id)
def test_generators_stay_in_order(start, case):
    target = start(case, "generators.py")
    stacks = folded("-p", target.pid, seconds=1, samples=400)
    chain = ["<module>", "main", "outer", "middle", "inner", "spin"]
    spinning = 0
    for frames, count in stacks:
        path = truth.names(frames)
        if path[2:3] == ["outer"]:
            assert path == chain[:len(path)]
        spinning += count if path == chain else 0
    assert spinning > 0.8 * truth.total(stacks)


@pytest.mark.parametrize("case", VERSIONS, ids=case_id)
def test_code_objects_that_come_and_go(start, case):
    target = start(case, "churn_code.py")
    made = 0
    stacks = folded("-p", target.pid, seconds=1, rate=2000, samples=400)
    for frames, count in stacks:
        leaf = frames[-1]
        if leaf.name.startswith("made_"):
            assert leaf.file == leaf.name + ".py", "a stale name: %s" % (leaf,)
            made += count
    assert made > 0.3 * truth.total(stacks) > 30


@pytest.mark.parametrize("case", VERSIONS, ids=case_id)
def test_names_beyond_ascii(start, case):
    target = start(case, "unicode_names.py")
    stacks = folded("-p", target.pid, seconds=1, samples=400)
    assert {tuple(truth.names(frames)) for frames, _ in stacks} == {
        ("<module>", "main", "größe", "вес", "𐍅𐌰𐌹𐌷𐍄")}


@pytest.mark.parametrize("case", VERSIONS, ids=case_id)
def test_deep_stack_is_whole(start, case):
    target = start(case, "deep.py", 0, 900)
    stacks = folded("-p", target.pid, seconds=1, samples=400)
    assert {tuple(truth.names(frames)) for frames, _ in stacks} == {
        ("<module>", "main") + 900 * ("down",) + ("leaf",)}


# ---- modes ----------------------------------------------------------------------


def test_wall_counts_every_thread(start):
    target = start(BOOKWORM, "threads.py", 0, 1, 2)
    seconds, rate = 3, 200
    stacks = folded("-p", target.pid, "-m", "wall", seconds=seconds, rate=rate)
    seen = {name: sum(count for frames, count in stacks if name in truth.names(frames))
            for name in ("spin", "rest", "wait")}
    idle = sum(count for frames, count in stacks if truth.is_idle(frames[-1]))
    assert idle >= 0.98 * (seen["rest"] + seen["wait"])
    for name, threads in (("spin", 1), ("rest", 2), ("wait", 1)):
        assert seen[name] == pytest.approx(threads * seconds * rate, rel=0.1), seen


def test_cpu_ignores_threads_that_sleep(start):
    target = start(BOOKWORM, "threads.py", 0, 1, 2)
    stacks = folded("-p", target.pid, seconds=1, samples=400)
    spinning = sum(count for frames, count in stacks if "spin" in truth.names(frames))
    assert spinning >= 0.99 * truth.total(stacks) > 100


def test_gil_mode_shows_its_holder(start):
    target = start(BOOKWORM, "split.py")
    # Seldom enough that the target has run on in between, on a crowded machine too: each sample is a draw.
    stacks = folded("-p", target.pid, "-m", "gil", rate=90)
    leaves = truth.leaves(stacks)
    leaves.pop("(idle)", None)
    truth.assert_shares(leaves, truth.SPLIT)


# ---- files ------------------------------------------------------------------------


def test_html_opens_offline_and_shows_the_shares(start, tmp_path):
    target = start(BOOKWORM, "split.py")
    file = tmp_path / "split.html"
    done = podflame("record", "-c", target.name, "-o", file, "-d", 3, "-r", 1000)
    assert done.returncode == 0, done.stderr
    samples = int(re.search(r"(\d+) samples", done.stderr)[1])
    with browser.open_page(file.as_uri()) as page:
        widths = browser.widths(page, truth.SPLIT)
        assert not browser.errors(page)
    # The width of a frame is its share of the page.
    together = sum(widths.values())
    for name, share in truth.SPLIT.items():
        truth.assert_share(samples * widths[name] / together, samples, share, name)


def test_html_without_samples_says_why(start, tmp_path):
    target = start(Case(ON_HOST[0], "host"), "sleeper.py")
    file = tmp_path / "idle.html"
    assert podflame("record", "-p", target.pid, "-o", file, "-d", 0.3).returncode == 1
    with browser.open_page(file.as_uri()) as page:
        assert "No samples: no Python thread ran on a CPU in this time." in page.execute_script("return document.body.innerText")
        assert not browser.errors(page)


@pytest.fixture(scope="session")
def pprof_messages(tmp_path_factory):
    """The messages of pprof, compiled from the project's copy of the schema."""
    folder = tmp_path_factory.mktemp("pprof")
    source = PROJECT / "agent/format"
    subprocess.run(["protoc", "--proto_path", source, "--python_out", folder, "pprof.proto"], check=True)
    spec = importlib.util.spec_from_file_location("pprof_pb2", folder / "pprof_pb2.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_pprof_can_be_read(start, tmp_path, pprof_messages):
    target = start(BOOKWORM, "split.py")
    file = tmp_path / "split.pb.gz"
    record("-p", target.pid, "-f", "pprof", "-o", file)
    profile = pprof_messages.Profile()
    profile.ParseFromString(gzip.decompress(file.read_bytes()))
    text = profile.string_table
    assert text[0] == ""
    types = [(text[t.type], text[t.unit]) for t in profile.sample_type]
    assert ("samples", "count") in types and ("cpu", "nanoseconds") in types
    functions = {f.id: text[f.name] for f in profile.function}
    leaves = {location.id: functions[location.line[0].function_id] for location in profile.location}
    counts, nanoseconds = truth.Counter(), 0
    for sample in profile.sample:
        counts[leaves[sample.location_id[0]]] += sample.value[types.index(("samples", "count"))]
        nanoseconds += sample.value[types.index(("cpu", "nanoseconds"))]
    truth.assert_shares(counts, truth.SPLIT)
    assert nanoseconds == pytest.approx(sum(counts.values()) * 1e6, rel=0.2)
    assert profile.period == 1000000
    assert profile.duration_nanos == pytest.approx(2e9, rel=0.1)


def test_pprof_says_why_a_thread_does_not_run(start, tmp_path, pprof_messages):
    target = start(Case(ON_HOST[0], "host"), "waits.py")
    file = tmp_path / "waits.pb.gz"
    record("-p", target.pid, "-m", "wall", "-o", file, seconds=1, rate=50)
    profile = pprof_messages.Profile()
    profile.ParseFromString(gzip.decompress(file.read_bytes()))
    text = profile.string_table
    labels = [{text[label.key]: text[label.str] for label in sample.label} for sample in profile.sample]
    assert {"sleep", "io", "lock", "child"} <= {one["wait"] for one in labels if one.get("state") == "idle"}
    assert all("wait" not in one for one in labels if one.get("state") != "idle")


def test_output_name_implies_the_format(start, tmp_path):
    target = start(BARE_BOOKWORM, "split.py")
    record("-p", target.pid, "-o", tmp_path / "x.html", seconds=1)
    assert (tmp_path / "x.html").read_text().lstrip().lower().startswith("<!doctype html")
    record("-p", target.pid, "-o", tmp_path / "x.folded", seconds=1)
    stacks = truth.parse_folded((tmp_path / "x.folded").read_text())
    assert "split.py" in {frame.file for frames, _ in stacks for frame in frames}


def test_cost_is_its_own(start):
    """And not that of the program that has started it."""
    target = start(Case(ON_HOST[0], "host"), "split.py")
    large = b"x" * (300 << 20)
    done = podflame("record", "-v", "-p", target.pid, "-d", 1)
    assert 1 <= int(re.search(r"cost: .* (\d+) MiB of memory", done.stderr)[1]) < 200 < len(large) >> 20


# ---- ends ---------------------------------------------------------------------------


def test_interrupt_ends_early_and_writes(start, tmp_path):
    target = start(BOOKWORM, "split.py")
    with Background(tmp_path, "record", "-p", target.pid, "-d", 60, "-r", 1000) as recording:
        time.sleep(1.5)
        begin = time.monotonic()
        assert recording.interrupt() == 0, recording.stderr
        assert time.monotonic() - begin < 2
        truth.assert_shares(truth.leaves(truth.parse_folded(recording.stdout)), truth.SPLIT)
    assert target.alive()


def test_late_ticks_do_not_distort_the_shares(start, tmp_path):
    """What piled up while podflame itself was held up must not all count for the stack found afterwards."""
    target = start(BOOKWORM, "split.py")
    with Background(tmp_path, "record", "-p", target.pid, "-d", 4, "-r", 500) as recording:
        time.sleep(1.5)
        recording.process.send_signal(signal.SIGSTOP)
        time.sleep(0.8)
        recording.process.send_signal(signal.SIGCONT)
        assert recording.process.wait(MARGIN_SECONDS) == 0, recording.stderr
        truth.assert_shares(truth.leaves(truth.parse_folded(recording.stdout)), truth.SPLIT)


@pytest.mark.parametrize("way", ["return", "exit", "abort", "kill"])
def test_target_that_ends_meanwhile(start, tmp_path, way):
    target = start(BARE_BOOKWORM, "exits.py", 2.5, way)
    done = podflame("record", "-p", target.pid, "-d", 20, "-r", 1000)
    assert done.returncode == 0, done.stderr
    assert done.seconds < 15
    stacks = truth.parse_folded(done.stdout)
    working = sum(count for frames, count in stacks if "work" in truth.names(frames))
    # Its end in the kernel is some 10 samples without Python, however few the machine has let it work for.
    assert truth.total(stacks) > 100 and working > 0.95 * truth.total(stacks) - 15
    eventually(lambda: not target.alive(), 5, "the target ends")


def test_several_processes_at_once(start):
    split, path = start(BOOKWORM, "split.py"), start(BARE_BOOKWORM, "path.py")
    stacks = folded("-p", split.pid, "-p", path.pid, samples=1000)
    on_path = sum(count for frames, count in stacks if frames[-1].file == "path.py")
    leaves = truth.leaves([(frames, count) for frames, count in stacks if frames[-1].file != "path.py"])
    truth.assert_shares(leaves, truth.SPLIT)
    assert on_path > 100  # a half, unless the machine is crowded


@pytest.mark.parametrize("by, roots", [
    ("process", ["split.py (pid {})", "split.py (pid {})", "path.py (pid {})"]),
    ("program", ["split.py", "path.py"]),
    ("container", ["<module>"]),
])
def test_processes_of_one_program_are_one_if_asked_for(start, by, roots):
    """And are called by their script."""
    host = Case(ON_HOST[0], "host")
    pids = [start(host, script).pid for script in ("split.py", "split.py", "path.py")]
    options = [word for pid in pids for word in ("-p", pid)] + ["--by", by]
    done = podflame("record", *options, "-r", 500, "-d", 1)
    assert done.returncode == 0 and " of 3 processes in " in done.stderr, done.stderr
    seen = {row.split(";")[0] for row in done.stdout.splitlines()}
    assert {re.sub(r" \(.*py:.*", "", root) for root in seen} == {root.format(pid) for root, pid in zip(roots, pids)}
