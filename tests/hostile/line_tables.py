# SPDX-License-Identifier: Apache-2.0
"""line_tables.py N MIB: N functions on the stack that share one line table of MIB megabytes. Python 3.10 and later."""

import sys

sys.setrecursionlimit(10000)
table = (bytes([0x80 | 13 << 3 | 7, 0]) * int(float(sys.argv[2]) * (1 << 19)))[:-16]


def last():
    print("ready", flush=True)
    while True:
        for _ in range(100000):
            pass


function = last
for _ in range(int(sys.argv[1])):
    made = {}
    exec("def wrap(f):\n    def call(): f()\n    return call", made)
    wrapped = made["wrap"](function)
    wrapped.__code__ = wrapped.__code__.replace(co_linetable=table)
    function = wrapped
function()
