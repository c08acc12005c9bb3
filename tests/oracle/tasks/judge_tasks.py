# SPDX-License-Identifier: Apache-2.0
"""Judges stacks of forest.py: each alone is one that the forest can have had, or it is wrong."""

import collections
import pathlib
import re
import sys

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[1])]

import forest  # noqa: E402
import readers  # noqa: E402

TASK = "task "
MARKS = ("(several awaiters)", "(cycle of tasks)")
OWN = re.compile(r"(node|busy|step_[a-z]+|waits|ticks)_\d+")
EXAMPLES_MAX = 10


class Verdict:
    """Numbers of stacks. @rooted: those below a task. @parents and @orphans: by the kind of the parent, whether the innermost task
    has it on its stack. @bare: in a node, but without a task."""

    def __init__(self):
        self.right = self.wrong = self.rooted = self.bare = self.marked = 0
        self.parents, self.orphans = collections.Counter(), collections.Counter()
        self.whys = collections.Counter()
        self.deepest = 0
        self.examples = []

    @property
    def samples(self):
        return self.right + self.wrong

    def add(self, other):
        for name in ("right", "wrong", "rooted", "bare", "marked"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name in ("parents", "orphans", "whys"):
            getattr(self, name).update(getattr(other, name))
        self.deepest = max(self.deepest, other.deepest)
        self.examples = (self.examples + other.examples)[:EXAMPLES_MAX]

    def share(self, kind):
        """Of tasks that a parent of this kind has begun, those that have it on their stack."""
        return self.parents[kind] / max(1, self.parents[kind] + self.orphans[kind])


class Truth:
    """What forest.py has described."""

    def __init__(self, described):
        self.each, self.trees, self.version = described["each"], described["trees"], tuple(described["version"])

    def number(self, name):
        return (name - 1) % self.each + 1

    def parent(self, name):
        """0: it is a root."""
        number = self.number(name)
        above = forest.parent(number, self.trees)
        return above and name - number + above

    def is_leaf(self, name):
        return self.trees + (self.number(name) - 1) * forest.BRANCHES + 1 > self.each

    def frames(self, name, runs):
        """What the frames of this task's own functions are. @runs: else it awaits a child."""
        share, kind = name % forest.SHARED, forest.kind(self.number(name))
        step, waits = "step_%s_%d " % (kind, share), "waits_%d " % share
        if self.is_leaf(name):
            inside = "(ticks_%d )?" % share
        elif runs:
            inside = "(%s(%s)?)?" % (step, waits)
        else:
            inside = step + (waits if kind == "agen" else "")
        return "node_%d %s%s" % (name, inside, "(busy_%d )?" % name if runs else "")


def own(frames):
    """Of the forest's functions. While Forest.coroutine() calls one, it makes a coroutine, which has a frame for this moment."""
    made = [before.rpartition(".")[2] == "coroutine" for before in ["", *frames]]
    return "".join(name + " " for name, new in zip(frames, made) if OWN.fullmatch(name) and not new)


def split(stack):
    """(frames before the first task, [(task, frames)]), names alone, outermost first."""
    before, tasks = [], []
    for frame in stack:
        if frame.name.startswith(TASK) and not frame.file:
            tasks.append((frame.name[len(TASK):], []))
        else:
            (tasks[-1][1] if tasks else before).append(frame.name)
    return before, tasks


def fault(truth, before, tasks):
    """Why the stack is none that the forest can have had; "" if it may be one."""
    if [name for name in before if name not in MARKS]:
        return "something stands outside of the tasks"
    inner = None
    for name, frames in reversed(tasks):
        number = int(name[1:]) if re.fullmatch(r"n\d+", name) else 0
        if not number:
            if inner and truth.parent(inner):
                return "parent"
            # That in which a loop begins its trees, or one of asyncio's own, such as that which ends a loop.
            return "" if not own(frames) and tasks[0][0] == name else "name"
        if inner and truth.parent(inner) != number:
            return "parent"
        if not re.fullmatch(truth.frames(number, inner is None), own(frames)):
            return "frames of the innermost task" if inner is None else "frames of a parent"
        inner = number
    return ""


def judge(stacks, described):
    """@stacks: as readers.parse_folded() has them. @described: what forest.py says of itself."""
    truth, verdict = Truth(described), Verdict()
    for stack, number in stacks:
        before, tasks = split(frame for frame in stack if readers.owner(frame.name) is None or frame.file)
        why = fault(truth, before, tasks) if tasks else ""
        verdict.whys[why] += number if why else 0
        verdict.right += 0 if why else number
        verdict.wrong += number if why else 0
        verdict.rooted += number if tasks else 0
        verdict.marked += number if tasks and before else 0
        verdict.bare += number if not tasks and own(before) else 0
        verdict.deepest = max(verdict.deepest, len(tasks))
        if why and len(verdict.examples) < EXAMPLES_MAX:
            verdict.examples.append("%s: %s %d" % (why, ";".join(frame.name for frame in stack), number))
        if tasks and not why and re.fullmatch(r"n\d+", tasks[-1][0]):
            above = truth.parent(int(tasks[-1][0][1:]))
            if above:
                kinds = verdict.parents if len(tasks) > 1 else verdict.orphans
                kinds[forest.kind(truth.number(above))] += number
    return verdict
