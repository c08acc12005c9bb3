# SPDX-License-Identifier: Apache-2.0
"""The first process of a node that is a container, as kind makes them: it runs something of its own, and a container.

    node.py LINK...     links that its kubelet would have made in /var/log/containers

The container is a PID namespace further in. Both programs use a CPU in a function of their own.
"""

import ctypes
import os
import signal
import sys

CLONE_NEWPID = 0x20000000
libc = ctypes.CDLL(None, use_errno=True)


def of_node():
    while True:
        pass


def of_container():
    while True:
        pass


def begin(function):
    if os.fork() == 0:
        function()


def begin_container():
    if libc.unshare(CLONE_NEWPID) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    begin(of_container)
    signal.pause()


if libc.mount(b"tmpfs", b"/var/log", b"tmpfs", 0, None) != 0:
    raise OSError(ctypes.get_errno(), "mount")
os.mkdir("/var/log/containers")
for link in sys.argv[1:]:
    os.symlink("/nowhere", "/var/log/containers/" + link)
begin(of_node)
begin(begin_container)
print("ready", flush=True)
signal.pause()
