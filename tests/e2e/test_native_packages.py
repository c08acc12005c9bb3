# SPDX-License-Identifier: Apache-2.0
"""Mixed stacks of software that Debian packages: frames that are known to be there stand where they must."""

import re
from collections import Counter
from typing import NamedTuple

import pytest

from interpreters import IN_IMAGES
from program import podflame
from skips import must_skip
from testbed import PROJECT, Unavailable, containers

TARGETS = PROJECT / "tests/targets"
SCRIPT = "/app/native_packages.py"
OLD, NEW = "bookworm-native", "trixie-native"
BOTH = (OLD, NEW)
# Between recordings the machine's other work differs, and so does what is seen of rare functions.
RARE = 0.03
SAMPLES, RECORDINGS_MAX = 400, 10
UNMERGED = re.compile(r"native stacks: (\d+) of (\d+) show Python alone(?:: (.*))?")
MOVED = re.compile(r"the thread may have run on before it was read (\d+)")


class Case(NamedTuple):
    what: str
    images: tuple
    frames: tuple  # patterns of frames in their order, outermost first; others may stand between them
    share: float = 0.8  # of the merged stacks that have them, at least
    cut: float = 0.02  # of all stacks, those that cannot be merged whatever the machine does besides, at most


CASES = [
    Case("numpy_sort", BOTH, (r"<lambda>", r"\(_multiarray_umath", r"^sort \(.*fromnumeric.py", r"\(_multiarray_umath")),
    Case("numpy_callback", BOTH, (r"<lambda>", r"\(_multiarray_umath", r"^called_back ", r"^burn ")),
    Case("lxml_xpath", BOTH, (r"<lambda>", r"\(etree\.", r"^xmlXPathCompiledEval \(libxml2", r"\(libxml2")),
    Case("lxml_callback", BOTH, (r"<lambda>", r"\(etree\.", r"^xmlXPathCompiledEval \(libxml2", r"\(libxml2", r"\(etree\.",
                                 r"^called_back ", r"^burn "), 0.4),
    Case("ujson_dumps", BOTH, (r"<lambda>", r"^objToJSON \(ujson", r"^JSON_EncodeObject \(ujson")),
    Case("ujson_callback", BOTH, (r"<lambda>", r"^objToJSON \(ujson", r"^JSON_EncodeObject \(ujson", r"^called_back ",
                                  r"^burn "), 0.4),
    # Rust, whose compiler is told to abort rather than to unwind: then leaf functions have no entry in the table.
    Case("orjson_dumps", (NEW,), (r"<lambda>", r"^dumps \(orjson", r"\(orjson")),
    Case("orjson_callback", (NEW,), (r"<lambda>", r"^dumps \(orjson", r"\(orjson", r"^called_back ", r"^burn "), 0.7),
    Case("zstandard_compress", BOTH, (r"<lambda>", r"\(backend_c\.", r"^ZSTD_\w+ \(libzstd")),
    Case("zlib_compress", BOTH, (r"<lambda>", r"^deflate \(libz\."), 0.6),
    # Assembly, whose table says that the frame's place is to be read from the stack.
    Case("hashlib_sha256", BOTH, (r"<lambda>", r"\(_hashlib\.", r"\(libcrypto\.")),
    Case("hashlib_sha512", BOTH, (r"<lambda>", r"\(_hashlib\.", r"\(libcrypto\.")),
    # Assembly, whose table says that the frame's place is in a register that no function saves. It is fast: the kernel, which
    # gives memory for the result, takes its share.
    Case("cryptography_chacha20", BOTH, (r"<lambda>", r"\(_(openssl|rust)\.abi3", r"\(libcrypto\."), 0.3),
    Case("cryptography_aes_ctr", BOTH, (r"<lambda>", r"\(_(openssl|rust)\.abi3", r"\(libcrypto\."), 0.1),
    Case("cryptography_rsa", (OLD,), (r"^_RSAPrivateKey.sign ", r"^_rsa_sig_sign ", r"\(_openssl.abi3", r"^RSA_sign \(libcrypto"),
         0.7, 0.05),
    # Rust that calls classes written in Python.
    Case("cryptography_x509", BOTH, (r"<lambda>", r"\(_rust.abi3")),
    Case("cryptography_x509", BOTH, (r"<lambda>", r"\(_rust.abi3", r"^SubjectAlternativeName.__init__ ",
                                     r"^GeneralNames.__init__ "), 0.05),
    Case("contourpy_lines", BOTH, (r"<lambda>", r"\(_contourpy\.")),
    # Its kernels are written in assembly that has no entries in the table.
    Case("numpy_dgemm", BOTH, (r"<lambda>", r"\(_multiarray_umath", r"dgemm\w* \(libopenblas")),
]


def parsed(text):
    """[(frames outermost first, number)], each frame as it is written."""
    rows = [row.rpartition(" ")[::2] for row in text.splitlines()]
    return [(stack.split(";"), int(number)) for stack, number in rows]


class Recording(NamedTuple):
    stacks: list
    python: Counter  # samples by the stack of Python functions
    unmerged: int
    cut: int  # those of them that are so whatever else the machine does
    all: int


