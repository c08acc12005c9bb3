# SPDX-License-Identifier: Apache-2.0
"""Generators that pull from one another, entered and left all the time.

Truth: spin is called by inner only, inner resumed by middle only, middle by outer
only, outer by main only; most of the time is spin's.
"""
import target


def spin():
    x = 0
    for _ in range(200):
        x = (x * 5 + 1) & 1023
    return x


def inner():
    while True:
        yield spin()


def middle():
    for value in inner():
        yield value


def outer():
    for value in middle():
        yield value


def main():
    running = target.start()
    for _ in outer():
        if not running():
            break


main()
