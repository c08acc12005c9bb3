# SPDX-License-Identifier: Apache-2.0
"""Decodes MOJO, version 3: what Austin 4 writes.

A byte names the event, then come its fields: numbers of variable length (6 bits and
a sign in the first byte, 7 in the others, lowest first) and strings that end in 0.
Strings and frames are defined once and referred to by key; keys are per process.
A sample is a stack event, frames outermost first, and a time at last.
"""

import os

METADATA, STACK, FRAME, INVALID, REFERENCE, KERNEL, GC, IDLE, TIME, MEMORY, STRING, STRING_REFERENCE = range(1, 13)
FIELDS = {METADATA: "ss", STACK: "nns", FRAME: "nnnnnnn", INVALID: "", REFERENCE: "n", KERNEL: "s", GC: "", IDLE: "",
          TIME: "n", MEMORY: "n", STRING: "ns", STRING_REFERENCE: "n"}


class Malformed(Exception):
    pass


def events(data):
    """Yields (event, fields); a last event that was cut off is left out."""
    if not data.startswith(b"MOJ\x03"):
        raise Malformed("not MOJO version 3")
    at = 4
    try:
        while at < len(data):
            event = data[at]
            at += 1
            if event not in FIELDS:
                raise Malformed("event %d at %d" % (event, at))
            fields = []
            for kind in FIELDS[event]:
                if kind == "s":
                    end = data.index(0, at)
                    fields.append(data[at:end].decode(errors="replace"))
                    at = end + 1
                    continue
                value, shift = data[at] & 0x3F, 6
                while data[at] & 0x80:
                    at += 1
                    value |= (data[at] & 0x7F) << shift
                    shift += 7
                fields.append(value)
                at += 1
            yield event, fields
    except (IndexError, ValueError):
        return


def stacks(data):
    """({stack: (samples, their time in ns)}, number of samples marked invalid).

    A stack is a tuple of (name, file, line), outermost first.
    """
    names, frames = {1: "<unknown>"}, {}
    counts, invalid = {}, 0
    pid, stack, spoilt = 0, [], False
    for event, fields in events(data):
        if event == STACK:
            pid, stack, spoilt = fields[0], [], False
        elif event == STRING:
            names[pid, fields[0]] = fields[1]
        elif event == FRAME:
            key, file, name, line = fields[:4]
            frames[pid, key] = (names.get((pid, name), "?"), os.path.basename(names.get((pid, file), "?")), line)
        elif event == REFERENCE:
            stack.append(frames.get((pid, fields[0]), ("?", "", 0)))
        elif event == INVALID:
            spoilt = True
        elif event == TIME and spoilt:
            invalid += 1
        elif event == TIME and stack:
            samples, ns = counts.get(tuple(stack), (0, 0))
            counts[tuple(stack)] = (samples + 1, ns + 1000 * fields[0])  # microseconds
    return counts, invalid
