# SPDX-License-Identifier: Apache-2.0
"""podflame diff and check: verdicts on profiles with known counts, their reports, and a real project."""

import datetime
import gzip
import json
import os
import re
import shutil
import subprocess
import xml.etree.ElementTree as ElementTree

import pytest

import browser
import profiles
from program import MARGIN_SECONDS, PODFLAME, podflame
from skips import must_skip

PASS, REGRESSION, INVALID, INCONCLUSIVE = 0, 1, 2, 3
RUNS = 5

# Samples of a run. Runs differ a little, as runs do.
MAIN = ("app.py:<module>", "app.py:main")
STACKS = {MAIN + ("app.py:parse",): 3000, MAIN + ("app.py:render",): 4000,
          MAIN + ("app.py:render", "lib.py:escape"): 1500, MAIN + ("app.py:query",): 1500}


def runs(stacks=STACKS, n=RUNS, scale=1.0, **more):
    shaken = ({path: max(0, int(count * scale) + (-1) ** (number + i) * (1 + number)) for i, (path, count)
               in enumerate(stacks.items())} for number in range(n))
    return [profiles.run(one, number, **more) for number, one in enumerate(shaken)]


def slower(function, percent):
    return {path: count * (100 + percent) // 100 if path[-1] == function else count
            for path, count in STACKS.items()}


@pytest.fixture
def base(tmp_path):
    return profiles.write(tmp_path / "base.json", *runs())


@pytest.fixture
def same(tmp_path):
    return profiles.write(tmp_path / "same.json", *runs())


@pytest.fixture
def worse(tmp_path):
    return profiles.write(tmp_path / "worse.json", *runs(slower("lib.py:escape", 40)))


def check(base, new, *more):
    return podflame("check", "--base", base, "--new", new, *more)


def judged(base, new, *more):
    done = check(base, new, "-f", "json", *more)
    report = json.loads(done.stdout)
    assert ["pass", "regression", "invalid", "inconclusive"][done.returncode] == report["verdict"]
    return report


# ---- verdicts ---------------------------------------------------------------------


def test_identical_sides_pass(base, same):
    done = check(base, same)
    assert done.returncode == PASS, done.stdout
    assert done.stdout.startswith("pass: ")


def test_regression_names_the_function_and_where_it_grew(base, worse):
    report = judged(base, worse)
    assert report["verdict"] == "regression"
    assert [cause["function"] for cause in report["causes"]] == ["lib.py:escape"]
    assert report["causes"][0]["path"] == ["<module>", "main", "render", "escape"]
    escape = next(f for f in report["functions"] if f["name"] == "escape")["self"]
    assert escape["share"]["base"] == pytest.approx(0.15, abs=0.001)
    assert escape["share"]["new"] == pytest.approx(0.21 / 1.06, abs=0.001)
    assert escape["low"] < escape["change"] < escape["high"]
    assert escape["p"] < 1e-6


def test_what_shrinks_is_no_regression(base, worse):
    assert judged(worse, base)["verdict"] == "pass"


def test_growth_below_the_minimum_effect_passes(tmp_path, base):
    new = profiles.write(tmp_path / "new.json", *runs(slower("lib.py:escape", 8)))
    assert judged(base, new)["verdict"] == "pass"
    assert judged(base, new, "--relative", "5%", "--points", 0.5, "--sensitivity", 4)["verdict"] == "regression"


def test_few_samples_are_inconclusive(tmp_path):
    base = profiles.write(tmp_path / "base.json", *runs(scale=0.01))
    new = profiles.write(tmp_path / "new.json", *runs(scale=0.01))
    report = judged(base, new)
    assert report["verdict"] == "inconclusive"
    assert report["base"]["samples"] < 600
    assert report["weakest"]["possible"] > 0.02 and report["more"] > 1.5
    text = check(base, new)
    assert re.search(r"at worst, \S+ \(\w+ \d+\.\d %\) may have grown by up to .*(runs a side|cannot be told)", text.stdout), text.stdout
    assert check(base, new, "--inconclusive", "pass").returncode == 0
    assert check(base, new, "--inconclusive", "fail").returncode == 1


