# SPDX-License-Identifier: Apache-2.0
"""A plugin of pytest that writes the node ids of what failed into the file that PODFLAME_FAILURES names (run_e2e.py)."""

import os


class Failures:
    def __init__(self):
        self.found = {}

    def pytest_runtest_logreport(self, report):
        if report.failed:
            self.found[report.nodeid.partition("@")[0]] = True

    def pytest_sessionfinish(self):
        path = os.environ.get("PODFLAME_FAILURES")
        if path:
            with open(path, "w", encoding="utf-8") as file:
                file.writelines("%s\n" % node for node in self.found)
