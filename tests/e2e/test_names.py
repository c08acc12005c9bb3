# SPDX-License-Identifier: Apache-2.0
"""Names as hostile and as alike as can be: different ones stay different everywhere, true ones in JSON."""

import gzip
import json
import os
import re
import shutil
import subprocess
import sys

import pytest

from interpreters import ON_HOST, Case, Interpreter
from program import PODFLAME, eventually, podflame, record
from testbed import PROJECT

sys.path.insert(0, str(PROJECT / "tests/targets"))
import odd_names  # noqa: E402

HOST = Case(ON_HOST[0], "host")
NAMES = odd_names.NAMES
# What UTF-8 cannot hold is an escape, and a name that spells one has its backslashes doubled.
IN_JSON = [re.sub(r"\\+(?=udc80|x9b)", lambda run: 2 * run[0], name).replace("\udc80", "\\udc80") for name in NAMES]
STEERS = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")


@pytest.fixture
def target(start):
    return start(HOST, "odd_names.py")


def files(frames):
    return {frame["file"] for frame in frames if frame["function"] == "nap"}


def test_json_has_the_true_names(target):
    def found():
        [process] = json.loads(podflame("dump", "--json", "-p", target.pid).stdout)
        return files(frame for thread in process["threads"] for frame in thread["frames"])
    eventually(lambda: found() == set(IN_JSON), 10, lambda: sorted(found() ^ set(IN_JSON)))


def test_text_keeps_them_apart_and_steers_no_terminal(target):
    text = podflame("dump", "-p", target.pid).stdout
    assert not STEERS.search(text)
    assert len(set(re.findall(r"    nap \((.*):2\)\n", text))) == len(NAMES)


@pytest.mark.parametrize("kind", ["folded", "pprof", "otlp", "speedscope", "html", "text"])
def test_formats_keep_them_apart(target, tmp_path, kind):
    """And a profile that is read again is the same as one that never was written so."""
    path = tmp_path / "profile"
    record("-m", "wall", "-p", target.pid, "-f", kind, "-o", path, seconds=1, rate=50)
    data = path.read_bytes()
    text = (gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data).decode(errors="replace")
    text = text.replace("\\\\", "\\") if kind in ("otlp", "speedscope", "html") else text
    names = set(re.findall(r"(?:new|escape|lone|c1|semi)(?:[^\s\x00-\x1f\"();:]|;(?=colon))*?\.py", text))
    assert len(names) == len(NAMES), sorted(names)
    if kind in ("pprof", "otlp", "folded"):
        folded = podflame("convert", path, "-f", "folded")
        assert folded.returncode == 0, folded.stderr
        again = set(re.findall(r"nap \((.*?):2\)", folded.stdout))
        assert len(again) == len(NAMES) and "semi\\x3bcolon.py" in again, sorted(again)


def test_diff_has_the_true_names(target, tmp_path):
    text = record("-m", "wall", "-p", target.pid, seconds=1, rate=50)
    (tmp_path / "base.folded").write_text(re.sub(r";\[[^;]*\] ", " ", text))  # what does not run is not compared
    done = podflame("convert", tmp_path / "base.folded", "-o", tmp_path / "new.pb.gz")
    assert done.returncode == 0, done.stderr
    done = podflame("diff", tmp_path / "base.folded", tmp_path / "new.pb.gz", "-f", "json")
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)["functions"]
    assert {row["file"] for row in rows if row["name"] == "nap"} == set(IN_JSON)
    assert not any(row["new"] or row["gone"] for row in rows if row["name"] == "nap"), "the same in both formats"


def interpreter_called(name, tmp_path):
    """The host's interpreter, by another name, which is its program's as well."""
    path = os.path.join(str(tmp_path), name)
    shutil.copy(os.path.realpath(ON_HOST[0].command[0]), path)
    return Case(Interpreter("odd", ON_HOST[0].version, (path,)), "host"), path


def test_interpreter_whose_file_steers_terminals(start, tmp_path):
    case, path = interpreter_called("python\x1b[2J\x07", tmp_path)
    target = start(case, "sleeper.py")
    for command in (("dump",), ("doctor",), ("ps",)):
        done = podflame(*command, *(("-p", target.pid) if command != ("ps",) else ()))
        assert not STEERS.search(done.stdout + done.stderr), command
        assert "python\\x1b[2J\\x07" in done.stdout
    [process] = json.loads(podflame("dump", "--json", "-p", target.pid).stdout)
    assert process["executable"] == path


def test_processes_keep_their_names(start, tmp_path):
    """ps --json: of two programs that were the same when a control character was a question mark."""
    names = ["python\x01", "python\\x01", "python?"]
    started = [(start(case, "sleeper.py"), path) for case, path in (interpreter_called(n, tmp_path) for n in names)]
    listed = {process["pid"]: process for process in json.loads(podflame("ps", "--json").stdout)}
    for target, path in started:
        assert listed[target.pid]["executable"] == path
        assert listed[target.pid]["command"] == path + " sleeper.py"


def test_lines_that_are_not_known_are_none(start, tmp_path):
    target = start(HOST, "no_lines.py")
    [process] = json.loads(podflame("dump", "--json", "-p", target.pid).stdout)
    assert [frame["line"] for frame in process["threads"][0]["frames"] if frame["function"] == "nap"] == [None]
    pyflame = tmp_path / "pyflame"
    pyflame.symlink_to(PODFLAME)
    texts = [podflame("dump", "-p", target.pid).stdout, record("-m", "wall", "-p", target.pid, seconds=1, rate=50),
             subprocess.run([pyflame, "-d", "-p", str(target.pid)], capture_output=True, text=True).stdout]
    for text in texts:
        assert "nap" in text and ":0" not in text.replace(":0.", ""), text
