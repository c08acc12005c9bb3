#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What documents say of the house is so. The README of a room lists every .c file and no other one. Each row of a table of
constants has the value that the code has. The functions and structs that the README names are there, and so are the files
and folders that pystack.h's opening comment names. CONTRIBUTING.md lists the rooms of the Makefile."""
import pathlib
import re
import sys

ROOMS = ("pystack", "agent/sample")
LISTED = ROOMS + ("agent/find",)  # whose README lists their files

FILE = re.compile(r"^\| `((?:\w+/)*\w+\.c)` \|", re.M)
CONSTANT = re.compile(r"^\|[^|]*\| `(?P<name>\w+)` (?P<value>[^|]+) \| (?P<file>[^|]+) \|$", re.M)
# Functions in drawings, and structs anywhere.
NAMED = re.compile(r"^    .*?(\w+\()\)|`(struct \w+)`", re.M)
ROOM = re.compile(r"^\| \[?`(\w+)`", re.M)
MAPPED = re.compile(r"^ \*   (\w+)  +\S", re.M)


def files(room, text):
    """The list of files, against the folder."""
    listed = FILE.findall(text)
    there = {str(path.relative_to(room)) for path in pathlib.Path(room).rglob("*.c")}
    yield from ("%s has no %s" % (room, name) for name in listed if name not in there)
    yield from ("it does not list " + name for name in sorted(there - set(listed)))
    yield from ("it lists %s twice" % name for name in sorted(set(listed)) if listed.count(name) > 1)


def constants(text):
    """The values that it tells, against the code's."""
    rows = list(CONSTANT.finditer(text))
    if not rows:
        yield "no constant"
    for row in rows:
        path = pathlib.Path(row["file"])
        code = path.read_text() if path.is_file() else ""
        defined = re.search(r"^#define %s\s+(.+?)\s*(/\*.*)?$" % row["name"], code, re.M)
        if not defined or defined[1] != row["value"]:
            yield "%s does not define %s as %s" % (row["file"], row["name"], row["value"])


def names(room, text):
    """The functions and structs that it speaks of, against the room's code."""
    code = "".join(path.read_text() for path in pathlib.Path(room).rglob("*.[ch]"))
    for name in sorted({function or struct for function, struct in NAMED.findall(text)}):
        if not re.search(r"\b%s" % re.escape(name), code):
            yield "there is no " + name.rstrip("(")


def comment(header):
    """The files and folders that a header's opening comment names, against the header's folder."""
    text = header.read_text()
    names = MAPPED.findall(text[text.index("/*\n"):text.index("\n */")])
    if not names:
        yield "its opening comment names nothing"
    for name in names:
        if not any((header.parent / (name + end)).exists() for end in ("", ".c", ".h")):
            yield "its opening comment names %s, which is not there" % name


def rooms():
    """CONTRIBUTING.md's rooms, against the Makefile's."""
    listed = set(ROOM.findall(pathlib.Path("CONTRIBUTING.md").read_text()))
    there = set(re.search(r"^rooms := (.+)$", pathlib.Path("Makefile").read_text(), re.M)[1].split())
    yield from ("it does not list the room " + name for name in sorted(there - listed))
    yield from ("there is no room " + name for name in sorted(listed - there))


def problems():
    for room in LISTED:
        readme = pathlib.Path(room) / "README.md"
        text = readme.read_text()
        for problem in [*files(room, text), *names(room, text), *(constants(text) if room in ROOMS else [])]:
            yield "%s: %s" % (readme, problem)
    yield from ("CONTRIBUTING.md: " + problem for problem in rooms())
    header = pathlib.Path("pystack/pystack.h")
    yield from ("%s: %s" % (header, problem) for problem in comment(header))


def main():
    found = list(problems())
    for problem in found:
        print(problem)
    print("maps: %d problems" % len(found))
    return 1 if found else 0


sys.exit(main())
