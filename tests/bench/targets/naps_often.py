# SPDX-License-Identifier: Apache-2.0
"""Works for some ms a few times a second: naps_often.py DUTY (per cent of a CPU; 0: it sleeps)."""
import sys
import time

PERIOD = 0.2  # seconds


def work(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


def main():
    duty = float(sys.argv[1]) / 100
    print("ready", flush=True)
    while duty:
        work(PERIOD * duty)
        time.sleep(PERIOD * (1 - duty))
    while True:
        time.sleep(1000)


main()
