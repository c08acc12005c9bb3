#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs a command for which perf_event_open(2) is as in Debian's kernels: debian_perf.py COMMAND.

While kernel.perf_event_paranoid is above 2, and 3 is their default, they ask for CAP_SYS_ADMIN; CAP_PERFMON does not count.
A seccomp filter hands the calls to this process, which looks up the caller's capabilities and answers as Debian's patch
to kernel/events/core.c would. Needs root.
"""
import ctypes
import fcntl
import os
import platform
import re
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading

PERF_CALL = {"x86_64": 298, "aarch64": 241}[platform.machine()]
SECCOMP_CALL = {"x86_64": 317, "aarch64": 277}[platform.machine()]
LOAD, EQUAL, RETURN = 0x20, 0x15, 0x06  # of a number of the seccomp_data; jump; end
ALLOW, ASK = 0x7fff0000, 0x7fc00000
PROGRAM = b"".join(struct.pack("HBBI", *one) for one in (
    (LOAD, 0, 0, 0), (EQUAL, 0, 1, PERF_CALL), (RETURN, 0, 0, ASK), (RETURN, 0, 0, ALLOW)))
SET_MODE_FILTER, NEW_LISTENER, CONTINUE = 1, 8, 1
# <linux/seccomp.h>: a question has an id, the caller's thread and 64 bytes of its call; an answer id, value, error, flags.
QUESTION, ANSWER = "QII64x", "QqiI"
RECEIVE, SEND = 0xc0502100, 0xc0182101
SET_DEATH_SIGNAL, EACCES = 1, 13
SYS_ADMIN = 21
LEVEL = "/proc/sys/kernel/perf_event_paranoid"
MS_BIND, MS_REC, MS_PRIVATE, CLONE_NEWNS = 4096, 16384, 1 << 18, 0x20000

libc = ctypes.CDLL(None, use_errno=True)


class Filter(ctypes.Structure):
    _fields_ = [("n", ctypes.c_ushort), ("program", ctypes.c_char_p)]


def succeed(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def show_level():
    """The command sees the default of Debian's kernels."""
    succeed(libc.unshare(CLONE_NEWNS))
    succeed(libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None))
    with tempfile.NamedTemporaryFile("w") as file:
        file.write("3\n")
        file.flush()
        succeed(libc.mount(file.name.encode(), LEVEL.encode(), None, MS_BIND, None))


def is_admin(thread):
    with open("/proc/%d/status" % thread) as file:
        return int(re.search(r"^CapEff:\s*(\w+)", file.read(), re.M)[1], 16) >> SYS_ADMIN & 1


def answer_calls(listener):
    while True:
        question = bytearray(struct.calcsize(QUESTION))
        try:
            fcntl.ioctl(listener, RECEIVE, question)
        except OSError:
            return  # the command has ended
        number, thread, _ = struct.unpack(QUESTION, question)
        try:
            answer = (0, CONTINUE) if is_admin(thread) else (-EACCES, 0)
            fcntl.ioctl(listener, SEND, struct.pack(ANSWER, number, 0, *answer))
        except FileNotFoundError:
            pass  # that thread has ended


def filter_and_send(channel):
    """In the command's process, before it is executed."""
    succeed(libc.prctl(SET_DEATH_SIGNAL, signal.SIGKILL))  # a test ends this program alone
    program = Filter(len(PROGRAM) // 8, PROGRAM)
    show_level()
    listener = succeed(libc.syscall(SECCOMP_CALL, SET_MODE_FILTER, NEW_LISTENER, ctypes.byref(program)))
    socket.send_fds(channel, [b"."], [listener])
    os.close(listener)


def main():
    ours, theirs = socket.socketpair()
    receiver = threading.Thread(target=lambda: answer_calls(socket.recv_fds(ours, 1, 1)[1][0]), daemon=True)
    receiver.start()
    sys.exit(subprocess.run(sys.argv[1:], preexec_fn=lambda: filter_and_send(theirs)).returncode)


main()
