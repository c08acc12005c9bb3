# SPDX-License-Identifier: Apache-2.0
"""A FUSE file system of one file, whose pages come or not: silent_files.py FOLDER FILE READS [killable|DEVICE].

Mounts on FOLDER, where "python3.11" has the bytes of FILE then; prints "ready". The first READS readings are
answered (-1: all), the others never. Its end, which a kill brings, answers whoever waits: the kernel gives up on the
file system. With "killable" the kernel reads pages in the background, and SIGKILL ends whoever waits for them; else
nothing does. On a block device that it makes no use of, it is of the type fuseblk. As root. The numbers are those of
linux/fuse.h.
"""
import ctypes
import errno
import os
import signal
import stat
import struct
import sys

FORGET, BATCH_FORGET, INTERRUPT = 2, 42, 36  # nobody waits for an answer
LOOKUP, GETATTR, OPEN, READ, STATFS, RELEASE, FLUSH, INIT, OPENDIR, RELEASEDIR, ACCESS = (
    1, 3, 14, 15, 17, 18, 25, 26, 27, 29, 34)
ROOT, FILE = 1, 2
HEAD, MAX_BYTES = struct.Struct("=IIQQIIII"), 1 << 17

folder, path, reads = sys.argv[1], sys.argv[2], int(sys.argv[3])
ASYNC_READ = "killable" in sys.argv
with open(path, "rb") as source:
    content = source.read()


def attributes(node):
    mode, size = (stat.S_IFDIR | 0o755, 0) if node == ROOT else (stat.S_IFREG | 0o755, len(content))
    return struct.pack("=6Q10I", node, size, size // 512 + 1, 0, 0, 0, 0, 0, 0, mode, 1, 0, 0, 0, 4096, 0)


def read(body):
    _, offset, size = struct.unpack_from("=QQI", body)
    return content[offset:offset + size]


def look_up(body):
    if body.rstrip(b"\0") != b"python3.11":
        return errno.ENOENT
    return struct.pack("=QQQQII", FILE, 0, 0, 0, 0, 0) + attributes(FILE)


def answer(operation, node, body):
    """Bytes, or an errno."""
    if operation == INIT:
        return struct.pack("=IIIIHHIIHHI28x", 7, 31, MAX_BYTES, ASYNC_READ, 16, 12, MAX_BYTES, 1, 0, 0, 0)
    if operation == LOOKUP:
        return look_up(body)
    if operation == GETATTR:
        return struct.pack("=QII", 0, 0, 0) + attributes(node)
    if operation in (OPEN, OPENDIR):
        return struct.pack("=QII", 0, 0, 0)
    if operation == READ:
        return read(body)
    if operation == STATFS:
        return struct.pack("=5Q4I24x", 0, 0, 0, 0, 0, 4096, 255, 4096, 0)
    return b"" if operation in (RELEASE, RELEASEDIR, FLUSH, ACCESS) else errno.ENOSYS


def serve(device):
    global reads
    while True:
        request = os.read(device, MAX_BYTES + 4096)
        _, operation, unique, node, _, _, _, _ = HEAD.unpack_from(request)
        if operation in (FORGET, BATCH_FORGET, INTERRUPT) or (operation == READ and reads == 0):
            continue
        reads -= operation == READ and reads > 0
        found = answer(operation, node, request[HEAD.size:])
        body, error = (b"", -found) if isinstance(found, int) else (found, 0)
        os.write(device, struct.pack("=IiQ", 16 + len(body), error, unique) + body)


signal.alarm(120)  # whatever happens to who has started it
if not os.path.exists("/dev/fuse"):
    os.mknod("/dev/fuse", stat.S_IFCHR | 0o666, os.makedev(10, 229))
device = os.open("/dev/fuse", os.O_RDWR)
options = "fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other" % device
source, kind = (sys.argv[4], "fuseblk") if len(sys.argv) > 4 and not ASYNC_READ else ("silent", "fuse")
libc = ctypes.CDLL(None, use_errno=True)
if libc.mount(source.encode(), folder.encode(), kind.encode(), 0, options.encode()) != 0:
    sys.exit("mount: " + os.strerror(ctypes.get_errno()))
print("ready", flush=True)
serve(device)
