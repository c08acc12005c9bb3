# SPDX-License-Identifier: Apache-2.0
"""The collector's page beside what goes on: many containers, new profiles, slow answers, small screens, people who hear it."""

import http.server
import threading
import time
import urllib.error
import urllib.request

import pytest

import axe
import browser
import posted
from collector import Collector
from page import click, entries, hash_of, resize, settled, texts
from program import MARGIN_SECONDS, eventually

WORK = "main (/app/a.py:9);work (/app/a.py:5) %d\n"
MANY = 210

# What was asked for since the last call, with the status of the answers.
ASKED = """
const found = performance.getEntriesByType("resource").map(entry => [entry.name, entry.responseStatus]);
performance.clearResourceTimings();
return found;"""
ROWS_IN_VIEW = """
return [...document.querySelectorAll(".entry")].filter(row => {
    const box = row.getBoundingClientRect();
    return box.top >= 0 && box.bottom <= innerHeight;
}).map(row => row.querySelector(".name").textContent);"""
AGAIN = "document.dispatchEvent(new Event('visibilitychange'))"


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    with Collector(tmp_path_factory.mktemp("live")) as served:
        at = time.time() - 60
        slices = [posted.slice_of(WORK % 100, at, container__name="k8s-payments-reconciliation-worker-%03d" % i,
                                  container__id="%064x" % (i + 1)) for i in range(MANY)]
        posted.post(served, posted.together(slices + slices[:1]))  # the first has twice as many samples
        yield served


@pytest.fixture(scope="module")
def opened(served):
    with browser.open_page(served.url) as page:
        page.execute_cdp_cmd("Emulation.setEmulatedMedia",
                             {"features": [{"name": "prefers-reduced-motion", "value": "reduce"}]})
        resize(page, 1280, 800)
        settled(page)
        yield page
        assert not browser.errors(page)


@pytest.fixture
def page(opened, served):
    resize(opened, 1280, 800)
    opened.get("about:blank")
    opened.get(served.url + "/#last=900&live=0")
    settled(opened)
    return opened


def test_two_hundred_containers_stay_readable(page):
    names = page.execute_script(ROWS_IN_VIEW)
    assert len(names) >= 30, names
    shown = page.execute_script("return [...document.querySelectorAll('.entry .name')].map(name => name.textContent)")
    assert len(set(shown)) == len(shown) == MANY + 1  # everything has a row, too
    assert entries(page)[1].startswith("k8s-payments-reconciliation-worker-000, ")
    assert page.execute_script("""return [...document.querySelectorAll('.entry .name:not(.whole)')]
        .every(name => name.scrollWidth <= name.clientWidth)"""), "no name is cut but by us"


def test_many_containers_are_one_graph_until_one_wants_them_apart(page):
    frames = "return [...document.querySelectorAll('.pane-graph g.frame')].map(g => g.getAttribute('name'))"
    assert page.execute_script(frames) == ["all", "main", "work"]
    click(page, "[aria-label='Containers in the graph'] button", "Apart")
    eventually(lambda: len(page.execute_script(frames)) > 3 * MANY, 10, "each has its own")
    assert hash_of(page)["apart"] == ["1"]


def refreshed(page, path):
    """Refreshes as the clock does; {what was asked for at @path: the status of the answer}."""
    page.execute_script(ASKED)
    page.execute_script(AGAIN)
    return eventually(lambda: {name: status for name, status in page.execute_script(ASKED) if path in name and status}, 20, path)


