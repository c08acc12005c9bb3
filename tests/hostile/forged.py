# SPDX-License-Identifier: Apache-2.0
"""forged.py: writes lengths and offsets that cannot be over its own, as it is told on its standard input.

    lengths NUMBER      of the names, files and line tables of all functions on its stack; 3.11
    offset INDEX NUMBER a word of _PyRuntime's debug offsets; 3.13 and later, which never read them themselves
"""

import ctypes
import sys
import threading

LENGTH = 16  # of a str and of bytes


def spin():
    while True:
        sum(range(1000))


def lengths(number):
    frame = sys._current_frames()[worker.ident]
    while frame:
        for thing in (frame.f_code.co_name, frame.f_code.co_qualname, frame.f_code.co_filename, frame.f_code.co_linetable):
            ctypes.c_uint64.from_address(id(thing) + LENGTH).value = number
        frame = frame.f_back


def offset(index, number):
    runtime = ctypes.addressof(ctypes.c_char.in_dll(ctypes.pythonapi, "_PyRuntime"))
    word = ctypes.c_uint64.from_address(runtime + 8 * index)
    before.setdefault(index, word.value)
    for known, value in before.items():
        ctypes.c_uint64.from_address(runtime + 8 * known).value = value
    word.value = number


before = {}
worker = threading.Thread(target=spin, daemon=True)
worker.start()
sys.stdout.write("ready\n")
sys.stdout.flush()
for row in sys.stdin:
    what, *numbers = row.split()
    {"lengths": lengths, "offset": offset}[what](*map(int, numbers))
    sys.stdout.write("done\n")
    sys.stdout.flush()
