# SPDX-License-Identifier: Apache-2.0
"""The oracle's judge (tests/oracle): profiles made by hand, of known errors, in each format."""

import gzip
import json
import random
import subprocess
import sys

import pytest

from testbed import PROJECT

sys.path.insert(0, str(PROJECT / "tests/oracle"))

import judge  # noqa: E402
import readers  # noqa: E402
import run  # noqa: E402

JUDGE = PROJECT / "tests/oracle/judge.py"
RATE = 1000
PERIOD_NS = 10**9 // RATE
# A program that has had 2 s of CPU time: work calls f and g; f has had 1.2 s, g 0.8 s; both call helper.
TRUTH = {
    "workload": "example", "seconds": 3.0, "cpu_ns": 2 * 10**9, "proportions": [],
    "functions": {"f": {"cpu_ns": 12 * 10**8, "wall_ns": 20 * 10**8, "calls": 10},
                  "g": {"cpu_ns": 8 * 10**8, "wall_ns": 10 * 10**8, "calls": 10}},
    "grammar": {"callers": {"work": ["<module>"], "f": ["work"], "g": ["work"], "helper": ["f", "g"],
                            "made_#": ["work"]},
                "files": ["example.py"], "roots": ["<module>"], "depths": {"helper": 4}},
}
F, G = ("<module>", "work", "f", "helper"), ("<module>", "work", "g", "helper")
RIGHT = {F: 1200, G: 800}
FILE = "/srv/app/example.py"


# ---- files ---------------------------------------------------------------------


def folded(stacks):
    return "".join("%s %d\n" % (";".join("%s (%s:7)" % (name, FILE) for name in stack), n) for stack, n in stacks.items())


def with_threads(stacks):
    """As py-spy writes it, with --threads and --subprocesses."""
    return "".join('process 12:"python example.py";thread (0x1F): MainThread;' + line
                   for line in folded(stacks).splitlines(True))


def collapsed(stacks):
    """As CPython's profiling.sampling writes it."""
    return "".join("tid:77;%s %d\n" % (";".join("%s:%s:7" % (FILE, name) for name in stack), n)
                   for stack, n in stacks.items())


def speedscope(stacks):
    names = sorted({name for stack in stacks for name in stack})
    samples = [[names.index(name) for name in stack] for stack in stacks]
    weights = [n * PERIOD_NS for n in stacks.values()]
    return json.dumps({"shared": {"frames": [{"name": name, "file": FILE, "line": 7} for name in names]}, "profiles": [
        {"type": "sampled", "name": "MainThread", "unit": "nanoseconds", "samples": samples, "weights": weights}]})


def chains(stacks):
    """(frames, [(frame, prefix)], index by stack): each beginning of a stack is an entry of a table."""
    frames, table, found = [], [], {(): None}
    for stack in stacks:
        for end in range(1, len(stack) + 1):
            if stack[:end] not in found:
                frames.append(stack[end - 1])
                found[stack[:end]] = len(table)
                table.append((len(frames) - 1, found[stack[:end - 1]]))
    return frames, table, found


def gecko(stacks):
    """As Firefox's viewer has it, and profiling.sampling writes it."""
    frames, table, found = chains(stacks)
    thread = {
        "name": "MainThread", "stringArray": frames + [FILE],
        "funcTable": {"name": list(range(len(frames))), "fileName": [len(frames)] * len(frames)},
        "frameTable": {"func": list(range(len(frames))), "line": [7] * len(frames)},
        "stackTable": {"frame": [frame for frame, _ in table], "prefix": [prefix for _, prefix in table]},
        "samples": {"stack": [found[stack] for stack, n in stacks.items() for _ in range(n)], "weightType": "samples"},
    }
    return json.dumps({"meta": {"interval": 1000 / RATE, "preprocessedProfileVersion": 50}, "threads": [thread]})


def gecko_recorded(stacks):
    """As Firefox records it."""
    frames, table, found = chains(stacks)
    thread = {
        "name": "MainThread", "stringTable": ["%s (%s:7)" % (name, FILE) for name in frames],
        "frameTable": {"schema": {"location": 0}, "data": [[i] for i in range(len(frames))]},
        "stackTable": {"schema": {"prefix": 0, "frame": 1}, "data": [[prefix, frame] for frame, prefix in table]},
        "samples": {"schema": {"stack": 0, "time": 1},
                    "data": [[found[stack], 0] for stack, n in stacks.items() for _ in range(n)]},
    }
    return json.dumps({"meta": {"interval": 1000 / RATE}, "threads": [thread]})


