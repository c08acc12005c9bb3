# SPDX-License-Identifier: Apache-2.0
"""crowd_of_threads.py N: N threads that wait for an event that never comes, and the main thread, which sleeps."""
import sys
import threading
import time

threading.stack_size(65536)
never = threading.Event()
for _ in range(int(sys.argv[1])):
    threading.Thread(target=never.wait, daemon=True).start()
print("ready", flush=True)
time.sleep(600)