def python_functions(text):
    """Samples by the functions of their stacks: lines differ by chance."""
    found = Counter()
    for frames, number in parsed(text):
        found[tuple(frame.rpartition(":")[0] for frame in frames if frame.endswith(")"))] += number
    return found


def record(pid, path, *options):
    """Samples until there are enough."""
    stacks, python, figures = [], Counter(), [0, 0, 0]
    for _ in range(RECORDINGS_MAX):
        done = podflame("record", "-v", "-p", pid, "-d", 2, "-r", 500, "-o", path, *options)
        assert done.returncode == 0, done.stderr
        whole = podflame("convert", "-f", "folded", path)
        shown = podflame("convert", "-f", "folded", "--hide", "native", path)
        assert whole.returncode == shown.returncode == 0, whole.stderr + shown.stderr
        stacks += parsed(whole.stdout)
        python += python_functions(shown.stdout)
        found = UNMERGED.search(done.stderr)
        if found:
            moved = MOVED.search(done.stderr)
            figures[0] += int(found[1])
            figures[1] += int(found[1]) - (int(moved[1]) if moved else 0)
            figures[2] += int(found[2])
        if sum(python.values()) >= SAMPLES:
            break
    return Recording(stacks, python, *figures)


def has_in_order(frames, patterns):
    """Whether @frames have one for each pattern, in their order."""
    rest = iter(frames)
    return all(any(re.search(pattern, frame) for frame in rest) for pattern in patterns)


def is_merged(frames):
    """Whether it begins in C, as every program does, and has Python."""
    return not frames[0].startswith("<module> ") and any(frame.startswith("<module> ") for frame in frames)


def often(python):
    """The stacks that are not rare, and their shares."""
    total = sum(python.values())
    return {stack: number / total for stack, number in python.items() if number > RARE * total}


def start(suite, *command):
    try:
        return containers.Bare(suite, command, TARGETS)
    except Unavailable as e:
        must_skip(str(e))


def check(container, case, tmp_path):
    mixed = record(container.pid, tmp_path / "mixed.pb.gz", "--native")
    merged = [(frames, number) for frames, number in mixed.stacks if is_merged(frames)]
    total = sum(number for _, number in merged)
    having = sum(number for frames, number in merged if has_in_order(frames, case.frames))
    print("%s: of %d, %d not merged, %d of these whatever else runs; %d of %d have the frames" % (
        case.what, mixed.all, mixed.unmerged, mixed.cut, having, total))
    assert mixed.all and mixed.cut <= case.cut * mixed.all, mixed[2:]
    assert having >= case.share * total and having > 0, merged[:5]
    return mixed


@pytest.mark.parametrize("case, image", [(case, image) for case in CASES for image in case.images],
                         ids=lambda value: value if isinstance(value, str) else value.what)
def test_known_frames_stand_in_their_order(case, image, tmp_path):
    with start(image, "python3", SCRIPT, case.what) as container:
        mixed = check(container, case, tmp_path)
        plain = record(container.pid, tmp_path / "plain.pb.gz")
    hidden, python = often(mixed.python), often(plain.python)
    assert set(hidden) <= set(plain.python), set(hidden) - set(plain.python)
    assert set(python) <= set(mixed.python), set(python) - set(mixed.python)


@pytest.mark.parametrize("image", BOTH)
def test_code_without_names_is_told_apart_by_function(image, tmp_path):
    """The functions that sort are not exported, and Debian strips: each has one name, the place where it begins."""
    path = tmp_path / "folded"
    with start(image, "python3", SCRIPT, "numpy_sort") as container:
        done = podflame("record", "-p", container.pid, "-d", 4, "-r", 500, "-f", "folded", "-o", path, "--native")
    assert done.returncode == 0, done.stderr
    leaves = Counter()
    for frames, number in parsed(path.read_text()):
        leaves[frames[-1]] += number
    unnamed = {name: number for name, number in leaves.items() if re.match(r"_multiarray_umath\S*\+0x", name)}
    print(sorted(unnamed.items(), key=lambda item: -item[1])[:9], sum(leaves.values()))
    assert max(unnamed.values()) > 0.2 * sum(leaves.values())
    # By address there were hundreds. The more is sampled, the more rare functions are met.
    assert len(unnamed) < 40


ZLIB = next(case for case in CASES if case.what == "zlib_compress")


@pytest.mark.parametrize("interpreter", IN_IMAGES, ids=str)
def test_stripped_pythons_of_debian(interpreter, tmp_path):
    with start(interpreter.suite, *interpreter.command, SCRIPT, ZLIB.what) as container:
        check(container, ZLIB, tmp_path)


def test_a_program_that_the_loader_was_told_to_start(tmp_path):
    with start("bookworm", "/lib64/ld-linux-x86-64.so.2", "/usr/bin/python3", SCRIPT, ZLIB.what) as container:
        check(container, ZLIB, tmp_path)


def test_python_inside_uwsgi(tmp_path):
    command = ("uwsgi", "--plugin", "python3", "--pyargv", ZLIB.what, "--http-socket", "127.0.0.1:8000", "--pyrun", SCRIPT)
    with start("bookworm-web", *command) as container:
        check(container, ZLIB, tmp_path)