def otlp_json(stacks):
    names = sorted({name for stack in stacks for name in stack})
    texts = ["", "samples", "count", "cpu", "nanoseconds", FILE] + names
    samples = [{"stackIndex": i, "values": [str(n)]} for i, n in enumerate(stacks.values(), 1)]
    body = {"sampleType": {"typeStrindex": 1, "unitStrindex": 2}, "periodType": {"typeStrindex": 3, "unitStrindex": 4},
            "period": str(PERIOD_NS), "timeUnixNano": "1", "durationNano": "1", "samples": samples}
    return json.dumps({
        "resourceProfiles": [{"resource": {"attributes": []}, "scopeProfiles": [{"profiles": [body]}]}],
        "dictionary": {
            "stringTable": texts, "attributeTable": [{}],
            "functionTable": [{}] + [{"nameStrindex": texts.index(name), "filenameStrindex": 5} for name in names],
            "locationTable": [{}] + [{"lines": [{"functionIndex": i, "line": "7"}]} for i in range(1, len(names) + 1)],
            "stackTable": [{}] + [{"locationIndices": [1 + names.index(name) for name in reversed(stack)]}
                                  for stack in stacks]}})


def varint(n):
    return bytes([n]) if n < 128 else bytes([n & 127 | 128]) + varint(n >> 7)