def test_noise_between_runs_is_not_growth(tmp_path):
    """The same mean growth as a regression's; but each side's runs differ by as much."""
    def noisy(level):
        sizes = [level + swing for swing in (-900, -400, 0, 400, 900)]
        return [profiles.run({**STACKS, MAIN + ("app.py:query",): n}, i) for i, n in enumerate(sizes)]

    base = profiles.write(tmp_path / "base.json", *noisy(1500))
    new = profiles.write(tmp_path / "new.json", *noisy(1900))
    report = judged(base, new)
    query = next(f for f in report["functions"] if f["name"] == "query")["self"]
    assert query["change"] > 0.025 and query["phi"] > 50
    assert report["verdict"] == "inconclusive"


def test_idle_samples_do_not_count(tmp_path, base):
    stacks = {**STACKS, MAIN + ("app.py:wait", "(idle)"): 50000}
    new = profiles.write(tmp_path / "new.json", *runs(stacks))
    assert judged(base, new)["verdict"] == "pass"


def test_lines_and_folders_do_not_matter(tmp_path):
    def moved(folder, percent):
        stacks = slower("lib.py:escape", percent)
        return {tuple(folder + frame for frame in path): n for path, n in stacks.items()}

    base = profiles.write(tmp_path / "base.json", *runs(moved("/usr/lib/python3/dist-packages/app/", 0)))
    same = profiles.write(tmp_path / "same.json", *runs(moved("/tmp/checkout-7/app/", 0)))
    worse = profiles.write(tmp_path / "worse.json", *runs(moved("/tmp/checkout-7/app/", 40)))
    assert judged(base, same)["verdict"] == "pass"
    assert judged(base, worse)["causes"][0]["function"] == "app/lib.py:escape"


def test_cost_per_unit_of_work_is_advisory(tmp_path, base):
    new = profiles.write(tmp_path / "new.json", *runs({path: 2 * n for path, n in STACKS.items()}))
    report = judged(base, new, "--work", 100)
    assert report["verdict"] == "pass"
    assert report["cost"]["seconds"]["base"] == pytest.approx(0.1, rel=0.01)
    assert report["cost"]["change"] == pytest.approx(1, rel=0.01)
    assert report["cost"]["p"] < 0.001


def test_runs_may_be_files(tmp_path):
    base = [profiles.write(tmp_path / ("base%d.json" % i), profiles.run(STACKS)) for i in range(3)]
    new = [profiles.write(tmp_path / ("new%d.json" % i), profiles.run(slower("app.py:query", 50)))
           for i in range(3)]
    done = podflame("check", "--base", *base, "--new", *new)
    assert done.returncode == REGRESSION and "app.py:query" in done.stdout


def test_processes_of_a_run_are_one_run(tmp_path):
    both = [one for one in runs() for _ in range(2)]
    report = judged(profiles.write(tmp_path / "base.json", *both), profiles.write(tmp_path / "new.json", *both))
    assert report["base"]["runs"] == RUNS


# ---- allowances ---------------------------------------------------------------------


def day(offset):
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=offset)).strftime("%Y-%m-%d")


def test_allowed_until_the_day(tmp_path, base, worse):
    allow = tmp_path / "allow"
    allow.write_text("# Slower since it is correct.\n%s lib.py:escape  # see the issue\n" % day(1))
    assert check(base, worse, "--allow", allow).returncode == PASS
    allow.write_text("%s lib.py:escape\n" % day(-2))
    done = check(base, worse, "--allow", allow)
    assert done.returncode == REGRESSION
    assert "lib.py:escape was allowed to grow until" in done.stdout


