#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Records forest.py under many interpreters, judges each stack, and prints a table.

    tests/oracle/tasks/run.py --samples 20000 --rate 4000 [--python PROGRAM]... [--suite SUITE:PROGRAM]...

Needs root. Without --python and --suite: the host's, all of pyenv's, and those of Debian's suites. The status is 1 if a stack is
wrong.
"""

import argparse
import pathlib
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parents[1]), str(HERE.parents[1] / "e2e")]

import forest  # noqa: E402
import interpreters  # noqa: E402
import judge_tasks  # noqa: E402
import places  # noqa: E402
from record_tasks import recorded  # noqa: E402

SUITES = ["bullseye:python3", "bookworm:python3", "trixie:python3", "forky:python3.14", "forky:python3.15"]
ENGINES = [[], ["--engine", "timer"], ["-m", "gil"], ["--native"]]  # each round takes the next one


def tell(name, total):
    print("| %s | %d | %d | %d | %d | %d | %d | %s |" % (
        name, total.samples, total.wrong, total.rooted, total.bare, total.marked, total.deepest,
        ", ".join("%s %.0f %%" % (kind, 100 * total.share(kind)) for kind in forest.KINDS)), flush=True)


def judged(place, options):
    total = judge_tasks.Verdict()
    for i in range(options.rounds):
        words = ["-d", str(options.seconds), "-r", str(options.rate), *ENGINES[i % len(ENGINES)], *options.more.split()]
        verdict, said = recorded(place, ["--tasks", str(options.tasks)], words)
        print(said, file=sys.stderr)
        total.add(verdict)
        if total.samples >= options.samples:
            break
    return total


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=int, default=20000, help="of each interpreter at least")
    parser.add_argument("--rate", type=int, default=4000)
    parser.add_argument("--python", action="append", default=[])
    parser.add_argument("--suite", action="append", default=[])
    parser.add_argument("--rounds", type=int, default=100, help="of each interpreter at most")
    parser.add_argument("--seconds", type=int, default=8, help="of each recording")
    parser.add_argument("--tasks", type=int, default=3000)
    parser.add_argument("--more", default="", help="options of podflame")
    options = parser.parse_args()
    hosts, suites = options.python, options.suite
    if not hosts and not suites:
        hosts, suites = ["/usr/bin/python3", *(i.command[0] for i in interpreters.pyenv() if i.version >= (3, 8))], SUITES
    wrong = 0
    print("| interpreter | samples | wrong | in a task | in a node without one | several awaiters | deepest | parents known, by how they "
          "await |\n|---|---|---|---|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        scratch = pathlib.Path(folder)
        made = [(python, lambda python=python: places.Host(python, scratch)) for python in hosts]
        made += [(text, lambda text=text: places.Rootfs(*text.split(":"), scratch, None)) for text in suites]
        for name, make in made:
            place = make()
            total = judged(place, options)
            tell(name, total)
            print("\n".join(total.examples), file=sys.stderr)
            wrong += total.wrong
            if isinstance(place, places.Rootfs):
                place.close()
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
