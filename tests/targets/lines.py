# SPDX-License-Identifier: Apache-2.0
"""One call path that never changes, through calls that are spread over several lines.

Truth: it says so before "ready": `lines FUNCTION:LINE ...`, root first, the lines that
the interpreter itself gives to the frames that are calling (f_lineno). From 3.8 on
they are the lines marked with "# calls"; before, a call had the line of what was
evaluated last.
"""
import sys
import time

import target


def leaf(end):
    if end is None:
        return tell(sys._getframe(1))
    while time.time() < end:
        pass


def tell(frame):
    told = []
    while frame:
        told.insert(0, "%s:%d" % (frame.f_code.co_name, frame.f_lineno))
        frame = frame.f_back
    sys.stdout.write("lines %s\n" % " ".join(told))


def nothing(value):
    return value


def with_arguments_below(end):
    leaf(  # calls
        nothing(
            end
        )
    )


def before_others(end):
    return [with_arguments_below(end),  # calls
            nothing(1),
            nothing(
                2)]


def after_others(end):
    return [nothing(1),
            nothing(
                2), before_others(  # calls
                    end)]


def in_condition(end):
    while (nothing(0)
           or after_others(end)  # calls
           is None):
        nothing(1)


def in_loop(end):
    for i in range(2):
        if i:
            in_condition(end)  # calls
        nothing(
            i)


def main():
    for end in (None, 1e12):
        if end:
            target.start()
        in_loop(end)  # calls


main()  # calls
