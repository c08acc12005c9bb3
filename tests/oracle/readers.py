# SPDX-License-Identifier: Apache-2.0
"""Reads profiles of any profiler: folded stacks, pprof, speedscope, gecko, OTLP/JSON, MOJO.

All become the same: samples with a stack and the time that they stand for. What a format
does not say, such as the time of a folded stack's count, the caller must: see read().
"""

import functools
import gzip
import json
import pathlib
import re
import sys
from typing import NamedTuple, Optional

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

import mojo  # noqa: E402
import otlp  # noqa: E402
import wire  # noqa: E402

NS = {"nanoseconds": 1, "ns": 1, "microseconds": 1e3, "us": 1e3, "μs": 1e3, "milliseconds": 1e6, "ms": 1e6,
      "seconds": 1e9, "s": 1e9}
SAMPLES = "samples"
# Behind the stack of a thread that does not run: "(idle)", or why it does not, as "[waits: GIL]".
IDLE = re.compile(r"\(idle\)|\[(waits|sleeps|throttled|stopped|frozen).*\]")
# What profilers put before a stack: whose it is.
OWNERS = [re.compile(pattern) for pattern in (
    r"tid:(?P<thread>.*)",  # CPython's profiling.sampling
    r"[PT](?:\d+:)?[0-9a-fx]+",  # Austin
    r"process \d+:.*",  # py-spy, with --subprocesses
    r"thread \((?:0x)?[0-9A-Fa-f]+\)(?:: (?P<thread>.*))?",  # py-spy, with --threads
    r".* \(pid \d+\)",  # podflame, of several processes
    r"(?P<thread>.*) \(tid \d+\)",  # podflame, with --threads
)]


class Unreadable(Exception):
    """No profile, or none that can be judged; the message says why."""


class Frame(NamedTuple):
    name: str
    file: str  # without folders; "" if it is not known
    line: int  # 0 if it is not known


class Sample(NamedTuple):
    stack: tuple  # of Frames, outermost first
    count: float  # how many samples these are
    ns: Optional[float]  # the time that they stand for together; None if it is not known
    idle: bool = False
    thread: str = ""


class Profile(NamedTuple):
    samples: list
    format: str


# ---- frames --------------------------------------------------------------------


def base(path):
    return path.replace("\\", "/").rpartition("/")[2]


@functools.lru_cache(maxsize=None)  # a profile has many stacks, of few frames
def parse_frame(text):
    """function (file.py:LINE) or file.py:function:LINE; anything else, such as (idle), is a name alone."""
    if IDLE.fullmatch(text):  # it may have colons, of addresses
        return Frame(text, "", 0)
    found = re.fullmatch(r"(.*) \((.*):(\d+)\)", text, re.S)
    if found:
        return Frame(found[1], base(found[2]), int(found[3]))
    found = re.fullmatch(r"(.*) \((.*\.py)\)", text, re.S)
    if found:  # before its first line
        return Frame(found[1], base(found[2]), 0)
    found = re.fullmatch(r"(.+):([^:]+):(\d+)", text, re.S)
    if found:
        return Frame(found[2], base(found[1]), int(found[3]))
    return Frame(text, "", 0)


def owner(text):
    """Of what says whose a stack is: the thread's name, "" if there is none; None for a frame."""
    for pattern in OWNERS:
        found = pattern.fullmatch(text)
        if found:
            return found.groupdict().get("thread") or ""
    return None


def is_idle(frame):
    return not frame.file and bool(IDLE.fullmatch(frame.name))


def sample(frames, count, ns, idle=False, thread=""):
    """@frames outermost first; a marker of idleness among them is taken off."""
    stack = tuple(frame for frame in frames if not is_idle(frame))
    return Sample(stack, count, ns, idle or len(stack) < len(frames), thread)


# ---- formats -------------------------------------------------------------------


