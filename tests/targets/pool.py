# SPDX-License-Identifier: Apache-2.0
"""A server's threads: pool.py SECONDS WORKERS.

Truth: WORKERS threads of an executor wait for work. One more is in handle(), and waits in a request. A thread of its own
takes from a queue, another one in consume() waits at a queue inside of a request. The main thread waits.
"""
import concurrent.futures
import queue
import threading
import time

import target

never = queue.Queue()


def handle():
    time.sleep(1e5)


def work():
    while True:
        never.get()


def consume():
    borrow()


def borrow():
    queue.Queue().get()


def main():
    workers = target.argument(2, 8)
    pool = concurrent.futures.ThreadPoolExecutor(workers + 1)
    began = threading.Barrier(workers + 1)
    for future in [pool.submit(began.wait) for _ in range(workers)] + [pool.submit(began.wait)]:
        future.result()
    pool.submit(handle)
    for function in (work, consume):
        thread = threading.Thread(target=function)
        thread.daemon = True
        thread.start()
    time.sleep(0.3)
    running = target.start()
    while running():
        time.sleep(0.2)


main()
