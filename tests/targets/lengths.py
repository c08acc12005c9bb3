# SPDX-License-Identifier: Apache-2.0
"""lengths.py SECONDS: one thread whose waits have lengths by chance, and who knows what they took together.

After a line "go" it waits until a line "stop", and prints the seconds of each function by the monotonic clock.
"""
import json
import random
import sys
import threading
import time

chance = random.Random(11)
spent = {"long_nap": 0.0, "short_nap": 0.0, "pauses": 0.0}
going = threading.Event()


def long_nap():
    time.sleep(chance.uniform(0.06, 0.3))


def short_nap():
    time.sleep(chance.uniform(0.0005, 0.002))


def pauses():
    threading.Event().wait(chance.uniform(0.05, 0.12))


def timed(function):
    begin = time.monotonic()
    function()
    spent[function.__name__] += time.monotonic() - begin


def work():
    while going.is_set():
        timed(long_nap)
        timed(pauses)
        for _ in range(100):
            timed(short_nap)


going.set()
worker = threading.Thread(target=work)
worker.start()
print("ready", flush=True)
sys.stdin.readline()
for name in spent:
    spent[name] = 0.0
sys.stdin.readline()
print(json.dumps(spent), flush=True)
going.clear()
