# SPDX-License-Identifier: Apache-2.0
"""Libraries that are put in front of podflame's: what fails, or lies, at a moment of the test's choice."""

import os
import subprocess

from testbed import PROJECT

FOLDER = PROJECT / "tests/faults"


def build(name, folder):
    """tests/faults/@name.c as a library in @folder."""
    library = folder / (name + ".so")
    subprocess.run(["cc", "-O1", "-shared", "-fPIC", "-o", library, FOLDER / (name + ".c")], check=True)
    return library


def environment(library, **settings):
    """That makes a program load @library. A profiled command would inherit it: only podflame is to be called with it."""
    return {**os.environ, "LD_PRELOAD": str(library), **{name: str(value) for name, value in settings.items()}}
