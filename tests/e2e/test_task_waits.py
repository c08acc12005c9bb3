# SPDX-License-Identifier: Apache-2.0
"""Tasks of asyncio that wait: dump --tasks shows each with its coroutines and what it waits for, and mode wall samples them.

The name of a task of the target says how it waits. Up to 3.13 a task does not know all that await it: what is told must be
true, and what must be told depends on the version.
"""

import json
import re

import pytest

from interpreters import IN_IMAGES, ON_HOST, Case
from program import podflame

EACH = [Case(i, "host") for i in ON_HOST if i.version >= (3, 8)] + [Case(i, "docker") for i in IN_IMAGES]
WIDE = "wide \U0001f40d \u00e4\\"

# Task: its functions from the outermost one on, the kind of its reason, and the words of it.
EXPECTED = {
    "sleeper": (["sleep_long", "sleep"], "sleep", r"sleeps, [45]\d\d\.\d s of 600\.0 s left"),
    "client": (["read_line", "readline", "readuntil", "_wait_for_data"], "socket", r"waits: socket 127\.0\.0\.1:\d+"),
    "holder": (["hold", "sleep"], "sleep", r"sleeps, [45]\d\d\.\d s of 600\.0 s left"),
    "locked": (["hold", "__aenter__", "acquire"], "lock", "waits: lock"),
    "iterator": (["iterate", "produce", "sleep"], "sleep", r"sleeps, [45]\d\d\.\d s of 600\.0 s left"),
    "consumer": (["get"], "lock", "waits: queue"),
    "receiver": (["receive", "sock_recv"], "socket", "waits: (unix )?socket"),  # a long table of sockets is not searched to its end
    "event": (["wait"], "lock", "waits: event( or condition)?"),
    "awaiter": (["await_it"], "task", 'waits: task "sleeper"'),
    "gatherer": (["gather_two"], "tasks", "waits: tasks"),
    "circle-1": (["await_later"], "task", 'waits: task "circle-2"'),
    "circle-2": (["await_later"], "task", 'waits: task "circle-1"'),
    WIDE: (["sleep_long", "sleep"], "sleep", r"sleeps, [45]\d\d\.\d s of 600\.0 s left"),
}


def bare(function):
    return function.rpartition(".")[2]


def dump_tasks(target):
    done = podflame("dump", "--tasks", "--json", "-p", target.pid)
    assert done.returncode == 0, done.stderr
    process = json.loads(done.stdout)[0]
    assert process["tasks_unread"] == 0 and process["tasks_cut"] is False, process
    return {task["name"]: task for task in process["tasks"]}, process["tasks"]


@pytest.mark.parametrize("case", EACH, ids=str)
def test_dump_tells_what_each_task_waits_for(start, case):
    tasks, listed = dump_tasks(start(case, "task_waits.py", 0))
    for name, (functions, kind, text) in EXPECTED.items():
        task = tasks[name]
        assert [bare(f["function"]) for f in reversed(task["frames"])] == functions, task
        assert task["reason"]["kind"] == kind and re.fullmatch(text, task["reason"]["text"]), task
        assert task["state"] == "suspended" and not task["truncated"], task
    of = {task["id"]: task["name"] for task in listed}
    awaited_by = {task["name"]: [of[i] for i in task["awaited_by"]] for task in listed}
    assert awaited_by["sleeper"] == ["awaiter"]
    assert awaited_by["circle-1"] == ["circle-2"] and awaited_by["circle-2"] == ["circle-1"]
    assert [task["cycle"] for task in listed if task["name"].startswith("circle")].count(True) == 1
    # gather() tells it from 3.14 on.
    gathered = [name for name, awaiters in awaited_by.items() if awaiters == ["gatherer"]]
    assert len(gathered) == (2 if case.interpreter.version >= (3, 14) else 0)
    assert {name for awaiters in awaited_by.values() for name in awaiters} <= set(of.values())


def test_the_text_is_a_tree(start):
    target = start(Case(IN_IMAGES[1], "docker"), "task_waits.py", 0)
    done = podflame("dump", "--tasks", "-p", target.pid)
    assert done.returncode == 0, done.stderr
    tree = done.stdout.split("\nTasks: ")[1]
    assert tree.startswith("17\n"), tree
    assert re.search(r'^Task "awaiter" \(waits: task "sleeper"\)\n    await_it \(.*\n  Task "sleeper" \(sleeps, .* left\)\n'
                     r"      sleep \(.*\n      sleep_long \(", tree, re.M), tree
    assert re.search(r'^Task "circle-\d" \(waits: task "circle-\d"\) \(cycle of tasks\)$', tree, re.M), tree
    assert 'Task "wide \U0001f40d \u00e4\\\\" ' in tree, tree


