# SPDX-License-Identifier: Apache-2.0
"""Code that lies in unusual places, all of it on one stack, for ever:

this file imports a module out of a zip archive, while that runs it calls a function of
<string>, and that one a function that is busy in its last two lines of 60 003.
"""
import os
import sys
import tempfile
import zipfile

HUGE = "def huge():\n" + "    a = 1\n" * 60000 + "    while True:\n        a = 2\n"
STRING = "\n\ndef called(function):\n    function()\n"
MODULE = "import sys\nsys.called(sys.huge)\n"

archive = os.path.join(tempfile.mkdtemp(), "app.zip")
with zipfile.ZipFile(archive, "w") as packed:
    packed.writestr("packed.py", MODULE)
space = {}
exec(compile(HUGE, "huge.py", "exec"), space)
exec(compile(STRING, "<string>", "exec"), space)
sys.called, sys.huge = space["called"], space["huge"]
sys.path.insert(0, archive)
sys.stdout.write("ready\n")
sys.stdout.flush()
import packed  # noqa: E402,F401
