#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Files under 400 lines and functions under 60, as the design wants them; makefiles under 250.

A function is what stands between a `{` and a `}` in the first column.
"""
import subprocess
import sys

FILE_MAX = 400
MAKEFILE_MAX = 250
FUNCTION_MAX = 60


def functions(lines):
    start = None
    for number, line in enumerate(lines, 1):
        if line.startswith("{"):
            start = number
        elif line.startswith("}") and start is not None:
            yield start, number - start - 1
            start = None


def main():
    files = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard",
                            "agent/*.c", "agent/*.h", "nsutil/*.[ch]", "elfsym/*.[ch]", "pystack/*.[ch]",
                            "Makefile", "*.mk"],
                           check=True, capture_output=True, text=True).stdout.split()
    found, lengths = 0, []
    for path in files:
        with open(path, encoding="utf-8") as source:
            lines = source.read().splitlines()
        if len(lines) > (FILE_MAX if path.endswith((".c", ".h")) else MAKEFILE_MAX):
            print("%s: %d lines; is it two things?" % (path, len(lines)))
            found += 1
        for start, length in functions(lines):
            lengths.append(length)
            if length > FUNCTION_MAX:
                print("%s:%d: a function of %d lines" % (path, start, length))
                found += 1
    lengths.sort()
    print("lengths: %d files, %d functions, median %d lines, longest %d, %d problems"
          % (len(files), len(lengths), lengths[len(lengths) // 2], lengths[-1], found))
    return 1 if found else 0


sys.exit(main())