def test_a_process_without_asyncio_has_none(start):
    target = start(Case(ON_HOST[0], "host"), "sleeper.py", 0)
    done = podflame("dump", "--tasks", "-p", target.pid)
    assert done.returncode == 0 and done.stdout.endswith("Tasks: none are shown: asyncio is not imported\n"), done.stdout
    done = podflame("dump", "--tasks", "--json", "-p", target.pid)
    assert json.loads(done.stdout)[0]["tasks_error"] == "asyncio is not imported"


LEAVES = {"sleep": "[sleeps]", "socket": "[waits: socket]", "task": "[waits: task]", "tasks": "[waits: tasks]"}


def rows(text):
    for row in text.splitlines():
        stack, _, count = row.rpartition(" ")
        frames = stack.split(";")
        yield [frame if frame[0] in "[(" or frame.startswith("task ") else bare(frame.split(" (")[0]) for frame in frames], int(count)


@pytest.mark.parametrize("case", EACH, ids=str)
def test_mode_wall_samples_each_as_long_as_it_waits(start, case):
    target = start(case, "task_waits.py", 0)
    done = podflame("record", "-p", target.pid, "-m", "wall", "-r", 100, "-d", 3, "-v", "-f", "folded")
    assert done.returncode == 0, done.stderr
    counts, measured = {}, []
    for frames, count in rows(done.stdout):
        task = max((i for i, frame in enumerate(frames) if frame.startswith("task ")), default=None)
        if task is not None:
            counts.setdefault(frames[task][5:], []).append((frames[task + 1:], frames[:task], count))
    for name, (functions, kind, _) in EXPECTED.items():
        [(inside, outside, count)] = counts[name.replace("\\", "\\\\")]
        leaf = LEAVES.get(kind) or "[waits: %s]" % {"locked": "lock", "consumer": "queue"}.get(name, "event")
        if name == "event" and case.interpreter.version < (3, 11):
            leaf = "[waits: event or condition]"
        assert inside == functions + [leaf], (name, inside)
        assert 290 <= count <= 600, (name, count)  # a crowded machine ends a recording late
        measured.append(count)
        if name == "sleeper":
            assert outside == ["task awaiter", "await_it"], outside
        if name.startswith("circle"):
            assert outside[0] == "(cycle of tasks)", outside
    assert max(measured) - min(measured) <= 3, measured  # all have waited for the same time
    [coverage] = re.findall(r"coverage ([\d.]+) %", done.stderr)
    assert 97 <= float(coverage) <= 103, done.stderr


def test_by_coroutine_they_are_one(start):
    target = start(Case(IN_IMAGES[2], "docker"), "task_waits.py", 0)
    done = podflame("record", "-p", target.pid, "-m", "wall", "--tasks", "coroutine", "-d", 2, "-f", "folded")
    sums = {}
    for frames, count in rows(done.stdout):
        if len(frames) == 4 and frames[1:] == ["sleep_long", "sleep", "[sleeps]"]:
            sums[frames[0]] = sums.get(frames[0], 0) + count
    # Those of gatherer, and the wide one; sleeper has one outside.
    [one] = [count for frames, count in rows(done.stdout) if frames[-1] == "[waits: queue]"]
    assert list(sums) == ["task sleep_long"] and abs(sums["task sleep_long"] - 3 * one) <= 6, done.stdout


def test_off_leaves_them_out(start):
    target = start(Case(IN_IMAGES[2], "docker"), "task_waits.py", 0)
    done = podflame("record", "-p", target.pid, "-m", "wall", "--tasks", "off", "-d", 1, "-f", "folded")
    assert done.returncode == 0 and done.stdout and "task " not in done.stdout.replace("task_waits", ""), done.stdout


def test_an_unknown_word_is_refused():
    done = podflame("record", "--tasks", "all", "-p", 1)
    assert done.returncode == 2 and "--tasks: 'all' is none of name, coroutine, off" in done.stderr
