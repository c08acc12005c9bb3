# SPDX-License-Identifier: Apache-2.0
"""scribble.py SEED: an interpreter that runs no Python any more, whose state changes at random. 2.7 and later.

What is reached by pointers from the thread's state and from the runtime is written over, by a function that never
returns and holds the GIL.
"""

import ctypes
import sys
import threading

WORD = 8
REGION_WORDS = 96
REGIONS_MAX = 160
APART = 1 << 14  # of the C library's own, around pthread_self()


class Region(ctypes.Structure):
    _fields_ = [("words", ctypes.c_void_p), ("n", ctypes.c_size_t), ("saved", ctypes.c_void_p)]


def writable():
    """[(begin, end)] of what the interpreter may have its state in: not the C stack, no other library."""
    for row in open("/proc/self/maps"):
        words = row.split(None, 5)
        begin, end = (int(part, 16) for part in words[0].split("-"))
        name = words[5].strip() if len(words) > 5 else ""
        if words[1].startswith("rw") and (name in ("", "[heap]") or "python" in name.rpartition("/")[2]):
            yield begin, end


def reached(roots, maps):
    """Addresses of regions, breadth first."""
    own = threading.current_thread().ident or 0
    found = []
    for address in roots:
        inside = any(begin <= address and address + WORD * REGION_WORDS <= end for begin, end in maps)
        if not inside or address % WORD or abs(address - own) < APART:
            continue
        if any(abs(address - other) < WORD * REGION_WORDS for other in found):
            continue
        found.append(address)
        roots.extend(ctypes.c_uint64.from_address(address + WORD * i).value for i in range(REGION_WORDS))
        if len(found) == REGIONS_MAX:
            break
    return found


def roots():
    api = ctypes.pythonapi
    api.PyThreadState_Get.restype = ctypes.c_void_p
    yield api.PyThreadState_Get()
    frame = sys._getframe()
    while frame:
        for thing in (frame, frame.f_code, frame.f_code.co_name, frame.f_code.co_filename):
            yield id(thing)
        frame = frame.f_back
    for name in ("_PyRuntime", "_PyThreadState_Current"):
        try:
            yield ctypes.addressof(ctypes.c_char.in_dll(api, name))
        except ValueError:
            pass


def outer(function):
    function()


def main():
    library = ctypes.PyDLL("./scribble.so")
    library.scribble.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_uint64]
    addresses = reached(list(roots()), list(writable()))
    regions = (Region * len(addresses))()
    saved = (ctypes.c_uint64 * (REGION_WORDS * len(addresses)))()
    for i, address in enumerate(addresses):
        regions[i].words, regions[i].n = address, REGION_WORDS
        regions[i].saved = ctypes.addressof(saved) + WORD * REGION_WORDS * i
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for i, address in enumerate(addresses):
        ctypes.memmove(regions[i].saved, address, WORD * REGION_WORDS)
    library.scribble(ctypes.addressof(regions), len(addresses), int(sys.argv[1]))


outer(main)
