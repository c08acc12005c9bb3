# SPDX-License-Identifier: Apache-2.0
"""Pushes to Pyroscope: what is in them, and stand-ins for a server that stores them as the real one does."""

import json
import re
import threading
import time
from collections import Counter
from typing import NamedTuple

from faults import Answer
from truth import readers

wire = readers.wire

PATH = "/push.v1.PusherService/Push"
TYPE = "application/proto"


class Series(NamedTuple):
    labels: dict
    id: str
    types: list  # "type:unit:period type:period unit", behind the labels' __name__ as Pyroscope says it
    samples: list  # of readers.py
    size: int  # bytes, as Pyroscope counts them
    sample_labels: set  # keys


def series_of(body):
    """The series of a push, which is not packed any more."""
    found = []
    for entry in map(wire.message, wire.message(body).get(1, [])):
        labels = {pair[1][0].decode(): pair[2][0].decode() for pair in map(wire.message, entry.get(1, []))}
        for sample in map(wire.message, entry.get(2, [])):
            [profile], [ident] = sample[1], sample[2]
            message = wire.message(profile)
            texts = [text.decode() for text in message.get(6, [])]

            def named(value):
                return ":".join(texts[value.get(field, [0])[0]] for field in (1, 2))
            period = named(wire.message(message[11][0]))
            types = ["%s:%s:%s" % (labels["__name__"], named(wire.message(one)), period) for one in message[1]]
            keys = {texts[wire.message(label)[1][0]] for one in message.get(2, [])
                    for label in wire.message(one).get(3, [])}
            found.append(Series(labels, ident.decode(), types, readers.pprof(profile, None, None),
                                len(profile) + sum(len(k) + len(v) for k, v in labels.items()), keys))
    return found


def samples_in(series):
    return sum(sample.ns for sample in series.samples) / 1e9


class Store:
    """What a server has: seconds by service, as often as it has stored them."""

    def __init__(self, dedups=False):
        self.seconds, self.first, self.ids = Counter(), {}, Counter()
        self.dedups, self.lock = dedups, threading.Lock()

    def take(self, series):
        with self.lock:
            self.ids[series.id] += 1
            self.first.setdefault(series.id, samples_in(series))
            if not (self.dedups and self.ids[series.id] > 1):
                self.seconds[series.labels["service_name"]] += samples_in(series)

    @property
    def doubled(self):
        """Seconds that are stored more than once."""
        return sum(self.seconds.values()) - sum(self.first.values())


class Bucket:
    """Pyroscope's rate limit of a tenant, golang.org/x/time/rate: a series passes whole, or not at all."""

    def __init__(self, rate=4 << 20, burst=2 << 20):
        self.rate, self.burst, self.left, self.at = rate, burst, burst, time.monotonic()

    def allow(self, size):
        now = time.monotonic()
        self.left = min(self.burst, self.left + (now - self.at) * self.rate)
        self.at = now
        if size > self.left:
            return False
        self.left -= size
        return True


def error(code, message):
    return json.dumps({"code": code, "message": message}).encode()


def limited(store, bucket, names):
    """A server after 1.12: each series for itself. @names: it says which it did not store, as the newest do."""
    def policy(request, _):
        refused = []
        for index, series in enumerate(series_of(request.plain)):
            if bucket.allow(series.size):
                store.take(series)
            else:
                refused.append("push series with index %d and id %s failed: resource_exhausted: push rate limit (4.0 MiB) "
                               "exceeded while adding %d B" % (index, series.id, series.size))
        if not refused:
            return Answer()
        if not names:
            return Answer(429, body=error("resource_exhausted", re.sub(".*: ", "", refused[0])))
        text = "; ".join(refused)
        return Answer(500, body=error("unknown", "%d errors: %s" % (len(refused), text) if len(refused) > 1 else text))
    return policy
