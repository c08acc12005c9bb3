# SPDX-License-Identifier: Apache-2.0
"""Cgroups that freeze what is in them, by either version's freezer."""

import contextlib
import pathlib
import secrets

from program import eventually
from skips import must_skip


def mount_of(version):
    """Where the hierarchy that can freeze is mounted."""
    for line in pathlib.Path("/proc/self/mounts").read_text().splitlines():
        _, point, kind, options = line.split()[:4]
        if kind == ("cgroup2" if version == 2 else "cgroup") and (version == 2 or "freezer" in options.split(",")):
            return pathlib.Path(point)
    must_skip("no freezer of cgroup v%d is mounted; no package can provide it" % version, debian=False)


@contextlib.contextmanager
def frozen(version, pid):
    """A frozen cgroup with the process in it."""
    group = mount_of(version) / ("podflame-test-" + secrets.token_hex(4))
    setting, word, thaw = ("cgroup.freeze", "1", "0") if version == 2 else ("freezer.state", "FROZEN", "THAWED")
    group.mkdir()
    try:
        (group / "cgroup.procs").write_text(str(pid))
        (group / setting).write_text(word)
        done = ("cgroup.events", "frozen 1") if version == 2 else ("freezer.state", "FROZEN")
        eventually(lambda: done[1] in (group / done[0]).read_text(), 10, "it is frozen")
        yield group
    finally:
        (group / setting).write_text(thaw)
        (group.parent / "cgroup.procs").write_text(str(pid))
        eventually(lambda: not (group / "cgroup.procs").read_text(), 10, "it has left")
        group.rmdir()
