# SPDX-License-Identifier: Apache-2.0
"""Counters that a target counts its own work in, seen by the bench while it runs.

The file named by BENCH_COUNTER is an array of 64-bit numbers, one for each thread
or process of the target, so that no two write the same.
"""
import mmap
import os

SLOTS = 512


def counters():
    with open(os.environ["BENCH_COUNTER"], "r+b") as file:
        return memoryview(mmap.mmap(file.fileno(), 8 * SLOTS)).cast("Q")
