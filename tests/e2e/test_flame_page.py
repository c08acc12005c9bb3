# SPDX-License-Identifier: Apache-2.0
"""The flame graph of html files, as one uses it: by keyboard, by finger, by link, by ear."""

import time

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

import axe
import browser
import profiles
from program import MARGIN_SECONDS, eventually, podflame

# A stack that is taller than the window, and functions of which some are narrow.
DEEP = ";".join("step%d (/app/deep.py:%d)" % (i, i + 1) for i in range(80))
FOLDED = """\
main (/app/shop.py:9);serve (/app/shop.py:20);hash_password (/app/auth.py:7) 600
main (/app/shop.py:9);serve (/app/shop.py:20);render (/app/view.py:30);hash_password (/app/auth.py:7) 100
main (/app/shop.py:9);serve (/app/shop.py:20);dumps (/usr/lib/python3.11/json/__init__.py:200) 200
main (/app/shop.py:9);%s;leaf (/app/deep.py:99) 99
main (/app/shop.py:9);rare (/app/rare.py:3) 1
main (/app/shop.py:9);rarer (/app/rare.py:8) 1
""" % DEEP

FOCUS = "const g = document.activeElement; return [g.getAttribute('name'), g.getAttribute('aria-label'), g.getAttribute('role')];"
IN_VIEW = """
const name = arguments[0];
return [...document.querySelectorAll("g.frame")].filter(g => g.getAttribute("name") === name).map(g => g.getBoundingClientRect())
    .some(box => box.top >= 0 && box.bottom <= innerHeight);"""


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    folder = tmp_path_factory.mktemp("flame")
    (folder / "shop.folded").write_text(FOLDED)
    done = podflame("convert", folder / "shop.folded", "-o", folder / "shop.html")
    assert done.returncode == 0, done.stderr
    return folder / "shop.html"


@pytest.fixture(scope="module")
def opened(file):
    with browser.open_page(file.as_uri()) as page:
        page.execute_cdp_cmd("Emulation.setEmulatedMedia",
                             {"features": [{"name": "prefers-reduced-motion", "value": "reduce"}]})
        yield page
        assert not browser.errors(page)


@pytest.fixture
def page(opened, file):
    opened.get("about:blank")
    opened.get(file.as_uri())
    browser.widths(opened, ["main"])
    return opened


def press(page, *keys):
    ActionChains(page).send_keys(*keys).perform()


def focused(page):
    return page.execute_script(FOCUS)


def to_the_graph(page):
    for _ in range(12):
        press(page, Keys.TAB)
        if focused(page)[2] == "treeitem":
            return
    raise AssertionError("Tab leads to no frame")


def zoom(page):
    """Of the frame that is as wide as the picture and not pale."""
    return page.execute_script("""return [...document.querySelectorAll("g.frame:not(.fade)")].map(g => g.getAttribute("name"))[0]""")


def test_every_frame_is_reached_by_the_keyboard(page):
    to_the_graph(page)
    assert focused(page)[0] == "all"
    press(page, Keys.ARROW_DOWN, Keys.ARROW_DOWN)
    name, label, _ = focused(page)
    assert name == "serve" and label == "serve shop.py, 89.9 %, 900 samples, /app/shop.py"
    press(page, Keys.ARROW_UP)
    seen = set()
    press(page, Keys.ARROW_DOWN, Keys.HOME)
    for _ in range(4):
        seen.add(focused(page)[0])
        press(page, Keys.ARROW_RIGHT)
    # Those of one sample are too narrow for their neighbours' picture: they are zoomed to.
    assert seen == {"serve", "step0", "rare", "rarer"}


