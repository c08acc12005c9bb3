#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How many lines of its files each harness's corpus reaches: coverage.py FOLDER NAME=FILE,FILE...

FOLDER has the programs NAME; build/fuzz/NAME.profraw is what one counted. Lines that no input can reach are in
unreachable.txt, each with the reason: by their own text, or by the first line of their function.
--missed prints the lines that were not reached.
"""
import os
import re
import subprocess
import sys

LEAST_PERCENT = 85


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def read_unreachable():
    """[(file, pattern of a line's text, or of what it is the body of)]; a file "*" is all of them."""
    rows = []
    with open("tests/fuzz/unreachable.txt", encoding="utf-8") as file:
        for row in file:
            if row.strip() and not row.startswith("#"):
                path, pattern, _reason = row.rstrip("\n").split("\t")
                rows.append((path, re.compile(pattern)))
    return rows


def count_lines(program, profile, files):
    """{file: {line: times}}"""
    run("llvm-profdata-14", "merge", "-sparse", profile + ".profraw", "-o", profile + ".profdata")
    text = run("llvm-cov-14", "export", "--format=lcov", "--instr-profile=" + profile + ".profdata", program, *files)
    counts, current = {}, None
    for line in text.splitlines():
        if line.startswith("SF:"):
            current = counts.setdefault(os.path.relpath(line[3:]), {})
        elif line.startswith("DA:"):
            number, times = line[3:].split(",")[:2]
            current[int(number)] = int(times)
    return counts


def owners(texts):
    """For each line the first line of the function that it is in, else ""."""
    owner, found = "", []
    for i, text in enumerate(texts):
        if text == "{":
            owner = next(t for t in reversed(texts[:i]) if t and t[0].isalpha())
        found.append(owner)
        if text == "}":
            owner = ""
    return found


def is_left_out(rows, path, text, owner):
    return any(file in ("*", path) and (pattern.search(text) or pattern.search(owner)) for file, pattern in rows)


def judge(path, counts, rows, missed):
    """Percent of the lines of @path; None if it has none."""
    with open(path, encoding="utf-8") as file:
        texts = file.read().splitlines()
    owner = owners(texts)
    wanted = {n for n in counts if not is_left_out(rows, path, texts[n - 1], owner[n - 1])}
    if missed:
        for n in sorted(n for n in wanted if counts[n] == 0):
            print("    %s:%d: %s" % (path, n, texts[n - 1].strip()))
    return 100 * sum(counts[n] > 0 for n in wanted) / len(wanted) if wanted else None


def main(arguments):
    missed = "--missed" in arguments
    folder, *pairs = [a for a in arguments if a != "--missed"]
    rows, low = read_unreachable(), 0
    for pair in pairs:
        name, files = pair.split("=")
        counts = count_lines("%s/%s" % (folder, name), "build/fuzz/" + name, files.split(","))
        for path in files.split(","):
            percent = judge(path, counts.get(path, {}), rows, missed)
            percent = percent or 0
            low += percent < LEAST_PERCENT
            print("%-14s %-32s %5.1f %%%s" % (name, path, percent, "  too low" if percent < LEAST_PERCENT else ""))
    print("coverage: %d harnesses, %d files below %d %% of their lines" % (len(pairs), low, LEAST_PERCENT))
    return 1 if low else 0


sys.exit(main(sys.argv[1:]))
