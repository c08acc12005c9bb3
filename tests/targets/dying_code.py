# SPDX-License-Identifier: Apache-2.0
"""Code objects that are freed while their frames still stand, which takes some milliseconds: dying_code.py 0 TURNS.

The frame of each function has the last reference to its code. When the function returns, a constant of the code is
freed as well, and its __del__ works on. The next code object has its place where the last one had its own.

Truth: every function is made_N of the file made_N.py, with the same N. A name that goes with another file is a stale
one.
"""
import types

import target

MADE = """
def made_{0:06}(turns):
    x = 0
    while turns:
        x = (x * 5 + 1) & 1023; turns -= 1
    return x
"""


class Slow(object):
    turns = 0

    def __del__(self):
        turns = self.turns
        while turns:
            turns -= 1


def make(n, turns):
    names = {}
    exec(compile(MADE.format(n), "made_%06d.py" % n, "exec"), names)
    code = names["made_%06d" % n].__code__
    slow = Slow()
    slow.turns = turns
    return [code.replace(co_consts=code.co_consts + (slow,))]


def churn(running, turns):
    n = 0
    while running():
        n += 1
        made = make(n, turns)
        types.FunctionType(made.pop(), {})(turns)


if __name__ == "__main__":
    churn(target.start(), target.argument(2, 50000))
