# SPDX-License-Identifier: Apache-2.0
"""Images, a Docker daemon and containers for the demo and the end-to-end tests.

images        root file systems of Debian suites, made by mmdebstrap, cached
freethreaded  a Python without the GIL, built of Debian's sources, cached
daemon        the Docker daemon that answers, or one of our own
machine       a Debian machine with its own kernel, of this processor or another, under qemu-system
containers    a program running in Docker, in bare namespaces, or on the host

Everything that these start is stopped by whoever started it: all are context
managers. What cannot be had here raises Unavailable with the reason.
"""

import os
import pathlib

PROJECT = pathlib.Path(__file__).resolve().parents[2]
CACHE = PROJECT / ".cache"


def ends_with_us(signal):
    """The beginning of a command that gets @signal when this process ends, however it ends. If this process has ended
    before the kernel knew of that, the command is not run."""
    return ["setpriv", "--pdeathsig", signal, "sh", "-c", '[ "$PPID" = "$0" ] && exec "$@"', str(os.getpid())]


class Unavailable(Exception):
    """This machine cannot provide it; the message says why."""
