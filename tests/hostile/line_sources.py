# SPDX-License-Identifier: Apache-2.0
"""Has functions of files that a profiler must not read, and of one that it may.

    line_sources.py FOLDER SECRET

FOLDER is made. SECRET is a file of the host, by its absolute path there. All functions run in turn, for as long as each
other.
"""
import os
import sys

FOLDER = sys.argv[1]
FUNCTION = "def spin():\n    for _ in range(2000): pass\n"


def make(secret):
    os.mkdir(FOLDER)
    with open(FOLDER + "/good.py", "w") as file:
        file.write("# GOOD </script><img src=x onerror=alert(1)>\n    loops = 1\n")
    os.mkfifo(FOLDER + "/fifo.py")
    os.mkdir(FOLDER + "/folder.py")
    os.symlink(secret, FOLDER + "/absolute.py")
    os.symlink("../" * 20 + secret, FOLDER + "/relative.py")
    os.symlink("/proc/self/root" + secret, FOLDER + "/magic.py")
    os.symlink("circle.py", FOLDER + "/circle.py")
    with open(FOLDER + "/huge.py", "wb") as file:
        file.truncate(1 << 40)
    made = [FOLDER + "/" + name for name in sorted(os.listdir(FOLDER))]
    return made + ["/dev/zero", "/proc/self/environ", FOLDER + "/gone.py", "nowhere.py", secret, "/.." + secret]


def main():
    functions = []
    for name in make(sys.argv[2]):
        names = {}
        exec(compile(FUNCTION, name, "exec"), names)
        functions.append(names["spin"])
    print("ready", flush=True)
    while True:
        for function in functions:
            function()


main()
