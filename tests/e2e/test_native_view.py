# SPDX-License-Identifier: Apache-2.0
"""Frames of native code in what people read, from a file made by hand: what is hidden, and whose time it becomes."""

import json
import time
import urllib.request

import browser
from collector import Collector
from program import MARGIN_SECONDS, eventually, podflame

# 60 samples in the kernel, 20 whose leaf is the interpreter's own, 20 of a thread that never runs Python.
MIXED = """\
_start (/usr/bin/python3.11);main (/app/a.py:9);PyObject_Vectorcall (/usr/bin/python3.11);work (/app/a.py:5);\
_io_FileIO_readall (/usr/bin/python3.11);__read (libc.so.6);copy_to_user_[k] 60
_start (/usr/bin/python3.11);main (/app/a.py:9);PyObject_Vectorcall (/usr/bin/python3.11);work (/app/a.py:5);\
_PyObject_MakeTpCall (/usr/bin/python3.11) 20
start_thread (libc.so.6);gemm (libblas.so.3) 20
"""
PYTHON = {"main (/app/a.py:9);work (/app/a.py:5)": 80, "(native)": 20}
FOLDED = {"main (/app/a.py:9);work (/app/a.py:5);_io_FileIO_readall (/usr/bin/python3.11);__read (libc.so.6);copy_to_user_[k]": 60,
          "main (/app/a.py:9);work (/app/a.py:5)": 20, "gemm (libblas.so.3)": 20}

CONTROLS = """
return {
    shown: Array.from(document.querySelectorAll("g.frame")).map(g => g.getAttribute("name")),
    buttons: Array.from(document.querySelectorAll(".flame-native:not([hidden]) button"), b => [b.textContent, b.getAttribute("aria-pressed")]),
    legend: Array.from(document.querySelectorAll(".flame-legend:not([hidden]) li"), li => li.textContent),
    focused: document.activeElement.textContent,
};
"""
# The colours of frames by name.
COLOURS = """
return Object.fromEntries(Array.from(document.querySelectorAll("g.frame"), g => [g.getAttribute("name"), g.querySelector("rect").getAttribute("fill")]));
"""


def folded(*arguments):
    done = podflame("convert", *arguments)
    assert done.returncode == 0, done.stderr
    return {stack: int(count) for stack, count in (line.rsplit(" ", 1) for line in done.stdout.splitlines())}


def write(folder, text):
    file = folder / "mixed.folded"
    file.write_text(text)
    return file


def test_convert_hides_what_it_is_asked_to(tmp_path):
    file = write(tmp_path, MIXED)
    assert len(folded(file)) == 3
    assert folded(file, "--hide", "nothing") == folded(file)
    assert folded(file, "--hide", "internals") == FOLDED
    assert folded(file, "--hide", "native") == PYTHON
    wrong = podflame("convert", file, "--hide", "c")
    assert wrong.returncode == 2 and "--hide: 'c' is none of internals, native, nothing" in wrong.stderr


def press(page, label):
    """Presses a button of the switch by the keyboard."""
    page.execute_script("Array.from(document.querySelectorAll('.flame-native button')).find(b => b.textContent === arguments[0]).focus()", label)
    page.switch_to.active_element.send_keys(" ")
    found = page.execute_script(CONTROLS)
    assert found["focused"] == label
    assert [text for text, pressed in found["buttons"] if pressed == "true"] == [label]
    return found


