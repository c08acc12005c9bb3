# SPDX-License-Identifier: Apache-2.0
"""C below Python: chain.py 0 LIBRARY PYTHON C. Needs what chain.c becomes.

Truth: PYTHON frames of Python call, by ctypes, chain_call, which calls itself until C frames of that library are on the
stack; the innermost, chain_work, takes nearly all of the time.
"""
import ctypes
import os
import sys

import target
import work

TURNS = 500000  # some 0.2 ms


def descend(left, call, depth, done):
    if left > 1:
        descend(left - 1, call, depth, done)
    while True:
        call(depth, TURNS)
        done[0] += 1


def main():
    library = ctypes.CDLL(os.path.abspath(sys.argv[2]))
    library.chain_call.argtypes = [ctypes.c_size_t] * 2
    done = work.counters()
    target.start()
    descend(target.argument(3, 10) - 2, library.chain_call, target.argument(4, 30) - 1, done)


main()
