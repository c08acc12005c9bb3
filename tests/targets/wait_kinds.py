# SPDX-License-Identifier: Apache-2.0
"""Threads that do not run, each for one reason: wait_kinds.py SECONDS calm FILE, or wait_kinds.py SECONDS gil.

Truth: a thread in a function of this file does what the function is called. FILE's bytes never come: one thread reads it,
another one touches a page of it that is mapped. With "gil" the main thread sleeps and keeps the GIL meanwhile, and two
threads want it.
"""
import ctypes
import mmap
import os
import socket
import subprocess
import sys
import threading
import time

import target

LONG = 100000
FAR = 512 << 10  # further than one reading of the file reads ahead

held = threading.Lock()
held.acquire()


def sleep():
    time.sleep(LONG)


def socket_():
    client.recv(1)


def pipe():
    os.read(ends[0], 1)


def lock():
    held.acquire()


def child():
    process.wait()


def file():
    os.read(descriptor, 1)


def page():
    ctypes.memmove(ctypes.create_string_buffer(1), address, 1)  # it lets go of the GIL


def gil():
    while True:
        pass


def sleep_with_gil():
    ctypes.PyDLL(None).sleep(LONG)


def start(functions):
    for function in functions:
        threading.Thread(target=function, daemon=True).start()


if sys.argv[2] == "gil":
    start([gil, gil])
    target.start()
    sleep_with_gil()

listening = socket.create_server(("127.0.0.1", 0))
client = socket.create_connection(listening.getsockname())
served, _ = listening.accept()
ends = os.pipe()
process = subprocess.Popen(["cat"], stdin=subprocess.PIPE)  # it ends with this process
descriptor = os.open(sys.argv[3], os.O_RDONLY)
mapped = mmap.mmap(descriptor, 0, access=mmap.ACCESS_COPY)
address = ctypes.addressof(ctypes.c_char.from_buffer(mapped, FAR))
start([sleep, socket_, pipe, lock, child, file, page])
time.sleep(0.5)
target.start()
sleep()
