#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""SECURITY.md claims no bound that the code does not have: each row of its table names a constant with its value, the
file that defines it, and a test, whose name stands in its file. Files that are named elsewhere in it must be there."""
import pathlib
import re
import sys

ROW = re.compile(r"^\|[^|]*\|[^|]*\| `(?P<name>\w+)` (?P<value>[^|]+) \| (?P<file>[^|]+) \| (?P<tests>\S+) `(?P<test>\w+)` \|$")


def problems(text):
    table = text.split("## What is bounded by what")[1]
    rows = [line for line in table.splitlines() if line.startswith("|") and not line.startswith(("| what", "|---"))]
    if not rows:
        yield "no row"
    for line in rows:
        row = ROW.match(line)
        if not row:
            yield "not a row: " + line
            continue
        for path in (row["file"], row["tests"]):
            if not pathlib.Path(path).is_file():
                yield "there is no " + path
                return
        defined = re.search(r"^#define %s\s+(.+?)\s*(/\*.*)?$" % row["name"], pathlib.Path(row["file"]).read_text(), re.M)
        if not defined or defined[1] != row["value"]:
            yield "%s does not define %s as %s" % (row["file"], row["name"], row["value"])
        if not re.search(r"(def |Test\(\w+, )%s\b" % row["test"], pathlib.Path(row["tests"]).read_text()):
            yield "%s has no test %s" % (row["tests"], row["test"])
    for path in re.findall(r"`(tests/[\w/.]+)`", text):
        if not pathlib.Path(path).is_file():
            yield "there is no " + path


def main():
    found = list(problems(pathlib.Path(".github/SECURITY.md").read_text()))
    for problem in found:
        print(".github/SECURITY.md: " + problem)
    print("claims: %d problems" % len(found))
    return 1 if found else 0


sys.exit(main())
