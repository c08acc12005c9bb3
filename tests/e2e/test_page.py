# SPDX-License-Identifier: Apache-2.0
"""The collector's page on a day in the life of a shop: what it shows, where its links lead, and who can use it."""

import re
import subprocess
import time
import urllib.parse

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select

import browser
import posted
from collector import Collector
from page import click, entries, hash_of, press, resize, settled, texts
from program import MARGIN_SECONDS, PODFLAME, eventually, podflame

BEFORE = """\
main (/app/shop.py:9);serve (/app/shop.py:20);hash_password (/app/auth.py:7) 100
main (/app/shop.py:9);serve (/app/shop.py:20);render (/app/view.py:30) 250
main (/app/shop.py:9);serve (/app/shop.py:20);render (/app/view.py:34) 50
"""
AFTER = BEFORE.replace("hash_password (/app/auth.py:7) 100", "hash_password (/app/auth.py:7) 500")
MAIL = "main (/app/mail.py:3);send (/app/mail.py:8) 20\n"
SECONDS, RESTART, SILENT, GAP = 600, 300, 400, (480, 540)
HOSTILE = "<img src=x onerror=alert(1)>\u202egpj.exe"


def shop(begin):
    """[(when, folded stacks, attributes)]: web is replaced by a new version, mail falls silent, the collector has a gap."""
    for at in range(0, SECONDS, posted.SLICE_SECONDS):
        if GAP[0] <= at < GAP[1]:
            continue
        new = at >= RESTART
        pod = posted.pod("web-%d" % new, "web", "web", container__id=("b" if new else "a") * 64, host__name="node-1",
                         service__name="shop", service__version="1.4" if new else "1.3")
        yield begin + at, AFTER if new else BEFORE, pod
        if at < SILENT:
            yield begin + at, MAIL, posted.pod("mail-0", "mail", "mail", container__id="c" * 64, host__name="node-2")
    yield begin, MAIL, {"container__name": HOSTILE, "container__id": "d" * 64}


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    with Collector(tmp_path_factory.mktemp("page")) as served:
        served.begin = int(time.time()) // 60 * 60 - SECONDS
        for at, folded, attributes in shop(served.begin):
            posted.post(served, posted.slice_of(folded, at, **attributes))
        yield served


@pytest.fixture(scope="module")
def opened(served):
    with browser.open_page("about:blank") as page:
        page.execute_cdp_cmd("Emulation.setEmulatedMedia",
                             {"features": [{"name": "prefers-reduced-motion", "value": "reduce"}]})
        resize(page, 1280, 800)
        yield page
        assert not browser.errors(page)


@pytest.fixture
def show(opened, served):
    """show(hash…): the page, when it has drawn what was asked for; of all the time, or from so many seconds on."""
    def show(*parts, after=0):
        span = "from=%d&to=%d" % (served.begin + after, served.begin + SECONDS)
        opened.get("about:blank")
        opened.get("%s/#%s" % (served.url, "&".join([span, *parts])))
        settled(opened)
        return opened
    return show


# ---- time -------------------------------------------------------------------------


def test_chart_shows_use_gaps_rates_and_starts(show, served):
    page = show()
    label = page.execute_script("return document.querySelector('.bars svg').getAttribute('aria-label')")
    assert label.startswith("CPU time by container, ") and "1 gap" in label, label
    assert "sampled at 100 Hz · 1 gap of the collector" in texts(page, ".scale")[0]
    titles = page.execute_script("return [...document.querySelectorAll('.bars title')].map(title => title.textContent)")
    assert len([title for title in titles if title.startswith("nothing was stored from ")]) == 1, titles
    assert any(title.startswith("prod/Deployment/web/web started at ") for title in titles), titles
    # Before the restart web uses 0.4 CPUs, afterwards 0.8; together with mail it is at most 0.82.
    assert "at most 0.82 CPUs at " in label, label


