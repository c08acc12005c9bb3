# SPDX-License-Identifier: Apache-2.0
"""Opcodes: podflame record --opcodes, and the tables by which it names them."""

import json
import re
import subprocess

import pytest

from interpreters import SUPPORTED_ON_HOST, Case
from program import RECORDINGS_MAX, podflame, record
from skips import must_skip
from testbed import PROJECT

DEBIANS = next(i for i in SUPPORTED_ON_HOST if i.command == ("/usr/bin/python3",))
HOST = Case(DEBIANS, "host")
SPECIALISED = "LOAD_ATTR_INSTANCE_VALUE"
OPCODE = re.compile(r"\[opcode: (\w+)\]")
SAMPLES = 300

# What the interpreter itself says: {name: [byte, code units of data behind it]}, of what stands in memory.
ASK = """
import dis, json, opcode
caches = opcode._inline_cache_entries
base = {}
if hasattr(opcode, "_specializations"):
    families = opcode._specializations
    base = {name: family for family, names in families.items() for name in names}
else:
    import re
    families = sorted((name for name in opcode.opmap), key=len, reverse=True)
    base = {name: next((f for f in families if name.startswith(f)), name) for name in opcode._specialized_instructions}
    base.update({name: name[:-9] for name in base if name.endswith("_ADAPTIVE")})
def count(name):
    name = base.get(name, name)
    if name.startswith("INSTRUMENTED_"):
        name = name[13:]
    return caches.get(name, 0) if hasattr(caches, "get") else caches[opcode.opmap[name]] if name in opcode.opmap else 0
found = getattr(dis, "_all_opmap", None) or dis.opmap
print(json.dumps({name: [byte, count(name)] for name, byte in found.items() if byte < 256}))
"""
ROW = re.compile(r'\[(\d+)\] = \{ "(\w+)", (\w+) \}')
# They hide another instruction; CACHE and RESERVED are none.
HIDES = {"INSTRUMENTED_LINE", "INSTRUMENTED_INSTRUCTION", "ENTER_EXECUTOR"}
NONE = {"CACHE", "RESERVED"}


def told(stacks):
    """{opcode: samples} of folded stacks whose function is the target's, and the samples of that in all."""
    opcodes, total = {}, 0
    for row in stacks.splitlines():
        stack, _, count = row.rpartition(" ")
        if "read_attributes " not in stack:
            continue
        total += int(count)
        leaf = OPCODE.fullmatch(stack.rpartition(";")[2])
        if leaf:
            opcodes[leaf[1]] = opcodes.get(leaf[1], 0) + int(count)
    return opcodes, total


def recorded(target, *options):
    opcodes, total = {}, 0
    for _ in range(RECORDINGS_MAX):
        found, samples = told(record("-p", target.pid, *options, seconds=1))
        total += samples
        for name, count in found.items():
            opcodes[name] = opcodes.get(name, 0) + count
        if total >= SAMPLES:
            return opcodes, total
    raise AssertionError("too few samples: %d" % total)


@pytest.mark.parametrize("interpreter", [i for i in SUPPORTED_ON_HOST if (3, 11) <= i.version], ids=str)
def test_tables_are_the_interpreters_own(interpreter):
    done = subprocess.run([*interpreter.command, "-c", ASK], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    theirs = {name: caches for name, caches in json.loads(done.stdout).items() if name not in NONE}
    table = PROJECT / ("pystack/opcodes/names_%d_%d.c" % interpreter.version)
    ours = {name: [int(byte), "hides" if caches == "OPCODE_HIDES" else int(caches)]
            for byte, name, caches in ROW.findall(table.read_text())}
    for name in HIDES & theirs.keys():
        theirs[name][1] = "hides"
    assert len(theirs) > 150 and ours == theirs


@pytest.mark.parametrize("engine", ["auto", "timer"])
def test_a_loop_over_an_attribute_loads_it(start, engine):
    opcodes, total = recorded(start(HOST, "opcodes.py"), "--opcodes", "--engine", engine)
    assert sum(opcodes.values()) == total, "each sample has its opcode"
    named = {name: count for name, count in opcodes.items() if name != "unknown"}
    assert max(named, key=named.get) == SPECIALISED, opcodes
    assert named[SPECIALISED] >= 0.25 * total, opcodes
    assert opcodes.get("unknown", 0) < 0.1 * total, opcodes


def test_nobody_gets_them_unasked(start):
    opcodes, total = recorded(start(HOST, "opcodes.py"))
    assert total >= SAMPLES and not opcodes


def test_older_pythons_have_none_and_are_named(start):
    old = [i for i in SUPPORTED_ON_HOST if i.version < (3, 11)]
    if not old:
        must_skip("no Python of 3.8 to 3.10 on the host", debian=False)
    target = start(Case(old[-1], "host"), "opcodes.py")
    done = podflame("record", "-p", target.pid, "-d", 1, "--opcodes")
    assert done.returncode == 0 and "read_attributes" in done.stdout
    assert not OPCODE.search(done.stdout)
    assert "--opcodes needs CPython 3.11 or later" in done.stderr


@pytest.mark.parametrize("options, why", [
    (("-m", "wall"), "--mode cpu"), (("-i",), "--mode cpu"), (("-g",), "--mode cpu"), (("--native",), "--native"),
], ids=str)
def test_a_leaf_says_one_thing(options, why):
    done = podflame("record", "-p", 1, "--opcodes", *options)
    assert done.returncode == 2 and "--opcodes" in done.stderr and why in done.stderr.partition("\n")[0]


def test_files_have_them_where_they_are_shown_and_functions_have_the_time(start, tmp_path):
    target = start(HOST, "opcodes.py")
    file = tmp_path / "a.otlp.json"
    record("-p", target.pid, "-o", file, "--opcodes", seconds=1)
    text = podflame("lines", file, "--function", "read_attributes").stdout
    assert re.search(r"^ +\d+  +[\d.]+ %.*  \[opcode: " + SPECIALISED + r"\]$", text, re.MULTILINE), text
    [source] = json.loads(podflame("lines", file, "--function", "read_attributes", "--json").stdout)["files"]
    for line in source["lines"]:
        assert sum(opcode["samples"] for opcode in line["opcodes"]) == line["self"]["samples"]
        assert line["waits"] == []
    assert SPECIALISED in [OPCODE.fullmatch(opcode["opcode"])[1] for opcode in source["lines"][0]["opcodes"]]
    for page in tmp_path / "a.html", tmp_path / "a.heat.html", tmp_path / "a.folded":
        assert podflame("convert", file, "-o", page).returncode == 0 and SPECIALISED in page.read_text()
    again = podflame("convert", page, "-f", "folded").stdout
    assert again == page.read_text() and told(again) == told(page.read_text()), "folded stacks come back"

    track = tmp_path / "a.jsonl"
    record("-p", target.pid, "-o", track, "--opcodes", "--timeline", seconds=1)
    assert SPECIALISED in track.read_text(), "each moment has its opcode, too"

    without = tmp_path / "b.otlp.json"
    record("-p", target.pid, "-o", without, seconds=1)
    diff = json.loads(podflame("diff", "-f", "json", file, without).stdout)
    assert "[opcode" not in json.dumps(diff) and "read_attributes" in json.dumps(diff)
