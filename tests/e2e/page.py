# SPDX-License-Identifier: Apache-2.0
"""The collector's page in a browser: what it shows, and what one does on it."""

import urllib.parse

from selenium.webdriver.common.action_chains import ActionChains

from program import eventually


def resize(page, width, height):
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False})


def settled(page):
    eventually(lambda: page.execute_script("""return document.querySelector("#main").childElementCount > 0
        && !document.querySelector("#main").hasAttribute("aria-busy")"""), 20, "the page has its answers")


def hash_of(page):
    return urllib.parse.parse_qs(urllib.parse.urlsplit(page.current_url).fragment, keep_blank_values=True)


def texts(page, selector):
    return page.execute_script("return [...document.querySelectorAll(arguments[0])].map(node => node.innerText)", selector)


def click(page, selector, text=None):
    page.execute_script("""
        const [selector, text] = arguments;
        [...document.querySelectorAll(selector)].find(node => text === null || node.innerText === text).click();""", selector, text)
    settled(page)


def entries(page):
    """What is heard of the list's rows."""
    return page.execute_script("return [...document.querySelectorAll('.entry .heard')].map(node => node.textContent)")


def press(page, *keys):
    ActionChains(page).send_keys(*keys).perform()
