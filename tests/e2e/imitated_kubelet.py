# SPDX-License-Identifier: Apache-2.0
"""A kubelet's API as its documentation has it. `make test-cluster` asks a real one."""

import contextlib
import http.server
import json
import ssl
import subprocess
import threading


@contextlib.contextmanager
def kubelet(folder, pods):
    """Answers GET /pods by TLS, to who has the token."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-days", "2", "-subj", "/CN=node", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout",
                    folder / "key.pem", "-out", folder / "cert.pem"], check=True, capture_output=True)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            allowed = self.headers["Authorization"] == "Bearer sesame"
            body = json.dumps({"kind": "PodList", "items": pods}).encode()
            self.send_response(404 if self.path != "/pods" else 200 if allowed else 401)
            self.end_headers()
            self.wfile.write(body if allowed else b"Unauthorized")

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield "https://127.0.0.1:%d" % server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
