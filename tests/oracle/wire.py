# SPDX-License-Identifier: Apache-2.0
"""Protocol Buffers' wire format, as far as pprof's files need it (protobuf.dev, "Encoding").

A message is (field, value) pairs: numbers, or bytes, which may be texts, messages or
packed numbers.
"""

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5


class Malformed(ValueError):
    pass


def varint(data, at):
    value = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise Malformed("a number is cut off at %d" % at)
        value |= (data[at] & 0x7F) << shift
        at += 1
        if not data[at - 1] & 0x80:
            return value, at
        shift += 7


def signed(value):
    return value - (1 << 64) if value >> 63 else value


def fields(data):
    """Yields (field, value)."""
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        kind, length = key & 7, {FIXED64: 8, FIXED32: 4}.get(key & 7)
        if kind == VARINT:
            value, at = varint(data, at)
            yield key >> 3, signed(value)
            continue
        if kind == BYTES:
            length, at = varint(data, at)
        if length is None or at + length > len(data):
            raise Malformed("field %d at %d is of no known form or cut off" % (key >> 3, at))
        yield key >> 3, data[at:at + length]
        at += length


def message(data):
    """{field: [values]}"""
    found = {}
    for field, value in fields(data):
        found.setdefault(field, []).append(value)
    return found


def numbers(values):
    """A repeated number, packed or not."""
    found = []
    for value in values:
        if isinstance(value, int):
            found.append(value)
            continue
        at = 0
        while at < len(value):
            number, at = varint(value, at)
            found.append(signed(number))
    return found
