# SPDX-License-Identifier: Apache-2.0
"""Whether tests/targets/labyrinth.py can have had a stack: stacks in, verdicts out.

The target's own text says what each of its lines calls. Stacks are what
truth.parse_folded() makes of a profile: [(frames, count)], frames root first.
"""

import ast
import functools
import pathlib
import re

import truth

LABYRINTH = pathlib.Path(__file__).resolve().parents[1] / "targets" / "labyrinth.py"

# Where a stack can begin, the functions before the first floor included.
ROOTS = {"<module>", "main", "walk", "worker"}
# What stands for a thread that begins or ends: it has no Python frame.
WITHOUT_PYTHON = {"(no Python frame)", "(native)"}
# What 3.12 and later put between a class that is called and its __init__().
INTERNAL = truth.parse_frame("__init__ (__init__)")
FLOOR_FILE = re.compile(r"floor(\d\d)\.py")
LAST_FLOOR = 9


def texts():
    """The strings of labyrinth.py, by name."""
    tree = ast.parse(LABYRINTH.read_text(encoding="utf-8"))
    return {node.targets[0].id: node.value.value for node in tree.body
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)}


def calls_of(text):
    """{line: (names of the next floor, names of this floor)} that a line calls."""
    found = {}
    for number, line in enumerate(text.splitlines(), 1):
        marks = line.partition("# -> ")[2].split()
        found[number] = ({mark[1:] for mark in marks if mark[0] == "+"}, {mark[1:] for mark in marks if mark[0] == "="})
    return found


def places_of(text):
    """{name: [(first line, last line)]} of the functions; decorators count."""
    found = {}
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            first = min([node.lineno] + [decorator.lineno for decorator in node.decorator_list])
            found.setdefault(node.name, []).append((first, node.end_lineno))
        elif isinstance(node, (ast.Lambda, ast.ListComp)):
            name = "<lambda>" if isinstance(node, ast.Lambda) else "<listcomp>"
            found.setdefault(name, []).append((node.lineno, node.end_lineno))
    return found


@functools.lru_cache(maxsize=None)
def floor_of_file(file):
    match = FLOOR_FILE.fullmatch(file)
    return int(match[1]) if match else None


def plain_name(frame):
    """Without the class and the function around it, which are told from 3.11 on."""
    return frame.name.rpartition(".")[2]


def show(frame):
    return "%s (%s:%d)" % frame


class Judge:
    """@version: of the target's Python, a tuple. @threads: whether it starts any."""

    def __init__(self, version, threads=False):
        text = texts()
        floor = text["WRAPPER"] + text["FLOOR"] + text["COROUTINES" if version >= (3, 5) else "WITHOUT_COROUTINES"]
        self.calls, self.places, self.threads = calls_of(floor), places_of(floor), threads
        self.kinds = set().union(*(following for following, _ in self.calls.values()))
        self.step = functools.lru_cache(maxsize=None)(self.judge_step)

    def is_place(self, frame):
        """Whether the frame's line is one of its function; a frame that has not begun has none."""
        places = self.places.get(plain_name(frame), [])
        return frame.line == 0 or any(first <= frame.line <= last for first, last in places)

    def is_called(self, callee, wanted):
        """Whether a call of one of @wanted looks like that: what is decorated is called through its wrapper."""
        name = plain_name(callee)
        return name in wanted and name != "decorated" or name == "wrapper" and "decorated" in wanted

    def judge_first_step(self, caller, callee, floor):
        """A step of what is before the first floor."""
        if floor is None:
            return None
        called = plain_name(caller) == "walk" and floor == 0 and self.is_called(callee, self.kinds)
        return None if called else "a floor out of nowhere"

    def judge_own_step(self, caller, callee, same):
        """A step on one floor."""
        if plain_name(caller) == "wrapper":
            return None if plain_name(callee) == "decorated" else "not what is wrapped"
        if plain_name(callee) == "<lambda>" and callee.line not in (0, caller.line):
            return "another line's lambda"
        return None if plain_name(callee) in same else "a call that this line does not make"

    def judge_step(self, caller, callee):
        """None, or what is wrong with @callee, called by @caller."""
        before, after = floor_of_file(caller.file), floor_of_file(callee.file)
        if after is not None and not self.is_place(callee):
            return "no line of its function"
        if before is None:
            return self.judge_first_step(caller, callee, after)
        following, same = self.calls.get(caller.line, (set(), set()))
        if after is None:
            left = plain_name(callee) == "rest" and following and before == LAST_FLOOR
            return None if left else "left the floors"
        if after == before + 1:
            return None if self.is_called(callee, following) else "a step up that this line does not take"
        if after == before:
            return self.judge_own_step(caller, callee, same)
        return "from floor %d to floor %d" % (before, after)

    def judge(self, frames):
        """None, or what is wrong with a stack: a sentence."""
        frames = [frame for frame in frames if frame != INTERNAL and not truth.is_idle(frame)]
        if self.threads and frames and frames[-1].name in WITHOUT_PYTHON and all(not frame.file for frame in frames):
            return None
        if not frames or plain_name(frames[0]) not in ROOTS:
            return "begins with %s" % (show(frames[0]) if frames else "nothing")
        for caller, callee in zip(frames, frames[1:]):
            wrong = self.step(caller, callee)
            if wrong:
                return "%s -> %s: %s" % (show(caller), show(callee), wrong)
        return None


def impossible(stacks, judge):
    """[(what is wrong, frames, count)] of the stacks that cannot have been."""
    return [(wrong, frames, count) for frames, count in stacks for wrong in [judge.judge(frames)] if wrong]
