# SPDX-License-Identifier: Apache-2.0
"""Asks /order, /report and /plain of 127.0.0.1:8000 in turn, from some threads, for at most a while: task_load.py THREADS.

Says "ready" when each has been answered once. It ends after 120 s or 100 000 requests.
"""
import http.client
import itertools
import sys
import threading
import time

SECONDS, REQUESTS = 120, 100000
PATHS = ["/order", "/report", "/plain"]
end = time.monotonic() + SECONDS
numbers = iter(range(REQUESTS))


def ask(connection, path):
    connection.request("GET", path)
    answer = connection.getresponse()
    assert answer.status == 200 and answer.read().startswith(b"{"), answer.status


def connect():
    return http.client.HTTPConnection("127.0.0.1", 8000, timeout=30)


def first():
    while time.monotonic() < end:
        try:
            for path in PATHS:
                ask(connect(), path)
            return
        except ConnectionError:
            time.sleep(0.05)


def many(offset):
    connection = connect()
    for path in itertools.islice(itertools.cycle(PATHS), offset, None):
        if time.monotonic() > end or next(numbers, None) is None:
            break
        ask(connection, path)


def main():
    first()
    print("ready", flush=True)
    threads = [threading.Thread(target=many, args=(i,), daemon=True) for i in range(int(sys.argv[1]))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


main()
