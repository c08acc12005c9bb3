# SPDX-License-Identifier: Apache-2.0
"""podflame diff says first what grew; its page leads there."""

import json

import pytest

import browser
import profiles
from program import eventually, podflame
from test_check import MAIN, runs, slower


@pytest.fixture
def base(tmp_path):
    return profiles.write(tmp_path / "base.json", *runs())


def diff(*arguments):
    done = podflame("diff", *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_callers_are_folded_as_check_does(tmp_path, base):
    new = profiles.write(tmp_path / "new.json", *runs(slower("lib.py:escape", 100)))
    text = diff(base, new)
    checked = podflame("check", "--base", base, "--new", new).stdout
    first, grown = checked.partition("\n\n")[0].removeprefix("regression: ").split("\n", 1)
    assert first == "2 functions grew: they take larger shares of the judged time"
    assert text.partition("\n\n")[0] == "2 functions grew\n" + grown
    assert "lib.py:escape\n" in text and "functions grew by this)" in text
    told = json.loads(diff(base, new, "-f", "json"))
    assert [cause["function"] for cause in told["causes"]] == ["lib.py:escape"] and "verdict" not in told
    assert "- `lib.py:escape`: " in diff(base, new, "-f", "markdown")


def test_nothing_differs(tmp_path, base):
    assert diff(base, base).startswith("nothing differs: each function has the same share on both sides\n\nBase ")
    assert "FUNCTION" not in diff(base, base)
    (tmp_path / "a.folded").write_text("main;f (app.py:3) 500\nmain;g (app.py:10) 500\n")
    (tmp_path / "b.folded").write_text("main;f (app.py:3) 501\nmain;g (app.py:10) 499\n")
    assert diff(tmp_path / "a.folded", tmp_path / "b.folded").startswith("no function grew for certain, by 10 % ")


def test_page_leads_to_what_grew(tmp_path, base):
    new = profiles.write(tmp_path / "new.json", *runs({**slower("lib.py:escape", 100), MAIN + ("app.py:fresh",): 500}))
    file = tmp_path / "diff.html"
    for command in (("diff", base, new), ("check", "--base", base, "--new", new)):
        podflame(*command, "-o", file)
        with browser.open_page(file.as_uri()) as page:
            widths = browser.widths(page, ["escape"])
            grown = page.find_elements("css selector", ".grown a")
            assert {link.text for link in grown} == {"lib.py:escape", "app.py:fresh"}
            assert "functions grew" in page.find_element("css selector", ".about").text
            [link] = [link for link in grown if link.text == "lib.py:escape"]
            link.click()
            eventually(lambda: browser.widths(page, ["escape"])["escape"] > 2 * widths["escape"], 10, "it zooms")
            assert not browser.errors(page)