def parse_folded(text):
    """[(frames outermost first, number)] of folded stacks; any line out of form is an error.

    A stack may be empty: py-spy writes that of a thread that is ending.
    """
    stacks = []
    for row in text.splitlines():
        frames, space, number = row.rpartition(" ")
        if row.startswith("#"):  # Austin's remarks
            continue
        if not space or not number.isdigit() or int(number) == 0:
            raise Unreadable("not a folded stack: %r" % row[:100])
        stacks.append((tuple(parse_frame(frame) for frame in frames.split(";") if frame), int(number)))
    return stacks


def folded(data, unit, period):
    """@unit of the numbers: SAMPLES, or one of time, of which @period ns are a sample."""
    samples = []
    for frames, number in parse_folded(data.decode()):
        threads = [owner(frame.name) for frame in frames[:3] if not frame.file]
        threads = threads[:threads.index(None)] if None in threads else threads
        ns = number * NS[unit] if unit != SAMPLES else number * period if period else None
        count = number if unit == SAMPLES else ns / period if period else 1
        samples.append(sample(frames[len(threads):], count, ns, thread="".join(filter(None, threads))))
    return samples


def pprof(data, unit, period):
    body = wire.message(data)
    texts = [text.decode() for text in body.get(6, [])]
    types = [wire.message(entry) for entry in body.get(1, [])]
    units = [texts[one.get(2, [0])[0]] for one in types]
    functions, locations = {}, {}
    for entry in map(wire.message, body.get(5, [])):
        functions[entry[1][0]] = Frame(texts[entry.get(2, [0])[0]], base(texts[entry.get(4, [0])[0]]), 0)
    for entry in map(wire.message, body.get(4, [])):
        lines = [wire.message(line) for line in entry.get(4, [])]
        locations[entry[1][0]] = [functions[one[1][0]]._replace(line=one.get(2, [0])[0]) for one in lines]
    period_unit = texts[wire.message(body[11][0]).get(2, [0])[0]] if 11 in body else ""
    if period_unit in NS and body.get(12, [0])[0]:
        period = body[12][0] * NS[period_unit]
    samples = []
    for entry in map(wire.message, body.get(2, [])):
        values = dict(zip(units, wire.numbers(entry.get(2, []))))
        labels = [wire.message(label) for label in entry.get(3, [])]
        labels = {texts[one[1][0]]: texts[one[2][0]] if 2 in one else str(one.get(3, [0])[0]) for one in labels}
        ns = next((value * NS[unit] for unit, value in values.items() if unit in NS), None)
        count = values.get("count", ns / period if ns and period else 1)
        ns = count * period if ns is None and period else ns
        frames = [frame for location in wire.numbers(entry.get(1, [])) for frame in locations[location]]
        samples.append(sample(frames[::-1], count, ns, labels.get("state") == "idle",
                              labels.get("thread", "")))
    return samples


def speedscope(body, unit, period):
    frames = [Frame(one["name"], base(one.get("file") or ""), one.get("line") or 0)
              for one in body["shared"]["frames"]]
    samples = []
    for profile in body["profiles"]:
        if profile["type"] != "sampled":
            raise Unreadable("speedscope: a profile of type %s: only sampled ones can be judged" % profile["type"])
        thread = re.sub(r'^Thread \S+ "(.*)"$', r"\1", profile.get("name", ""))
        for stack, weight in zip(profile["samples"], profile["weights"]):
            ns = weight * NS[profile["unit"]] if profile["unit"] in NS else weight * period if period else None
            count = weight if profile["unit"] not in NS else ns / period if period else 1
            stack = [frames[index] for index in stack]
            owners = [frame for frame in stack[:2] if not frame.file and owner(frame.name) is not None]
            samples.append(sample(stack[len(owners):], count, ns, thread=thread))
    return [one for one in samples if one.stack]  # py-spy writes a thread's absence as an empty stack


def rows(table):
    """A table of gecko's: of columns, or a schema and rows. Returns a function (row, column)."""
    if "schema" in table:
        at = table["schema"]
        return lambda row, column: (table["data"][row] + [None] * len(at))[at[column]] if column in at else None
    return lambda row, column: table[column][row] if table.get(column) else None


