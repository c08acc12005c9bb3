#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Two chains of coroutines and an asynchronous generator that take turns on one event loop.

top_a awaits middle_a, which takes from ticks_a, which awaits inner_a, which calls spin_a;
the same for b, whose turns are three times as long. Between two turns they change thirty
times. The two are never on one stack.
"""
import asyncio

import ledger

ledger.parse()
CHAIN = """
def spin_{0}():
    ledger.turn("spin_{0}", {1})


def twitch_{0}():
    for _ in range(50):
        pass


async def inner_{0}():
    spin_{0}()
    for _ in range(30):
        twitch_{0}()
        await asyncio.sleep(0)


async def ticks_{0}():
    while True:
        yield await inner_{0}()


async def middle_{0}():
    async for _ in ticks_{0}():
        if not ledger.running():
            break


async def top_{0}():
    await middle_{0}()
"""
for name, turns in (("a", 1000), ("b", 3000)):
    exec(compile(CHAIN.format(name, turns), __file__, "exec"))


async def both():
    await asyncio.gather(globals()["top_a"](), globals()["top_b"]())


def work():
    asyncio.run(both())


callers = {"both": ["_run"], "turn": ["spin_a", "spin_b"], "running": ["middle_a", "middle_b"]}
for name in "ab":
    chain = ["_run"] + [part + name for part in ("top_", "middle_", "ticks_", "inner_", "spin_")]
    callers.update({callee: [caller] for caller, callee in zip(chain, chain[1:])})
    callers["twitch_" + name] = chain[-2:-1]
ledger.main(work, callers)
