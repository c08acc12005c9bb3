# SPDX-License-Identifier: Apache-2.0
"""What a program's file says of its hardening, by readelf."""

import pathlib
import platform
import re
import subprocess

# Where indirect jumps may land: endbr64, which -fcf-protection puts there; paciasp, of -mbranch-protection.
LANDING = {"x86_64": bytes.fromhex("f30f1efa"), "aarch64": bytes.fromhex("3f2303d5")}
# Objects of the C library and of the compiler bring a few, however ours are compiled.
LANDINGS_MIN = 100
CHECKED_MIN = 5  # functions of the C library that _FORTIFY_SOURCE replaces


def readelf(option, path):
    return subprocess.run(["readelf", "--wide", option, str(path)], check=True, capture_output=True, text=True).stdout


def missing(path, machine=platform.machine()):
    """What it lacks, as a set of words."""
    header, segments, dynamic = (readelf(option, path) for option in ("--file-header", "--segments", "--dynamic"))
    imports = set(re.findall(r" UND (\w+)", readelf("--dyn-syms", path)))
    stack = re.search(r"^ +GNU_STACK .*? ([RWE ]+) 0x\w+$", segments, re.M)
    sanitized = any(re.match("__(asan|ubsan|tsan|lsan)_", name) for name in imports)
    has = {
        "PIE": re.search(r"Type: +DYN", header) and re.search(r"FLAGS_1.* PIE", dynamic),
        "RELRO": re.search(r"^ +GNU_RELRO ", segments, re.M),
        "BIND_NOW": re.search(r"BIND_NOW|FLAGS_1.* NOW", dynamic),
        "stack that is not executable": stack and "E" not in stack[1],
        "no segment that is writable and executable": not re.search(r"^ +LOAD .* RWE ", segments, re.M),
        "stack protector": "__stack_chk_fail" in imports,
        "_FORTIFY_SOURCE": sanitized or len([name for name in imports if re.match(r"__\w+_chk$", name)]) >= CHECKED_MIN,
        "landings of indirect jumps":
            pathlib.Path(path).read_bytes().count(LANDING[machine]) >= LANDINGS_MIN,
    }
    return {name for name, there in has.items() if not there}
