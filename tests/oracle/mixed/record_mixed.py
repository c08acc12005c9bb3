# SPDX-License-Identifier: Apache-2.0
"""Records calls.py in a place (see tests/oracle/places.py), and judges the stacks."""

import json
import os
import pathlib
import signal
import subprocess
import sys

import judge_mixed

sys.setrecursionlimit(10000)  # a tree may be a thousand levels high
HERE = pathlib.Path(__file__).resolve().parent
PODFLAME = os.environ.get("PODFLAME_PROGRAM", str(HERE.parents[2] / "build/podflame"))


def compiled(folder, *options):
    """calls.c as a library. It names no version of a C library, so that it runs with older ones. On aarch64 the cache of
    instructions is cleared by libgcc."""
    library = pathlib.Path(folder, "calls.so")
    subprocess.run(["cc", "-O2", "-g0", "-shared", "-fPIC", "-nostdlib", *options, "-o", library, HERE / "calls.c", "-lgcc"],
                   check=True)
    return library


def recorded(place, words, options):
    """The verdict on one recording of calls.py with the arguments @words. The library lies in the place's folder."""
    command = place.command([*place.python, place.target("oracle/mixed/calls.py"), place.output("calls.so"), *words])
    described = subprocess.run([*command, "--describe"], capture_output=True, check=True, env=place.environment)
    out = place.scratch / "out.folded"
    with subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True, env=place.environment) as target:
        try:
            target.stdout.readline()
            done = subprocess.run([PODFLAME, "record", "--native", "-v", "-p", str(target.pid), "-o", out, *options],
                                  stderr=subprocess.PIPE, text=True)
        finally:
            os.killpg(target.pid, signal.SIGKILL)
    if done.returncode != 0:
        raise RuntimeError(done.stderr)
    return judge_mixed.judge(out.read_text(errors="replace"), json.loads(described.stdout), ("calls.py", "calls.so"),
                             done.stderr)
