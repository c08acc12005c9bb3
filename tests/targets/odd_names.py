# SPDX-License-Identifier: Apache-2.0
"""Names that are easily taken for one another, each in a thread of its own. Python 3 only.

Truth: for each of NAMES there is a thread that sleeps in nap, in a file of that name.
"""
import threading
import time

import target

NAMES = [
    "new\nline.py", "new\\x0aline.py", "new\\\\x0aline.py",
    "escape\x1b[2J.py", "escape\\x1b[2J.py",
    "lone\udc80.py", "lone\\udc80.py", "lone\\\\udc80.py",
    "c1\x9b.py", "c1\\x9b.py", "c1\\u009b.py",
    "semi;colon.py", "semi\\x3bcolon.py",
]
SOURCE = "def nap():\n    sleep(1e6)\n\nnap()\n"


def main():
    for name in NAMES:
        thread = threading.Thread(target=exec, args=(compile(SOURCE, name, "exec"), {"sleep": time.sleep}))
        thread.daemon = True
        thread.start()
    time.sleep(0.2)  # until they sleep
    target.start()
    time.sleep(1e6)


if __name__ == "__main__":
    main()
