# SPDX-License-Identifier: Apache-2.0
"""Makes and frees code objects in a loop, so that their addresses are used again.

Truth: every function is made_N of the file made_N.py, with the same N. A name that
goes with another file is a stale one.
"""
import target

MADE = """
def made_{0}():
    x = 0
    for _ in range(2000):
        x = (x * 5 + 1) & 1023
    return x
"""


def make(n):
    names = {}
    exec(compile(MADE.format(n), "made_%d.py" % n, "exec"), names)
    return names["made_%d" % n]


def main():
    running = target.start()
    n = 0
    while running():
        n += 1
        function = make(n)
        function()
        del function


main()
