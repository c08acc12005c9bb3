#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Work below Python: native.py --threads N.

As a library of linear algebra does: the main thread calls native code in turns
(call_native, which lets the GIL go) and works in Python in between (call_python), while
N threads that Python knows nothing of spin. Their code is a few instructions, made here:
no compiler is needed.
"""
import ctypes
import mmap
import platform
import time

import ledger

options = ledger.parse(threads=1)
CODE = {
    # while (--n) ;             while (!*p) ; return 0
    "x86_64": ("48ffcf75fbc3", "48833f0074fa31c0c3"),
    "aarch64": ("000400f1e1ffff54c0035fd6", "010040f9e1ffffb4000080d2c0035fd6"),
}
page = mmap.mmap(-1, 8192, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
count, spin = (bytes.fromhex(code) for code in CODE[platform.machine()])
page[:len(count)], page[64:64 + len(spin)] = count, spin
address = ctypes.addressof(ctypes.c_char.from_buffer(page))
count_down = ctypes.CFUNCTYPE(None, ctypes.c_uint64)(address)
flag = ctypes.c_uint64(0)
libc = ctypes.CDLL(None)
native_threads, native_ns = [], [0]


def start_native():
    for _ in range(options.threads):
        thread = ctypes.c_ulong()
        if libc.pthread_create(ctypes.byref(thread), None, ctypes.c_void_p(address + 64), ctypes.byref(flag)):
            raise OSError("pthread_create")
        native_threads.append(thread)


def end_native():
    """Their own clocks are read first: pthread_getcpuclockid(3)."""
    for thread in native_threads:
        clock = ctypes.c_int()
        if libc.pthread_getcpuclockid(thread, ctypes.byref(clock)):
            raise OSError("pthread_getcpuclockid")
        native_ns[0] += time.clock_gettime_ns(clock.value)
    flag.value = 1
    for thread in native_threads:
        libc.pthread_join(thread, None)


def call_native():
    book = ledger.open_book("call_native")
    count_down(3000000)
    book()


def call_python():
    ledger.turn("call_python", 20000)


def work():
    start_native()
    while ledger.running():
        call_native()
        call_python()
    end_native()


ledger.main(work, {"start_native": ["work"], "end_native": ["work"], "call_native": ["work"],
                   "call_python": ["work"], "open_book": ["call_native", "turn"], "book": ["call_native", "turn"],
                   "turn": ["call_python"], "running": ["work"]},
            native=lambda: native_ns[0])
