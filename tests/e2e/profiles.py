# SPDX-License-Identifier: Apache-2.0
"""Profile files made by hand: as `podflame record -f otlp` writes them, with known counts."""

import json

DEFAULTS = {"process.runtime.version": "3.11.2", "host.arch": "amd64", "podflame.rate": 1000}
PERIOD_NS = 1000000


def run(stacks, number=0, mode="cpu", counters=None, **attributes):
    """One run. @stacks: {("main", "f"): count}, root first; a function is "name" or "file.py:name".
    @counters: of the profile, by name, such as {"accounted_ns": 5}."""
    return {"stacks": stacks, "mode": mode, "counters": counters or {},
            "attributes": {**DEFAULTS, "podflame.run": number, **attributes}}


def books(seconds, seen, **losses):
    """The counters of a run of @seconds of which samples stand for the share @seen; @losses in seconds, by name."""
    times = {"accounted": seconds, "sampled": seconds * seen, **losses}
    return {name + "_ns": round(1e9 * time) for name, time in times.items()}


class Tables:
    def __init__(self):
        self.strings, self.functions, self.stacks = {"": 0}, {None: 0}, {None: 0}

    def string(self, text):
        return self.strings.setdefault(text, len(self.strings))

    def function(self, text):
        self.string(text.rpartition(":")[2])
        self.string(text.rpartition(":")[0])
        return self.functions.setdefault(text, len(self.functions))

    def stack(self, frames):
        return self.stacks.setdefault(tuple(self.function(f) for f in reversed(frames)), len(self.stacks))

    def dictionary(self, attributes):
        functions = [{} if text is None else {"nameStrindex": self.string(text.rpartition(":")[2]),
                                              "filenameStrindex": self.string(text.rpartition(":")[0])}
                     for text in self.functions]
        return {
            "stringTable": list(self.strings),
            "functionTable": functions,
            "locationTable": [{}] + [{"lines": [{"functionIndex": i}]} for i in range(1, len(functions))],
            "stackTable": [{} if s is None else {"locationIndices": list(s)} for s in self.stacks],
            "attributeTable": attributes,
        }


def attribute(key, value):
    kind = "intValue" if isinstance(value, int) else "stringValue"
    return {"key": key, "value": {kind: str(value)}}


def profile(tables, one, attributes):
    first = len(attributes)
    attributes.append({"keyStrindex": tables.string("podflame.mode"), "value": {"stringValue": one["mode"]}})
    for name, value in one["counters"].items():
        attributes.append({"keyStrindex": tables.string("podflame." + name), "value": {"intValue": str(value)}})
    samples = [{"stackIndex": tables.stack(frames), "values": [str(count)]}
               for frames, count in one["stacks"].items() if count]
    body = {"sampleType": {"typeStrindex": tables.string("samples"), "unitStrindex": tables.string("count")},
            "period": str(PERIOD_NS), "attributeIndices": list(range(first, len(attributes))), "samples": samples}
    return {"resource": {"attributes": [attribute(k, v) for k, v in one["attributes"].items() if v is not None]},
            "scopeProfiles": [{"profiles": [body]}]}


def write(path, *runs):
    """Writes the runs to a file; returns its path."""
    tables, attributes = Tables(), [{}]
    profiles = [profile(tables, one, attributes) for one in runs]
    path.write_text(json.dumps({"resourceProfiles": profiles, "dictionary": tables.dictionary(attributes)}))
    return path
