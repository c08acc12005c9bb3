# SPDX-License-Identifier: Apache-2.0
"""Requests without end to 127.0.0.1:8000, THREADS at once: wsgi_load.py THREADS.

Says "ready" when the first one has been answered.
"""
import http.client
import sys
import threading
import time


def ask():
    connection = http.client.HTTPConnection("127.0.0.1", 8000, timeout=10)
    connection.request("GET", "/")
    answer = connection.getresponse()
    assert answer.status == 200 and answer.read() == b"done\n", answer.status
    connection.close()


def first():
    while True:
        try:
            return ask()
        except ConnectionError:
            time.sleep(0.05)


def forever():
    while True:
        ask()


def main():
    first()
    print("ready", flush=True)
    threads = [threading.Thread(target=forever) for _ in range(int(sys.argv[1]))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


main()
