# SPDX-License-Identifier: Apache-2.0
"""`make`: what it builds is hardened; what it builds again for other settings, and what not."""

import os
import platform
import re
import shutil
import subprocess

import pytest

from hardening import missing
from program import PODFLAME
from testbed import PROJECT

# What a packager's settings are like: they know nothing of hardening.
PLAIN = ["CFLAGS=-O1", "LDFLAGS=-Wl,-O1"]


def test_what_make_builds_is_hardened():
    assert missing(PODFLAME) == set()


def test_this_would_show_what_is_not_hardened(tmp_path):
    source, program = tmp_path / "plain.c", tmp_path / "plain"
    source.write_text("#include <stdio.h>\nint main(void) { char s[9]; return !fgets(s, sizeof(s), stdin); }\n")
    without = ["-no-pie", "-fno-stack-protector", "-Wl,-z,norelro,-z,lazy,-z,execstack"]
    if platform.machine() == "x86_64":
        without.append("-fcf-protection=none")
    subprocess.run(["gcc", *without, "-o", program, source], check=True)
    assert missing(program) == {"PIE", "RELRO", "BIND_NOW", "stack that is not executable", "stack protector",
                                "_FORTIFY_SOURCE", "landings of indirect jumps"}


# ---- built again ---------------------------------------------------------------------


class Tree:
    """A copy of the project, and make in it."""

    def __init__(self, path):
        self.path = path

    def make(self, *words, check=True):
        done = subprocess.run(["make", "--no-print-directory", *words], cwd=self.path, capture_output=True, text=True)
        assert not check or done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
        return done

    def planned(self, *words):
        """What make would compile, and the programs that it would link, as two sets."""
        output = self.make("--dry-run", *words).stdout
        compiled = re.findall(r" -c -o \S+ (\S+)$", output, re.M)
        return set(compiled), set(re.findall(r" -o (\S*podflame) ", output))


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """Built without any settings, from the objects that this tree has: they are copied with their times."""
    path = tmp_path_factory.mktemp("build") / "tree"
    listed = ["git", "-C", PROJECT, "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    files = subprocess.run(listed, check=True, capture_output=True, text=True).stdout.split("\0")
    for name in [name for name in files if name and (PROJECT / name).exists()] + ["build/npm/node_modules/.package-lock.json"]:
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(PROJECT / name, path / name, follow_symlinks=False)
    for folder in ("build/gen", "build/gcc"):
        if (PROJECT / folder).exists():
            shutil.copytree(PROJECT / folder, path / folder, symlinks=True, ignore=shutil.ignore_patterns("tests", "unit"))
    tree = Tree(path)
    tree.make()
    yield tree
    shutil.rmtree(path)


@pytest.fixture(scope="module")
def sources(tree):
    """All that the program is compiled from."""
    return {str(file.relative_to(tree.path)) for folder in ("agent", "nsutil", "elfsym", "pystack")
            for file in (tree.path / folder).rglob("*.c")} | {"build/gen/pprof.pb-c.c", "build/gen/push.pb-c.c"}


def test_nothing_is_built_twice(tree):
    assert tree.make("--question", check=False).returncode == 0
    assert tree.planned() == (set(), set())


@pytest.mark.parametrize("words", [["DEVELOPER=1"], ["CFLAGS=-O0"], ["CFLAGS=-O2 -g -DOTHER='a b'"], ["CC=gcc -DOTHER"],
                                   ["CC=/usr/bin/gcc"]], ids=" ".join)
def test_all_is_compiled_again(tree, sources, words):
    assert tree.planned(*words) == (sources, {"build/gcc/podflame"})
    assert tree.make("--question", check=False).returncode == 0, "a dry run leaves no trace"


def test_another_version_is_compiled_into_what_tells_it(tree, sources):
    compiled, linked = tree.planned("VERSION=9.9.9")
    assert compiled == {name for name in sources if "PODFLAME_VERSION" in (tree.path / name).read_text()} != set()
    assert linked == {"build/gcc/podflame"}


def test_other_flags_of_the_linker_only_link(tree):
    assert tree.planned("LDFLAGS=-Wl,-O1") == (set(), {"build/gcc/podflame"})


def test_hardening_does_not_hang_on_the_flags_given(tree):
    output = tree.make("--dry-run", *PLAIN).stdout
    compiling = [line for line in output.splitlines() if " -c -o " in line]
    [linking] = [line for line in output.splitlines() if " -o build/gcc/podflame " in line]
    for flag in ("-fPIE", "-fstack-protector-strong", "-fstack-clash-protection", "-D_FORTIFY_SOURCE=3"):
        assert compiling and all(flag in line for line in compiling), flag
    assert " -pie " in linking and "-Wl,-z,relro,-z,now" in linking


def test_checks_that_need_an_optimiser_are_left_out_without(tree):
    """glibc would warn for every file."""
    assert "_FORTIFY_SOURCE" not in tree.make("--dry-run", "CFLAGS=-O2 -O0").stdout
    assert "_FORTIFY_SOURCE" not in tree.make("--dry-run", "SANITIZE=address").stdout


# ---- what make starts -----------------------------------------------------------------------


@pytest.fixture
def asked(tmp_path):
    """A pkg-config that notes how it was started: asked() is a line a run, with the flags of the make that ran it."""
    program, log = tmp_path / "pkg-config", tmp_path / "log"
    program.write_text('#!/bin/sh\necho "$MAKEFLAGS $(tr "\\0" " " </proc/$PPID/cmdline)" >>%s\nexec pkg-config "$@"\n' % log)
    program.chmod(0o755)
    asked = lambda: log.read_text().splitlines() if log.exists() else []  # noqa: E731
    asked.word = "PKG_CONFIG=%s" % program
    return asked


def test_pkg_config_runs_once(tree, asked):
    tree.make("--dry-run", "CFLAGS=-O1", asked.word)
    assert len(asked()) == 1


def test_pkg_config_does_not_run_where_nothing_is_compiled(tree, asked):
    tree.make("help", asked.word)
    tree.make("--dry-run", "deps", "clean", asked.word)
    assert asked() == []


def test_all_cpus_unless_told(tree, asked):
    tree.make("--dry-run", asked.word)
    tree.make("--dry-run", "-j1", asked.word)
    tree.make("--dry-run", "-kj3", asked.word)
    jobs = [re.search(r"-j(\d+)", flags)[1] for flags in asked()]
    assert jobs == [str(len(os.sched_getaffinity(0))), "1", "3"]


def test_what_pkg_config_does_not_know_is_told_once(tree):
    done = tree.make("PKG_CONFIG=false", check=False)
    assert done.returncode != 0
    assert done.stderr.count("make deps") == 1 and "libelf" in done.stderr


# ---- and when it has built --------------------------------------------------------------------


def test_other_settings_take_effect_and_stay(tree):
    """Really made, and last: the tree stays so."""
    tree.make("VERSION=9.9.9")
    said = subprocess.run([tree.path / "build/podflame", "--version"], capture_output=True, text=True).stdout
    assert said == "podflame 9.9.9\n"
    assert tree.make("--question", "VERSION=9.9.9", check=False).returncode == 0
    assert tree.make("--question", check=False).returncode == 1
