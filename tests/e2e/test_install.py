# SPDX-License-Identifier: Apache-2.0
"""What `make install` brings besides the program: man page, completions, units."""

import os
import re
import shutil
import subprocess

import pytest

from program import PODFLAME, podflame
from skips import must_skip
from testbed import PROJECT

PAGE = PROJECT / "deploy/man/podflame.1"
COMPLETIONS = PROJECT / "deploy/completions"
UNITS = ["podflame-agent", "podflame-collector"]

# As `systemd-analyze security` has it, 10 being the worst; the agent has to see into every process.
EXPOSURE_MAX = {"podflame-agent": 2.7, "podflame-collector": 1.3}


def run(*command, **options):
    return subprocess.run(command, capture_output=True, text=True, timeout=60, **options)


def need(program):
    if not shutil.which(program):
        must_skip(program + " is missing: apt-get install " + program)


def commands():
    return re.findall(r"^  ([a-z]+) +\S", podflame("-h").stdout, re.M)


def options_of(command):
    return re.findall(r"^  (?:    |-., )(--[a-z-]+)", podflame(command, "-h").stdout, re.M)


# ---- the man page ---------------------------------------------------------------------


def test_the_page_has_the_options_that_the_commands_have():
    done = run(PROJECT / "deploy/man/options.py", "--check", PODFLAME, PAGE)
    assert done.returncode == 0, done.stderr


def test_the_page_shows_every_command_and_option():
    need("mandoc")
    text = run("mandoc", "-T", "utf8", PAGE).stdout
    text = re.sub(".\b", "", text)
    for command in commands():
        section = re.search(r"^ {3}podflame %s$(.*?)^ {0,3}\S" % command, text, re.M | re.S)[1]
        shown = re.findall(r"^ {5}(?:-., )?(--[a-z-]+)", section, re.M)
        assert shown == options_of(command)


def test_the_page_is_sound():
    need("mandoc")
    done = run("mandoc", "-T", "lint", "-W", "warning", PAGE)
    assert done.returncode == 0, done.stdout


def test_the_page_names_every_variable():
    sources = subprocess.run(["git", "grep", "-ohE", r'getenv\("[A-Z_a-z]+"\)', "--", "agent/command", "agent/find"],
                             cwd=PROJECT, capture_output=True, text=True).stdout
    page = PAGE.read_text()
    for name in set(re.findall(r'"(\w+)"', sources)):
        assert "Ev " + name in page, name


# ---- completions ----------------------------------------------------------------------


@pytest.fixture
def path(tmp_path):
    """PATH with podflame under its name."""
    (tmp_path / "podflame").symlink_to(PODFLAME)
    return {**os.environ, "PATH": "%s:%s" % (tmp_path, os.environ["PATH"])}


def bash(path, *words):
    script = 'source "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _podflame; printf "%s\\n" "${COMPREPLY[@]}"'
    done = run("bash", "-c", script, COMPLETIONS / "podflame.bash", "podflame", *words, env=path)
    assert done.stderr == ""
    return done.stdout.split()


def test_bash(path, start):
    assert bash(path, "") == commands()
    assert bash(path, "rec") == ["record"]
    for command in commands():
        assert bash(path, command, "--") == options_of(command)
    assert bash(path, "record", "--mo") == ["--mode"]
    assert bash(path, "record", "--mode", "") == ["cpu", "wall", "gil"]
    assert bash(path, "agent", "--mode", "") == ["cpu", "wall", "gil", "blame", "cpu,wall,blame"]
    assert bash(path, "record", "--by", "") == ["process", "program", "container"]
    assert bash(path, "record", "-f", "p") == ["pstats", "pprof"]
    assert "engine" not in bash(path, "record", "-o", "")


def test_bash_knows_processes_and_containers(docker, path, start):
    from interpreters import BOOKWORM
    target = start(BOOKWORM, "sleeper.py")
    assert str(target.pid) in bash(path, "dump", "-p", "")
    assert bash(path, "dump", "-c", target.name[:-1]) == [target.name]
    assert bash(path, "dump", "--container", target.id[:10]) == [target.id[:12]]