@pytest.mark.parametrize("text", ["lib.py:escape", "2026-02-30 f", "2026-12-31", "2026-12-31x f", "26-12-31 f",
                                  "\0", "2026-12-31\nf"])
def test_allow_list_that_does_not_parse(tmp_path, base, worse, same, text):
    allow = tmp_path / "allow"
    allow.write_text("# first line\n" + text + "\n")
    for new in (worse, same):
        done = check(base, new, "--allow", allow)
        assert done.returncode == INVALID
        assert str(allow) in done.stdout and ("line 2" in done.stdout or "no text" in done.stdout)


# ---- what cannot be compared ----------------------------------------------------------


@pytest.mark.parametrize("field, more", [
    ("interpreter", {"process.runtime.version": "3.12.1"}), ("rate", {"podflame.rate": 500}),
    ("mode", {"mode": "wall"}), ("architecture", {"host.arch": "arm64"})])
def test_other_circumstances_are_invalid(tmp_path, base, same, field, more):
    new = profiles.write(tmp_path / "new.json", *runs(**more))
    done = check(base, new)
    assert done.returncode == INVALID
    assert "the %s differs" % field in done.stdout
    mixed = profiles.write(tmp_path / "mixed.json", *runs()[:3], *runs(**more)[3:])
    done = check(base, mixed)
    assert done.returncode == INVALID and "the %s differs between the runs of the new side" % field in done.stdout


def test_patch_releases_may_differ(tmp_path, base):
    new = profiles.write(tmp_path / "new.json", *runs(**{"process.runtime.version": "3.11.9"}))
    assert check(base, new).returncode == PASS


@pytest.mark.parametrize("content, reason", [
    (b"", "empty"), (b"{}", "neither resourceProfiles"), (b"{", "JSON"), (b"PK\3\4\0\0\0", "no profile"),
    (b"some text\n", "no profile"), (b"\x1f\x8b\x08\x00", "gzip"), (b"\x7fELF\2\1\1\0\0\0", "no profile"),
    (b"main;f 100\n", "one run"), (gzip.compress(b"main;f 100\n", mtime=0), "one run"), (b"[1, 2]", "no profile")])
def test_foreign_profiles_are_invalid(tmp_path, base, content, reason):
    foreign = tmp_path / "foreign"
    foreign.write_bytes(content)
    for sides in ((base, foreign), (foreign, base)):
        done = check(*sides)
        assert done.returncode == INVALID
        assert str(foreign) in done.stdout and reason in done.stdout, done.stdout


def test_folded_stacks_tell_too_little(tmp_path, base):
    for name in "ab":
        (tmp_path / name).write_text("main;f (app.py:3) 1000\nmain;g 500\n")
    done = podflame("check", "--base", base, "--new", tmp_path / "a", tmp_path / "b")
    assert done.returncode == INVALID and "does not tell its interpreter" in done.stdout


def test_one_run_only_is_invalid(tmp_path, base):
    done = check(base, profiles.write(tmp_path / "new.json", *runs(n=1)))
    assert done.returncode == INVALID and "one run only" in done.stdout and "--repeat" in done.stdout


def test_missing_file_is_invalid(tmp_path, base):
    done = check(base, tmp_path / "none.json")
    assert done.returncode == INVALID and "No such file" in done.stdout


def test_a_verdict_is_told_once(tmp_path, base):
    for options in ([], ["-f", "json"], ["-f", "github"]):
        done = check(base, tmp_path / "none.json", *options)
        assert done.returncode == INVALID
        assert bool(done.stderr) == bool(options), "a person is told, whatever a program reads"
        assert (done.stdout if not options else done.stderr).count("No such file") == 1


def test_report_that_cannot_be_written_is_no_regression(tmp_path, base, same):
    done = check(base, same, "-o", tmp_path / "no" / "report.md")
    assert done.returncode == INVALID and "report.md cannot be written" in done.stderr


