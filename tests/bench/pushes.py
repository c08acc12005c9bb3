# SPDX-License-Identifier: Apache-2.0
"""Bodies of Pyroscope's push protocol, taken apart and put together again: JSON, or protobuf, as the agent sends them."""

import base64
import gzip
import json

# push.v1: PushRequest.series, RawProfileSeries.labels and .samples, LabelPair.name and .value, RawSample.rawProfile and .ID.
SERIES, LABELS, SAMPLES, NAME, VALUE, PROFILE, ID = 1, 1, 2, 1, 2, 1, 2
# pprof's Profile: the time at which it begins.
TIME_NANOS = 9
VARINT, BYTES = 0, 2


def varint(value):
    out = bytearray()
    while value > 0x7f:
        out.append(value & 0x7f | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def read_varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7f) << shift
        shift += 7
        if byte < 0x80:
            return value, at


def fields(data):
    """(number, begin of the field, value) of each field; the value of one with a length are its bytes."""
    at = 0
    while at < len(data):
        begin = at
        key, at = read_varint(data, at)
        if key & 7 == VARINT:
            value, at = read_varint(data, at)
        elif key & 7 == BYTES:
            size, at = read_varint(data, at)
            value, at = data[at:at + size], at + size
        else:
            raise ValueError("a field of kind %d" % (key & 7))
        yield key >> 3, begin, value


def field(number, data):
    return varint(number << 3 | BYTES) + varint(len(data)) + data


def without_time(profile):
    """An unpacked pprof without its time."""
    starts = [(number, begin) for number, begin, _ in fields(profile)] + [(0, len(profile))]
    return b"".join(profile[begin:end] for (number, begin), (_, end) in zip(starts, starts[1:]) if number != TIME_NANOS)


def time_field(ns):
    return varint(TIME_NANOS << 3 | VARINT) + varint(ns)


def samples_of(profile):
    return sum(1 for number, _, _ in fields(profile) if number == 2)


class Push:
    """A request: its headers, and its series as (labels, profile, id); the profile unpacked."""

    def __init__(self, headers, body):
        self.type = headers["Content-Type"]
        self.packed = headers.get("Content-Encoding") == "gzip"
        self.size = len(body)
        plain = gzip.decompress(body) if self.packed else body
        self.series = list(self.read_json(plain) if "json" in self.type else self.read_protobuf(plain))

    def read_json(self, plain):
        for one in json.loads(plain)["series"]:
            labels = {label["name"]: label["value"] for label in one["labels"]}
            for sample in one["samples"]:
                yield self.unpacked(labels, base64.b64decode(sample["rawProfile"]), sample.get("ID", ""))

    def read_protobuf(self, plain):
        for _, _, one in fields(plain):
            parts = list(fields(one))
            labels = dict(tuple(bytes(v).decode() for _, _, v in fields(part)) for number, _, part in parts if number == LABELS)
            for sample in (dict((n, v) for n, _, v in fields(part)) for number, _, part in parts if number == SAMPLES):
                yield self.unpacked(labels, sample[PROFILE], bytes(sample.get(ID, b"")).decode())

    def unpacked(self, labels, profile, name):
        self.inner = profile[:2] == b"\x1f\x8b"  # each profile is compressed by itself
        return labels, gzip.decompress(profile) if self.inner else bytes(profile), name

    def pack(self, profile):
        """As a profile stands in a body. Packed parts of a profile may follow one another: gzip allows that."""
        return gzip.compress(profile, 6, mtime=0) if self.inner else profile

    def encode(self, rows):
        """A body like this one with other (labels, packed profile, id), compressed in the same places."""
        plain = self.write_json(rows) if "json" in self.type else self.write_protobuf(rows)
        return gzip.compress(plain, 6, mtime=0) if self.packed else plain

    @staticmethod
    def write_json(rows):
        def sample(profile, name):
            return {"rawProfile": base64.b64encode(profile).decode(), **({"ID": name} if name else {})}

        listed = [{"labels": [{"name": key, "value": value} for key, value in labels.items()], "samples": [sample(profile, name)]}
                  for labels, profile, name in rows]
        return json.dumps({"series": listed}, separators=(",", ":")).encode()

    @staticmethod
    def write_protobuf(rows):
        out = []
        for labels, profile, name in rows:
            pairs = b"".join(field(LABELS, field(NAME, key.encode()) + field(VALUE, value.encode())) for key, value in labels.items())
            sample = field(PROFILE, profile) + (field(ID, name.encode()) if name else b"")
            out.append(field(SERIES, pairs + field(SAMPLES, sample)))
        return b"".join(out)

    @property
    def headers(self):
        return {"Content-Type": self.type, **({"Content-Encoding": "gzip"} if self.packed else {})}
