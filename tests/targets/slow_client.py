# SPDX-License-Identifier: Apache-2.0
"""Keeps connections to a server busy: each sends a request's beginning, then a byte every half second, and is opened again when it is closed.

Arguments: PORT ADDRESS CONNECTIONS BEGINNING, where ADDRESS is what it comes from and in BEGINNING @ is a line's end.
"""
import select
import socket
import sys
import time

port, address, connections = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
beginning = sys.argv[4].replace("@", "\r\n").encode()


def connect():
    client = socket.socket()
    client.bind((address, 0))
    client.setblocking(False)
    client.connect_ex(("127.0.0.1", port))
    return client


def is_closed(client, trickle):
    try:
        if trickle:
            client.send(b"a")
        return client in select.select([client], [], [], 0)[0] and client.recv(4096) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


def begin(client):
    try:
        client.send(beginning)
        return True
    except OSError:
        return False


clients, begun = [connect() for _ in range(connections)], set()
print("ready", flush=True)
while True:
    trickle_at = time.monotonic() + 0.5
    while time.monotonic() < trickle_at:
        time.sleep(0.05)
        for i, client in enumerate(clients):
            if i not in begun:
                begun.add(i) if begin(client) else None
            elif is_closed(client, False):
                client.close()
                clients[i] = connect()
                begun.discard(i)
    for client in clients:
        is_closed(client, True)
