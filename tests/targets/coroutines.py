# SPDX-License-Identifier: Apache-2.0
"""Coroutines and an asynchronous generator, suspended and resumed all the time. From 3.6 on.

Truth: outer awaits middle only, middle takes from ticks only, ticks awaits inner only,
inner calls spin; the event loop is below outer. Most of the time is spin's.
"""
import asyncio

import target


def spin():
    x = 0
    for _ in range(3000):
        x = (x * 5 + 1) & 1023
    return x


async def inner():
    await asyncio.sleep(0)
    return spin()


async def ticks():
    while True:
        yield await inner()


async def middle():
    async for _ in ticks():
        pass


async def outer():
    await middle()


def main():
    target.start()
    asyncio.new_event_loop().run_until_complete(outer())


main()
