# SPDX-License-Identifier: Apache-2.0
"""Profiles against what is known of the target, by the laws of chance.

A count k of n samples is compared with the true share p: |k - np| must stay within
4 sigmas of the binomial, 4 * sqrt(np(1-p)). A correct profiler fails one such
comparison by chance once in 16 000 (for the n in use here); the suite makes about
150, so about one run in a hundred raises a false alarm.
"""

import math
import pathlib
import sys
from collections import Counter

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "oracle"))

import readers  # noqa: E402

Frame = readers.Frame
parse_frame = readers.parse_frame
is_idle = readers.is_idle
SIGMAS = 4
SPLIT = {"hot": 0.7, "warm": 0.2, "cold": 0.1}


def parse_folded(text):
    """[(frames root first, count)] of folded stacks; any line out of form is an error."""
    stacks = readers.parse_folded(text)
    assert all(frames for frames, _ in stacks), "an empty stack"
    return stacks


def total(stacks):
    return sum(count for _, count in stacks)


def leaves(stacks):
    """Samples by the name of the innermost function."""
    counts = Counter()
    for frames, count in stacks:
        counts[frames[-1].name] += count
    return counts


def names(frames, start="<module>"):
    """The function names of a stack from @start on, for comparison with a known path."""
    path = [frame.name for frame in frames]
    return path[path.index(start):] if start in path else path


def assert_share(k, n, p, what):
    sigma = math.sqrt(n * p * (1 - p))
    away = (k - n * p) / sigma
    assert abs(away) <= SIGMAS, "%s: %d of %d samples are %.2f %%, truth %.2f %%: %+.1f sigmas" % (
        what, k, n, 100 * k / n, 100 * p, away)


def assert_shares(counts, truth, of_all=0.93):
    """@counts by name; @truth the shares of the names among each other.

    @of_all: what they make up together at least; the rest is the target's own
    driving loop (1.5 % measured for split.py).
    """
    counts = Counter(counts)
    n, everything = sum(counts[name] for name in truth), sum(counts.values())
    least = of_all * everything - SIGMAS * math.sqrt(everything * of_all * (1 - of_all))
    assert n > max(0, least), "%s make up only %d of %s" % (list(truth), n, dict(counts))
    for name, share in truth.items():
        assert_share(counts[name], n, share, name)
