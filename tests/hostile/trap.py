# SPDX-License-Identifier: Apache-2.0
"""A Python that puts pages which never come where its interpreter is looked for: trap.py PLACE [FILE] [sleep].

PLACE is "runtime" (_PyRuntime) or "thread" (the thread state of the thread that runs). The pages are those of FILE, or
without one, of userfaultfd, which takes root. Prints "ready" and runs Python code until SIGUSR1 comes; then it lays the
trap, prints "trap", and its thread goes on running, or sleeping, without another look at what was there.
"""
import ctypes
import os
import signal
import sys

place, file = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else ""
told = False
lib = ctypes.CDLL(os.path.abspath("trap.so"))
lib.trap.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
fd = os.open(file, os.O_RDONLY) if file else -1


def tell(*_):
    global told
    told = True


def address():
    if place == "runtime":
        return ctypes.addressof(ctypes.c_char.in_dll(ctypes.pythonapi, "_PyRuntime"))
    ctypes.pythonapi.PyThreadState_Get.restype = ctypes.c_void_p
    return ctypes.pythonapi.PyThreadState_Get()


def run_until_told():
    n = 0
    while not told:
        n += 1


signal.signal(signal.SIGUSR1, tell)
at = address() & ~4095
print("ready", flush=True)
run_until_told()
lib.trap(fd, at, 2 * 4096, "sleep" in sys.argv)
