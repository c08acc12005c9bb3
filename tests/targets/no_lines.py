# SPDX-License-Identifier: Apache-2.0
"""Code without a table of lines, as Nuitka's and other compilers' is. Python 3.10 and later.

Truth: the stack is <module>, nap; nap has no lines.
"""
import time

import target


def nap():
    time.sleep(1e6)


nap.__code__ = nap.__code__.replace(co_linetable=b"")
target.start()
nap()
