#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Documents lead where they say: every relative link has its file, every anchor its heading. README.md stays short enough
to be read once."""
import pathlib
import re
import subprocess
import sys

README_MAX = 150

LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.*)$", re.M)


def anchors(path):
    """As GitHub names them."""
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in HEADING.findall(path.read_text())}


def problem(path, link):
    """What is wrong with a link, or None."""
    file, _, anchor = link.partition("#")
    target = path.parent / file if file else path
    if not target.exists():
        return "there is no " + link
    if anchor and anchor not in anchors(target):
        return "there is no heading for " + link
    return None


def problems():
    documents = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
                               check=True, capture_output=True, text=True).stdout.split()
    for path in map(pathlib.Path, documents):
        links = [link for link in LINK.findall(path.read_text()) if "://" not in link]
        yield from ("%s: %s" % (path, found) for link in links if (found := problem(path, link)))
    length = len(pathlib.Path("README.md").read_text().splitlines())
    if length > README_MAX:
        yield "README.md has %d lines, more than %d" % (length, README_MAX)


def main():
    found = list(problems())
    for line in found:
        print(line)
    print("links: %d problems" % len(found))
    return 1 if found else 0


sys.exit(main())
