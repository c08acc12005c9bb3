# SPDX-License-Identifier: Apache-2.0
"""Two chains of coroutines that take turns on one event loop.

Truth: top_a awaits middle_a awaits inner_a calls spin_a, and the same for b;
the two are never on one stack.
"""
import asyncio

import target

CHAIN = """
def spin_{0}():
    x = 0
    for _ in range(50):
        x = (x * 5 + 1) & 1023
    return x


async def inner_{0}():
    spin_{0}()
    await asyncio.sleep(0)


async def middle_{0}():
    await inner_{0}()


async def top_{0}():
    while True:
        await middle_{0}()
"""

for name in "ab":
    exec(compile(CHAIN.format(name), __file__, "exec"))


async def main():
    target.start()
    await asyncio.gather(globals()["top_a"](), globals()["top_b"]())


asyncio.run(main())
