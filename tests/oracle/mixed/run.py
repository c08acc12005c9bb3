#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Records calls.py under many interpreters, judges each stack, and prints a table.

    tests/oracle/mixed/run.py --samples 1000000 --rate 20000 [--python PROGRAM]...

Needs root, and a C compiler. Without --python: Debian's and all of pyenv's. The status is 1 if a stack is wrong.
"""

import argparse
import glob
import json
import os
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import judge  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
PROJECT = HERE.parents[2]
PODFLAME = os.environ.get("PODFLAME_PROGRAM", str(PROJECT / "build/podflame"))
MOVED = "the thread may have run on before it was read"
# Of the program; each round takes the next one.
VARIANTS = [[], ["--threads", "3"], ["--native", "--child"], ["--threads", "1", "--native"]]
SECONDS = 10


def compiled(folder):
    library = folder / "calls.so"
    subprocess.run(["cc", "-O2", "-g0", "-shared", "-fPIC", "-pthread", "-o", library, HERE / "calls.c"], check=True)
    return library


def recorded(python, library, words, options, folder, wrap=()):
    """The verdict on one recording of calls.py with the arguments @words."""
    command = [*wrap, *python, HERE / "calls.py", library, *words]
    described = subprocess.run([*command, "--describe"], capture_output=True, check=True)
    with subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True) as target:
        try:
            target.stdout.readline()
            out = pathlib.Path(folder, "out.folded")
            done = subprocess.run([PODFLAME, "record", "--native", "-v", "-p", str(target.pid), "-o", out, *options],
                                  stderr=subprocess.PIPE, text=True)
            if done.returncode != 0:
                raise RuntimeError(done.stderr)
        finally:
            os.killpg(target.pid, 9)
    verdict = judge.judge(out.read_text(errors="replace"), json.loads(described.stdout), ("calls.py", library.name),
                          done.stderr)
    verdict.said = done.stderr
    return verdict


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
    parser.add_argument("--kinds", help="of levels, by comma: see calls.py")
    options = parser.parse_args()
    pythons = options.python or ["/usr/bin/python3", *sorted(glob.glob("/root/.pyenv/versions/*/bin/python"))]
    wrong = 0
    print("| interpreter | samples | wrong | unmerged | % | % but for MOVED | why |\n|---|---|---|---|---|---|---|".replace(
        "MOVED", "those that may have run on"), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        library = compiled(pathlib.Path(folder))
        for python in pythons:
            total = judge.Verdict()
            for seed in range(options.first, options.first + options.rounds):
                words = ["--seed", str(seed), *VARIANTS[seed % len(VARIANTS)]]
                words += ["--kinds", options.kinds] if options.kinds else []
                family = ["-s"] if "--child" in words else []
                total.add(recorded([python], library, words, ["-d", str(SECONDS), "-r", str(options.rate), *family], folder))
                if total.samples >= options.samples:
                    break
            tell(python, total)
            print("\n".join(total.examples), file=sys.stderr)
            wrong += total.wrong
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