def test_enter_zooms_and_escape_goes_back(page):
    to_the_graph(page)
    press(page, Keys.ARROW_DOWN, Keys.ARROW_DOWN, Keys.ENTER)
    assert zoom(page) == "serve" and focused(page)[0] == "serve"
    assert "zoom=" in page.current_url
    link = page.current_url
    press(page, Keys.ESCAPE)
    assert zoom(page) == "all" and "zoom=" not in page.current_url
    page.back()
    eventually(lambda: zoom(page) == "serve", MARGIN_SECONDS, "Back goes back")
    page.get("about:blank")
    page.get(link)
    eventually(lambda: zoom(page) == "serve", MARGIN_SECONDS, "the link shows the same")


def test_search_brings_its_hit_into_view(page):
    press(page, Keys.CONTROL, "f")
    page.find_element("css selector", "input[type=search]").send_keys("leaf")
    said = page.find_element("css selector", ".flame-matched")
    eventually(lambda: said.text == "9.9 % matched, 99 samples in 1 frame", MARGIN_SECONDS, lambda: said.text)
    eventually(lambda: page.execute_script(IN_VIEW, "leaf"), MARGIN_SECONDS, "the hit is in view")
    assert page.current_url.endswith("#q=leaf")
    page.find_element("css selector", "input[type=search]").send_keys(Keys.CONTROL, "a")
    page.find_element("css selector", "input[type=search]").send_keys("hash_password")
    eventually(lambda: said.text == "69.9 % matched, 700 samples in 2 frames", MARGIN_SECONDS, lambda: said.text)


def test_a_finger_is_told_before_it_zooms(page):
    page.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": True})
    box = page.execute_script("""
        const box = document.querySelector("g.frame[name=serve]").getBoundingClientRect();
        return {x: box.x + 20, y: box.y + 10};""")

    def tap():
        page.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [box]})
        page.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})

    def tip():
        return page.execute_script("const tip = document.querySelector('.flame-tip'); return tip.hidden ? '' : tip.innerText")

    tap()
    eventually(lambda: "/app/shop.py" in tip() and "900 samples" in tip(), MARGIN_SECONDS, tip)
    assert zoom(page) == "all"
    time.sleep(0.4)  # two taps at once are a gesture of the browser's
    tap()
    eventually(lambda: zoom(page) == "serve", MARGIN_SECONDS, "the second tap zooms")
    page.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": False})


def test_frames_say_their_files_and_the_legend_what_colours_are(page):
    labels = page.execute_script("return [...document.querySelectorAll('.flame-label')].map(label => label.textContent)")
    assert "serve shop.py" in labels and "hash_password auth.py" in labels
    keys = page.execute_script("return [...document.querySelectorAll('.flame-keys li')].map(li => li.textContent)")
    assert keys == ["the program", "libraries", "A colour tells files apart: red is not hotter. Wide is."]


@pytest.mark.parametrize("hash_", ["", "#q=hash_password"])
def test_axe_finds_nothing(page, file, hash_):
    page.get("about:blank")
    page.get(file.as_uri() + hash_)
    browser.widths(page, ["main"])
    assert axe.in_both_themes(page) == []


def test_a_comparison_is_read_aloud_and_axe_finds_nothing(tmp_path):
    old, new = ({("main", "app.py:f"): f, ("main", "app.py:g"): 100} for f in (100, 300))
    base, now = (profiles.write(tmp_path / (name + ".json"), profiles.run(stacks)) for name, stacks in (("a", old), ("b", new)))
    assert podflame("diff", base, now, "-o", tmp_path / "diff.html").returncode == 0
    with browser.open_page((tmp_path / "diff.html").as_uri()) as page:
        browser.widths(page, ["f", "g"])
        label = page.execute_script("return document.querySelector('g.frame[name=f]').getAttribute('aria-label')")
        assert label == "f app.py, 50.00 % to 75.00 %, +25.00 points, app.py"
        assert axe.in_both_themes(page) == []
        assert not browser.errors(page)


def test_narrow_screens_need_no_scrolling_sideways(page):
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": False})
    try:
        eventually(lambda: page.execute_script("return document.documentElement.scrollWidth <= 390"), MARGIN_SECONDS, "it fits")
    finally:
        page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
