# SPDX-License-Identifier: Apache-2.0
"""What podflame check and diff judge: the project's own functions, and of a test suite its tests."""

import json

import profiles
from program import podflame

PASS, REGRESSION, INVALID, INCONCLUSIVE = 0, 1, 2, 3
PYTEST = ("/v/lib/python3.11/site-packages/_pytest/main.py:wrap_session",)
TEST = PYTEST + ("/v/lib/python3.11/site-packages/_pytest/runner.py:runtestprotocol", "/w/tests/test_cart.py:test_total")
TOTAL = TEST + ("/w/shop/cart.py:total",)


def suite(total=2000, collection=3000, number=0, **more):
    return profiles.run({PYTEST: collection * (1 + number % 3), TEST: 3000, TOTAL: 2000,
                         TOTAL + ("/usr/lib/python3.11/json/encoder.py:encode",): total,
                         TEST + ("/w/shop/cart.py:add",): 3000}, number, **more)


def write(path, runs=5, **more):
    return profiles.write(path, *(suite(number=i, **more) for i in range(runs)))


def check(base, new, *more):
    done = podflame("check", "--base", base, "--new", new, "-f", "json", *more)
    return done.returncode, json.loads(done.stdout)


def test_what_a_suite_does_besides_its_tests_does_not_count(tmp_path):
    status, report = check(write(tmp_path / "a"), write(tmp_path / "b", collection=5000))
    assert status == PASS, report["sentence"]
    assert report["scope"]["start"] == "tests"
    assert report["scope"]["judged"] == {"base": 50000, "new": 50000}
    assert report["scope"]["left_out"]["outside"]["base"] == 3000 * (1 + 2 + 3 + 1 + 2)
    assert "outside of tests" in report["scope"]["sentence"]
    status, report = check(tmp_path / "a", tmp_path / "b", "--from", "", "--only", "*")
    assert report["scope"]["judged"] == report["scope"]["all"]


def test_time_of_a_library_counts_for_who_calls_it(tmp_path):
    status, report = check(write(tmp_path / "a"), write(tmp_path / "b", total=4000))
    assert status == REGRESSION
    assert report["causes"][0]["function"] == "shop/cart.py:total"
    status, report = check(tmp_path / "a", tmp_path / "b", "--ignore", "cart.py:total")
    row = next(f for f in report["functions"] if f["name"] == "test_total")
    assert (row["self"]["share"]["base"], row["self"]["share"]["new"]) == (0.7, 0.75)


def test_what_matches_nothing_is_invalid(tmp_path):
    base, new = write(tmp_path / "a"), write(tmp_path / "b")
    for words in (["--only", "shops/*"], ["--ignore", "none.py"], ["--from", "nobody"]):
        status, report = check(base, new, *words)
        assert status == INVALID and words[1] in report["sentence"]
        assert podflame("diff", base, new, *words).returncode == 1


def test_a_side_without_tests_is_invalid(tmp_path):
    other = profiles.write(tmp_path / "b", *(profiles.run({("app.py:main",): 1000}, i) for i in range(5)))
    status, report = check(write(tmp_path / "a"), other)
    assert status == INVALID and "runs no tests" in report["sentence"]


def extra(name, count):
    return {TEST[:2] + ("/w/tests/test_cart.py:" + name,): count}


def test_tests_of_one_side_are_left_out(tmp_path):
    both = [suite(number=i) for i in range(5)]
    more = [profiles.run({**one["stacks"], **extra("test_new", 4000)}, i) for i, one in enumerate(both)]
    status, report = check(profiles.write(tmp_path / "a", *both), profiles.write(tmp_path / "b", *more))
    assert status == PASS, report["sentence"]
    assert report["scope"]["left_out"]["one_sided"] == {"base": 0, "new": 20000}
    assert "tests of one side only" in report["scope"]["sentence"]


def test_other_tests_in_each_run_are_invalid(tmp_path):
    both = [suite(number=i) for i in range(5)]
    mixed = [profiles.run({**one["stacks"], **extra("test_sometimes", 100 * (i % 2))}, i) for i, one in enumerate(both)]
    status, report = check(profiles.write(tmp_path / "a", *both), profiles.write(tmp_path / "b", *mixed))
    assert status == INVALID and "test_sometimes" in report["sentence"]


def test_other_tools_files_are_compared_if_the_user_says_so(tmp_path):
    files = [tmp_path / name for name in "abcd"]
    for file in files:
        file.write_text("main (app.py:1);f (app.py:3) 6000\nmain (app.py:1);g (app.py:9) 4000\n")
    words = ["check", "--base", *files[:2], "--new", *files[2:]]
    assert podflame(*words).returncode == INVALID
    done = podflame(*words, "--assume-same-interpreter")
    assert done.returncode in (PASS, INCONCLUSIVE), done.stdout
    assert "taken for the same on both sides" in done.stdout
