#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Records calls.py under many interpreters, judges each stack, and prints a table.

    tests/oracle/mixed/run.py --samples 1000000 --rate 20000 [--python PROGRAM]...

Needs root, and a C compiler. Without --python: Debian's and all of pyenv's. The status is 1 if a stack is wrong.
"""

import argparse
import pathlib
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parents[1]), str(HERE.parents[1] / "e2e")]

import interpreters  # noqa: E402
import judge_mixed  # noqa: E402
import places  # noqa: E402
from record_mixed import compiled, recorded  # noqa: E402

MOVED = "the thread may have run on before it was read"
# Of the program; each round takes the next one.
VARIANTS = [[], ["--threads", "3"], ["--native", "--child"], ["--threads", "1", "--native"]]
SECONDS = 10


def tell(name, total):
    moved = total.reasons[MOVED]
    n = max(1, total.mixed)
    print("| %s | %d | %d | %d | %.3f | %.3f | %s |" % (
        name, total.samples, total.wrong, total.unmerged, 100 * total.unmerged / n, 100 * (total.unmerged - moved) / n,
        ", ".join("%s %d" % pair for pair in total.reasons.most_common())), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=int, default=100000, help="of each interpreter at least")
    parser.add_argument("--rate", type=int, default=20000)
    parser.add_argument("--python", action="append")
    parser.add_argument("--rounds", type=int, default=1000, help="of each interpreter at most")
    parser.add_argument("--first", type=int, default=1, help="the first seed")
    parser.add_argument("--levels", type=int, default=8, help="of each chain; all kinds of levels are 21")
    parser.add_argument("--seconds", type=int, default=SECONDS, help="of each recording")
    parser.add_argument("--kinds", help="of levels, by comma: see calls.py")
    options = parser.parse_args()
    pythons = options.python or ["/usr/bin/python3", *(i.command[0] for i in interpreters.pyenv())]
    wrong = 0
    print("| interpreter | samples | wrong | unmerged | % | % but for MOVED | why |\n|---|---|---|---|---|---|---|".replace(
        "MOVED", "those that may have run on"), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        compiled(folder)
        for python in pythons:
            total = judge_mixed.Verdict()
            for seed in range(options.first, options.first + options.rounds):
                words = ["--seed", str(seed), "--levels", str(options.levels), *VARIANTS[seed % len(VARIANTS)]]
                words += ["--kinds", options.kinds] if options.kinds else []
                family = ["-s"] if "--child" in words else []
                total.add(recorded(places.Host(python, pathlib.Path(folder)), words,
                                   ["-d", str(options.seconds), "-r", str(options.rate), *family]))
                if total.samples >= options.samples:
                    break
            tell(python, total)
            print("\n".join(total.examples), file=sys.stderr)
            wrong += total.wrong
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
