# SPDX-License-Identifier: Apache-2.0
"""A worker of Celery on gevent: 20 tasks wait in fetch(), one works. The broker is in its own memory."""

import sys
import time

import gevent
from celery import Celery
from celery.signals import worker_ready

app = Celery("celery_app", broker="memory://")


def fetch(number):
    gevent.sleep(600)


@app.task
def slow(number):
    fetch(number)


@app.task
def busy():
    end = time.monotonic() + 600
    while time.monotonic() < end:
        work()
        gevent.sleep(0)


def work():
    end = time.monotonic() + 0.005
    while time.monotonic() < end:
        pass


@worker_ready.connect
def send(**_):
    for number in range(20):
        slow.delay(number)
    busy.delay()
    print("ready", file=sys.__stdout__, flush=True)  # Celery has made a log of the other one
