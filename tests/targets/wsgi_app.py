# SPDX-License-Identifier: Apache-2.0
"""A WSGI application, for the servers that embed or run Python; listens to nothing itself.

Truth: every request calls application, work, and from there hot, warm and cold, which
share the time of the three 70 : 20 : 10, as in split.py and for its reasons. Between
requests no function of this file is on any stack.
"""
import random
import sys

NUMBERS = list(range(700))
TURNS = range(10)
ROUNDS = 10


def hot():
    for _ in TURNS:
        sum(NUMBERS)


def warm():
    for _ in TURNS:
        sum(NUMBERS)


def cold():
    for _ in TURNS:
        sum(NUMBERS)


def work():
    deck = ([hot] * 14 + [warm] * 4 + [cold] * 2) * ROUNDS
    random.shuffle(deck)
    for function in deck:
        function()


def application(environ, start_response):
    work()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "5")])
    return [b"done\n"]


sys.stderr.write("ready\n")
sys.stderr.flush()
