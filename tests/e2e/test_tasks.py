# SPDX-License-Identifier: Apache-2.0
"""Stacks begin at the task of asyncio that runs them, and at those that await it: each is judged alone, see tests/oracle/tasks."""

import re
import sys

import pytest

from interpreters import ON_HOST, VERSIONS, Case
from program import folded, podflame
from skips import must_skip
from testbed import PROJECT, Unavailable, containers, images

sys.path[:0] = [str(PROJECT / "tests/oracle"), str(PROJECT / "tests/oracle/tasks")]

import judge_tasks  # noqa: E402
import readers  # noqa: E402
from readers import Frame  # noqa: E402

HOST = Case(ON_HOST[0], "host")
WITH_TASKS = [case for case in VERSIONS if case.interpreter.version >= (3, 8)]
FOREST = PROJECT / "tests/oracle/tasks"
TASKS = 400
SECONDS, RATE = 2, 1000
LEAST = 500  # stacks, in all ways together: where others have the CPUs, it is recorded again
ROUNDS_MAX = 10
# Stacks in a coroutine of which it could not be told which task runs it: more than an eager task, or a crowded machine, makes.
BARE_MAX = 0.03
# How a parent awaits its children, as far as a version knows of it.
DIRECTLY = ("await", "agen")
KNOWN_SINCE_3_14 = ("gather", "group", "wait")

# Options of record, and the file's ending.
WAYS = [
    (["--engine", "perf"], "folded"),
    (["--engine", "timer"], "pb.gz"),
    (["-m", "gil"], "otlp.json"),
    (["-m", "wall"], "folded"),
    (["--native"], "folded"),
]


def run_in(request, case, command, folder):
    try:
        if case.kind == "host":
            return containers.Host([*case.interpreter.command, *command], folder)
        docker = request.getfixturevalue("docker")
        return containers.Docker(docker, images.docker(docker, case.interpreter.suite),
                                 [*case.interpreter.command, *command], folder)
    except Unavailable as e:
        must_skip(str(e))


def stacks_of(target, tmp_path, options, ending):
    file = tmp_path / ("out." + ending)
    done = podflame("record", "-p", target.pid, "-d", SECONDS, "-r", RATE, "-o", file, *options)
    assert done.returncode == 0, done.stderr
    return [(sample.stack, int(sample.count)) for sample in readers.read(file).samples]


