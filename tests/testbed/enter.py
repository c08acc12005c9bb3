# SPDX-License-Identifier: Apache-2.0
"""Makes a directory the root of the mount namespace it runs in, then runs a command.

    python3 enter.py ROOT [SOURCE:INSIDE]... -- COMMAND...

The command starts in the first INSIDE. SOURCEs are mounted read-only.

Runs as the first process of namespaces that unshare(1) made. A real pivot_root,
as container runtimes do it: the host's tree is gone afterwards, so nothing of the
host can be found through this process's root. Debian's essential packages lack
mount and umount, hence the system calls.
"""

import ctypes
import os
import shutil
import sys

MS_RDONLY, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 0x1, 0x20, 0x1000, 0x4000, 0x40000
MNT_DETACH = 2
SYS_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}

libc = ctypes.CDLL(None, use_errno=True)


def check(result, what):
    if result != 0:
        raise OSError(ctypes.get_errno(), "%s: %s" % (what, os.strerror(ctypes.get_errno())))


def mount(source, target, kind=None, flags=0):
    check(libc.mount(source.encode(), target.encode(), kind and kind.encode(), ctypes.c_ulong(flags), None),
          "mount " + target)


def main(arguments):
    split = arguments.index("--")
    root, binds, command = arguments[0], arguments[1:split], arguments[split + 1:]
    mount("none", "/", None, MS_REC | MS_PRIVATE)
    mount(root, root, None, MS_BIND | MS_REC)
    for bind in binds:
        source, inside = bind.split(":")
        mount(source, root + inside, None, MS_BIND)
        mount("none", root + inside, None, MS_BIND | MS_REMOUNT | MS_RDONLY)
    mount("tmpfs", root + "/tmp", "tmpfs")
    try:
        mount("proc", root + "/proc", "proc")
    except OSError:
        pass  # refused where the host's own /proc is partly hidden; no target needs it
    os.chdir(root)
    check(libc.syscall(ctypes.c_long(SYS_PIVOT_ROOT[os.uname().machine]), b".", b"."), "pivot_root")
    check(libc.umount2(b".", MNT_DETACH), "umount2")
    os.chdir(binds[0].split(":")[1] if binds else "/")
    os.execv(shutil.which(command[0]) or command[0], command)


if __name__ == "__main__":
    main(sys.argv[1:])
