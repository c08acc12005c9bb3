# SPDX-License-Identifier: Apache-2.0
"""podflame convert: what was recorded once, in every format, and several files as one."""

import gzip
import json

import pytest

import truth
from interpreters import BOOKWORM
from program import RECORDINGS_MAX, podflame, record


def converted(*arguments):
    done = podflame("convert", *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_format_holds_the_same(start, tmp_path):
    target = start(BOOKWORM, "path.py")
    otlp, pprof, speedscope = tmp_path / "a.otlp.json", tmp_path / "a.pb.gz", tmp_path / "a.speedscope.json"
    for _ in range(RECORDINGS_MAX):  # CPUs may be shared with many
        record("-p", target.pid, "-o", otlp, seconds=1)
        folded = converted(otlp)
        stacks = truth.parse_folded(folded)
        if truth.total(stacks) > 20:
            break
    assert truth.total(stacks) > 20
    assert all(truth.names(frames)[:3] == ["<module>", "main", "a"] for frames, _ in stacks)

    converted(otlp, "-o", pprof)
    assert sorted(converted(pprof).splitlines()) == sorted(folded.splitlines())

    converted(pprof, "-o", speedscope)
    profile = json.loads(speedscope.read_text())
    names = [frame["name"] for frame in profile["shared"]["frames"]]
    [sampled] = profile["profiles"]
    assert sum(sampled["weights"]) == sampled["endValue"] and sampled["unit"] == "nanoseconds"
    assert sum(sampled["counts"]) == truth.total(stacks)
    assert all([names[i] for i in sample][:3] == ["<module>", "main", "a"] for sample in sampled["samples"])


def test_several_files_become_one(tmp_path):
    (tmp_path / "a.folded").write_text("main;a 3\nmain;b 1\n")
    (tmp_path / "b.folded.gz").write_bytes(gzip.compress(b"main;a 4\n"))
    stacks = truth.parse_folded(converted(tmp_path / "a.folded", tmp_path / "b.folded.gz"))
    assert truth.leaves(stacks) == {"a": 7, "b": 1}


@pytest.mark.parametrize("content, reason", [(b"", "it is empty"), (b"\x7fELF", ""), (b"main;a x\n", "")])
def test_what_is_no_profile_is_refused(tmp_path, content, reason):
    (tmp_path / "a").write_bytes(content)
    done = podflame("convert", tmp_path / "a", "-o", tmp_path / "b.html")
    assert done.returncode == 1 and str(tmp_path / "a") in done.stderr and reason in done.stderr
    assert not (tmp_path / "b.html").exists()


@pytest.mark.parametrize("arguments", [(), ("-f", "png", "a"), ("/no/such/file",)])
def test_wrong_calls(arguments):
    done = podflame("convert", *arguments)
    assert done.returncode == (1 if arguments == ("/no/such/file",) else 2)
    assert done.stderr.count("\n") <= 3
