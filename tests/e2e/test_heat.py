# SPDX-License-Identifier: Apache-2.0
"""The page of lines in a browser: what it shows, by keyboard as well, in light and dark, and of a long file."""

import re

import pytest
from selenium.webdriver.common.keys import Keys

import browser
from program import podflame

LINES = 20000
# Two files; the hottest line is at the end of the longer one, and one line is beyond that end.
FOLDED = """\
main (/app/long.py:2);work (/app/long.py:19990) 60
main (/app/long.py:2);work (/app/long.py:10000);[waits: GIL] 25
main (/app/long.py:2);work (/app/long.py:30000) 5
main (/app/long.py:2);</script><img src=x onerror=alert(1)> (/app/<b>short</b>.py:3) 10
"""
STATE = """
const text = (node) => node.textContent.replace(/\\s+/g, " ").trim();
return {
    heading: text(document.querySelector("#file-name")),
    focused: document.activeElement.dataset.line,
    tip: document.querySelector(".tip").hidden ? null : document.querySelector(".tip").textContent,
    files: Array.from(document.querySelectorAll("button.file"), text),
    hottest: Array.from(document.querySelectorAll("button.hot-line"), text),
    functions: Array.from(document.querySelectorAll("button.function"), text),
    reachable: Array.from(document.querySelectorAll(".sampled[tabindex='0']"), row => row.dataset.line),
    sampled: Array.from(document.querySelectorAll(".sampled"), text),
    waits: Array.from(document.querySelectorAll(".wait"), text),
    rows: document.querySelectorAll(".line:not(.heads, .wait)").length,
    images: document.images.length,
    wide: document.documentElement.scrollWidth - document.documentElement.clientWidth,
};
"""
# The least contrast of any text on what it stands on: WCAG's formula. Backgrounds may let the ground shine through.
CONTRAST = """
const parts = (colour) => (colour.match(/[\\d.]+/g) || []).map(Number);
const light = (rgb) => rgb.slice(0, 3).map((c) => c / 255).map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
const ground = (node) => {
    const behind = node ? parts(getComputedStyle(node).backgroundColor) : [255, 255, 255];
    const alpha = behind.length === 4 ? behind[3] : 1;
    if (!node || alpha === 1) return behind;
    const below = ground(node.parentElement);
    return below.map((c, i) => c * (1 - alpha) + behind[i] * alpha);
};
const found = Array.from(document.querySelectorAll(".sampled span, .wait span, .heads span, nav span, p, dd, dt, h1, h2, .brand"))
    .filter((node) => node.textContent.trim() && !node.classList.contains("sr"))
    .map((node) => {
        const [a, b] = [light(parts(getComputedStyle(node).color)), light(ground(node))].sort((x, y) => y - x);
        return [(a + 0.05) / (b + 0.05), node.className + ": " + node.textContent];
    });
return found.sort((x, y) => x[0] - y[0])[0];
"""


@pytest.fixture(scope="module")
def page_file(tmp_path_factory):
    folder = tmp_path_factory.mktemp("heat")
    (folder / "long.py").write_text("".join("    line = %d\n" % i for i in range(1, LINES + 1)))
    (folder / "a.folded").write_text(FOLDED)
    done = podflame("convert", folder / "a.folded", "-o", folder / "a.heat.html", "--source", "%s=/app" % folder)
    assert done.returncode == 0, done.stderr
    return folder / "a.heat.html"


def test_lines_by_eye_and_by_keyboard(page_file):
    with browser.open_page(page_file.as_uri()) as page:
        state = page.execute_script(STATE)
        assert state["heading"] == "/app/long.py" and state["rows"] == LINES + 1
        assert state["files"] == ["self 90.0 %total 100 %/app/long.py", "self 10.0 %total 10.0 %/app/<b>short</b>.py"]
        assert state["hottest"][0] == "self 60.0 %total 60.0 %/app/long.py:19990 line = 19990"
        assert state["reachable"] == ["19990"], "Tab leads to the hottest line"
        assert [re.sub(r" \(.*?\)", "", row) for row in state["sampled"]] == [
            "20 %100 % line = 2", "1000025.0 %25.0 % line = 10000", "1999060.0 %60.0 % line = 19990", "300005.0 %5.0 %(not in the file)"]
        assert "(self 60.0 %, 60 samples, 95 % interval 50.2 % to 69.1 %)" in state["sampled"][2]
        assert state["waits"] == ["25.0 %[waits: GIL]"] and state["images"] == 0

        page.execute_script("document.querySelector('button.hot-line').focus()")
        page.switch_to.active_element.send_keys("\n")
        state = page.execute_script(STATE)
        assert state["focused"] == "19990" and "in work\nself 60.0 %, 60 samples, 95 % interval 50.2 % to 69.1 %" in state["tip"]
        assert page.execute_script("const r = document.activeElement.getBoundingClientRect(); return r.top > 0 && r.bottom < innerHeight")
        for key, line in (("n", "10000"), ("n", "30000"), ("p", "10000"), (Keys.ARROW_DOWN, "19990"),
                          (Keys.ARROW_UP, "10000"), (Keys.HOME, "2"), (Keys.END, "30000")):
            page.switch_to.active_element.send_keys(key)
            state = page.execute_script(STATE)
            assert state["focused"] == line and state["reachable"] == [line]
        page.switch_to.active_element.send_keys(Keys.ESCAPE)
        assert page.execute_script(STATE)["tip"] is None

        page.execute_script("document.querySelectorAll('button.file')[1].focus()")
        page.switch_to.active_element.send_keys(" ")
        state = page.execute_script(STATE)
        assert state["heading"] == "/app/<b>short</b>.py" and state["images"] == 0
        assert "No source: the folder of --source has no regular file of this name." in page.find_element("id", "chosen").text
        assert state["functions"] == ["self 10.0 %total 10.0 %</script><img src=x onerror=alert(1)>"]
        page.back()
        assert page.execute_script(STATE)["heading"] == "/app/long.py"
        assert browser.errors(page) == []


def test_text_can_be_read_on_any_heat(page_file, tmp_path):
    (tmp_path / "none.folded").write_text("memcpy (libc.so.6) 3\n")
    assert podflame("convert", tmp_path / "none.folded", "-o", tmp_path / "none.heat.html").returncode == 0
    with browser.open_page("about:blank") as page:
        for scheme in ("light", "dark"):
            page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]})
            page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": False})
            page.get(page_file.as_uri())
            contrast, where = page.execute_script(CONTRAST)
            assert contrast >= 4.5, "%s: %s" % (scheme, where)
            assert page.execute_script(STATE)["wide"] == 0
            assert browser.errors(page) == []
        page.get((tmp_path / "none.heat.html").as_uri())
        assert "No sample is of a line of Python." in page.find_element("id", "heat").text
        assert browser.errors(page) == []