def test_bash_names_a_container_once(docker, path, start):
    """Of several processes, and of one whose name is not known."""
    from interpreters import BARE_BOOKWORM, BOOKWORM
    several, unnamed = start(BOOKWORM, "several.py", "sleeper.py", "sleeper.py"), start(BARE_BOOKWORM, "sleeper.py")
    found = bash(path, "dump", "-c", "")
    assert found.count(several.id[:12]) == found.count(several.name) == found.count(unnamed.id[:12]) == 1
    assert "-" not in found


def test_fish(path):
    need("fish")

    def fish(line):
        done = run("fish", "--no-config", "-c", 'source $argv[1]; complete -C $argv[2]', COMPLETIONS / "podflame.fish",
                   line, env=path)
        return [found.split("\t")[0] for found in done.stdout.splitlines()]

    assert sorted(fish("podflame ")) == sorted(commands())
    for command in commands():
        assert sorted(fish("podflame %s --" % command)) == sorted(options_of(command))


# What compadd would be told: zsh's completion works in its line editor only.
ZSH = """
_describe() { [[ $1 == -o ]] && shift; print -l -- ${(P)2} }
words=("${@:2}") CURRENT=$(($# - 1))
source $1
"""


def test_zsh(path):
    need("zsh")

    def zsh(*words):
        done = run("zsh", "-f", "-c", ZSH, "zsh", COMPLETIONS / "_podflame", "podflame", *words, env=path)
        assert done.stderr == ""
        return [found.split(":")[0] for found in done.stdout.splitlines()]

    assert zsh("") == commands()
    for command in commands():
        assert zsh(command, "--") == options_of(command)


# ---- installing -----------------------------------------------------------------------


def make(*words):
    """In the program's place stands what is tested, whatever settings it was built with: make keeps it as it is."""
    built = os.path.relpath(os.path.realpath(PODFLAME), PROJECT)
    done = run("make", "-C", PROJECT, "--no-print-directory", "-o", built, *words, env={**os.environ, "MAKELEVEL": "1"})
    assert done.returncode == 0, done.stderr
    return done


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir())


def variant():
    """What the program under test was built with, lest make builds another."""
    name = os.path.basename(os.path.dirname(os.path.realpath(PODFLAME)))
    compiler, _, sanitizers = name.partition("-")
    return ["CC=" + compiler, "SANITIZE=" + sanitizers.replace("-", ",")]


@pytest.fixture
def installed(tmp_path):
    """An installation that runs where it lies."""
    make("install", "PREFIX=%s" % tmp_path, "SYSCONFDIR=%s/etc" % tmp_path, *variant())
    return tmp_path


def test_install_and_uninstall(installed):
    assert run(installed / "bin/podflame", "--version").stdout.startswith("podflame ")
    assert run(installed / "bin/pyflame", "--version").stdout.startswith("pyflame ")
    for wanted in ("share/man/man1/podflame.1", "share/man/man1/pyflame.1", "share/zsh/site-functions/_podflame",
                   "share/bash-completion/completions/podflame", "share/fish/vendor_completions.d/podflame.fish",
                   "lib/systemd/system/podflame-agent.service", "lib/systemd/system/podflame-collector.service"):
        assert wanted in files(installed)
    settings = installed / "etc/default/podflame-agent"
    settings.write_text("PODFLAME_RATE=49\n")
    words = ["PREFIX=%s" % installed, "SYSCONFDIR=%s/etc" % installed, *variant()]
    make("install", *words)
    assert settings.read_text() == "PODFLAME_RATE=49\n"
    make("uninstall", *words)
    assert files(installed) == ["etc/default/podflame-agent"]


@pytest.mark.parametrize("unit", UNITS)
def test_units(unit, installed):
    need("systemd-analyze")
    path = installed / "lib/systemd/system" / (unit + ".service")
    done = run("systemd-analyze", "verify", "--man=no", path)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    done = run("systemd-analyze", "security", "--offline=true", "--threshold=%d" % (EXPOSURE_MAX[unit] * 10), path)
    assert done.returncode == 0, done.stdout
    assert unit in done.stdout


@pytest.mark.parametrize("unit", UNITS)
def test_settings_are_options_of_the_command(unit):
    text = (PROJECT / "deploy/systemd" / (unit + ".default")).read_text()
    known = ["PODFLAME_" + name[2:].upper().replace("-", "_") for name in options_of(unit.partition("-")[2])]
    named = re.findall(r"^#(\w+)=", text, re.M)
    assert named and set(named) <= set(known)
