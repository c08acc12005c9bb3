# SPDX-License-Identifier: Apache-2.0
"""A collector that only writes down what it is sent, and answers as it is told."""

import gzip
import http.server
import json
import threading

import otlp


class Receiver:
    def __init__(self, status=200):
        self.status = status
        self.requests = []  # (path, headers, body)
        self.raw = []  # the same; the body as it came
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.raw.append((self.path, self.headers, body))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                receiver.requests.append((self.path, self.headers, body))
                self.send_response(receiver.status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = "http://127.0.0.1:%d" % self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def resources(self):
        """The attributes of everything that has come by OTLP, a dictionary for each profile."""
        return [one for path, _, body in list(self.requests) if path.endswith("/v1development/profiles")
                for one in otlp.resources(json.loads(body))]
