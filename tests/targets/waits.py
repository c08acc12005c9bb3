# SPDX-License-Identifier: Apache-2.0
"""Threads that wait, each for something else: waits.py SECONDS FIGHTERS.

Truth: a thread is in the function that is named for what it waits for. FIGHTERS threads in fight() want the GIL always.
Sockets are TCP's on 127.0.0.1; the peer of from_peer() has the port that accepts() listens at.
"""
import os
import select
import socket
import subprocess
import threading
import time

import target

try:
    import queue
except ImportError:
    import Queue as queue

LONG = 1e5
listening = socket.socket()
listening.bind(("127.0.0.1", 0))
listening.listen(5)
client = socket.create_connection(listening.getsockname())
served, _ = listening.accept()
pipe = os.pipe()
held = threading.Lock()
held.acquire()
child = subprocess.Popen(["cat"], stdin=subprocess.PIPE)  # it ends with this process


def sleeps():
    time.sleep(LONG)


def from_peer():
    client.recv(1)


def accepts():
    listening.accept()


def from_pipe():
    os.read(pipe[0], 1)


def selects():
    select.select([], [], [], LONG)


def wants_lock():
    held.acquire()


def wants_event():
    threading.Event().wait(LONG)


def wants_item():
    queue.Queue().get()


def for_child():
    child.wait()


def fight():
    x = 0
    while True:
        x = (x * 5 + 1) & 1023


def main():
    calm = [sleeps, from_peer, accepts, from_pipe, selects, wants_lock, wants_event, wants_item, for_child]
    for function in calm + [fight] * target.argument(2, 0):
        thread = threading.Thread(target=function)
        thread.daemon = True
        thread.start()
    time.sleep(0.3)
    running = target.start()
    while running():
        time.sleep(0.2)


main()