def test_the_page_has_a_switch(tmp_path):
    page_file = tmp_path / "mixed.html"
    assert podflame("convert", write(tmp_path, MIXED), "-o", page_file).returncode == 0
    with browser.open_page(page_file.as_uri()) as page:
        page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-reduced-motion", "value": "reduce"}]})
        browser.widths(page, ["work"])
        found = page.execute_script(CONTROLS)
        assert [text for text, _ in found["buttons"]] == ["Everything", "Hide interpreter internals", "Python only"]
        assert [text for text, pressed in found["buttons"] if pressed == "true"] == ["Hide interpreter internals"]
        assert sorted(found["shown"]) == sorted(["all", "main", "work", "_io_FileIO_readall", "__read", "copy_to_user", "gemm"])
        assert found["legend"] == ["C code 20.0 %", "the kernel 60.0 %"]
        widths = browser.widths(page, ["main", "work", "copy_to_user", "gemm"])
        assert abs(widths["main"] / widths["gemm"] - 4) < 0.1 and abs(widths["copy_to_user"] / widths["gemm"] - 3) < 0.1

        colours = page.execute_script(COLOURS)
        assert len({colours[name] for name in ("work", "__read", "copy_to_user")}) == 3

        found = press(page, "Everything")
        assert {"_start", "PyObject_Vectorcall", "_PyObject_MakeTpCall", "start_thread"} < set(found["shown"])
        assert found["legend"] == ["C code 40.0 %", "the kernel 60.0 %"]

        found = press(page, "Python only")
        assert sorted(found["shown"]) == ["(native)", "all", "main", "work"]
        assert found["legend"] == []
        widths = browser.widths(page, ["all", "work", "(native)"])
        assert abs(widths["work"] / widths["all"] - 0.8) < 0.01 and abs(widths["(native)"] / widths["all"] - 0.2) < 0.01

        assert "__read" in press(page, "Hide interpreter internals")["shown"]
        assert not browser.errors(page)


def test_the_page_of_python_alone_has_none(tmp_path):
    page_file = tmp_path / "python.html"
    assert podflame("convert", write(tmp_path, "main (/app/a.py:9);work (/app/a.py:5) 3\n"), "-o", page_file).returncode == 0
    with browser.open_page(page_file.as_uri()) as page:
        browser.widths(page, ["work"])
        found = page.execute_script(CONTROLS)
        assert found["buttons"] == [] and found["legend"] == []
        assert not browser.errors(page)


def post(served, folder):
    """Sends the samples as an agent does that took them five seconds ago."""
    request = json.loads(podflame("convert", write(folder, MIXED), "-f", "otlp").stdout)
    [resource] = request["resourceProfiles"]
    resource["resource"]["attributes"] = [{"key": "container.name", "value": {"stringValue": "web"}},
                                          {"key": "container.id", "value": {"stringValue": "c0ffee"}}]
    profile = resource["scopeProfiles"][0]["profiles"][0]
    profile.update(timeUnixNano=str(int((time.time() - 5) * 1e9)), durationNano="1000000000", period="10000000")
    posted = urllib.request.Request(served.url + "/v1development/profiles", data=json.dumps(request).encode(),
                                    headers={"Content-Type": "application/json"})
    with urllib.request.urlopen(posted, timeout=MARGIN_SECONDS) as answer:
        assert json.load(answer) == {}


def test_the_collectors_page_has_it_too(tmp_path):
    with Collector(tmp_path) as served:
        post(served, tmp_path)
        functions = {one["name"]: one["self"] for one in served.json("top")["functions"]}
        assert functions == {"copy_to_user": 60, "gemm": 20, "work": 20, "main": 0, "__read": 0, "_io_FileIO_readall": 0}
        with browser.open_page(served.url) as page:
            browser.widths(page, ["work", "copy_to_user"])
            assert page.execute_script(CONTROLS)["legend"] == ["C code 20.0 %", "the kernel 60.0 %"]
            press(page, "Python only")
            # The choice outlives the next answer.
            post(served, tmp_path)
            page.execute_script("window.dispatchEvent(new Event('hashchange'))")
            eventually(lambda: "200" in page.execute_script("return document.querySelector('.facts').textContent"),
                       MARGIN_SECONDS, "the page shows both")
            assert "copy_to_user" not in page.execute_script(CONTROLS)["shown"]
            assert not browser.errors(page)
