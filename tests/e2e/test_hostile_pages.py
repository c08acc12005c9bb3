# SPDX-License-Identifier: Apache-2.0
"""What web pages of others can do to a collector on this machine through somebody's browser: nothing."""

import http.server
import threading

import pytest

from browser import errors, open_page
from collector import Collector, agent, free_port
from clients import get, many_stacks, post
from program import Background, eventually

ATTACKER = "attacker.example"
# Its owner lets the name lead to whoever visits it: DNS rebinding.
REBOUND = "MAP %s 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost" % ATTACKER


@pytest.fixture
def collector(tmp_path):
    with Collector(tmp_path / "collector") as collector:
        yield collector


def text(page):
    return page.find_element("tag name", "body").text


def test_a_name_that_leads_here_reads_nothing(collector):
    url = "http://%s:%d/" % (ATTACKER, collector.port)
    with open_page(url, names=REBOUND) as page:
        assert "this server is for its own machine" in text(page)
        page.get(url + "api/v1/series")
        assert "this server is for its own machine" in text(page)
        for name in ("127.0.0.1", "localhost"):
            page.get("http://%s:%d/" % (name, collector.port))
            assert page.title.startswith("podflame"), page.page_source[:300]
            eventually(lambda: page.execute_script("return document.readyState") == "complete", 10, "it is loaded")
            asked = "return fetch('/api/v1/series').then(answer => answer.status)"
            assert page.execute_script(asked) == 200
        page.get("http://127.0.0.1:%d/" % collector.port)
        assert errors(page)[2:] == []  # those of the two refusals


class Link(http.server.BaseHTTPRequestHandler):
    """A page of another site."""

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<a id=link href=http://127.0.0.1:%d/>profiles</a>" % self.server.target)

    def log_message(self, *_):
        pass


def test_a_link_of_another_site_leads_to_the_page(collector):
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Link) as server:
        server.target = collector.port
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with open_page("http://%s:%d/" % (ATTACKER, server.server_address[1]), names=REBOUND) as page:
            page.find_element("id", "link").click()
            eventually(lambda: page.title.startswith("podflame"), 10, lambda: page.page_source[:300])
        server.shutdown()


ODD = [
    # what is sent; what reading is answered, and what sending
    (dict(host="%s:%%d" % ATTACKER), 421, 421),
    (dict(host="127.0.0.1:1"), 421, 421),
    (dict(headers=["Origin: http://" + ATTACKER]), 403, 403),
    (dict(headers=["Origin: null"]), 403, 403),
    (dict(headers=["Sec-Fetch-Site: cross-site"]), 403, 403),
    (dict(headers=["Sec-Fetch-Site: same-site"]), 403, 403),
    (dict(headers=["Origin: http://127.0.0.1:%d", "Sec-Fetch-Site: same-origin"]), 200, 200),
    (dict(host="localhost:%d"), 200, 200),
    (dict(host="[::1]:%d"), 200, 200),
]


@pytest.mark.parametrize("sent, read, write", ODD)
def test_headers_that_tell_whose_page_it_is(collector, sent, read, write):
    def filled(text):
        return text % collector.port if text and "%d" in text else text
    headers, host = [filled(line) for line in sent.get("headers", [])], filled(sent.get("host"))
    assert get(collector.port, "/api/v1/series", *headers, host=host) == read
    assert post(collector.port, many_stacks(2, 2, "a" * 64), *headers, host=host) == write


def test_with_a_token_or_for_the_network_any_name_will_do(tmp_path):
    """As a Service's or a compose file's name has it; a page of another site may not ask there either."""
    port, token = free_port(), tmp_path / "token"
    token.write_text("sesame\n")
    for options in (["--listen", "127.0.0.1:%d" % port, "--token-file", token], ["--listen", "0.0.0.0:%d" % port]):
        with Background(tmp_path / "collector", "collector", *options) as running:
            def well():
                assert running.process.poll() is None, running.stderr
                try:
                    return get(port, "/healthz", host="podflame-collector.podflame.svc:4318") == 200
                except OSError:
                    return False
            eventually(well, 10, lambda: "it answers: " + running.stderr)
            headers = ["Authorization: Bearer sesame"]
            assert get(port, "/api/v1/series", *headers, host="collector:4318") == 200
            assert get(port, "/api/v1/series", *headers, "Sec-Fetch-Site: cross-site", host="collector:4318") == 403
            running.interrupt()


def test_the_agent_is_asked_by_its_own_names(tmp_path):
    port = free_port()
    with agent(tmp_path, "http://127.0.0.1:%d" % free_port(), "--listen", "127.0.0.1:%d" % port) as running:
        def answers():
            try:
                return get(port, "/metrics") == 200
            except OSError:
                return False
        eventually(answers, 20, lambda: running.stderr)
        assert get(port, "/metrics", host="%s:%d" % (ATTACKER, port)) == 421
        assert get(port, "/metrics", "Sec-Fetch-Site: cross-site") == 403
