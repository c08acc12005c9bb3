#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Names of static functions: none in more than two files, none that begins with another room's name, and none that is
one bare word: a name says what is done to what.

Called with ROOM:PATH for each room, from the Makefile's table, and with files that are in no room.
"""
import re
import subprocess
import sys
from collections import defaultdict

FILES_MAX = 2
NO_CODE = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)
ATTRIBUTE = r"__attribute__\s*\(\((?:[^()]|\([^()]*\))*\)\)"
# Begins in the first column and ends with the body's brace; return type, attributes and parameters may take some lines.
DEFINITION = re.compile(r"^(?P<before>(?:%s|[\w*\s])+?)\b(?P<name>(?!__attribute__)\w+)\((?P<parameters>[^;{}]*)\)\s*\{"
                        % ATTRIBUTE, re.M)


def without_comments(text):
    """As long as @text, and with the same lines."""
    return NO_CODE.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)


def static_functions(path):
    with open(path, encoding="utf-8") as source:
        text = without_comments(source.read())
    return {match["name"] for match in DEFINITION.finditer(text) if re.search(r"\bstatic\b", match["before"])}


def sources(rooms, files):
    patterns = ["%s/*.%s" % (path, ending) for path in rooms.values() for ending in "ch"]
    return subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard", *patterns, *files],
                          check=True, capture_output=True, text=True).stdout.split()


def problems(where, rooms):
    """@where: the files of each name."""
    for name, paths in sorted(where.items()):
        first, underscore, _ = name.partition("_")
        strangers = [path for path in paths if first in rooms and not path.startswith(rooms[first] + "/")]
        if len(paths) > FILES_MAX:
            yield "%s: in %d files: %s" % (name, len(paths), " ".join(paths))
        if not underscore:
            yield "%s: one word, in %s" % (name, " ".join(paths))
        elif strangers:
            yield "%s: bears the name of room %s, in %s" % (name, first, " ".join(strangers))


def main():
    rooms = dict(word.split(":") for word in sys.argv[1:] if ":" in word)
    where = defaultdict(list)
    for path in sources(rooms, [word for word in sys.argv[1:] if ":" not in word]):
        for name in static_functions(path):
            where[name].append(path)
    found = list(problems(where, rooms))
    if found:
        print("\n".join(found))
    print("names: %d static functions, %d problems" % (sum(map(len, where.values())), len(found)))
    return 1 if found else 0


sys.exit(main())
