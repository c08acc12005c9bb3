#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Call churn that can be judged: sixteen functions, two callees allowed to each.

f_i calls only f_(3i+1 mod 16) or f_(7i+2 mod 16); work calls any. The depth varies, a
call takes some tens of nanoseconds: a stack that is put together from two moments has a
pair in it that never existed.
"""
import random

import ledger

ledger.parse()
FUNCTION = """
def f{0}(depth, bits):
    if depth:
        (f{1} if bits & 1 else f{2})(depth - 1, bits >> 1)
"""
CALLEES = {i: ((3 * i + 1) % 16, (7 * i + 2) % 16) for i in range(16)}
for i, callees in CALLEES.items():
    exec(compile(FUNCTION.format(i, *callees), __file__, "exec"))
roots = [globals()["f%d" % i] for i in range(16)]


def work():
    while ledger.running():
        for _ in range(100):
            bits = random.getrandbits(64)
            roots[bits & 15](3 + (bits >> 32) % 27, bits >> 4)


callers = {"running": ["work"], **{"f%d" % i: ["work"] for i in CALLEES}}
for i, callees in CALLEES.items():
    for callee in callees:
        callers["f%d" % callee].append("f%d" % i)
ledger.main(work, callers)
