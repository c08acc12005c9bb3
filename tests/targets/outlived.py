# SPDX-License-Identifier: Apache-2.0
"""A thread that outlives the main one: outlived.py 0 DELAY. The process goes on as what the kernel calls a zombie.

Truth: after DELAY ms the main thread ends by itself; <module> is on no stack any more. work() calls spin() only.
"""
import ctypes
import platform
import threading
import time

import target

# Of this thread alone, not of the process.
SYS_EXIT = {"x86_64": 60, "aarch64": 93}[platform.machine()]


def spin():
    for _ in range(10000):
        pass


def work(running):
    while running():
        spin()


def main():
    running = target.start()
    threading.Thread(target=work, args=(running,)).start()
    time.sleep(target.argument(2, 0) / 1000.0)
    ctypes.CDLL(None).syscall(SYS_EXIT, 0)


main()
