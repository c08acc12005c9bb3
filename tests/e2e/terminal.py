# SPDX-License-Identifier: Apache-2.0
"""A terminal to run a program on: what is on its screen, and keys to press. The emulator is pyte."""

import contextlib
import fcntl
import os
import pty
import select
import struct
import subprocess
import termios

import pyte

from program import MARGIN_SECONDS, Running, eventually

COLUMNS, LINES = 100, 24


class Terminal(Running):
    def __init__(self, command, columns=COLUMNS, lines=LINES, **environment):
        self.screen = pyte.Screen(columns, lines)
        self.stream = pyte.ByteStream(self.screen)
        self.fd, inner = pty.openpty()
        self.set_size(columns, lines)
        self.process = subprocess.Popen(command, stdin=inner, stdout=inner, stderr=inner, start_new_session=True,
                                        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
                                        env={**os.environ, "TERM": "linux", "LC_ALL": "C.UTF-8", **environment})
        os.close(inner)

    def __exit__(self, *_):
        super().__exit__()
        os.close(self.fd)

    def set_size(self, columns, lines):
        self.screen.resize(lines, columns)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def press(self, keys):
        os.write(self.fd, keys.encode())

    def rows(self):
        """What is on the screen now."""
        with contextlib.suppress(OSError):  # the last program has closed it
            while select.select([self.fd], [], [], 0)[0]:
                self.stream.feed(os.read(self.fd, 65536))
        return [row.rstrip() for row in self.screen.display]

    def is_taken(self):
        """Whether a program has it for itself: no cursor, no echo. It takes and gives back one after the other."""
        eventually(self.agrees, 10, "cursor and echo agree")
        return self.screen.cursor.hidden

    def agrees(self):
        self.rows()
        return self.screen.cursor.hidden != bool(termios.tcgetattr(self.fd)[3] & termios.ECHO)

    def wait(self):
        """The exit status; what is written until then does not block the program."""
        for _ in range(10 * MARGIN_SECONDS):
            self.rows()
            with contextlib.suppress(subprocess.TimeoutExpired):
                return self.process.wait(0.1)
        raise AssertionError("it does not end: %s" % self.rows())
