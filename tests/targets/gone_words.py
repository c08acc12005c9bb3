# SPDX-License-Identifier: Apache-2.0
"""Threads that wait at words of memory which are gone: gone_words.py SECONDS.

Truth: the thread in wants_word() waits at a futex in memory that another thread has unmapped since. The one in
wants_other() waits at a word in memory that has been mapped anew since, and holds other bytes. Neither word is the GIL's.
The main thread sleeps.
"""
import ctypes
import mmap
import platform
import threading
import time

import target

FUTEX_WAIT_PRIVATE = 128
CALL = {"x86_64": 202, "aarch64": 98}[platform.machine()]
libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
MAP_FIXED = 16


def new_page(at=None, flags=0):
    return libc.mmap(at, mmap.PAGESIZE, mmap.PROT_READ | mmap.PROT_WRITE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | flags, -1, 0)


def wait_at(word):
    libc.syscall(CALL, ctypes.c_void_p(word), FUTEX_WAIT_PRIVATE, 0, None)


def wants_word(word):
    wait_at(word)


def wants_other(word):
    wait_at(word)


def main():
    gone, other = new_page(), new_page()
    for function, word in ((wants_word, gone), (wants_other, other)):
        threading.Thread(target=function, args=(word,), daemon=True).start()
    time.sleep(0.5)
    libc.munmap(gone, mmap.PAGESIZE)
    ctypes.memset(new_page(other, MAP_FIXED), 0xff, mmap.PAGESIZE)
    running = target.start()
    while running():
        time.sleep(0.2)


main()