def test_a_range_is_dragged_and_back_goes_back(show, served):
    page = show()
    bars = page.find_element("css selector", ".bars")
    width = bars.size["width"]
    ActionChains(page).move_to_element_with_offset(bars, int(width * -0.25), 0).click_and_hold().move_by_offset(
        int(width * 0.25), 0).release().perform()
    settled(page)
    chosen = hash_of(page)
    step = SECONDS / width * 2
    assert abs(int(chosen["from"][0]) - served.begin - SECONDS / 4) <= 1 + step, chosen
    assert abs(int(chosen["to"][0]) - served.begin - SECONDS / 2) <= 1 + step, chosen
    eventually(lambda: "hash_password" in texts(page, ".functions")[0], 10, "there is a table")
    page.back()
    eventually(lambda: int(hash_of(page)["to"][0]) == served.begin + SECONDS, 10, "Back goes back")


def test_a_range_is_chosen_by_the_keyboard(show, served):
    page = show()
    page.execute_script("document.querySelector('.handle[aria-label^=Start]').focus()")
    press(page, Keys.PAGE_UP, Keys.ARROW_RIGHT)
    said = page.execute_script("return document.activeElement.getAttribute('aria-valuetext')")
    assert "Enter shows" in said
    press(page, Keys.ENTER)
    settled(page)
    chosen = int(hash_of(page)["from"][0]) - served.begin
    step = served.json("timeline", by="container", **{"from": served.begin, "to": served.begin + SECONDS})["meta"]["step"]
    assert chosen == 11 * step


# ---- the list ---------------------------------------------------------------------


def test_restarts_are_one_entry_and_the_silent_are_marked(show):
    page = show()
    heard = entries(page)
    [web] = [entry for entry in heard if entry.startswith("prod/Deployment/web/web")]
    assert "2 instances" in web and "no sample" not in web
    [mail] = [entry for entry in heard if entry.startswith("prod/Deployment/mail/mail")]
    assert "no sample since" in mail
    assert texts(page, ".sum")[0].startswith("3 containers: ")


def test_groups_filter_and_sums(show):
    page = show()
    Select(page.find_element("css selector", "select[aria-label='Group by']")).select_by_value("version")
    settled(page)
    eventually(lambda: any(entry.startswith("1.4, ") for entry in entries(page)), 10, lambda: entries(page))
    assert any(entry.startswith("(no version), ") for entry in entries(page))
    page.find_element("css selector", "input[aria-label='Filter the list']").send_keys("1.")
    eventually(lambda: texts(page, ".sum")[0].startswith("2 of 3 versions: "), 10, lambda: texts(page, ".sum"))
    assert hash_of(page)["by"] == ["version"] and hash_of(page)["filter"] == ["1."]
    page.execute_script("[...document.querySelectorAll('.entry')].find(entry => entry.innerText.includes('1.4')).click()")
    settled(page)
    assert hash_of(page)["label.version"] == ["1.4"]
    # 24 slices of 800 samples.
    eventually(lambda: "19,200" in texts(page, ".facts")[0], 10, lambda: texts(page, ".facts"))
    assert "version: 1.4" in texts(page, ".chips")[0]
    click(page, ".chips button")
    eventually(lambda: "label.version" not in hash_of(page), 10, "the filter is gone")


def test_names_of_others_are_text(show):
    page = show()
    shown = [entry for entry in entries(page) if "<img" in entry]
    assert len(shown) == 1 and "\u202e" not in shown[0]
    assert page.execute_script("return document.querySelectorAll('#series img').length") == 0


# ---- functions --------------------------------------------------------------------


def test_a_row_chooses_its_function(show):
    page = show()
    click(page, ".functions td button", "hash_password")
    assert texts(page, ".flame-picked b") == ["hash_password"]
    assert page.find_element("css selector", ".flame-bar input").get_attribute("value") == ""
    assert page.execute_script("""
        const box = document.querySelector("g.frame[name=hash_password]").getBoundingClientRect();
        return box.top >= 0 && box.bottom <= innerHeight;""")
    assert " in 1 frame" in texts(page, ".flame-matched")[0]  # of both instances
    assert (hash_of(page)["function"], hash_of(page)["file"]) == (["hash_password"], ["/app/auth.py"])
    click(page, ".flame-picked button")
    assert "function" not in hash_of(page)


