# SPDX-License-Identifier: Apache-2.0
"""The coverage in what people and programs read: of profiles made by hand, whose books are known."""

import json
import urllib.request

import browser
import profiles
from collector import Collector
from program import MARGIN_SECONDS, eventually, podflame

PASS, INVALID = 0, 2
STACKS = {("main", "work"): 5000, ("main", "rest"): 5000}
SECONDS = sum(STACKS.values()) / 1000  # at profiles.py's rate
LOW = "coverage 60.0 %: of 10.00 s of CPU time, samples stand for 6.00 s; not seen by any tick 3.00 s, " \
      "before it was opened 1.00 s"


def write(path, *seen):
    """A file with a run for each share of @seen; None: the time was not accounted."""
    return profiles.write(path, *(profiles.run(
        STACKS, number, counters=None if share is None else profiles.books(SECONDS, share, unopened=max(0, 1 - share) / 4 * SECONDS))
        for number, share in enumerate(seen)))


def check(base, new, *more):
    return podflame("check", "--base", base, "--new", new, *more)


def test_check_refuses_a_run_of_low_coverage(tmp_path):
    base = write(tmp_path / "base.json", 1, 1, 1)
    new = write(tmp_path / "new.json", 1, 0.6, 1)
    done = check(base, new)
    assert done.returncode == INVALID, done.stdout
    assert "%s: run 2 of 3: %s" % (new, LOW) in done.stdout
    assert check(new, base).returncode == INVALID


def test_check_judges_what_is_covered_or_was_not_accounted(tmp_path):
    covered = write(tmp_path / "covered.json", 1, 0.999, 1.01)
    unknown = write(tmp_path / "unknown.json", None, None, None)
    for base, new in ((covered, unknown), (unknown, covered), (covered, covered)):
        done = check(base, new)
        assert done.returncode == PASS, done.stdout


def test_reports_tell_the_coverage(tmp_path):
    base = write(tmp_path / "base.json", 1, 1, 1)
    unknown = write(tmp_path / "unknown.json", None, None, None)
    text = check(base, unknown).stdout.splitlines()
    assert [line.endswith("lost, coverage 100.0 %") for line in text if "judged samples" in line] == [True, False]
    report = json.loads(check(base, unknown, "-f", "json").stdout)
    assert report["base"]["coverage"]["share"] == 1 and not report["base"]["coverage"]["low"]
    assert report["base"]["coverage"]["accounted"] == 3 * SECONDS
    assert "coverage" not in report["new"]
    assert "\nCoverage: 100.0 % of the base, 100.0 % of the new side.\n" in check(base, base, "-f", "markdown").stdout


def test_diff_warns_of_a_low_coverage(tmp_path):
    base = write(tmp_path / "base.json", 1)
    new = write(tmp_path / "new.json", 0.6)
    done = podflame("diff", base, new)
    assert done.returncode == PASS, done.stderr
    assert "Note: %s: run 1 of 1: %s\n" % (new, LOW) in done.stdout
    assert "Note:" not in podflame("diff", base, base).stdout


def facts(page):
    return page.execute_script("""
        return Object.fromEntries(Array.from(document.querySelectorAll(".facts div"), div => [
            div.querySelector("dt").textContent,
            {text: div.querySelector("dd").textContent, title: div.title,
             low: div.querySelector("dd").classList.contains("low"),
             colour: getComputedStyle(div.querySelector("dd")).color}]));""")


def test_html_shows_a_low_coverage_in_red_with_its_reasons(tmp_path):
    page_file = tmp_path / "low.html"
    assert podflame("convert", write(tmp_path / "low.json", 0.6), "-o", page_file).returncode == 0
    with browser.open_page(page_file.as_uri()) as page:
        shown = facts(page)
        warning = page.execute_script("return document.querySelector('p.low').textContent")
        assert not browser.errors(page)
    coverage = shown["Coverage"]
    assert coverage["text"] == "60.0 %" and coverage["low"]
    assert coverage["colour"] != shown["Samples"]["colour"]
    assert "3.00 s not seen by any tick\n1.00 s before it was opened" in coverage["title"]
    assert warning.lower() == LOW.lower()


def test_html_without_books_or_with_good_ones_warns_of_nothing(tmp_path):
    for name, share in (("good", 1), ("unknown", None)):
        page_file = tmp_path / (name + ".html")
        assert podflame("convert", write(tmp_path / (name + ".json"), share), "-o", page_file).returncode == 0
        with browser.open_page(page_file.as_uri()) as page:
            shown = facts(page)
            assert not browser.errors(page)
            assert not page.execute_script("return document.querySelectorAll('.low').length")
        assert shown.get("Coverage", {}).get("text") == ("100 %" if share else None)


def test_diff_html_shows_both_coverages(tmp_path):
    page_file = tmp_path / "diff.html"
    base, new = write(tmp_path / "base.json", 1), write(tmp_path / "new.json", 0.6)
    assert podflame("diff", base, new, "-o", page_file).returncode == 0
    with browser.open_page(page_file.as_uri()) as page:
        coverage = facts(page)["Coverage"]
        assert not browser.errors(page)
    assert coverage["text"] == "100 % → 60.0 %" and coverage["low"]


def test_convert_keeps_and_adds_the_books(tmp_path):
    one, two = write(tmp_path / "one.json", 1), write(tmp_path / "two.json", 0.6)
    for name in ("both.otlp.json", "both.pb.gz"):
        assert podflame("convert", one, two, "-o", tmp_path / name).returncode == 0
        text = podflame("convert", tmp_path / name, "-f", "text").stdout
        assert "\nCoverage   80.0 %: of 20.00 s of CPU time, samples stand for 16.00 s; not seen by any tick 3.00 s" in text


# ---- the collector ----------------------------------------------------------------


def post(served, path):
    request = urllib.request.Request(served.url + "/v1development/profiles", data=path.read_bytes(),
                                     headers={"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=MARGIN_SECONDS) as answer:
        assert json.load(answer) == {}


def test_collector_and_its_page_show_who_is_not_covered(tmp_path):
    with Collector(tmp_path) as served:
        for name, share in (("good", 1), ("low", 0.6)):
            counters = profiles.books(SECONDS, share, unopened=(1 - share) / 4 * SECONDS)
            post(served, profiles.write(tmp_path / (name + ".json"), profiles.run(
                STACKS, counters=counters, **{"container.id": name * 8, "container.name": name})))
        series = {one["container_name"]: one for one in served.json("series")}
        assert not series["good"]["coverage_low"] and series["low"]["coverage_low"]
        assert served.json("tree", series=series["low"]["id"])["meta"]["coverage"]["sentence"] == LOW.partition(" ")[2]
        with browser.open_page("%s/#series=%d&last=900" % (served.url, series["low"]["id"])) as page:
            shown = eventually(lambda: facts(page), 20, "the page shows what it knows")
            entries = page.execute_script("return Array.from(document.querySelectorAll('.entry .low'), e => e.textContent)")
            warning = page.execute_script("return document.querySelector('p.low').textContent")
            assert not browser.errors(page)
    assert shown["Coverage"]["text"] == "60.0 %" and shown["Coverage"]["low"]
    assert entries == ["coverage 60.0 %"]
    assert warning.lower() == LOW.lower()