@pytest.mark.parametrize("words", [
    [], ["--base", "x"], ["--new", "x"], ["--base", "x", "--new", "x", "--save"],
    ["--base", "x", "--new", "x", "--baseline-dir", "d"], ["--base", "x", "--new", "x", "-f", "xyz"],
    ["--base", "x", "--new", "x", "-o", "x.doc"], ["--base", "x", "--new", "x", "--inconclusive", "maybe"],
    ["--base", "x", "--new", "x", "--relative", "-5"], ["--base", "x", "--new", "x", "--alpha", "2"]])
def test_wrong_calls(words):
    assert podflame("check", *words).returncode == INVALID


# ---- the baseline folder ----------------------------------------------------------------


def stored(folder, branch):
    return sorted(path.name for path in (folder / branch).iterdir())


def test_baseline_of_good_profiles(tmp_path, same, worse):
    folder = tmp_path / "baselines"
    with_baseline = ["check", "--baseline-dir", folder, "--branch", "feature/x", "--keep", 2]
    done = podflame(*with_baseline, "--new", same)
    assert done.returncode == INVALID and "no baseline" in done.stdout and not folder.exists()
    done = podflame(*with_baseline, "--new", same, "--save")
    assert done.returncode == PASS and done.stdout == ""
    assert done.stderr == "podflame: the new profiles are kept as the first of branch feature/x\n"
    assert stored(folder, "feature%2Fx") == ["00000001.otlp.json.gz"]
    assert podflame(*with_baseline, "--new", worse, "--save").returncode == REGRESSION
    assert len(stored(folder, "feature%2Fx")) == 1
    for _ in range(3):
        assert podflame(*with_baseline, "--new", same, "--save").returncode == PASS
    assert stored(folder, "feature%2Fx") == ["00000003.otlp.json.gz", "00000004.otlp.json.gz"]
    report = json.loads(podflame(*with_baseline, "--new", same, "-f", "json").stdout)
    assert report["base"]["runs"] == 2 * RUNS and report["verdict"] == "pass"


@pytest.mark.parametrize("branch, name", [("..", "%2E."), ("../../etc", "%2E.%2F..%2Fetc"), ("a b\n", "a%20b%0A"),
                                          ("ü", "%C3%BC")])
def test_branch_names_lead_nowhere(tmp_path, same, branch, name):
    folder = tmp_path / "in" / "here"
    folder.parent.mkdir()
    podflame("check", "--baseline-dir", folder, "--branch", branch, "--new", same, "--save")
    assert os.listdir(tmp_path / "in") == ["here"] and os.listdir(folder) == [name]


def test_jobs_may_save_at_once(tmp_path, same):
    command = [PODFLAME, "check", "--baseline-dir", tmp_path / "d", "--new", same, "--save", "--keep", "100"]
    jobs = [subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for _ in range(8)]
    for job in jobs:
        assert job.wait(MARGIN_SECONDS) in (PASS, INVALID)
    assert stored(tmp_path / "d", "main") == ["%08d.otlp.json.gz" % i for i in range(1, 9)]


# ---- reports ----------------------------------------------------------------------------

HOSTILE = "<script>|`&\"']]>::error::\n\x1b[31m%0A"


def test_reports_of_all_kinds_at_once(tmp_path, base, worse):
    done = check(base, worse, "-f", "github", "-o", tmp_path / "r.md", "-o", tmp_path / "r.xml", "-o",
                 tmp_path / "r.json", "-o", tmp_path / "r.html", "-o", "text:%s" % (tmp_path / "r.log"))
    assert done.returncode == REGRESSION
    assert "::error file=lib.py,title=podflame%3A regression::lib.py:escape" in done.stdout
    assert "❌ podflame: regression" in (tmp_path / "r.md").read_text()
    assert json.loads((tmp_path / "r.json").read_text())["verdict"] == "regression"
    assert (tmp_path / "r.log").read_text().startswith("regression: ")
    suite = ElementTree.parse(tmp_path / "r.xml").getroot().find("testsuite")
    cases = suite.findall("testcase")
    assert int(suite.get("tests")) == len(cases)
    assert int(suite.get("failures")) == sum(case.find("failure") is not None for case in cases)
    assert {case.get("name") for case in cases if case.find("failure") is not None} == {
        "verdict", "escape (self)", "escape (total)"}


