# SPDX-License-Identifier: Apache-2.0
"""A plugin of pytest that prints what became of every check of every interpreter (test_matrix.py).

A cell is known by the property "cell" of its test's report: tests may run in other processes.
"""


class Table:
    def __init__(self):
        self.cells = {}

    def pytest_runtest_logreport(self, report):
        cell = dict(report.user_properties).get("cell")
        if not cell or (report.passed and report.when != "call"):
            return
        if report.skipped:
            self.cells[tuple(cell)] = "skipped: " + report.longrepr[2].partition(": ")[2]
        else:
            self.cells[tuple(cell)] = "ok" if report.passed else "FAILED"

    def pytest_terminal_summary(self, terminalreporter):
        if not self.cells:
            return
        from test_matrix import CASES, CHECKS, MINORS
        terminalreporter.section("versions x checks")
        width = max(len(str(case)) for case in CASES)
        reasons = []
        terminalreporter.write_line(" " * width + "".join(" %-10s" % check for check in CHECKS))
        for case in CASES:
            row = [self.cells.get((str(case), check), "not run") for check in CHECKS]
            for cell in row:
                if cell.startswith("skipped: ") and cell not in reasons:
                    reasons.append(cell)
            short = ["skipped %d" % (reasons.index(cell) + 1) if cell in reasons else cell for cell in row]
            terminalreporter.write_line(str(case).ljust(width) + "".join(" %-10s" % cell for cell in short))
        for number, reason in enumerate(reasons, 1):
            terminalreporter.write_line("skipped %d: %s" % (number, reason.partition(": ")[2]))
        missing = ["%d.%d" % minor for minor in MINORS if minor not in {case.interpreter.version for case in CASES}]
        terminalreporter.write_line("not at hand, judged by recordings or forged memory only: %s" % ", ".join(
            missing + ["free-threaded and debug builds"]))
