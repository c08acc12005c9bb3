# SPDX-License-Identifier: Apache-2.0
"""A process that maps 500 MB of code: what mixed stacks cost then."""

import re

import pytest

from program import podflame
from skips import must_skip
from testbed import PROJECT, Unavailable, containers, images

pytestmark = pytest.mark.large
TARGETS = PROJECT / "tests/targets"
SUITE = "bookworm-large"
CODE_BYTES = 250 << 20  # that must be mapped
TABLES_MB = 30  # that names and rules may take
COST = r"cost: ([0-9.]+) s of CPU, (\d+) MiB of memory"


@pytest.fixture(scope="module")
def container():
    try:
        root = images.directory(SUITE)
        paths = {path.resolve() for pattern in ("libLLVM*.so*", "libclang-cpp.so*")
                 for path in root.glob("usr/lib/*-linux-gnu/" + pattern)}
        libraries = ["/%s" % path.relative_to(root.resolve()) for path in sorted(paths)]
        started = containers.Bare(SUITE, ["python3", "/app/large_libraries.py", *libraries], TARGETS)
    except Unavailable as e:
        must_skip(str(e))
    with started as container:
        assert int(container.output().split()[1]) > CODE_BYTES, container.output()
        yield container


def recorded(container, *options):
    """Its CPU seconds, its memory in MB, and stacks."""
    done = podflame("record", "-v", "-p", container.pid, "-d", 2, "-r", 500, *options)
    assert done.returncode == 0, done.stderr
    found = re.search(COST, done.stderr)
    print(done.stderr)
    return float(found[1]), int(found[2]) * 1.048576, done.stdout


def test_names_of_large_libraries_take_little_memory(container):
    """The first recording meets code of which no page of the tables was ever read."""
    cpu, memory, stacks = recorded(container, "--native")
    _, plain, _ = recorded(container)
    assert "main (/app/large_libraries.py" in stacks
    for name in ("LLVMContextCreate", "LLVMContextDispose"):
        assert re.search(r";main \(/app/large_libraries.py:\d+\);.*;%s \(libLLVM" % name, stacks), name
    assert memory - plain < TABLES_MB, (memory, plain)
    assert cpu < 5, cpu
