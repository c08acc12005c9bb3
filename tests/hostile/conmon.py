# SPDX-License-Identifier: Apache-2.0
"""In a container: is called conmon, says with its arguments that it is that of the container, and has a child.

    conmon.py -c ID -n NAME
"""

import ctypes
import subprocess
import sys
import time

PR_SET_NAME = 15

ctypes.CDLL(None).prctl(PR_SET_NAME, b"conmon")
subprocess.Popen([sys.executable, "-c", "while True: pass"])
time.sleep(600)
