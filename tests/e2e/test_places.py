# SPDX-License-Identifier: Apache-2.0
"""Where code can lie, and when: huge functions, frozen modules, archives; interpreters that start and end."""

import json
import re

import pytest

import truth
from interpreters import SUPPORTED_ON_HOST
from program import eventually, podflame
from test_matrix import CASES


def frames_of(pid):
    """(function, file, line) of the only thread, leaf first."""
    done = podflame("dump", "--json", "-p", pid)
    assert done.returncode == 0, done.stderr
    [process] = json.loads(done.stdout)
    [thread] = process["threads"]
    return [(frame["function"], frame["file"], frame["line"]) for frame in thread["frames"]]


@pytest.mark.parametrize("case", {case.interpreter.version: case for case in CASES}.values(), ids=str)
def test_places(start, case):
    target = start(case, "places.py")

    def look():
        frames = frames_of(target.pid)
        return frames if frames and frames[0][0] == "huge" else None

    frames = eventually(look, 20, "huge is called")
    (huge, file, line), string, (name, archive, in_archive), *importing, (main, script, _) = frames
    assert (huge, file) == ("huge", "huge.py") and line in (60002, 60003)
    assert string == ("called", "<string>", 4)
    assert (name, in_archive) == ("<module>", 2) and archive.endswith("app.zip/packed.py")
    assert main == "<module>" and script.endswith("places.py")
    frozen = {file for _, file, _ in importing}
    assert all(file.startswith("<frozen ") for file in frozen)
    assert ("<frozen importlib._bootstrap>" in frozen) == (case.interpreter.version >= (3, 3))


ENDS = """
import atexit, threading, time
def wait():
    time.sleep(100)
threading.Thread(target=wait, daemon=True).start()
atexit.register(lambda: sum(range(20000)))
"""


def test_starts_and_ends(tmp_path):
    """Interpreters that hardly live: each of them in all states that there are. Nothing wrong, nothing hangs."""
    (tmp_path / "ends.py").write_text(ENDS)
    python, out = SUPPORTED_ON_HOST[0].command[0], tmp_path / "out.folded"
    loop = 'for i in $(seq 20); do "$0" -I -S -c pass || exit 7; "$0" -I -S ends.py || exit 8; done'
    done = podflame("record", "-s", "-r", 4000, "-o", out, "--", "sh", "-c", loop, python, cwd=tmp_path, timeout=120)
    assert done.returncode == 0, done.stderr
    rest = [line for line in done.stderr.splitlines() if "coverage" not in line and "descendants that run no Python" not in line]
    assert len(rest) == 1, "the summary, the coverage, and the shell's time alone: " + done.stderr
    stacks = truth.parse_folded(out.read_text())
    for frames, _ in stacks:
        for frame in frames[1:]:  # what the compiler adds, such as clean-up, has no line
            assert re.fullmatch(r"[\w.<>]+( \(.+\))?|\(no Python frame\)|\(native\)|\(ended threads\)", frame.name), frames
            assert frame.file.startswith("<") or frame.file.endswith(".py") or not frame.line, frames
    assert truth.total(stacks) > 20
