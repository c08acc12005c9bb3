# SPDX-License-Identifier: Apache-2.0
"""A program of ten functions, one of which can be made slower, for gate.py.

    knob.py ROUNDS [PERCENT]

The functions take fixed parts of each round, `tuned` 15 % of it, and PERCENT more if
that is given. Like a real program it calls them from several places, and in an order
and in portions that differ from round to round. It imports nothing else: what starting
costs depends on the machine's caches.
"""

import sys
import time

UNIT = 400  # iterations; a round has 100 units

SHARES = {"parse": 30, "render": 20, "tuned": 15, "query": 10, "escape": 8, "log": 6, "hashing": 5, "format_row": 3,
          "check": 2, "cleanup": 1}




def make(name):
    # Each function has its loop in itself: so its self share is its share.
    code = "def %s(n):\n    total = 0\n    for i in range(n):\n        total += i & 7\n    return total\n" % name
    space = {}
    exec(compile(code, name + ".py", "exec"), space)
    return space[name]


def request(functions, portions):
    for name, n in portions:
        functions[name](n)


def background(functions, portions):
    request(functions, portions)


class Chance:
    """Knuth's linear congruential generator: random enough, and all in Python."""

    def __init__(self):
        self.state = time.time_ns()

    def below(self, n):
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) % (1 << 64)
        return (self.state >> 33) % n

    def shuffle(self, items):
        for i in range(len(items) - 1, 0, -1):
            k = self.below(i + 1)
            items[i], items[k] = items[k], items[i]


def main(rounds, more):
    functions = {name: make(name) for name in SHARES}
    chance = Chance()
    for _ in range(rounds):
        portions = []
        for name, share in SHARES.items():
            n = share * UNIT * (100 + (more if name == "tuned" else 0)) // 100
            cut = chance.below(n)
            portions += [(name, cut), (name, n - cut)]
        chance.shuffle(portions)
        request(functions, portions[:14])
        background(functions, portions[14:])


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0)
