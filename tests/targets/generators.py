# SPDX-License-Identifier: Apache-2.0
"""Generators that pull from one another. tests/oracle has them work in turns.

Truth: spin is called by inner only, inner resumed by middle only, middle by outer
only, outer by main only; most of the time is spin's.
"""
import target


def spin():
    x = 0
    for _ in range(200):
        x = (x * 5 + 1) & 1023
    return x


def inner(parts):
    while True:
        for part in parts:
            yield part()


def middle(parts):
    for value in inner(parts):
        yield value


def outer(parts):
    for value in middle(parts):
        yield value


def main(running, parts):
    for _ in outer(parts):
        if not running():
            break


if __name__ == "__main__":
    main(target.start(), [spin])
