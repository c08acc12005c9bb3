# SPDX-License-Identifier: Apache-2.0
"""Shares of native code: what a library's function, the kernel and the interpreter take, by the target's own clock."""

import collections
import math
import platform
import subprocess

from program import podflame
import truth

SECONDS, RATE = 6, 500
LOOKS = 4.0  # sigmas: three shares are judged in one run
# Beside its work a phase asks for the time, and the listing makes strings of names: on an emulated aarch64 half of it.
INNER = {"checksum": ("adler32",), "lists": ("getdents", "readdir")}
LEAST_INSIDE = {"checksum": 0.95, "lists": 0.75 if platform.machine() == "x86_64" else 0.4}

# Each phase runs until it has had its part of the thread's CPU time; the parts are told at the end.
TARGET = """
import os, sys, time, zlib
data, folder = os.urandom(1 << 20), sys.argv[1]
spent = dict.fromkeys(("checksum", "lists", "loops"), 0.0)
def checksum(): zlib.adler32(data)
def lists(): os.listdir(folder)
def loops():
    for _ in range(2000): pass
def phase(work, seconds):
    begin = time.thread_time()
    while time.thread_time() - begin < seconds: work()
    spent[work.__name__] += time.thread_time() - begin
print("ready", flush=True)
end = time.monotonic() + float(sys.argv[2])
while time.monotonic() < end:
    phase(checksum, 0.020); phase(lists, 0.012); phase(loops, 0.008)
print(*("%s=%f" % part for part in spent.items()), flush=True)
sys.stdin.read()
"""


ODD = r"""
import ctypes, shutil, sys
folder = sys.argv[1].encode()
odd = folder + b"/lib\x1b[31modd\xff.so"
shutil.copy(sys.argv[2].encode(), odd)
library = ctypes.CDLL(odd)
def works(): library.spin()
print("ready", flush=True)
while True: works()
"""


def test_a_library_of_an_odd_name_is_printed_escaped(tmp_path):
    """Its name would change the terminal's colour, and is no UTF-8: then a collector refuses the whole profile."""
    source, plain = "void spin(void) { for (volatile long i = 0; i < 1000000; i++) ; }", str(tmp_path / "plain.so")
    subprocess.run(["cc", "-shared", "-fPIC", "-o", plain, "-x", "c", "-"], input=source, text=True, check=True)
    with subprocess.Popen(["/usr/bin/python3", "-c", ODD, str(tmp_path), plain], stdout=subprocess.PIPE, text=True) as target:
        try:
            assert target.stdout.readline() == "ready\n"
            done = podflame("record", "-p", target.pid, "--native", "-d", 2, "-r", 200, "-o", tmp_path / "odd.otlp.json")
        finally:
            target.kill()
    assert done.returncode == 0, done.stderr
    written = (tmp_path / "odd.otlp.json").read_bytes()
    assert r"lib\\x1b[31modd\\xff.so" in written.decode("utf-8"), written[-2000:]


def test_native_leaves_have_their_share(tmp_path):
    for i in range(2000):
        (tmp_path / ("a-file-with-a-name-%d" % i)).touch()
    command = ["/usr/bin/python3", "-c", TARGET, str(tmp_path), str(SECONDS)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as target:
        try:
            assert target.stdout.readline() == "ready\n"
            done = podflame("record", "-p", target.pid, "--native", "-d", SECONDS + 0.5, "-r", RATE)
            spent = dict(part.split("=") for part in target.stdout.readline().split())
        finally:
            target.kill()
    assert done.returncode == 0, done.stderr
    found, inside, total = collections.Counter(), collections.Counter(), 0
    for frames, count in truth.parse_folded(done.stdout):
        names = [frame.name for frame in frames]
        phases = [name for name in spent if name in names]
        total += count
        if not phases:
            continue
        found[phases[0]] += count
        inner = names[names.index(phases[0]) + 1:]
        inside[phases[0]] += count * any(word in name for word in INNER.get(phases[0], ()) for name in inner)
    whole = sum(map(float, spent.values()))
    for phase, seconds in spent.items():
        share = float(seconds) / whole
        sigma = math.sqrt(share * (1 - share) / total)
        assert abs(found[phase] / total - share) < LOOKS * sigma + 0.01, (phase, share, found, total, spent)
        assert inside[phase] >= LEAST_INSIDE.get(phase, 0) * found[phase], (phase, inside, found)
    assert any(frames[-1].name.endswith("_[k]") for frames, _ in truth.parse_folded(done.stdout)), "the kernel has leaves"