@pytest.mark.parametrize("kind", ["github", "markdown", "junit", "json", "text"])
def test_reports_of_what_is_invalid(tmp_path, base, kind):
    done = check(base, tmp_path / "none", "-f", kind)
    assert done.returncode == INVALID and "No such file" in done.stdout
    if kind == "junit":
        assert ElementTree.fromstring(done.stdout.encode()).find("testsuite").get("errors") == "1"


def test_hostile_names_stay_names(tmp_path):
    path = MAIN + (HOSTILE + ".py:" + HOSTILE.replace(":", ""),)
    base = profiles.write(tmp_path / "base.json", *runs({**STACKS, path: 1000}))
    new = profiles.write(tmp_path / "new.json", *runs({**STACKS, path: 3000}))
    done = check(base, new, "-f", "github", "-o", tmp_path / "r.md", "-o", tmp_path / "r.xml", "-o",
                 tmp_path / "r.html", "-o", tmp_path / "r.json")
    assert done.returncode == REGRESSION
    lines = done.stdout.splitlines()
    assert len(lines) == 2 and all(line.startswith("::error ") for line in lines)
    assert "\x1b" not in done.stdout and "%250A" in lines[1]
    ElementTree.parse(tmp_path / "r.xml")
    json.loads((tmp_path / "r.json").read_text())
    markdown = (tmp_path / "r.md").read_text()
    assert "\\|" in markdown and "\x1b" not in markdown
    for line in markdown.splitlines():
        assert line.count("`") % 2 == 0
    assert (tmp_path / "r.html").read_text().count("<script>|") == 0


# ---- diff ---------------------------------------------------------------------------------


def test_diff_shows_what_is_new_and_gone(tmp_path):
    (tmp_path / "a.folded").write_text("main;old (app.py:3) 300\nmain;f (app.py:10) 700\n")
    (tmp_path / "b.folded").write_text("main;fresh (app.py:5) 200\nmain;f (app.py:20) 600\n")
    done = podflame("diff", tmp_path / "a.folded", tmp_path / "b.folded")
    assert done.returncode == 0, done.stderr
    rows = {line.split()[-1]: line for line in done.stdout.splitlines() if line.endswith(("old", "fresh", "py:f"))}
    assert " gone " in rows["app.py:old"] and "30.00 %" in rows["app.py:old"]
    assert " new " in rows["app.py:fresh"] and "25.00 %" in rows["app.py:fresh"]
    assert "+5.00" in rows["app.py:f"] and "700/600" in rows["app.py:f"]
    folded = podflame("diff", tmp_path / "a.folded", tmp_path / "b.folded", "-f", "folded").stdout
    assert set(folded.splitlines()) == {"main;old (app.py) 300 0", "main;f (app.py) 700 600",
                                        "main;fresh (app.py) 0 200"}


