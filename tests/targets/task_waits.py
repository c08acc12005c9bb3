# SPDX-License-Identifier: Apache-2.0
"""Tasks of asyncio that wait, each in its own way; the name of a task says how. From 3.8 on."""

import asyncio
import socket

import target


async def sleep_long():
    await asyncio.sleep(600)


async def read_line(port):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    await reader.readline()
    writer.close()


async def serve(reader, writer):
    await asyncio.sleep(600)


async def hold(lock):
    async with lock:
        await asyncio.sleep(600)


async def produce():
    await asyncio.sleep(600)
    yield 1


async def iterate():
    async for _ in produce():
        pass


async def receive(loop, sock):
    await loop.sock_recv(sock, 10)


async def await_it(task):
    await task


async def await_later(box):
    await asyncio.sleep(0)
    await box[0]


async def gather_two():
    await asyncio.gather(sleep_long(), sleep_long())


async def main():
    loop = asyncio.get_running_loop()
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    lock, queue, event = asyncio.Lock(), asyncio.Queue(), asyncio.Event()
    near, far = socket.socketpair()
    near.setblocking(False)
    kept = [far]

    def begin(name, coroutine):
        task = asyncio.create_task(coroutine, name=name)
        kept.append(task)
        return task

    sleeper = begin("sleeper", sleep_long())
    begin("client", read_line(port))
    begin("holder", hold(lock))
    begin("locked", hold(lock))
    begin("iterator", iterate())
    begin("consumer", queue.get())
    begin("receiver", receive(loop, near))
    begin("event", event.wait())
    begin("awaiter", await_it(sleeper))
    begin("gatherer", gather_two())
    one, other = [], []
    one.append(begin("circle-1", await_later(other)))
    other.append(begin("circle-2", await_later(one)))
    begin("wide \U0001f40d \u00e4\\", sleep_long())
    await asyncio.sleep(0.3)
    running = target.start()
    while running():
        await asyncio.sleep(0.2)


if __name__ == "__main__":
    asyncio.run(main())