def gecko_frames(thread, shared, processed):
    """Returns a function from a frame's number to the Frame."""
    texts = thread.get("stringArray") or thread.get("stringTable") or shared.get("stringArray")
    frame = rows(thread.get("frameTable") or shared["frameTable"])
    if not processed:
        return lambda index: parse_frame(texts[frame(index, "location")])
    function = rows(thread.get("funcTable") or shared["funcTable"])

    def made(index):
        func = frame(index, "func")
        file = function(func, "fileName")
        return Frame(texts[function(func, "name")], base(texts[file]) if file is not None and file >= 0 else "",
                     frame(index, "line") or 0)
    return made


def gecko_thread(thread, body, period):
    shared, processed = body.get("shared", {}), "preprocessedProfileVersion" in body.get("meta", {})
    frame_of = functools.lru_cache(maxsize=None)(gecko_frames(thread, shared, processed))
    table = rows(thread.get("stackTable") or shared["stackTable"])

    @functools.lru_cache(maxsize=None)
    def stack_of(index):
        return () if index is None else stack_of(table(index, "prefix")) + (frame_of(table(index, "frame")),)

    taken = thread["samples"]
    one = rows(taken)
    for row in range(len(taken["data"]) if "data" in taken else len(taken["stack"])):
        stack = stack_of(one(row, "stack"))
        if stack:
            weight = one(row, "weight") or 1
            ns = weight * 1e6 if taken.get("weightType") == "tracing-ms" else weight * period if period else None
            yield sample(stack, 1 if taken.get("weightType") == "tracing-ms" else weight, ns,
                         thread=thread.get("name", ""))


def gecko(body, unit, period):
    """Firefox's, as it is recorded or as its viewer has it; "interval" is in milliseconds."""
    sys.setrecursionlimit(20000)
    period = body.get("meta", {}).get("interval", 0) * 1e6 or period
    samples = [one for thread in body["threads"] for one in gecko_thread(thread, body, period)]
    return samples + [one for process in body.get("processes", []) for one in gecko(process, unit, period)]


def otlp_json(body, unit, period):
    samples = []
    for profile in otlp.profiles(body):
        for frames, attributes, values in profile.samples:
            stack = [Frame(name, base(file), line) for name, file, line in frames[::-1]]
            said = dict(attributes)
            kind, of = profile.kind[:2]
            count = sum(values) if of not in NS else sum(values) * NS[of] / profile.period
            idle = said.get("thread.state") == "idle" or said.get("podflame.idle") == "1"
            samples.append(sample(stack, count, count * profile.period, idle, said.get("thread.name", "")))
    return samples


def mojo_samples(data, unit, period):
    """Austin's own; what it calls invalid itself is left out."""
    counts, _ = mojo.stacks(data)
    return [sample([Frame(*frame) for frame in stack], count, ns) for stack, (count, ns) in counts.items()]



def understand(data):
    """(name of the format, its reader, what that takes)"""
    if data.startswith(b"MOJ"):
        return "mojo", mojo_samples, data
    if data.lstrip()[:1] == b"{":
        body = json.loads(data)
        for key, reader in (("resourceProfiles", otlp_json), ("threads", gecko), ("profiles", speedscope)):
            if key in body:
                return reader.__name__.replace("_", "/"), reader, body
        raise Unreadable("JSON, but neither OTLP, gecko nor speedscope")
    if re.match(rb"[^\0\n]* \d+(\n|$)|#", data):
        return "folded", folded, data
    return "pprof", pprof, data


def read(path, rate=0, unit=SAMPLES):
    """The Profile in a file. @rate: samples a second, for formats that do not say it.

    @unit of folded stacks' numbers: "samples", or one of time, such as "microseconds".
    """
    data = pathlib.Path(path).read_bytes()
    try:
        if data.startswith(b"\x1f\x8b"):
            data = gzip.decompress(data)
        if not data:
            return Profile([], "empty")
        name, reader, body = understand(data)
        return Profile(reader(body, unit, 1e9 / rate if rate else 0), name)
    except (KeyError, IndexError, TypeError, ValueError, OSError, EOFError) as error:
        raise Unreadable("%s: no profile that can be read: %s: %s" % (path, type(error).__name__, error)) from error
