# SPDX-License-Identifier: Apache-2.0
"""Maps large libraries, and calls one after the other: large_libraries.py LIBRARY...

Truth: <module> and main call LLVMContextCreate and LLVMContextDispose of those that have them.
"""
import ctypes
import sys


def load(path):
    library = ctypes.CDLL(path)
    if not hasattr(library, "LLVMContextCreate"):
        return None
    library.LLVMContextCreate.restype = ctypes.c_void_p
    library.LLVMContextDispose.argtypes = [ctypes.c_void_p]
    return library


def mapped_code():
    """Bytes of code that are mapped."""
    rows = (line.split() for line in open("/proc/self/maps"))
    return sum(int(end, 16) - int(begin, 16) for begin, _, end, prot in
               (row[0].partition("-") + (row[1],) for row in rows) if "x" in prot)


def main():
    libraries = [library for library in map(load, sys.argv[1:]) if library]
    print("ready %d" % mapped_code(), flush=True)
    while True:
        for library in libraries:
            library.LLVMContextDispose(library.LLVMContextCreate())


main()
