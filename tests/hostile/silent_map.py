# SPDX-License-Identifier: Apache-2.0
"""Has a file in its memory whose pages never come: silent_map.py FILE [arguments|marked].

It looks like a program, named like Python, and lies where an interpreter is looked for. With "arguments" its command
line and its environment lie there too (PR_SET_MM_MAP of prctl(2), which asks for no privilege).
With "marked" its pages bear userfaultfd's mark, which pagemap shows as if they were swapped out.
"""
import ctypes
import fcntl
import mmap
import os
import struct
import sys
import time

PR_SET_MM, PR_SET_MM_MAP = 35, 14

libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = libc.sbrk.restype = ctypes.c_void_p
at = 0x100000  # below all else
with open(sys.argv[1], "rb") as source:
    if libc.mmap(ctypes.c_void_p(at), 16 * 4096, mmap.PROT_READ | mmap.PROT_EXEC, mmap.MAP_PRIVATE, source.fileno(), 0) != at:
        sys.exit("mmap: " + os.strerror(ctypes.get_errno()))

if sys.argv[2:] == ["arguments"]:
    with open("/proc/self/stat") as text:
        field = [0, 0, 0] + text.read().rpartition(")")[2].split()
    start_code, end_code, start_stack, start_data, end_data, start_brk = (int(field[i]) for i in (26, 27, 28, 45, 46, 47))
    new = struct.pack("=11QQIi", start_code, end_code, start_data, end_data, start_brk, libc.sbrk(0), start_stack,
                      at, at + 4096, at + 4096, at + 8192, 0, 0, -1)
    if libc.prctl(PR_SET_MM, PR_SET_MM_MAP, new, ctypes.c_ulong(len(new)), 0) != 0:
        sys.exit("prctl: " + os.strerror(ctypes.get_errno()))
if sys.argv[2:] == ["marked"]:  # userfaultfd(2) for faults of user mode; its API, what it watches, and the marks
    watcher = libc.syscall(323, os.O_CLOEXEC | 1)
    fcntl.ioctl(watcher, 0xc018aa3f, bytearray(struct.pack("3Q", 0xaa, 1 << 13 | 1 << 15, 0)))
    fcntl.ioctl(watcher, 0xc020aa00, bytearray(struct.pack("4Q", at, 16 * 4096, 2, 0)))
    fcntl.ioctl(watcher, 0xc018aa06, bytearray(struct.pack("3Q", at, 16 * 4096, 1)))
print("ready", flush=True)
time.sleep(1000)
