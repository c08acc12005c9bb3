# SPDX-License-Identifier: Apache-2.0
"""A small shop, the demo's workload: prices baskets, searches, renders pages.

Pricing takes 70 % of its time, search 20 %, rendering 10 %: the three sum up the
same amount of numbers a call and are called 14, 4 and 2 times a round, in random
order. The shop never idles.
"""
import random

PRICES = SCORES = WIDTHS = list(range(99, 799))
ITEMS = range(10)


def price_basket():
    for _ in ITEMS:
        sum(PRICES)


def search_catalogue():
    for _ in ITEMS:
        sum(SCORES)


def render_page():
    for _ in ITEMS:
        sum(WIDTHS)


def checkout():
    price_basket()


def browse():
    search_catalogue()


def visit():
    render_page()


def serve():
    requests = [checkout] * 14 + [browse] * 4 + [visit] * 2
    while True:
        random.shuffle(requests)
        for request in requests:
            request()


if __name__ == "__main__":
    print("ready", flush=True)
    serve()
