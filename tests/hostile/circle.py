# SPDX-License-Identifier: Apache-2.0
"""circle.py N: N threads that burn, and a list of thread states that goes in a circle (3.11)."""

import ctypes
import sys
import threading

NEXT = 8  # offset of PyThreadState.next


def burn():
    while True:
        sum(range(100000))


for _ in range(int(sys.argv[1])):
    threading.Thread(target=burn, daemon=True).start()
ctypes.pythonapi.PyThreadState_Get.restype = ctypes.c_void_p
state = ctypes.pythonapi.PyThreadState_Get()
ctypes.c_void_p.from_address(state + NEXT).value = state
print("ready", flush=True)
while True:
    for _ in range(100000):
        pass
