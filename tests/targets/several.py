# SPDX-License-Identifier: Apache-2.0
"""Several targets at once, each a process of its own: several.py NAME.py[:ARGUMENT]...

Says "ready" once all of them are; passes on what they said before. They end with it.
"""
import ctypes
import signal
import subprocess
import sys
import time

PR_SET_PDEATHSIG = 1


def die_with_parent():
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def start(word):
    command = [sys.executable] + word.split(":")
    return subprocess.Popen(command, stdout=subprocess.PIPE, preexec_fn=die_with_parent)


def wait_until_ready(child):
    for line in iter(child.stdout.readline, b""):
        if line.strip() == b"ready":
            return
        sys.stdout.write(line.decode("ascii"))
    sys.exit("a target has ended before it was ready")


def main():
    children = [start(word) for word in sys.argv[1:]]
    for child in children:
        wait_until_ready(child)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    while True:
        time.sleep(1000)


main()
