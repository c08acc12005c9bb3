# SPDX-License-Identifier: Apache-2.0
"""Headless Chromium, offline, and what a flame graph looks like in it."""

import contextlib
import shutil
import tempfile
import time

from selenium import webdriver
from selenium.webdriver.chrome.service import Service

from program import MARGIN_SECONDS
from skips import must_skip

FLAGS = [
    "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--window-size=1400,900",
]
# Offline but for this machine: a page that needs the network shows itself.
OFFLINE = "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"

# Every frame of the flame graph: its label and how wide it is drawn.
FRAMES = """
return Array.from(document.querySelectorAll("g.frame")).map(g => [
    g.getAttribute("name") || (g.querySelector("title") || g).textContent,
    g.querySelector("rect").getBoundingClientRect().width]);
"""


@contextlib.contextmanager
def open_page(url, names=OFFLINE):
    """A page in a fresh browser. Its errors are to be empty: see errors(). @names are Chromium's rules in place of DNS."""
    driver_path = shutil.which("chromedriver")
    if not driver_path or not shutil.which("chromium"):
        must_skip("chromium or its driver is missing: apt-get install chromium chromium-driver")
    with tempfile.TemporaryDirectory(prefix="podflame-browser-") as profile:
        options = webdriver.ChromeOptions()
        options.binary_location = shutil.which("chromium")
        for flag in FLAGS + ["--user-data-dir=" + profile, "--host-resolver-rules=" + names]:
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        driver = webdriver.Chrome(service=Service(driver_path), options=options)
        try:
            driver.set_page_load_timeout(MARGIN_SECONDS)
            driver.get(url)
            yield driver
        finally:
            driver.quit()


def errors(page):
    """What the page's console says that is an error."""
    return [entry["message"] for entry in page.get_log("browser") if entry["level"] == "SEVERE"]


def widths(page, functions, seconds=MARGIN_SECONDS):
    """Waits until frames of all @functions are drawn; their widths in pixels, summed by function."""
    deadline = time.monotonic() + seconds
    while True:
        frames = page.execute_script(FRAMES)
        drawn = {name: sum(width for label, width in frames if label.split(" ")[0] == name) for name in functions}
        if all(drawn.values()):
            return drawn
        assert time.monotonic() < deadline, "no frame of %s among %s" % (
            [name for name in functions if not drawn[name]], sorted({label for label, _ in frames}))
        time.sleep(0.1)
