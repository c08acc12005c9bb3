# SPDX-License-Identifier: Apache-2.0
"""Profiles of OTLP/JSON without the tables: what they mean, for comparison."""

from typing import NamedTuple


class Profile(NamedTuple):
    resource: tuple  # (key, value), sorted
    attributes: tuple
    kind: tuple  # what is counted, in which unit
    period: int
    begin: int  # nanoseconds
    length: int
    labels: tuple  # those of the scope
    samples: tuple  # ((function, file, line), innermost first; attributes; values), sorted


class Reader:
    def __init__(self, message):
        self.tables = message["dictionary"]

    def entry(self, table, index):
        return self.tables[table][int(index)]

    def text(self, entry, field):
        return self.entry("stringTable", entry.get(field, 0))

    def attribute(self, one):
        """An attribute has its texts in itself, or in the table of strings."""
        (kind, value), = one["value"].items()
        return (one.get("key") or self.text(one, "keyStrindex"),
                self.entry("stringTable", value) if kind == "stringValueStrindex" else str(value))

    def attributes(self, entry):
        return tuple(sorted(self.attribute(self.entry("attributeTable", i)) for i in entry.get("attributeIndices", [])))

    def stack(self, sample):
        frames = []
        for index in self.entry("stackTable", sample["stackIndex"])["locationIndices"]:
            for line in self.entry("locationTable", index)["lines"]:
                function = self.entry("functionTable", line["functionIndex"])
                frames.append((self.text(function, "nameStrindex"), self.text(function, "filenameStrindex"),
                               int(line.get("line", 0))))
        return tuple(frames)

    def profile(self, resource, scope, body):
        kind = tuple(self.text(body[of], field) for of in ("sampleType", "periodType")
                     for field in ("typeStrindex", "unitStrindex"))
        samples = sorted((self.stack(s), self.attributes(s), tuple(map(int, s["values"]))) for s in body["samples"])
        return Profile(tuple(sorted(map(self.attribute, resource["attributes"]))), self.attributes(body), kind,
                       int(body["period"]), int(body["timeUnixNano"]), int(body["durationNano"]),
                       tuple(sorted(map(self.attribute, scope.get("attributes", [])))), tuple(samples))


def resources(message):
    """{attribute: value} of whom each profile is of: what its resource says, and what it says of an instance itself."""
    return [{**{key: value for key, value in profile.attributes if not key.startswith("podflame.")},
             **dict(profile.resource)} for profile in profiles(message)]


def profiles(message):
    reader = Reader(message)
    return [reader.profile(group["resource"], scope.get("scope", {}), body) for group in message["resourceProfiles"]
            for scope in group["scopeProfiles"] for body in scope["profiles"]]
