#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The standard library's ThreadingHTTPServer under load: webserver.py --clients N.

A thread is born for every request, takes 1 ms of CPU time in small_page or 4 ms in
large_page, and ends; four small pages are asked for with every large one. Who asks is a
process that is no child of this one, and not in the books.
"""
import http.client
import os
import random
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import ledger

options = ledger.parse(clients=2)
PAGES = ["/small"] * 4 + ["/large"]


def small_page():
    ledger.burn("small_page", 0.001)


def large_page():
    ledger.burn("large_page", 0.004)


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        (large_page if self.path == "/large" else small_page)()
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_):
        pass


def ask(port):
    while True:
        client = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        client.request("GET", random.choice(PAGES))
        client.getresponse().read()
        client.close()


def be_clients(port, word, alive):
    """What the load's process does: it begins with a byte of @word, and ends when @alive is closed."""
    os.read(word, 1)
    for _ in range(options.clients):
        threading.Thread(target=ask, args=(port,), daemon=True).start()
    os.read(alive, 1)
    os._exit(0)


def begin_load(port):
    """Forks twice, so that the load is nobody's child; returns a pipe that begins it, and one that ends it."""
    word, begin = os.pipe()
    alive, end = os.pipe()
    child = os.fork()
    if child == 0:
        if os.fork() == 0:
            os.close(end)
            be_clients(port, word, alive)
        os._exit(0)
    os.waitpid(child, 0)
    return begin, end


class Server(ThreadingHTTPServer):
    daemon_threads = False  # close waits for them: the books are complete
    request_queue_size = 128

    def handle_error(self, request, client_address):
        pass  # the load has ended in the midst of a request


def work():
    os.write(begin, b"!")
    server.timeout = 0.1
    while ledger.running():
        server.handle_request()
    os.close(end)
    server.server_close()


server = Server(("127.0.0.1", 0), Handler)
begin, end = begin_load(server.server_port)
ledger.main(work, {"do_GET": ["handle_one_request"], "small_page": ["do_GET"],
                   "large_page": ["do_GET"], "burn": ["small_page", "large_page"], "running": ["work"],
                   "log_message": ["log_request"], "handle_error": ["_handle_request_noblock", "process_request_thread"]},
            roots=("<module>", "_bootstrap"))
