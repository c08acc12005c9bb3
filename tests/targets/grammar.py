# SPDX-License-Identifier: Apache-2.0
"""Call churn that can be judged: sixteen functions, two callees allowed to each.

Truth: f_i calls only f_(3i+1 mod 16) or f_(7i+2 mod 16); main calls any. A
sampled pair of caller and callee outside this grammar never existed. The depth
varies between 4 and 30, a call takes some tens of nanoseconds.
"""
import random

import target

FUNCTION = """
def f{0}(depth, bits):
    if depth:
        (f{1} if bits & 1 else f{2})(depth - 1, bits >> 1)
"""

for i in range(16):
    source = FUNCTION.format(i, (3 * i + 1) % 16, (7 * i + 2) % 16)
    exec(compile(source, __file__, "exec"))


def main():
    running = target.start()
    roots = [globals()["f%d" % i] for i in range(16)]
    while running():
        for _ in range(100):
            bits = random.getrandbits(64)
            roots[bits & 15](3 + (bits >> 32) % 27, bits >> 4)


main()