def field(number, value):
    """A number, a text or message, or a list of numbers, packed."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    value = value.encode() if isinstance(value, str) else b"".join(map(varint, value)) if isinstance(value, list) else value
    return varint(number << 3 | 2) + varint(len(value)) + value


def pprof(stacks):
    names = sorted({name for stack in stacks for name in stack})
    texts = ["", "samples", "count", "cpu", "nanoseconds", FILE] + names
    parts = [field(1, field(1, 1) + field(2, 2)), field(1, field(1, 3) + field(2, 4))]
    parts += [field(2, field(1, [1 + names.index(name) for name in reversed(stack)]) + field(2, [n, n * PERIOD_NS]))
              for stack, n in stacks.items()]
    for i, name in enumerate(names, 1):
        parts += [field(4, field(1, i) + field(4, field(1, i) + field(2, 7))),
                  field(5, field(1, i) + field(2, texts.index(name)) + field(4, 5))]
    parts += [field(6, text) for text in texts] + [field(11, field(1, 3) + field(2, 4)), field(12, PERIOD_NS)]
    return gzip.compress(b"".join(parts))


def mojo_number(n):
    return bytes([n]) if n < 64 else bytes([n & 63 | 128]) + varint(n >> 6)


def mojo(stacks):
    """Austin's own; its times are in microseconds."""
    names = sorted({name for stack in stacks for name in stack})
    parts = [b"MOJ\x03", b"\x0b", mojo_number(99), FILE.encode() + b"\0"]
    for i, name in enumerate(names, 100):
        parts += [b"\x0b", mojo_number(i), name.encode() + b"\0"]
    defined = [b"\x03", *(b"".join(map(mojo_number, (i, 99, i, 7, 7, 0, 0))) + b"\x03" for i in range(100, 100 + len(names)))]
    definitions = b"".join(defined)[:-1]
    one = b"\x02" + mojo_number(0) + mojo_number(0) + b"T\0"
    samples = b"".join((one + b"".join(b"\x05" + mojo_number(100 + names.index(name)) for name in stack) +
                        b"\x09" + mojo_number(PERIOD_NS // 1000)) * n for stack, n in stacks.items())
    return b"".join(parts) + definitions + samples


FORMATS = {"folded": folded, "py-spy": with_threads, "collapsed": collapsed, "speedscope": speedscope, "gecko": gecko,
           "gecko as recorded": gecko_recorded, "otlp": otlp_json, "pprof": pprof, "mojo": mojo}


@pytest.fixture(params=FORMATS)
def written(request, tmp_path):
    """Writes stacks in a format; returns the file."""
    def write(stacks):
        data = FORMATS[request.param](stacks)
        path = tmp_path / "profile"
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
        return path
    return write


def verdict(path, **options):
    return judge.judge(TRUTH, readers.read(path, RATE), "it", **options)


# ---- every format --------------------------------------------------------------


def test_a_right_profile_passes(written):
    found = verdict(written(RIGHT))
    assert found.right, found.faults
    assert found.samples == 2000
    assert found.coverage == pytest.approx(1)
    assert {share.function: share.measured for share in found.shares} == {"f": pytest.approx(0.6), "g": pytest.approx(0.4)}
    assert found.worst.sigma == pytest.approx((0.6 * 0.4 / 2000) ** 0.5)


def test_one_impossible_stack_is_found(written):
    found = verdict(written({**RIGHT, ("<module>", "work", "f", "g"): 1}))
    assert found.impossible == 1
    assert found.per_million == pytest.approx(1e6 / 2001)
    assert found.example == "f calls g: <module> work f g"
    assert not found.right


def test_half_of_the_time_missing_is_found(written):
    found = verdict(written({F: 600, G: 400}))
    assert found.coverage == pytest.approx(0.5)
    assert [fault for fault in found.faults if "accounted for" in fault] == found.faults != []


def test_twice_the_time_is_found(written):
    assert verdict(written({F: 2400, G: 1600})).coverage == pytest.approx(2)
    assert not verdict(written({F: 2400, G: 1600})).right


def test_shifted_shares_are_found(written):
    found = verdict(written({F: 1350, G: 650}))
    assert found.worst.bias == pytest.approx(0.075) or found.worst.bias == pytest.approx(-0.075)
    assert abs(found.worst.sigmas) > 6
    assert len(found.faults) == 2 and all("truth" in fault for fault in found.faults)


def test_a_file_that_ends_too_early_is_no_profile(written):
    path = written(RIGHT)
    path.write_bytes(path.read_bytes()[:-5])
    if path.read_bytes().startswith(b"MOJ"):  # ends with a whole sample less
        assert verdict(path).samples == 1999
        return
    try:
        assert not verdict(path).right  # a line of folded stacks may still be one
    except readers.Unreadable:
        pass


# ---- stacks --------------------------------------------------------------------


@pytest.mark.parametrize("stack, why", [
    (("work", "f", "helper"), "work is outermost"),
    (("<module>", "work", "helper"), "helper at depth 3"),
    (("<module>", "f"), "<module> calls f"),
    (("<module>", "work", "f", "made_1"), "f calls made_1"),
])
def test_why_a_stack_is_impossible(stack, why):
    frames = tuple(readers.Frame(name, "example.py", 1) for name in stack)
    if "made_1" in stack:
        frames = frames[:-1] + (readers.Frame("made_1", "made_1.py", 1),)
    assert judge.Grammar(TRUTH["grammar"]).impossible(frames) == why


def test_a_stale_name_is_impossible():
    stack = [readers.Frame("<module>", "example.py", 1), readers.Frame("work", "example.py", 1)]
    grammar = judge.Grammar(TRUTH["grammar"])
    assert grammar.impossible(stack + [readers.Frame("made_1", "made_1.py", 2)]) == ""
    assert grammar.impossible(stack + [readers.Frame("made_1", "made_2.py", 2)]) == "made_1 of the file made_2.py"


def test_what_is_not_the_programs_own_is_not_judged():
    stack = [readers.Frame(*frame) for frame in (
        ("<module>", "example.py", 1), ("<GC>", "", 0), ("work", "example.py", 2), ("g", "library.py", 1),
        ("helper", "library.py", 1), ("<native>", "", 0))]
    assert judge.Grammar(TRUTH["grammar"]).impossible(stack) == ""
    assert judge.Grammar(TRUTH["grammar"]).impossible([readers.Frame("(no Python frame)", "", 0)]) == ""


def test_a_function_that_the_program_does_not_have_is_found(tmp_path):
    path = tmp_path / "profile"
    path.write_text(folded({**RIGHT, ("<module>", "work", "stranger"): 2}))
    assert verdict(path).outside == 2
    assert "stranger" in verdict(path).faults[0]


# ---- time ----------------------------------------------------------------------


def test_what_sleeps_counts_in_mode_wall_only(tmp_path):
    path = tmp_path / "profile"
    path.write_text(folded(RIGHT) + "".join("%s;(idle) %d\n" % (";".join("%s (%s:1)" % (name, FILE) for name in stack), n)
                                            for stack, n in ((F, 800), (G, 200))))
    assert verdict(path).right and verdict(path).samples == 2000
    found = verdict(path, mode="wall")
    assert found.right, found.faults
    assert found.samples == 3000
    assert found.coverage == pytest.approx(1)


def test_time_that_is_not_said_is_no_right_profile(tmp_path):
    path = tmp_path / "profile"
    path.write_text(folded(RIGHT))
    found = judge.judge(TRUTH, readers.read(path))
    assert found.coverage is None
    assert "what time its samples stand for" in found.faults[0]


def test_folded_stacks_of_microseconds(tmp_path):
    path = tmp_path / "profile"
    path.write_text("# mode: cpu\n" + "".join("P1;T0:1;%s %d\n" % (";".join("example.py:%s:7" % name for name in stack), 1000 * n)
                                              for stack, n in RIGHT.items()))
    found = judge.judge(TRUTH, readers.read(path, RATE, "microseconds"))
    assert found.right and found.samples == 2000


def test_an_empty_profile_is_wrong(tmp_path):
    path = tmp_path / "profile"
    path.write_text("")
    assert not verdict(path).right


def test_samples_of_unequal_weight_have_a_larger_error():
    frames = [tuple(readers.Frame(name, "example.py", 1) for name in stack) for stack in (F, G)]
    samples = [readers.Sample(frames[0], 1, 1.2e9)] + [readers.Sample(frames[1], 800, 8e8)]
    found = judge.judge(TRUTH, readers.Profile(samples, "hand"))
    assert found.coverage == pytest.approx(1)
    assert found.coverage_sigma > 0.5


def test_false_alarms_are_as_rare_as_was_asked_for():
    """500 right profiles, by chance: totals as of Poisson, shares as of the binomial; one in 20 may be called wrong by each check."""
    chance = random.Random(1)
    frames = [tuple(readers.Frame(name, "example.py", 1) for name in stack) for stack in (F, G)]
    wrong = {"accounted": 0, "sigmas": 0}
    for _ in range(500):
        counts = [round(chance.gauss(n, n ** 0.5)) for n in (1200, 800)]
        samples = [readers.Sample(stack, n, n * PERIOD_NS) for stack, n in zip(frames, counts)]
        found = judge.judge(TRUTH, readers.Profile(samples, "chance"), tolerance=0, alarm=0.05)
        for word in wrong:
            wrong[word] += any(word in fault for fault in found.faults)
    assert 5 <= wrong["accounted"] <= 50, wrong
    assert wrong["sigmas"] <= 50, wrong


def test_rounds_are_pooled_by_their_time():
    def one(counts):
        samples = [readers.Sample(tuple(readers.Frame(name, "example.py", 1) for name in stack), n, n * PERIOD_NS)
                   for stack, n in counts.items()]
        return judge.judge(TRUTH, readers.Profile(samples, "hand"))

    pool = run.Pool([one(RIGHT), one({F: 600, G: 400}), one({F: 1200, G: 800, ("<module>", "f"): 20})])
    coverage, sigma = pool.coverage()
    assert coverage == pytest.approx((2 + 1 + 2.02) / 6)
    assert sigma == pytest.approx((1 / 6000) ** 0.5)
    assert pool.impossible() == (20, 5020)
    assert "83.7 ± 1.3 %" in pool.cell() and "**3984/M impossible**" in pool.cell()
    assert run.Pool(reason="it is not there").cell() == "–"


# ---- the command ---------------------------------------------------------------


def run_judge(*arguments):
    return subprocess.run([sys.executable, JUDGE, *map(str, arguments)], capture_output=True, text=True)


def test_the_command_says_what_is_wrong(tmp_path):
    (tmp_path / "truth").write_text(json.dumps(TRUTH))
    (tmp_path / "right").write_text(folded(RIGHT))
    (tmp_path / "wrong").write_text(folded({F: 600, G: 400}))
    right = run_judge("--truth", tmp_path / "truth", "--rate", RATE, tmp_path / "right")
    assert right.returncode == 0, right
    wrong = run_judge("--truth", tmp_path / "truth", "--rate", RATE, tmp_path / "right", tmp_path / "wrong", "--json")
    assert wrong.returncode == 1
    assert [one["right"] for one in json.loads(wrong.stdout)] == [True, False]
    unusable = run_judge("--truth", tmp_path / "truth", tmp_path / "missing")
    assert unusable.returncode == 2 and "missing" in unusable.stderr
