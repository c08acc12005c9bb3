# SPDX-License-Identifier: Apache-2.0
"""Makes and frees code objects in a loop, so that their addresses are used again: churn_code.py 0 TURNS.

Each is called once, and turns so often. tests/oracle has it as a workload, too.

Truth: every function is made_N of the file made_N.py, with the same N. A name that
goes with another file is a stale one.
"""
import target

MADE = """
def made_{0}():
    x = 0
    for _ in range({1}):
        x = (x * 5 + 1) & 1023
    return x
"""


def make(n, turns):
    names = {}
    exec(compile(MADE.format(n, turns), "made_%d.py" % n, "exec"), names)
    return names["made_%d" % n]


def churn(running, turns):
    n = 0
    while running():
        n += 1
        function = make(n, turns)
        function()
        del function


if __name__ == "__main__":
    churn(target.start(), target.argument(2, 2000))