def test_refreshing_asks_for_what_is_new_and_moves_nothing(page, served):
    page.get(served.url + "/#last=900")
    page.refresh()
    settled(page)
    chosen = "k8s-payments-reconciliation-worker-150"
    page.execute_script("""
        const rows = [...document.querySelectorAll(".entry")];
        rows.find(row => row.querySelector(".heard").textContent.startsWith(arguments[0])).focus();""", chosen)
    before = page.execute_script("return [document.querySelector('.list').scrollTop, scrollY]")
    assert before[0] > 0
    assert [status for status in refreshed(page, "/tree").values()] == [304], "nothing is new"
    posted.post(served, posted.slice_of(WORK % 5000, time.time() - 15, container__name="late", container__id="e" * 64))
    page.execute_script(AGAIN)
    eventually(lambda: any(entry.startswith("late, ") for entry in entries(page)), 20, "the new one is there")
    assert page.execute_script("return document.activeElement.querySelector('.heard').textContent").startswith(chosen)
    assert abs(page.execute_script("return document.querySelector('.list').scrollTop") - before[0]) <= 22
    assert all("since=" in name for name in refreshed(page, "/timeline"))


def test_what_was_not_asked_for_is_hinted_at(page):
    assert "-m cpu,wall" in texts(page, ".hint")[0]
    assert texts(page, "[aria-label=Colours] li")[0] == "the program"


VIEWS = ["", "&q=work", "&function=work&file=%2Fapp%2Fa.py&show=function", "&compare=1&base.ago=900",
         "&label.container=k8s-payments-reconciliation-worker-007"]


def test_axe_finds_nothing(page, served):
    for view in VIEWS:
        # A few containers do: what is wrong with one row is wrong with all.
        page.get("about:blank")
        page.get(served.url + "/#last=900&live=0&filter=00" + view)
        settled(page)
        if "compare" not in view:
            click(page, ".menu summary", "Share")
        assert axe.in_both_themes(page) == [], view


def test_narrow_screens_need_no_scrolling_sideways(page, served):
    resize(page, 390, 844)
    for view in VIEWS[2:]:
        page.get("about:blank")
        page.get(served.url + "/#last=900&live=0&filter=00" + view)
        settled(page)
        click(page, ".menu summary", "Share")
        width = page.execute_script("return document.documentElement.scrollWidth")
        assert width <= 390, view


def test_nothing_here_is_an_empty_page_with_its_way_out(page, served):
    page.get("about:blank")
    page.get(served.url + "/#from=1000&to=2000")
    settled(page)
    assert "No profiles in this time range" in texts(page, "main")[0]
    assert axe.violations(page) == []


class Slow(http.server.BaseHTTPRequestHandler):
    """A network in front of the collector that holds up its trees."""

    def do_GET(self):
        if "/tree" in self.path:
            self.server.held.wait(MARGIN_SECONDS)
        try:
            with urllib.request.urlopen(self.server.url + self.path, timeout=MARGIN_SECONDS) as answer:
                status, body, headers = answer.status, answer.read(), answer.headers
        except urllib.error.HTTPError as refused:
            status, body, headers = refused.code, refused.read(), refused.headers
        self.send_response(status)
        for name in ("Content-Type", "Content-Security-Policy", "ETag"):
            if headers[name]:
                self.send_header(name, headers[name])
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def test_a_long_answer_shows_that_it_is_on_its_way(served):
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Slow) as server:
        server.daemon_threads = True
        server.url, server.held = served.url, threading.Event()
        server.held.set()
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with browser.open_page("http://127.0.0.1:%d/#last=900&live=0" % server.server_address[1]) as page:
            browser.widths(page, ["work"])
            server.held.clear()
            page.execute_script("[...document.querySelectorAll('.range button')].find(button => button.innerText === '1 h').click()")
            eventually(lambda: "Asking the collector" in texts(page, ".progress")[0], 20, lambda: texts(page, ".progress"))
            assert page.execute_script("return document.querySelector('#main').getAttribute('aria-busy')") == "true"
            assert page.execute_script("return document.querySelectorAll('g.frame').length") > 0, "the old picture stays"
            server.held.set()
            settled(page)
            assert texts(page, ".progress") == [""]
            assert hash_of(page)["last"] == ["3600"]
            assert not browser.errors(page)
        server.shutdown()
