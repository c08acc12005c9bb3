# SPDX-License-Identifier: Apache-2.0
"""Images, a Docker daemon and containers for the demo and the end-to-end tests.

images      root file systems of Debian suites, made by mmdebstrap, cached
daemon      the Docker daemon that answers, or one of our own
containers  a program running in Docker, in bare namespaces, or on the host

Everything that these start is stopped by whoever started it: all are context
managers. What cannot be had here raises Unavailable with the reason.
"""

import pathlib

PROJECT = pathlib.Path(__file__).resolve().parents[2]
CACHE = PROJECT / ".cache"


class Unavailable(Exception):
    """This machine cannot provide it; the message says why."""
