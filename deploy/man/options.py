#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes podflame.1's sections of options from what each command's -h says.

    options.py PROGRAM PAGE           write them into the page
    options.py --check PROGRAM PAGE   only compare: exit 1 if the page would change
"""

import pathlib
import re
import subprocess
import sys

BEGIN = '.\\" BEGIN OPTIONS: written by `make man`\n'
END = '.\\" END OPTIONS\n'

COMMAND = re.compile(r"^  ([a-z]+) +\S")
OPTION = re.compile(r"^  (?:-(\S), |    )--([a-z-]+)(?: ([A-Z][A-Z:=]*|'[^']*'))? +(\S.*)$")
MORE = re.compile(r"^ {20,}(\S.*)$")
# mdoc wants each sentence to begin a line.
SENTENCE = re.compile(r"([a-z]{2}\.) +")


def usage(program, *words):
    done = subprocess.run([*words, "-h"], executable=program, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def commands(program):
    return [match[1] for match in map(COMMAND.match, usage(program, "podflame")) if match]


def options(lines):
    """[letter or None, name, argument or None, help] of each, whose help may go on in lines of its own."""
    found = []
    for line in lines:
        option, more = OPTION.match(line), MORE.match(line)
        if option:
            found.append(list(option.groups()))
        elif more and found:
            found[-1][3] += " " + more[1]
    return found


def roff(text):
    return text.replace("\\", "\\e").replace("-", "\\-")


def quoted(argument):
    return '"%s"' % argument if " " in argument else argument


def sentences(text):
    return roff(SENTENCE.sub(r"\1\n", text))


def section(title, lines):
    """Usage, text, and options, as a subsection."""
    first = next(i for i, line in enumerate(lines) if OPTION.match(line))
    head = [line.strip() for line in lines[:first]]
    forms = [line for line in head if line.startswith(("Usage: ", "podflame ", "pyflame "))]
    text = [line for line in head if line and line not in forms]
    yield ".Ss " + title
    for form in forms:
        yield ".Dl " + roff(form.removeprefix("Usage: "))
    yield ".Pp"
    yield sentences("\n".join(text))
    yield ".Bl -tag -width Ds"
    for letter, name, argument, what in options(lines):
        yield ".It %sFl Fl %s%s" % ("Fl %s , " % letter if letter else "", roff(name),
                                    " Ar " + quoted(argument) if argument else "")
        yield sentences(what)
    yield ".El"


def sections(program):
    for command in commands(program):
        yield from section("podflame " + command, usage(program, "podflame", command))
    yield from section("pyflame", usage(program, "pyflame"))


def main(arguments):
    check = arguments[0] == "--check"
    program, page = arguments[-2:]
    old = pathlib.Path(page).read_text()
    before, rest = old.split(BEGIN)
    new = before + BEGIN + "\n".join(sections(program)) + "\n" + END + rest.split(END)[1]
    if check and new != old:
        sys.exit("%s is not what the commands say: run make man" % page)
    pathlib.Path(page).write_text(new)


if __name__ == "__main__":
    main(sys.argv[1:])
