# SPDX-License-Identifier: Apache-2.0
"""A test that must skip says why; with CI=true it must not skip what Debian provides."""

import os
from collections import Counter

import pytest


def must_skip(reason, debian=True):
    """Skips. @debian: Debian's packages can provide what is missing, so CI has no excuse."""
    if debian and os.environ.get("CI") == "true":
        pytest.fail("may not be skipped under CI=true: " + reason, pytrace=False)
    pytest.skip(reason)


class Skips:
    """A plugin of pytest that counts at the end what was skipped, by reason."""

    def __init__(self):
        self.reasons = Counter()

    def pytest_runtest_logreport(self, report):
        if report.skipped and isinstance(report.longrepr, tuple):
            self.reasons[report.longrepr[2].partition("Skipped: ")[2] or report.longrepr[2]] += 1

    def pytest_terminal_summary(self, terminalreporter):
        if self.reasons:
            terminalreporter.section("%d skipped" % sum(self.reasons.values()))
        for reason, count in self.reasons.most_common():
            terminalreporter.write_line("%4d  %s" % (count, reason))
