# SPDX-License-Identifier: Apache-2.0
"""Tests with the mark `alone` do to the machine what others would not stand: they wait until no test runs any more, of any
run of pytest on this machine, and those that come next wait for their end."""

import contextlib
import fcntl
import pathlib

FOLDER = pathlib.Path("/run/lock")


@contextlib.contextmanager
def locked(name, kind):
    FOLDER.mkdir(exist_ok=True)
    with open(FOLDER / ("podflame-tests-%s.lock" % name), "a") as file:
        fcntl.flock(file, kind)
        yield


@contextlib.contextmanager
def turn(alone):
    """Who waits to be alone has the gate meanwhile, through which all have to go: nobody gets ahead."""
    with contextlib.ExitStack() as stack:
        with locked("gate", fcntl.LOCK_EX):
            stack.enter_context(locked("running", fcntl.LOCK_EX if alone else fcntl.LOCK_SH))
        yield
