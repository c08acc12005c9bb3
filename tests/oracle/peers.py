# SPDX-License-Identifier: Apache-2.0
"""The profilers: how each is called, and what each leaves behind.

All take whole seconds, a rate in Hz, and write their leanest format: stacks only.
Each runs in the mode that it has by default, unless options say otherwise.
"""

import dataclasses
import re
import subprocess
from collections import Counter

import mojo
import readers
from testbed import Unavailable

ANSI = re.compile(r"\x1b\[[0-9;]*m")


@dataclasses.dataclass
class Output:
    profile: readers.Profile
    lost: int  # samples that the profiler itself says it could not read, or read wrong
    delivered: int = 0  # samples in stacks

    def __post_init__(self):
        self.delivered = round(sum(sample.count for sample in self.profile.samples))

    @property
    def stacks(self):
        """Counts of stacks: tuples of readers.Frame, outermost first."""
        counts = Counter()
        for sample in self.profile.samples:
            counts[sample.stack] += sample.count
        return counts


def number(pattern, text, default=0):
    found = re.search(pattern, text)
    return float(found[1]) if found else default


class Tool:
    """@place: where it runs. @mode: "cpu" if it samples running threads only, "wall" if by the clock.

    @options: more words for its command line.
    """

    most = None  # the highest rate that it takes, if it has one
    # Drivers: the least that its way of sampling costs here; itself at higher rates; itself meeting another process.
    floor = beyond = met = None
    counts = False  # whether it ends after a number of samples, however long these take

    def __init__(self, name, place, mode="wall", options=()):
        self.name = name
        self.place = place
        self.mode = mode
        self.options = list(options)

    def command(self, target, seconds, rate, output, threads=False, children=False):
        raise NotImplementedError

    def read(self, path, log, rate=0):
        """@path: what it wrote; @log: what it printed; @rate: what it was asked for."""
        raise NotImplementedError

    def check(self, words):
        """Words of its command line that print its version; Unavailable if it does not run at all."""
        done = subprocess.run(self.place.command(words), capture_output=True, text=True, env=self.place.environment,
                              cwd="/")
        if done.returncode != 0:
            raise Unavailable(ANSI.sub("", done.stderr).strip().splitlines()[-1])
        return done.stdout.strip().replace("Python ", "CPython ")


class Podflame(Tool):
    most = 20000
    SUMMARY = r"torn (\d+), retried \d+, late \d+, lost (\d+)"

    def __init__(self, name, place, program, mode, options=()):
        super().__init__(name, place, mode, options)
        self.program = str(program)
        self.version = self.check([self.program, "--version"])

    def command(self, target, seconds, rate, output, threads=False, children=False):
        return [self.program, "record", "-v", "-p", str(target.pid), *(["-s"] if children else []), "-d",
                str(seconds), "-r", str(rate), "-m", self.mode, *self.options, "-f", "folded", "-o", output]

    def read(self, path, log, rate=0):
        lost = re.search(self.SUMMARY, log)
        return Output(readers.read(path, rate), int(lost[1]) + int(lost[2]) if lost else 0)


class Driver(Tool):
    """driver.c: what podflame's commands do not do. @what: "floor", "sample" or "met"."""

    def __init__(self, what, place, program):
        super().__init__(what, place, "cpu")
        self.program = str(program)
        self.what = what

    def command(self, target, seconds, rate, output, threads=False, children=False):
        return [self.program, self.what, str(target.pid), str(seconds), str(rate), output]

    def read(self, path, log, rate=0):
        samples, lost = (int(word) for word in path.read_text().split())
        output = Output(readers.Profile([], "none"), lost)
        output.delivered = samples
        return output


class PySpy(Tool):
    counts = True

    def __init__(self, name, place, tools, mode="wall", options=()):
        super().__init__(name, place, mode, options)
        self.program = str(tools / "py-spy")
        self.version = self.check([self.program, "--version"])

    def command(self, target, seconds, rate, output, threads=False, children=False):
        return [self.program, "record", "-p", str(target.pid), "-d", str(seconds), "-r", str(rate), "-f", "raw",
                *self.options, "-o", output] + (["--subprocesses"] if children else [])

    def read(self, path, log, rate=0):
        return Output(readers.read(path, rate), int(number(r"Errors: (\d+)", log)))


class Austin(Tool):
    """Runs where the target runs: it does not look into other mount namespaces.

    Its binary wants a newer C library than some hosts have: there it runs by the rootfs's.
    """

    def __init__(self, name, place, program, loader=(), mode="wall", options=()):
        super().__init__(name, place, mode, options)
        self.words = [str(program)]
        try:
            self.version = self.check(self.words + ["--version"])
        except Unavailable:
            if not loader:
                raise
            self.words = [*loader, str(program)]
            self.version = self.check(self.words + ["--version"])

    def command(self, target, seconds, rate, output, threads=False, children=False):
        interval = "%dus" % max(1, round(1e6 / rate))
        return self.place.command([*self.words, "-p", str(target.pid), "-x", str(seconds), "-i", interval, "-o", output,
                                   *self.options, *(["--children"] if children else [])])

    def read(self, path, log, rate=0):
        data = path.read_bytes()
        if len(data) <= 4:
            raise Unavailable(complaint(log))
        _, invalid = mojo.stacks(data)
        return Output(readers.read(path), max(invalid, int(number(r"Error rate[ .]*(\d+)/", ANSI.sub("", log)))))


class Sampling(Tool):
    """CPython's own; it must be the target's version, and runs where the target runs."""

    def __init__(self, name, place, mode="wall", options=()):
        super().__init__(name, place, mode, options)
        self.version = self.check(place.python + ["--version"])

    def command(self, target, seconds, rate, output, threads=False, children=False):
        return self.place.command(self.place.python + [
            "-m", "profiling.sampling", "attach", "-d", str(seconds), "-r", str(rate), "--collapsed", "-o", output,
            *self.options, *(["--all-threads"] if threads else []), *(["--subprocesses"] if children else []), str(target.pid)])

    def read(self, path, log, rate=0):
        samples = []
        for file in [path] if path.exists() else path.parent.glob(path.name + "*"):
            samples += readers.read(file, rate).samples
        captured = sum(int(word) for word in re.findall(r"Captured (\d+) samples", log))
        return Output(readers.Profile(samples, "folded"), round(captured * number(r"Error rate: ([\d.]+)", log) / 100))


def complaint(log):
    """The sentence of a program's output that says why it did nothing."""
    text = ANSI.sub("", log)
    rows = [row.strip() for row in text.splitlines() if re.search(r"[a-z]{3}.* .*[a-z]{3}", row)]
    for row in rows:
        if re.search(r"rror|annot|ailed|not |nsupported|nable", row):
            return short(row)
    return short(rows[-1]) if rows else "no output"


def short(sentence):
    return re.sub(r"^[^A-Za-z]+", "", sentence).split(". ")[0][:70]
