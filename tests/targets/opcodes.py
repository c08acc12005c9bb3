# SPDX-License-Identifier: Apache-2.0
"""A function that does hardly anything but read an attribute of an instance, eight times in a row.

Truth: from CPython 3.11 on the interpreter makes LOAD_ATTR_INSTANCE_VALUE of such a read, once it has seen the instance.
"""
import target


class Thing(object):
    def __init__(self):
        self.it = self


def read_attributes(thing):
    for _ in range(100000):
        thing.it.it.it.it.it.it.it.it


def main():
    running = target.start()
    thing = Thing()
    while running():
        read_attributes(thing)


main()
