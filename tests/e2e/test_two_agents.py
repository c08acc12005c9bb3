# SPDX-License-Identifier: Apache-2.0
"""Two agents on one machine: while one reads a thread, the other's tick may meet that reader. It must not do so always."""

import contextlib
import subprocess
import sys

import pytest

from collector import Collector, free_port, metric
from program import MARGIN_SECONDS, Background, eventually
from testbed import PROJECT

RATE = 99
SEEN = 0.95  # of the CPU time
LEAST_SECONDS = 4  # of CPU time in the books
DEEP = [sys.executable, "-S", PROJECT / "tests/targets/deep.py", "0", "20"]


class Agent(Background):
    def __init__(self, folder, collector, pid):
        self.port = free_port()
        super().__init__(folder, "agent", "--collector", collector, "--rate", RATE, "--select", "pid=%d" % pid,
                         "--listen", "127.0.0.1:%d" % self.port)

    def books(self):
        """CPU seconds that the kernel accounted to the process, and those that samples stand for; both of whole windows."""
        with contextlib.suppress(OSError):
            return [metric(self.port, "podflame_cpu_%s_seconds_total" % kind) for kind in ("accounted", "sampled")]
        return [0, 0]


@pytest.mark.alone
def test_each_sees_the_process(tmp_path):
    with contextlib.ExitStack() as stack:
        target = stack.enter_context(subprocess.Popen(DEEP, stdout=subprocess.PIPE, cwd=PROJECT / "tests/targets"))
        stack.callback(target.kill)
        assert target.stdout.readline() == b"ready\n"
        collector = stack.enter_context(Collector(tmp_path / "collector"))
        agents = [stack.enter_context(Agent(tmp_path / name, collector.url, target.pid)) for name in ("first", "second")]
        for agent in agents:
            eventually(lambda agent=agent: agent.books()[0] > LEAST_SECONDS, MARGIN_SECONDS, lambda agent=agent: agent.stderr)
        books = [agent.books() for agent in agents]
        print(books)
        assert all(sampled > SEEN * accounted for accounted, sampled in books), books
