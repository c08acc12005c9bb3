# SPDX-License-Identifier: Apache-2.0
"""COUNT tasks of asyncio, three coroutines deep, of which each works for 0.2 ms when its turn comes."""

import asyncio
import sys
import time


async def turn(event):
    await event.wait()


async def work(event, spread):
    while True:
        await asyncio.sleep(spread)
        end = time.perf_counter() + 0.0002
        while time.perf_counter() < end:
            pass


async def main(count):
    event = asyncio.Event()
    waiting = [asyncio.create_task(turn(event)) for _ in range(count // 2)]
    # Together they keep the loop busy for some 80 % of the time.
    spread = 0.0002 * (count - count // 2) / 0.8
    working = [asyncio.create_task(work(event, spread)) for _ in range(count - count // 2)]
    print("ready", flush=True)
    await asyncio.gather(*waiting, *working)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
