# SPDX-License-Identifier: Apache-2.0
"""Judges mixed stacks: each alone is a path in the tree of calls.py, or it is wrong."""

import collections
import re

# Of C code, or of the kernel, there is no line. Of Python code, too, there is none where the interpreter has made it: it is
# called as its file.
FRAME = re.compile(r"(?P<name>.*) \((?P<file>[^()]*?)(:(?P<line>\d+))?\)", re.S)
TOLD = re.compile(r"native stacks: (\d+) of (\d+) show Python alone(: .*)?")
REASON = re.compile(r"(\S.*?) (\d+)(?:, |$)")
PROCESS = re.compile(r".* \(pid \d+\)")
NATIVE = "(native)"  # of a thread that runs no Python; its C code follows, if it is known
EXAMPLES_MAX = 20


class Verdict:
    """What was found in stacks: how many are right, wrong, and without C code."""

    def __init__(self):
        self.right = self.wrong = self.alone = 0
        self.mixed = self.unmerged = 0  # as podflame tells it
        self.reasons = collections.Counter()
        self.examples = []
        self.said = ""

    @property
    def samples(self):
        return self.right + self.wrong

    def add(self, other):
        for name in ("right", "wrong", "alone", "mixed", "unmerged"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.reasons.update(other.reasons)
        self.examples = (self.examples + other.examples)[:EXAMPLES_MAX]


def parse(row):
    """(frames outermost first, number) of a folded row; a frame is (name, file, whether it is Python's)."""
    stack, _, number = row.rpartition(" ")
    frames = []
    for text in stack.split(";"):
        found = None if PROCESS.fullmatch(text) else FRAME.fullmatch(text)
        if found:
            file = found["file"].rpartition("/")[2]
            frames.append((found["name"], file, found["line"] is not None or file.endswith(".py") or found["name"] == file))
        else:
            frames.append((text, "", None))
    return frames, int(number)


def steps(trees, name, skips):
    """The trees below @name. With @skips, C functions on the way may be missing."""
    found = []
    for tree in trees:
        if name in tree:
            found.append(tree[name])
        if skips:
            found += steps([below for key, below in tree.items() if key.startswith("c_")], name, skips)
    return found


def is_path(roots, names, skips):
    trees = [roots]
    for name in names:
        trees = steps(trees, name, skips)
    return bool(trees) and bool(names)


def of_program(frames, files):
    """The names of the program and its library, but of code without a name. A method is called by its name alone."""
    return [name.rpartition(".")[2] for name, file, _ in frames if file in files and not name.startswith(file + "+")]


def judge(text, roots, files, told=""):
    """@text: folded stacks. @roots: what calls.py describes. @files: its file's name and its library's. @told: what
    podflame said."""
    verdict = Verdict()
    verdict.said = told
    for row in text.splitlines():
        frames, number = parse(row)
        alone = not any(python is False for _, _, python in frames)
        verdict.alone += number if alone else 0
        if is_path(roots, of_program(frames, files), alone) or (alone and frames[-1][0] == NATIVE):
            verdict.right += number
        else:
            verdict.wrong += number
            verdict.examples.append(row)
    del verdict.examples[EXAMPLES_MAX:]
    for unmerged, mixed, reasons in TOLD.findall(told):
        verdict.unmerged += int(unmerged)
        verdict.mixed += int(mixed)
        verdict.reasons.update({reason: int(n) for reason, n in REASON.findall(reasons[2:])})
    return verdict