def test_diff_html_shows_both_offline(tmp_path, base):
    new = profiles.write(tmp_path / "new.json", *runs({**slower("lib.py:escape", 100), MAIN + ("app.py:fresh",): 500,
                                                       MAIN + ("app.py:query",): 0}))
    page_file = tmp_path / "diff.html"
    assert podflame("diff", base, new, "-o", page_file).returncode == 0
    with browser.open_page(page_file.as_uri()) as page:
        widths = browser.widths(page, ["escape", "fresh", "query", "parse"])
        fills = page.execute_script("""
            return Object.fromEntries(Array.from(document.querySelectorAll("g.frame"), g => [
                g.getAttribute("name"),
                getComputedStyle(g.querySelector("rect")).fill]));""")
        assert not browser.errors(page)
    # Widths are the mean of the shares: 0.15 and 0.3 / 1.05, 0 and 0.05 / 1.05, 0.15 and 0, 0.3 and 0.3 / 1.05.
    assert widths["escape"] / widths["parse"] == pytest.approx((0.15 + 0.3 / 1.05) / (0.3 + 0.3 / 1.05), rel=0.03)
    assert widths["fresh"] / widths["query"] == pytest.approx(0.05 / 1.05 / 0.15, rel=0.1)

    def red_less_blue(name):
        red, _, blue = map(int, re.findall(r"\d+", fills[name])[:3])
        return red - blue

    assert red_less_blue("escape") > 60 and red_less_blue("fresh") > 100
    assert red_less_blue("query") < -60 and abs(red_less_blue("parse")) < 40


@pytest.mark.parametrize("words", [[], ["a"], ["a", "b", "c"], ["a", "b", "-f", "junit"], ["a", "b", "-f", "x"]])
def test_diff_called_wrongly(words):
    assert podflame("diff", *words).returncode == 2


def test_diff_of_nothing(tmp_path, base):
    (tmp_path / "empty").write_bytes(b"")
    done = podflame("diff", base, tmp_path / "empty")
    assert done.returncode == 1 and "it is empty" in done.stderr


# ---- a real project -------------------------------------------------------------------------

# Builds docutils' own documents with the docutils of sys.path[0] or Debian's.
BUILD = """
import gzip
from docutils.core import publish_string
text = gzip.open("/usr/share/doc/python3-docutils/FAQ.txt.gz", "rt").read()
for _ in range(10):
    publish_string(text, writer_name="html", settings_overrides={"report_level": 5})
"""
INSTALLED = "/usr/lib/python3/dist-packages/docutils"
# A method of the parser of inline markup, which takes a few percent of the time.
SLOWED = "def parse(self, text, lineno, memo, parent):"
WASTE = SLOWED + "\n        for _ in range(%d): pass"


def build(folder):
    return ["env", "-u", "PYTHONDONTWRITEBYTECODE", "PYTHONPATH=%s" % folder, "/usr/bin/python3", "-c", BUILD]


RECORDINGS_MAX = 3


def record_docutils(file, folder):
    """A run that the rest of the machine spoiled is made again: check refuses its low coverage."""
    for _ in range(RECORDINGS_MAX):
        done = podflame("record", "-r", 2000, "-f", "otlp", "-o", file, "--", *build(folder), timeout=120)
        assert done.returncode == 0, done.stderr
        if "coverage" not in done.stderr:
            break
    return file


def test_docutils_made_slower_is_named(tmp_path):
    if not os.path.exists(INSTALLED) or not os.path.exists("/usr/share/doc/python3-docutils/FAQ.txt.gz"):
        must_skip("python3-docutils is missing: apt-get install python3-docutils")
    changed = tmp_path / "checkout"
    shutil.copytree(INSTALLED, changed / "docutils", ignore=shutil.ignore_patterns("__pycache__"))
    states = changed / "docutils/parsers/rst/states.py"
    source = states.read_text()
    assert source.count(SLOWED) == 1
    states.write_text(source.replace(SLOWED, WASTE % 20000))
    subprocess.run(build(changed), check=True, stdout=subprocess.DEVNULL)  # compiles it
    files = {"base": [], "new": []}
    for i in range(4):
        files["base"].append(record_docutils(tmp_path / ("base%d" % i), tmp_path))
        files["new"].append(record_docutils(tmp_path / ("new%d" % i), changed))
    done = podflame("check", "-f", "json", "--base", *files["base"], "--new", *files["new"])
    report = json.loads(done.stdout)
    assert report["verdict"] == "regression", report["sentence"]
    assert report["causes"][0]["function"] == "docutils/parsers/rst/states.py:Inliner.parse"
    assert report["causes"][0]["path"][-1] == "Inliner.parse"


