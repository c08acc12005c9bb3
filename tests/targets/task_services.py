# SPDX-License-Identifier: Apache-2.0
"""Services of asyncio as people run them, and a slow service on which they depend.

    task_services.py api asyncio|uvloop     FastAPI under uvicorn at 127.0.0.1:8000, with that loop
    task_services.py client TASKS           an aiohttp client: that many requests to the slow service in flight, without end

Says "ready" when it serves, or when the first request has been answered. It ends after LIFETIME seconds.

Truth: /order waits for the slow service and then renders in the task of its request. /report waits for four of load(), each in
a task of its own that parses. /plain is no coroutine: FastAPI calls it in a thread. A client's task is called worker-N, and
digests in the coroutine worker().
"""
import asyncio
import os
import socketserver
import sys
import threading
import time

LIFETIME = 240
SLOW_SECONDS = 0.02
PORT = 9000
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nyes"


class Slow(socketserver.BaseRequestHandler):
    """Answers each request after a while; the connection stays open."""

    def handle(self):
        while self.request.recv(4096):
            time.sleep(SLOW_SECONDS)
            self.request.sendall(ANSWER)


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True
    request_queue_size = 1024


def end_in_time():
    timer = threading.Timer(LIFETIME, os._exit, [0])
    timer.daemon = True
    timer.start()


def begin_slow_service():
    """In a process of its own, which ends with this one's."""
    server = Server(("127.0.0.1", PORT), Slow)
    if os.fork() == 0:
        end_in_time()
        server.serve_forever()
    server.socket.close()


def spin(seconds):
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass


async def ask():
    reader, writer = await asyncio.open_connection("127.0.0.1", PORT)
    writer.write(b"GET / HTTP/1.1\r\n\r\n")
    answer = await reader.readexactly(len(ANSWER))
    writer.close()
    return answer


# ---- an API ------------------------------------------------------------------------


def render_order():
    spin(0.001)


def parse_part():
    spin(0.001)


def compute_plain():
    spin(0.001)


async def load():
    await ask()
    parse_part()


async def order():
    await ask()
    render_order()
    return {"order": 1}


async def report():
    await asyncio.gather(*(load() for _ in range(4)))
    return {"parts": 4}


def plain():
    compute_plain()
    return {"plain": 1}


def serve_api(loop):
    import fastapi
    import uvicorn

    app = fastapi.FastAPI()
    for endpoint in (order, report, plain):
        app.get("/" + endpoint.__name__)(endpoint)
    print("ready", flush=True)
    uvicorn.run(app, host="127.0.0.1", port=8000, loop=loop, log_level="warning")


# ---- a client -------------------------------------------------------------------------


def digest(body):
    assert body == b"yes"
    spin(0.0005)


async def worker(session):
    while True:
        async with session.get("http://127.0.0.1:%d/" % PORT) as answer:
            body = await answer.read()
        digest(body)
        if not asyncio.current_task().get_name().startswith("worker-"):
            return


async def client(tasks):
    import aiohttp

    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session:
        await worker(session)
        print("ready", flush=True)
        await asyncio.gather(*(asyncio.create_task(worker(session), name="worker-%d" % i) for i in range(tasks)))


def main():
    begin_slow_service()
    end_in_time()
    if sys.argv[1] == "api":
        serve_api(sys.argv[2])
    else:
        asyncio.run(client(int(sys.argv[2])))


main()
