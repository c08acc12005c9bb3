# SPDX-License-Identifier: Apache-2.0
"""Frees 500 code objects some 50 times in a second of CPU time, and works between. Prints the rounds that it did in 4 s of it."""
import time

replace = compile("1", "made.py", "exec").replace
end, rounds = time.process_time() + 4, 0
while time.process_time() < end:
    for _ in range(500):
        replace()
    for _ in range(400000):
        pass
    rounds += 1
print(rounds)