def test_callers_callees_and_lines(show):
    page = show("label.version=1.3")
    click(page, ".functions td button", "render")
    click(page, "[aria-label='What is shown'] button", "Callers and callees")
    # Of 400 samples render has 300: 250 at line 30 and 50 at line 34.
    eventually(lambda: "render" in texts(page, ".pane-function h2"), 10, "the function is shown")
    assert "total 75.0 %, self 75.0 %" in texts(page, ".pane-function")[0]
    rows = texts(page, ".lines tbody tr")
    assert [row.split() for row in rows] == [["62.5", "%", "62.5", "%", "view.py:30"], ["12.5", "%", "12.5", "%", "view.py:34"]]
    callers = page.execute_script("return [...document.querySelectorAll('[aria-label=Callers] g')].map(g => g.getAttribute('name'))")
    assert callers[:3] == ["render", "serve", "main"], callers
    page.back()
    eventually(lambda: "show" not in hash_of(page), 10, "Back goes back")
    assert page.execute_script("return document.querySelectorAll('.pane-graph:not([hidden]) g.frame').length") > 3


# ---- comparing, taking away ---------------------------------------------------------


def test_versions_are_compared(show):
    page = show("by=version", "label.version=1.4")
    select = Select(page.find_element("css selector", "select[aria-label='Compare with']"))
    select.select_by_visible_text("version 1.3")
    settled(page)
    eventually(lambda: texts(page, ".differences tbody tr"), 10, "there is a table")
    first = texts(page, ".differences tbody tr")[0]
    # 100 of 400 samples were hash_password's, then 500 of 800.
    assert first.startswith("grew") and "hash_password" in first and "25.00 %" in first and "62.50 %" in first and "+37.50" in first, first
    assert "version 1.3" in texts(page, ".sides p")[0] and "version 1.4" in texts(page, ".sides p")[1]
    assert hash_of(page)["base.label.version"] == ["1.3"]
    click(page, ".sides button", "Swap")
    eventually(lambda: any(row.startswith("shrank") and "hash_password" in row for row in texts(page, ".differences tbody tr")), 10, "it is the other way round")
    click(page, ".sides button", "Stop comparing")
    eventually(lambda: "compare" not in hash_of(page), 10, "it is over")


def test_ranges_are_compared_by_one_click(show):
    page = show("label.service=shop", after=RESTART)
    click(page, ".actions button", "Compare with previous range")
    eventually(lambda: any("hash_password" in row and row.startswith("grew") for row in texts(page, ".differences tbody tr")), 10,
               lambda: texts(page, ".pane-table"))


def shared(page):
    click(page, ".menu summary", "Share")
    link, command = page.execute_script("return [...document.querySelectorAll('.menu[open] textarea')].map(area => area.value)")
    return link, command


def test_the_link_is_absolute_and_the_command_gives_the_same(opened, served, tmp_path):
    page = opened
    page.get("about:blank")
    page.get(served.url + "/#last=3600&label.version=1.4&up=1")
    settled(page)
    link, command = shared(page)
    chosen = urllib.parse.parse_qs(urllib.parse.urlsplit(link).fragment)
    assert "last" not in chosen and int(chosen["to"][0]) - int(chosen["from"][0]) == 3600
    assert (chosen["label.version"], chosen["up"]) == (["1.4"], ["1"])
    script = command.replace("podflame ", PODFLAME + " ").replace("profile.html", "profile.folded")
    subprocess.run(["sh", "-ec", script], cwd=tmp_path, check=True, timeout=MARGIN_SECONDS, capture_output=True)
    counts = [line.rsplit(" ", 1) for line in (tmp_path / "profile.folded").read_text().splitlines()]
    assert sum(int(count) for _, count in counts) == 24 * 800


def test_downloads_have_every_format(show, tmp_path):
    page = show("label.version=1.3")
    page.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)})
    click(page, ".menu summary", "Download")
    offered = texts(page, ".menu[open] button")
    [known] = re.findall(r"--format FORMAT +([a-z,\s]+) \(", podflame("convert", "-h").stdout)
    assert offered == re.split(r",\s+", known.strip())
    click(page, ".menu[open] button", "folded")
    [file] = eventually(lambda: list(tmp_path.glob("*.folded")), 20, lambda: list(tmp_path.iterdir()))
    assert sum(int(line.rsplit(" ", 1)[1]) for line in file.read_text().splitlines()) == 30 * 400
