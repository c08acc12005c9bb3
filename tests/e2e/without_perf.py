#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs a command for which perf_event_open(2) is refused, as containers' seccomp profiles do: without_perf.py COMMAND."""
import ctypes
import os
import platform
import struct
import sys

CALL = {"x86_64": 298, "aarch64": 241}[platform.machine()]
LOAD, EQUAL, RETURN = 0x20, 0x15, 0x06  # of a number of the seccomp_data; jump; end
ALLOW, REFUSE = 0x7fff0000, 0x00050000 | 1  # EPERM
PROGRAM = b"".join(struct.pack("HBBI", *one) for one in (
    (LOAD, 0, 0, 0), (EQUAL, 0, 1, CALL), (RETURN, 0, 0, REFUSE), (RETURN, 0, 0, ALLOW)))
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2


class Filter(ctypes.Structure):
    _fields_ = [("n", ctypes.c_ushort), ("program", ctypes.c_char_p)]


libc = ctypes.CDLL(None, use_errno=True)
one = Filter(len(PROGRAM) // 8, PROGRAM)
if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(one), 0, 0):
    sys.exit(os.strerror(ctypes.get_errno()))
os.execvp(sys.argv[1], sys.argv[1:])
