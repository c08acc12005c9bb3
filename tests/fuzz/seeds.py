#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the first inputs of a fuzz harness from what the tests have: seeds.py HARNESS FOLDER.

What else is in the folder is kept, so that a corpus grows from one run to the next.
"""
import glob
import itertools
import json
import marshal
import lzma
import os
import random
import struct
import subprocess
import sys
import tempfile
import zlib

FIXTURES = "tests/fixtures"


def read(path):
    with open(path, "rb") as file:
        return file.read()


# ---- ELF ---------------------------------------------------------------------

# What an interpreter exports, newest version first, as far as podflame looks for it.
LADDER = ["PyBytesWriter_Create", "PyUnicodeWriter_Create", "PyTime_Time", "PyType_FromMetaclass", "PyGC_Enable",
          "PyFrame_GetBack", "PyConfig_InitPythonConfig", "PyContext_New", "PyOS_FSPath", "PyCoro_New",
          "PyMem_RawMalloc", "PyUnicode_New", "PyBytes_FromString"]
LADDER_OF_2 = ["PyCapsule_New", "PyByteArray_FromObject", "PyString_FromString"]

HEAD = """
static void *interp_head __attribute__((used)) = (void *)8;
void *_PyThreadState_Current = (void *)8, *PyCode_Type[8], *PyType_Type[8];
void *PyInterpreterState_Head(void) { return interp_head; }
"""
RUNTIME = """
char _PyRuntime[656] = "%s", PyCode_Type[8], PyType_Type[8];
unsigned long Py_Version = 0x030b00f0;
"""
# Code that cannot be decoded: it does something else first.
VEILED = HEAD.replace("{ return", "{ __asm__ volatile (\"nop\"); return")
LOADER = "long __rseq_offset = -160;\n"


def functions(names):
    return "".join("void %s(void) { }\n" % name for name in names)


def source(kind, ladder):
    return {"none": "int nothing;\n", "head": HEAD, "modern": RUNTIME % "", "described": RUNTIME % "xdebugpy",
            "loader": LOADER, "section": '__attribute__((section(".PyRuntime"))) char _PyHidden[656] = "x";\n'
            }[kind] + functions(ladder)


def link(text, flags):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "python")
        with open(path + ".c", "w", encoding="ascii") as file:
            file.write(text)
        subprocess.run([os.environ.get("CC", "cc"), "-Os", "-shared", "-nostdlib", "-fPIC",
                        "-fno-asynchronous-unwind-tables", "-Wl,-z,noseparate-code", "-Wl,-z,max-page-size=16",
                        *flags, "-o", path, path + ".c"], check=True)
        return read(path)


def elf_files():
    for style, strip in itertools.product(["sysv", "gnu", "both"], [[], ["-s"]]):
        flags = ["-Wl,--hash-style=" + style, "-Wl,--build-id=sha1", *strip]
        yield link(source("none", LADDER[:3]), flags)
    for kind in ["none", "head", "modern", "described", "loader", "section"]:
        yield link(source(kind, LADDER_OF_2 if kind == "head" else []), ["-Wl,--hash-style=gnu"])
    for i in range(len(LADDER)):
        yield link(source("modern", LADDER[i:]), ["-Wl,--hash-style=gnu", "-s"])
    yield link(source("head", LADDER[-3:]), ["-Wl,--hash-style=sysv", "-fno-stack-protector"])
    yield link(source("head", []), ["-O0", "-fno-stack-protector"])
    yield link(VEILED, [])
    with tempfile.TemporaryDirectory() as folder:  # one that needs another: a DT_NEEDED of libpython
        library = os.path.join(folder, "libpython3.11.so.1.0")
        with open(library, "wb") as file:
            file.write(link(source("modern", []), ["-Wl,-soname,libpython3.11.so.1.0"]))
        yield link("extern char _PyRuntime[]; char *here(void) { return _PyRuntime; }\n", [library])


# Instructions of an FDE, as tests/fuzz/unwind.h puts them behind its header.
UNWOUND = [b"", b"\x44\x0a\x44\x0e\x18\x46\x0b\x02\x20\x0e\x20", b"\x03\x10\x00\x0d\x06\x86\x02", b"\x07\x10",
           b"\x0f\x0b\x77\x08\x80\x00\x3f\x1a\x3b\x2a\x33\x24\x22", b"\x0f\x05\x77\x08\x06\x23\x08",
           b"\x10\x06\x02\x77\x08\x16\x03\x02\x77\x10", b"\x09\x10\x05\x14\x0c\x02\x05\x03\x01\x08\x0c\x06\x03",
           b"\x12\x07\x70\x13\x70\x11\x06\x01\x15\x06\x01\x2e\x08\x2f\x06\x01\xc6\x04\x01\x00\x00\x00"]


def unwind():
    """0 and an image, or 1 and the entries of one."""
    for flags in [["-fasynchronous-unwind-tables"], ["-fasynchronous-unwind-tables", "-O0", "-Wl,--build-id=sha1"]]:
        yield b"\0" + link(source("modern", LADDER[:9]), flags)
    for instructions in UNWOUND:
        for augmentation in [b"zR\0", b"zRS\0"]:
            cie = (b"\1" + augmentation + b"\1\x78\x10\1\x1b\x0c\7\x10\x90\1").ljust(0xf8, b"\0")
            fde = struct.pack("<iiB", 0x2f8, 0x100, 0) + instructions
            yield b"\1" + struct.pack("<II", 0xfc, 0) + cie + struct.pack("<II", len(fde) + 4, 0x104) + fde


def function_tables():
    """Files, and what .gnu_debugdata may have: of an odd length if it is to be packed yet."""
    for file in elf_files():
        yield file
    mini = link(source("none", []), ["-Wl,--hash-style=gnu"])
    yield mini + b"\0" * (1 - len(mini) % 2)
    for preset in [0, 6, 7, 9]:
        packed = lzma.compress(mini, preset=preset)
        yield packed + b"\0" * (len(packed) % 2)
    packed = lzma.compress(b"\0" * (17 << 20))
    yield packed + b"\0" * (len(packed) % 2)


MANGLED = ["_ZN3foo3barEii.part.0", "_ZN12_GLOBAL__N_13runEv", "_ZNSt6vectorIiSaIiEE9push_backERKi", "_ZNK3FoocvbEv",
           "_ZZN1a1bEvENKUlT_E_clIiEEDaS0_", "_Z1fIJidEEDTclfp_spcvT_Li1EEEDpS1_", "_ZN1aI1b1cIS0_S0_EE1fEv",
           "_ZSt4sortIN9__gnu_cxx17__normal_iteratorIPiSt6vectorIiSaIiEEEEEvT_S7_", "_ZGVZ3foovE1x", "_ZTV3Foo",
           "_ZN4core3fmt5Write9write_fmt17h0123456789abcdefE", "_ZN5alloc3vec12Vec$LT$T$GT$4push17h0123456789abcdefE",
           "_RNvNtCs1234_7mycrate3foo3bar", "_RNvMNtCs1_3std3vecINtB2_3VeclE4push", "_RIC1aTTuuETB2_B2_EE",
           "_RNvC7mycrateu8gdel_5qa", "_RINvC1a1fKpKRjFUKCTuElEE", "_RNCNvC1a1f0", "_RYNtC1a1bNtC1c1dXs_C1eABB_b",
           "__pyx_pw_5numpy_6random_6mtrand_11RandomState_1__init__", "__pyx_pf_5cymod_5Thing___init__",
           "__pyx_f_5cymod_fib", "__pyx_gb_5cymod_3fib_2generator", "sort.constprop.0.cold", "main.main"]


def demangle():
    return [name.encode() for name in MANGLED]


def perf_map():
    """How long the pieces are; then a text."""
    for piece in [0, 1, 7]:
        yield bytes([piece]) + b"1000 100 py::run:/app/main.py\n0x1080 0x20 with blanks\n1000 10 again\n1100 8 open"
        yield bytes([piece]) + b"".join(b"%x 10 function_%d\n" % (i * 16, i) for i in range(600))
    yield bytes([255]) + b"1000 10 " + b"x" * 5000 + b"\nfffffffffffffff8 10 wraps\n0 ffffffffff large\n 1 2 3\n"


def locate():
    """A name, a version that is asked for, and a file."""
    for file in elf_files():
        for name in [0, 6, 0x80]:
            yield bytes([name, 255]) + file
        yield bytes([1, 3]) + file
    for name in range(7):
        yield bytes([name, 255]) + b"\x7fELF\x01"
    for words in [[0x90001740, 0xf943d800, 0xd65f03c0], [0xd503245f, 0xb0000000, 0x91096000, 0xf9400000],
                  [0xb0000000, 0x91096000, 0xf9400000, 0xd65f03c0], [0xb0000000]]:
        yield struct.pack("<%dI" % len(words), *words)


# ---- interpreters' memories ---------------------------------------------------

def recordings():
    return sorted(glob.glob(FIXTURES + "/recordings/*.txt"))


def damages(generator):
    """As tests/fuzz/forgery.h has them: block, offset, how, value."""
    for _ in range(generator.randrange(0, 5)):
        how = generator.choice([0x80, 0x00, 0x10, 0x20, 0xa0]) | generator.choice([0, 0x40])
        how |= generator.choice([7, 3, 0])
        value = generator.choice([generator.getrandbits(64), generator.randrange(16), 2**63 - 1, 2**64 - 1])
        yield struct.pack("<HBBQ", generator.getrandbits(16), generator.getrandbits(8), how, value)


# Where 3.11 and 3.12 have datastack_top in a thread's state: what a frame's end is compared with.
STACK_TOPS = {"3.11": 304, "3.12": 240}


def moved_tops(path):
    """Damages that move the end of the data stack: into its page's beginning, or elsewhere."""
    for version, at in STACK_TOPS.items():
        for value in [0x18, 0x20, 0xa8] if version in path else []:
            yield struct.pack("<HBBQ", 2, at // 4, 0x20, value)
            yield struct.pack("<HBBQ", 2, at // 4, 0x21, value)


def pystack():
    """A recording, a version that is asked for, and how it is read; then damages."""
    generator = random.Random(1)
    for i in range(len(recordings())):
        for how in [0, 1, 8, 16 | 1, 16 | 4, 32, 64 | 16, 128]:
            yield bytes([i, 0, how])
        for abi in range(14):
            yield bytes([i, abi, 2])
        for at in [0x28, 0x30, 0x38, 0x40, 0x44, 0x48, 0x60, 0x70, 0x78]:  # the running code object becomes another
            yield bytes([i, 0, 0]) + struct.pack("<HBBQ", 3, at // 4, 0x60, 77)
        for damage in moved_tops(recordings()[i]):
            yield bytes([i, 0, 0]) + damage
            yield bytes([i, 0, 128]) + damage
        for _ in range(4):
            yield bytes([i, generator.randrange(14), generator.getrandbits(8) & ~16]) + b"".join(damages(generator))


def recording():
    for path in recordings():
        yield read(path)[:3000]
    text = read(FIXTURES + "/recordings/debian-3.13.txt")
    yield text[text.index(b"podflame recording"):][:1500].rpartition(b"@")[0]


# ---- profiles -----------------------------------------------------------------

def format_read():
    for name in ["format_read.folded", "format_read.pb", "format_native.pb"]:
        yield read("tests/fuzz/" + name)
        yield zlib.compress(read("tests/fuzz/" + name), wbits=31)
    yield from format_others()


def format_others():
    """A file of each further format that is read."""
    frames = [{"name": "main", "file": "/a.py", "line": 3}, {"name": "f"}, {"name": "copy", "file": "[kernel]"}]
    for profile in ({"type": "sampled", "unit": "none", "samples": [[0, 1], [0]], "weights": [3, 1]},
                    {"type": "sampled", "unit": "seconds", "samples": [[0, 1], [2]], "weights": [0.02, 0.01], "counts": [2, 1]},
                    {"type": "sampled", "unit": "milliseconds", "samples": [[0], [1]], "weights": [1, 1.5]},
                    {"type": "evented", "unit": "microseconds", "events": [
                        {"type": kind, "frame": frame, "at": at} for kind, frame, at in [("O", 0, 1), ("O", 1, 2), ("C", 1, 4), ("C", 0, 9)]]}):
        for n in (1, 2):
            yield json.dumps({"shared": {"frames": frames}, "profiles": [dict(profile, name="t", tid=4)] * n}).encode()
    thread = {"name": "t", "tid": 4, "samples": {"stack": [1, 0, None], "weight": [2, 1, 1], "ns": [5, 6, 7], "weightType": "samples"},
              "stackTable": {"frame": [0, 1], "prefix": [None, 0]}, "frameTable": {"func": [0, 1], "line": [3, None]},
              "funcTable": {"name": [0, 1], "fileName": [2, None]}}
    source = dict(thread, funcTable={"name": [0, 1], "source": [0, None]})
    strings = ["main", "f", "/a.py"]
    for threads in ([thread], [thread, source], [dict(thread, stringArray=strings, samples={"stack": [1]})]):
        yield json.dumps({"meta": {"interval": 10, "preprocessedProfileVersion": 57}, "threads": threads,
                          "shared": {"stringArray": strings, "sources": {"filename": [2]}}}).encode()
    events = [{"ph": "M", "name": "thread_name", "pid": 1, "tid": 2, "ts": 0, "args": {"name": "t"}}]
    for at, phase in enumerate("BBEBEE"):
        events.append({"ph": phase, "pid": 1, "tid": 2, "ts": at, "name": "f", "args": {"filename": "/a.py", "line": 3}})
    yield json.dumps(events).encode()
    yield json.dumps({"traceEvents": events + [dict(event, tid=3, samples=1) for event in events],
                      "otherData": {"period_ns": 1000}}).encode()
    yield (b'{"format":"podflame jsonl","version":1,"period_ns":5}\n' + json.dumps(
        {"samples": 2, "ns": 10, "tid": 4, "thread": "t", "stack": frames[:2] + [dict(frames[2], kind="kernel", first_line=1)]}
    ).encode() + b"\n")
    yield b"# austin: 3.7.0\n# interval: 100\n# mode: wall\nP1;T0:2;/a.py:f:3;:GC: 300\nP1;T0:2;/a.py:f:3:4:1:9 99\n"
    yield b"MOJ\3\1interval\x00100\0\x0b\2/a.py\0\x0b\3f\0\3\1\2\3\3\4\1\x09\2\0\0002b\0\5\1\6k\0\7\x08\x09\xad\4"
    yield b"tid:4;a.py:f:3;b.py:g:4 7\n"
    stats = {("/a.py", 3, "f"): (1, 2, 0.5, 1.5, {("~", 0, "g"): (1, 1, 0.25, 0.5)}), ("~", 0, "g"): (2**40, 1, 0.0, 0.0, {})}
    for version in (0, 2, 4):
        yield marshal.dumps(stats, version)
    yield marshal.dumps({**stats, ("__sampled__",): True})


def otlp_read():
    text = read("tests/fuzz/otlp_read.json")
    yield text
    yield read("tests/fuzz/otlp_native.json")
    for name in ["\u00e9\u6f22\U0001f600", "\ud83d", "\udc00\ud83dx", "\"\\/\b\f\n\r\t\x01"]:
        for plain in [True, False]:
            yield text.replace(b"python3.11", json.dumps(name, ensure_ascii=plain)[1:-1].encode(errors="replace"))
    for value in ["true", "null", "-1.5e+3", "1E-2", "[]", "{}", "\"\\ud83d\\u0041\"", "\"\\q\"", "01", "\"\\u00g0\""]:
        yield text.replace(b'{"stringValue":"host"}', ('{"doubleValue":%s,"boolValue":%s}' % (value, value)).encode())


# ---- what the host says of processes --------------------------------------------

ID = "b4d6d161c62525d726fa394b27df30e14f8ea5646313ada576b390de70cfc8cc"
POD = "f6f2d169-f2ae-4afa-95ed-06ff2ed6b288"


def proc():
    """As tests/fuzz/proc.c tells them apart: stat, status, maps, cgroup, mountinfo, numbers."""
    for i, name in enumerate(["stat", "status", "maps", "cgroup", "mountinfo"]):
        text = read("/proc/self/" + name)[:4096]
        yield bytes([i]) + text[:text.rindex(b"\n") + 1]
    with open(FIXTURES + "/cgroup-shapes.txt", encoding="utf-8") as file:
        for row in file:
            fields = row.rstrip("\n").split("\t")
            if len(fields) > 1:
                yield b"\x03" + fields[1].replace("\\n", "\n").encode() + b"\n\0" + b"0::/\n"
                yield b"\x03" + fields[1].encode() + b"\n\0" + fields[1].encode() + b"\n"
    mounts = ("29 23 0:26 / /sys/fs/cgroup rw shared:4 - cgroup2 cgroup2 rw\n"
              "30 23 0:27 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
              "31 23 0:28 /a\\040b /sys/fs/cgroup/freezer rw master:1 propagate_from:2 - cgroup cgroup rw,freezer\n"
              "24 23 0:22 / /proc rw - proc proc rw,hidepid=2,gid=100\n"
              "24 23 0:22 / /proc rw - proc proc rw,hidepid=invisible\n"
              "605 600 8:1 /var/lib/docker/containers/%s/hostname /etc/hostname rw - ext4 /dev/sda1 rw\n" % ID)
    yield b"\x04" + mounts.encode() + b"\0" + b"0::/a/b\n5:cpu,cpuacct:/c\n6:freezer:/a b/d\n"
    yield b"\x05" + b"odd) name (12, #threads: 1)\n----------------\nse.exec_start              :      12345.678901\n"
    yield b"\x05" + b"0.00 0.01 0.05 1/389 32167\n"
    yield b"\x05" + b"usage_usec 1\nnr_periods 2\nnr_throttled 3\nthrottled_usec 4\n"
    yield b"\x05" + b"max 100000\n"
    yield b"\x05" + b"-1\n"


def names():
    """As tests/fuzz/names.c tells them apart."""
    labels = {"io.kubernetes.pod.uid": POD, "io.kubernetes.pod.name": "web-0", "io.kubernetes.pod.namespace": "shop",
              "io.kubernetes.container.name": "app", "a\u0001": "\u202e"}
    docker = {"Name": "/web", "Config": {"Image": "shop:1.2", "Labels": labels}}
    podman = [{"id": "0" * 64}, {"id": ID, "names": ["web"], "metadata": json.dumps({"image-name": "shop:1"})}]
    api = [{"Id": ID, "Names": ["/web"], "Image": "shop:2", "Labels": labels}, {"Id": 7}, {"Names": []}]
    status = {"name": "app", "image": "shop:3", "containerID": "containerd://" + ID}
    pods = {"items": [{"metadata": {"name": "web-0", "namespace": "shop", "uid": POD, "labels": labels},
                       "status": {"containerStatuses": [status], "initContainerStatuses": [{"name": "x"}],
                                  "ephemeralContainerStatuses": [status]}}]}
    bundle = {"annotations": dict({"io.kubernetes.cri." + key: key for key in [
        "sandbox-name", "sandbox-namespace", "sandbox-uid", "container-name", "image-name"]},
        **{"nerdctl/name": "web", "io.kubernetes.cri-o.ImageName": "shop:4"}, **labels)}
    for i, value in enumerate([docker, podman, bundle, bundle, bundle, api, pods]):
        yield bytes([i]) + json.dumps(value).encode()
        yield bytes([i]) + json.dumps(value, ensure_ascii=False).replace("web", "w\u00e9b\U0001f600").encode()
    kubelet = "605 600 8:1 /var/lib/kubelet/pods/%s/%s rw - ext4 /dev/sda1 rw\n"
    yield b"\x07" + (kubelet % (POD, "containers/app/1 /dev/termination-log") + kubelet % (POD, "etc-hosts /etc/hosts")
                     ).encode()
    yield b"\x08" + ("web-0_shop_app-%s.log" % ID).encode()
    yield b"\x08" + ("shop_web-0_%s" % POD).encode()
    yield b"\x09" + b"service.name=web,team=a%20b,k8s.pod.name=x, c.d-e/f = %zz%41"
    for words in [["python3", "-m", "shop.web", "x"], ["python3", "-X", "dev", "-uc", "print()"],
                  ["python3", "/srv/app.py"], ["uwsgi", "--ini", "x"],
                  ["python3", "-W", "error", "--", "/a/__main__.py"],
                  ["python3", "-"]]:
        yield b"\x09" + "\0".join(words).encode() + b"\0"
    yield b"\x09" + b"A=b\0OTEL_SERVICE_NAME=web\0"


def waits():
    """As tests/fuzz/waits.c tells them apart: a judgement, a link, fdinfo of epoll, a line of sockets."""
    high = b" 0x7ffc00000000 0x7f0000000000\n"
    rows = [(b"35" + b" 0x0" * 6, b"hrtimer_nanosleep"), (b"35" + b" 0x0" * 6, b"get_signal"), (b"-1", b"folio_wait_bit_common"),
            (b"202 0x7f00 0x80 0x2 0x0 0x0 0x0", b"futex_do_wait"), (b"219" + b" 0x0" * 6, b"do_sys_poll"),
            (b"7 0x7f00 0x1 0xffffffff 0x0 0x0 0x0", b"do_sys_poll.isra.0"), (b"23 0x8 0x0 0x1 0x0 0x7 0x0", b"do_select"),
            (b"72 0x3 0x7 0x7f00 0x0 0x0 0x0", b"fcntl_setlk"), (b"73 0x3 0x2 0x0 0x0 0x0 0x0", b"0"),
            (b"0 0x3 0x7f00 0x40 0x0 0x0 0x0", b"pipe_read"), (b"435 0x7f00 0x58 0x0 0x0 0x0 0x0", b"kernel_clone"),
            (b"56 0x4111 0x0 0x0 0x0 0x0 0x0", b"kernel_clone"), (b"449 0x1 0x1 0x0 0x0 0x0 0x0", b"futex_wait"),
            (b"455 0x1 0x1 0x0 0x0 0x0 0x0", b""), (b"16 0x1 0x1 0x0 0x0 0x0 0x0", b"wait_woken"), (b"junk", b"do_wait")]
    for call, channel in rows:
        for state in range(7):
            for bits in (0, 1, 2, 64, 128):
                yield bytes([0, state, bits]) + call + high + channel
    yield b"\0\1\0running\ndo_wait"
    yield b"\0\1\x800 0x1 0x1 0x1 0x1 0x1 0x1 0xff 0xf7f00000\npipe_read"
    for link in ("socket:[4711]", "pipe:[1]", "anon_inode:[eventpoll]", "/x (deleted)", "/" + "x" * 300, "net:[1]"):
        yield b"\1" + link.encode()
    yield b"\2tfd:        5 events:       19 data:                5  pos:0 ino:dacd92 sdev:8\ntfd: 6 events: 1\n"
    rest = " 00000000:00000000 02:000000A1 00000000  1000        0 4711 2 0000000000000000 20 4 30 10 -1"
    yield b"\3" + ("   0: 0100007F:1F90 0700000A:1538 01" + rest).encode()
    yield b"\3" + ("   0: " + "0" * 32 + ":1F90 " + "0" * 32 + ":0000 0A" + rest).encode()
    yield b"\3ffff888: 00000002 00000000 00010000 0001 01 20471 /run/x.sock"


# ---- HTTP -------------------------------------------------------------------------

def head():
    for text in ["GET / HTTP/1.1\r\nHost: 127.0.0.1:4318\r\n\r\n",
                 "POST /v1development/profiles?a=%00 HTTP/1.1\r\n\r\n",
                 "GET /api/v1/tree?series=1&from=2 HTTP/1.0\r\nA: b\r\n\r\nrest", "GET  / HTTP/1.1\r\n",
                 "GET / HTTP/2\r\n\r\n",
                 "\0" * 4 + "\1", "localhost:4318\0http://localhost:4318\0same-origin\0navigate\0\1",
                 "[::1]\0https://[::1]\0cross-site\0navigate\0\7", "127.1.2.3:80\0\0none\0\0\5",
                 "evil:99999\0\0\0\0\1", "[::1:4318\0\0\0\0\1", "evil\0http://other\0\0\0\0",
                 "a\0\0cross-site\0cors\0\2"]:
        yield text.encode("latin-1")


def collect():
    body = read("tests/fuzz/otlp_read.json")
    post = b"POST /v1development/profiles\nContent-Type: application/json\n"
    range_ = b"?from=1&to=9000000000&series="
    queries = [b"GET /api/v1/" + what for what in [
        b"series?from=1&to=9000000000", b"tree" + range_ + b"all", b"tree" + range_ + b"1&mode=cpu",
        b"top" + range_ + b"1&limit=3", b"top" + range_ + b"7&mode=wall", b"tree" + range_ + b"all&mode=gil",
        b"series?from=2&to=1", b"series?to=x", b"series?from=", b"top?limit=0", b"top?limit=x",
        b"series?to=1.2.3", b"top?series=", b"tree?mode=none", b"tree?series=-1",
        b"groups" + range_ + b"all&by=service&label.pod=", b"timeline" + range_ + b"all&by=container&limit=1&since=3",
        b"timeline?by=pod&step=1&from=1&to=99999", b"function" + range_ + b"all&name=_call_with_frames_removed",
        b"compare" + range_ + b"all&base.from=2&base.label.service=x", b"export" + range_ + b"all&format=folded",
        b"export?format=x", b"tree?label.x=1", b"openapi.json"]]
    for encoding in [b"", b"Content-Encoding: gzip\n", b"Content-Encoding: identity\n", b"Content-Encoding: br\n"]:
        yield b"\x1e".join([post + encoding + b"Idempotency-Key: a\n\n" + body] * 2 + queries)
    empty = json.loads(body)
    for profile in empty["resourceProfiles"][0]["scopeProfiles"][0]["profiles"]:
        profile["samples"] = []
    yield b"\x1e".join([post + b"\n" + json.dumps(empty).encode()] + queries)
    yield b"POST /v1development/profiles\nContent-Type: text/plain\n\n{}"
    yield post + b"\n{}" + b"\x1e" + post + b"Idempotency-Key: " + b"k" * 129 + b"\n\n{}"
    yield post + b"Content-Encoding: gzip\n\n\x1f\x8bx"
    yield b"GET /healthz\x1eGET /\x1eGET /%61?a=%zz"


# ---- the rest ----------------------------------------------------------------------

def spool():
    """See enum how in tests/fuzz/spool.c."""
    profiles = json.loads(read("tests/fuzz/otlp_read.json"))
    profiles["resourceProfiles"] *= 2
    for body in [read("tests/fuzz/otlp_read.json"), json.dumps(profiles).encode()]:
        for how in [1, 1 | 8, 1 | 4, 1 | 16, 1 | 8 | 16, 0, 1 | 32, 1 | 64, 0 | 64]:
            yield bytes([how]) + body
    yield b"\1"
    record = b"PFSPOOL\n" + struct.pack("<IIQQ", 1, 0, 3, 7) + bytes(8) + b"a" * 36 + bytes([1, 2, 0, 0]) + b"dctabc"
    yield bytes([2]) + record
    yield bytes([0]) + record


def option_values():
    """(option, a right value, a wrong one), of all commands."""
    return [("--rate", "50", "0"), ("--mode", "wall", "x"), ("--engine", "perf", ""),
            ("--select", "pod=web-*,pid=1", "x"),
            ("--drop", "label=a=b,image=\\,", "pod"), ("--min-age", "5m", "-1"), ("--window", "10s", "0"),
            ("--label", "a=b", "a"), ("--label", "service.name=x", "k k=v"), ("--label", "a=b\tc", "a="),
            ("--max-memory", "64M", "64Q"), ("--max-cpu", "2%", "nan"), ("--pid", "1,2", "0"),
            ("--abi", "3.11", "9"), ("--format", "pprof", "x"), ("--duration", "1.5", "inf"), ("--work", "1e3", "0x1"),
            ("--retain", "7d", ""), ("--max-bytes", "1G", "1e99"), ("--repeat", "3", "1e30"), ("--base", "a", "")]


def options():
    """As tests/fuzz/options.c tells them apart: agent, Pyflame, rules, allowances, then the commands."""
    for which in range(14):
        for option, right, wrong in option_values():
            for value in [right, wrong]:
                yield bytes([which]) + ("%s=%s" % (option, value)).encode()
        variables = ["PODFLAME_%s=%s" % (option[2:].upper().replace("-", "_"), right)
                     for option, right, _ in option_values()]
        yield bytes([which]) + "\n".join(variables[:12]).encode()
        yield bytes([which]) + b"PODFLAME_SELECT=pod=a\rpod=b\n--select=pod=c\n-h"
    for line in ["--idle\n--gil", "--idle", "--gil\n--blocking", "--rate", "--none", "-Z", "x",
                 "--select\na=b\n--drop\nc=d"]:
        yield b"\0" + line.encode()
    for line in ["-p\n12\n-s\n2.5\n-r\n0.01\n-x\n-n", "-d\n-p12", "--threads\n--flamechart\n-p\n1", "-t\npython3\nx.py",
                 "-o\nf\n12", "--abi\n311\n-p1", "-t", "-t\npyflame", "-d\n-t\nx", "-p\nx", "-v", "-h", "-Z",
                 "-s\nx", "-r", "1\n2",
                 "x\n-t\na", "-L\n-p1", "--abi=9"]:
        yield b"\1" + line.encode()
    yield b"\2" + b"# rules\nselect pod=web-*\n\n  drop label=a=b ,image=\\, \nselect exe=/usr/bin/*\\ \n"
    for line in ["select", "drop pod", "take pod=x", "select x=y", "select pid=1,pid=x", "drop namespace=,cmdline=*a*b",
                 "select pod=[a-c]*,pod=[!]x]", "select pod=[a",
                 "select pod=" + "a" * 900, "drop " + ",".join(["pod=a"] * 20), "select pod=a\\"]:
        yield b"\2" + line.encode()
    for line in ["2026-12-31 app/nodes.py:f # why\n\n# x\n", "2026-02-30 f", "2026-12-31", "x f", "2026-12-31 a b",
                 "311", "3.11", "3.x"]:
        yield b"\3" + line.encode()


def tasks():
    """As tests/fuzz/tasks.c has them: a version, when some of the words change, and words that are replaced."""
    chance = random.Random(17)
    for version in range(8):
        yield bytes([version, 255])
        for _ in range(12):
            damages = [struct.pack("<BBBBBQ", chance.randrange(64), chance.randrange(24), chance.choice([0, 1, 1, 3, 5]),
                                   chance.randrange(64), chance.choice([0, 0, 8]), chance.choice([0, 1, 2**64 - 1, 2**40]))
                       for _ in range(chance.randrange(1, 4))]
            yield bytes([version, chance.randrange(20)]) + b"".join(damages)
    for words in ((168, 136, 96, 108, 109, 128, 152, 225864, 10880, 936, 864, 872, 880),
                  (168, 136, 96, 108, 109, 128, 152, 226240, 10856, 1104, 1024, 1032, 1048)):
        yield struct.pack("<13Q", *words)


HARNESSES = {"collect": collect, "demangle": demangle, "elfsym": elf_files, "functions": function_tables, "perf_map": perf_map,
             "format_read": format_read, "head": head, "locate": locate,
             "names": names, "options": options, "otlp_read": otlp_read, "proc": proc, "pystack": pystack, "waits": waits,
             "recording": recording, "spool": spool, "tasks": tasks, "unwind": unwind}


def main(name, folder):
    os.makedirs(folder, exist_ok=True)
    first = os.path.join(folder, "seed-000")
    if os.path.exists(first) and os.path.getmtime(first) > os.path.getmtime(__file__):
        return
    for i, seed in enumerate(HARNESSES[name]()):
        with open(os.path.join(folder, "seed-%03d" % i), "wb") as file:
            file.write(seed)


main(*sys.argv[1:])
