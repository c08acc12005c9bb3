# SPDX-License-Identifier: Apache-2.0
"""All kinds of waits at once, in mode wall: the matrix of tests/oracle/reasons.py has its sums on the diagonal."""

import collections
import pathlib
import sys

import pytest

from skips import must_skip
from testbed import PROJECT, Unavailable

sys.path.insert(0, str(PROJECT / "tests/oracle"))

import reasons  # noqa: E402


def test_no_reason_is_wrong():
    if not pathlib.Path("/dev/fuse").exists():
        must_skip("no kernel with FUSE", debian=False)
    try:
        matrix = reasons.measure(4, 200)
    except Unavailable as error:
        must_skip(str(error))
    shown = "\n" + reasons.table(matrix)
    for kind in reasons.KINDS:
        assert matrix[kind, kind] > 0.2, kind + shown
    assert reasons.wrong(matrix, chance=False) == 0, shown
    assert reasons.wrong(matrix) < 0.05 * reasons.total(matrix), shown
    assert reasons.unknown(matrix) < 0.02 * reasons.total(matrix), shown


def test_the_matrix_tells_what_is_wrong():
    """As many seconds as both have agree. The rest is set against each other."""
    matrix = collections.Counter()
    reasons.confuse({"sleep": 3, "CPU": 1}, {"sleep": 2, "lock": 1.5, "unknown": 0.5}, matrix)
    assert matrix["sleep", "sleep"] == 2 and reasons.total(matrix) == pytest.approx(4)
    assert matrix["sleep", "lock"] + matrix["CPU", "lock"] == pytest.approx(1.5)
    assert reasons.unknown(matrix) == pytest.approx(0.5) and reasons.wrong(matrix) == pytest.approx(1.5)
    assert 0 < reasons.wrong(matrix, chance=False) <= 1
    assert "| sleep" in reasons.table(matrix) and "2.00" in reasons.table(matrix)
