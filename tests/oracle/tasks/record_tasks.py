# SPDX-License-Identifier: Apache-2.0
"""Records forest.py in a place (see tests/oracle/places.py), and judges the stacks."""

import json
import os
import pathlib
import signal
import subprocess

import judge_tasks

import readers

HERE = pathlib.Path(__file__).resolve().parent
PODFLAME = os.environ.get("PODFLAME_PROGRAM", str(HERE.parents[2] / "build/podflame"))


def recorded(place, words, options):
    """The verdict on one recording of forest.py with the arguments @words, and what podflame said."""
    command = place.command([*place.python, place.target("oracle/tasks/forest.py"), *words])
    described = subprocess.run([*command, "--describe"], capture_output=True, check=True, env=place.environment)
    out = place.scratch / "out.folded"
    with subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True, env=place.environment) as target:
        try:
            target.stdout.readline()
            done = subprocess.run([PODFLAME, "record", "-v", "-p", str(target.pid), "-o", out, *options],
                                  stderr=subprocess.PIPE, text=True)
        finally:
            os.killpg(target.pid, signal.SIGKILL)
    if done.returncode != 0:
        raise RuntimeError(done.stderr)
    text = out.read_text(errors="replace")
    return judge_tasks.judge(readers.parse_folded(text), json.loads(described.stdout)), done.stderr