@pytest.mark.parametrize("case", WITH_TASKS, ids=str)
def test_every_stack_is_one_that_can_be(request, tmp_path, case):
    described = {"version": case.interpreter.version, "each": TASKS // 2, "loops": 2, "trees": 10}
    total = judge_tasks.Verdict()
    with run_in(request, case, ["forest.py", "--tasks", str(TASKS), "--loop-seconds", "1.5"], FOREST) as target:
        for _ in range(ROUNDS_MAX):
            for options, ending in WAYS:
                verdict = judge_tasks.judge(stacks_of(target, tmp_path, options, ending), described)
                assert verdict.wrong == 0, (options, verdict.examples)
                total.add(verdict)
            if total.rooted > LEAST:
                break
    assert total.rooted > LEAST, vars(total)
    assert total.bare <= 3 + BARE_MAX * total.rooted, vars(total)
    assert total.marked == 0, vars(total)  # none has several awaiters
    assert all(total.parents[kind] > 0 for kind in DIRECTLY), vars(total)
    for kind in KNOWN_SINCE_3_14:
        if case.interpreter.version >= (3, 14):
            assert total.share(kind) > 0.5, (kind, vars(total))
        else:
            assert total.parents[kind] == 0 or kind in DIRECTLY, (kind, vars(total))


# ---- how tasks are called ------------------------------------------------------------------------

TWO = """
    import asyncio, time

    def spin(seconds):
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            pass

    async def fetch():
        while True:
            spin(0.002)
            await asyncio.sleep(0)

    async def main():
        await asyncio.gather(fetch(), fetch())

    print("ready", flush=True)
    asyncio.run(main())
"""


def roots(text):
    """{outermost frame that is none of podflame's own: stacks}"""
    return {stack[0] for stack, _ in readers.parse_folded(text)}


@pytest.fixture
def two(script):
    with containers.Host(["/usr/bin/python3", script(TWO)], "/") as target:
        yield target


def labels(text):
    return {frame.name for stack, _ in readers.parse_folded(text) for frame in stack if frame.name.startswith("task ")}


def test_tasks_are_called_by_their_names(two):
    found = labels(folded("-p", two.pid))
    assert len(found) >= 2 and all(re.fullmatch(r"task Task-\d+", name) for name in found), found


def test_by_coroutine_those_of_one_are_one(two):
    text = folded("-p", two.pid, "--tasks", "coroutine")
    assert labels(text) == {"task fetch"}
    paths = {tuple(frame.name for frame in stack) for stack, _ in readers.parse_folded(text) if stack[-1].name == "spin"}
    assert paths == {("task fetch", "fetch", "spin")}


def test_off_stacks_are_those_of_the_loop(two):
    text = folded("-p", two.pid, "--tasks", "off")
    assert labels(text) == set()
    for stack, _ in readers.parse_folded(text):
        assert stack[0].name == "<module>", stack
    assert any("run_forever" in frame.name for stack, _ in readers.parse_folded(text) for frame in stack)


def test_other_words_are_refused():
    done = podflame("record", "-p", 1, "--tasks", "names")
    assert done.returncode == 2 and "--tasks: 'names' is none of name, coroutine, off" in done.stderr


# ---- with C code ----------------------------------------------------------------------------------

NATIVE = """
    import asyncio, time

    def key(number):
        end = time.perf_counter() + 0.0002
        while time.perf_counter() < end:
            pass
        return number

    async def order():
        while True:
            sorted(range(20), key=key)
            await asyncio.sleep(0)

    async def main():
        await asyncio.create_task(order(), name="orders")

    print("ready", flush=True)
    asyncio.run(main())
"""


def test_a_mixed_stack_begins_at_the_task_and_has_c_code_inside(script):
    with containers.Host(["/usr/bin/python3", script(NATIVE)], "/") as target:
        text = folded("-p", target.pid, "--native")
    mixed = whole = 0
    for stack, count in readers.parse_folded(text):
        names = [frame.name.rpartition(".")[2] for frame in stack]
        if "key" not in names:
            continue
        # The task that awaits it directly is told by every version.
        at = names.index("task orders")
        assert [name for name in names[:at] if "task" in name] == [names[0]] and names[0].startswith("task Task-"), stack
        inside = names[at + 1:names.index("key")]
        assert inside[0] == "order" and not any("run_forever" in name for name in names), stack
        whole += count
        between = stack[at + 2:names.index("key")]
        mixed += count if between and all(frame.line == 0 for frame in between) else 0
    assert whole > 100 and mixed > 0.8 * whole, (mixed, whole, text[:2000])


# ---- asyncio that comes late --------------------------------------------------------------------------

LATE = """
    import sys, time

    def alone(seconds):
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            pass

    print("ready", flush=True)
    alone(2)
    import asyncio

    async def late():
        while True:
            alone(0.002)
            await asyncio.sleep(0)

    async def main():
        await asyncio.create_task(late(), name="late")
    asyncio.run(main())
"""


def test_tasks_are_found_where_asyncio_is_imported_late(script):
    with containers.Host(["/usr/bin/python3", script(LATE)], "/") as target:
        done = podflame("record", "-p", target.pid, "-d", 8, "-r", 500)
    assert done.returncode == 0, done.stderr
    stacks = readers.parse_folded(done.stdout)
    rooted = sum(count for stack, count in stacks if Frame("task late", "", 0) in stack)
    late = sum(count for stack, count in stacks if any(frame.name == "late" for frame in stack))
    assert rooted > 0.8 * late > 0, done.stdout[:3000]
    assert not any(frame.name.startswith("task ") for stack, _ in stacks for frame in stack
                   if not any(f.name in ("late", "main") for f in stack)), done.stdout[:3000]


# ---- the judge itself -----------------------------------------------------------------------------------

# Of 200 tasks in each loop, whose roots are 1 to 10: 11 to 15 are the children of 1, 61 to 65 those of 11; 101 is a leaf.
KNOWN = {"version": (3, 14), "each": 200, "loops": 2, "trees": 10}
OUTER = ["task n1", "node_1", "step_await_1"]
MIDDLE = ["task n11", "node_11", "step_shield_11"]


@pytest.mark.parametrize("names, right", [
    (["task n11", "node_11", "busy_11"], True),
    ([*OUTER, "task n11", "node_11", "busy_11"], True),
    (["task n211", "node_211", "busy_211"], True),
    (["<module>", "run_forever", "node_11", "busy_11"], True),  # it claims no task
    ([*OUTER, *MIDDLE, "task n101", "node_101", "busy_101"], False),  # another one's child
    ([*OUTER, "task n201", "node_201", "busy_201"], False),  # another loop's
    (["task n12", "node_11", "busy_11"], False),
    (["task n11", "node_11", "busy_12"], False),
    (["task Task-7", "node_11", "busy_11"], False),
    (["task n1", "node_1", "task n11", "node_11", "busy_11"], False),  # a parent that awaits nothing
    (["task n1", "node_1", "step_await_1", "busy_1", "task n11", "node_11", "busy_11"], False),
    (["run_forever", "task n11", "node_11", "busy_11"], False),
    (["task n11", "busy_11"], False),
    (["task Task-1", "Forest.main", "task n1", "node_1", "busy_1"], True),
    (["task Task-1", "Forest.main", "task n11", "node_11", "busy_11"], False),
])
def test_the_judge_can_tell(names, right):
    stack = tuple(Frame(name, "" if name.startswith("task ") else "forest.py", 0) for name in names)
    verdict = judge_tasks.judge([(stack, 3)], KNOWN)
    assert (verdict.right, verdict.wrong) == ((3, 0) if right else (0, 3)), verdict.examples
