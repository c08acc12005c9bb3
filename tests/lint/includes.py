#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks that includes run only downwards, and only through doors.

Called by `make check-includes` with a word for each room, ROOM:PATH:BELOW,BELOW,…
from the Makefile's own table, so that there is one table. A room may include
its own files, and of the rooms below it the one header that is named like it.
Libraries that a design decision confines to certain files are checked as well.
"""
import re
import subprocess
import sys

# Headers beside the doors that other rooms may include.
COMMON = {"agent/format/embed.h"}  # how any room embeds a file

# A library's header, and the only files that may include it.
CONFINED = {
    "curl/curl.h": r"agent/http/client/(client|upload|url)\.[ch]|tests/unit/.*",
    "microhttpd.h": r"agent/http/server/(server|reply|check)\.c",
    "sqlite3.h": r"agent/collect/store[a-z_]*\.[ch]|tests/unit/collect_.*",
    "sys/capability.h": r"nsutil/privilege\.c|agent/confine/capabilities\.c|tests/unit/.*",
    "seccomp.h": r"agent/confine/calls\.c",
    "lzma.h": r"elfsym/debugdata\.c|tests/unit/support/functionfile\.c",
    "libiberty/demangle.h": r"agent/symbol/demangle\.c",
    "libelf.h": r"elfsym/[a-z]*\.[ch]|tests/unit/elfsym_.*",
    "gelf.h": r"elfsym/[a-z]*\.[ch]|tests/unit/elfsym_.*",
    "elfutils/libdw.h": r"elfsym/(table|rule|expression)\.[ch]",
    "dwarf.h": r"elfsym/[a-z]*\.c|tests/.*",
}
JSON_C = re.compile(r"(json-c/)?json(_[a-z]+)?\.h$")
JSON_FILES = re.compile(r"agent/(base/json_write\.[ch]|find/names/(docker|json)\.c|format/[a-z_]+\.[ch]|collect/(json|[a-z]+)\.[ch]|send/[a-z]+\.c|command/cli/(log_)?json\.c)"
                        r"|tests/.*")


def rooms_of(words):
    rooms = {}
    for word in words:
        name, path, below = word.split(":")
        rooms[name] = (path, [b for b in below.split(",") if b])
    return rooms


def room_of(rooms, path):
    for name, (folder, _) in rooms.items():
        if path.startswith(folder + "/"):
            return name
    return None


def door(rooms, name):
    return "%s/%s.h" % (rooms[name][0], name)


def problems(rooms, path, header, local):
    room = room_of(rooms, path)
    target = room_of(rooms, header)
    if header in CONFINED and not re.fullmatch(CONFINED[header], path):
        yield "%s is confined to %s" % (header, CONFINED[header])
    if not local:
        if JSON_C.match(header) and not JSON_FILES.fullmatch(path):
            yield "json-c is confined to few files"
        return
    if header.startswith("tests/") and not path.startswith("tests/"):
        yield "nothing includes tests"
    if target is None or target == room or path.startswith("tests/"):
        return
    if path == "agent/main.c":
        allowed = ["command"]
    else:
        allowed = rooms[room][1] if room else []
    if target not in allowed:
        yield "%s may not call %s" % (room or path, target)
    elif header != door(rooms, target) and header not in COMMON:
        yield "%s is not the door of %s" % (header, target)


def main():
    rooms = rooms_of(sys.argv[1:])
    files = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.c", "*.h"],
                           check=True, capture_output=True, text=True).stdout.split()
    found = 0
    for path in files:
        with open(path, encoding="utf-8") as source:
            for number, line in enumerate(source, 1):
                match = re.match(r'\s*#\s*include\s*(["<])([^">]+)[">]', line)
                if not match:
                    continue
                for problem in problems(rooms, path, match[2], match[1] == '"'):
                    print("%s:%d: %s" % (path, number, problem))
                    found += 1
    print("check-includes: %d files, %d problems" % (len(files), found))
    return 1 if found else 0


sys.exit(main())
