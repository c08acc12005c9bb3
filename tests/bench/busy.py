#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The agent on a busy node: `make bench-busy`, or busy.py [--case NAME...] [--programs OLD NEW] [-- OPTION of the agent...].

births: programs that are not Python start a hundred times a second, half of them on the host and half in containers,
with and without 20 overlays, with and without rules. node: 300 Python processes in 20 containers, 40 of which work
for 3 ms five times a second. Containers have a root of their own, an overlay, and cgroups named as Docker names
them; all but those of the last case have a file as Docker's with a name. With several programs, which may be older builds of podflame, they take turns. Prints a table. As root.

`busy.py --case node --rounds 1 --seconds 3600 --looks 12` prints what an agent has of the machine during an hour.

`--programs build/podflame ebpf-profiler` lets OpenTelemetry's eBPF profiler take turns; see ebpf.py.
"""

import argparse
import contextlib
import json
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile
import time

import node  # it says where the others are
import ebpf
import program
from collector import Collector
from grid import padded
from program import eventually

BIRTHS = node.PROJECT / "build/bench-births"
NAPS = node.PROJECT / "tests/bench/targets/naps_often.py"
DOCKER = pathlib.Path("/var/lib/docker")
NAMELESS = "node, 20 Hz, no names"
EBPF = "ebpf-profiler"
MARK = "PODFLAME_BENCH_UNSHARED"
CONTAINERS, PROCESSES, BUSY, DUTY = 20, 300, 40, 1.5
RULES = ["--drop", "namespace=kube-system", "--select", "container=*"]
ENTER = 'cd "$1" && shift && mount -t proc proc proc && pivot_root . . && umount -l . && exec "$@"'


def unshared(pids):
    """Runs this program again in a mount namespace. With @pids, also as the first process of a PID namespace."""
    if MARK not in os.environ:
        command = ["unshare", *(["--pid", "--mount-proc"] if pids else []), "--mount", "--fork", "--kill-child", sys.executable, *sys.argv]
        sys.exit(subprocess.run(command, env={**os.environ, MARK: "1"}).returncode)


@contextlib.contextmanager
def overlays(scratch, n):
    """The roots of @n containers: each has this machine's root below a layer of its own."""
    layers, roots = scratch / "layers", []
    layers.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "layers", layers], check=True)
    try:
        for i in range(n):
            folders = [layers / ("%s%d" % (name, i)) for name in ("root", "upper", "work")]
            for folder in folders:
                folder.mkdir()
            subprocess.run(["mount", "-t", "overlay", "overlay", "-o", "lowerdir=/,upperdir=%s,workdir=%s" % (
                folders[1], folders[2]), folders[0]], check=True)
            roots.append(folders[0])
        yield roots
    finally:
        for root in roots:
            subprocess.run(["umount", "-l", root])
        subprocess.run(["umount", "-l", layers])


@contextlib.contextmanager
def named(make):
    """Gives what makes a container's cgroup, and a file as Docker's that names the container."""
    containers = DOCKER / "containers"
    DOCKER.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "docker", DOCKER], check=True)

    def make_named(i):
        cgroup = make(i)
        folder = containers / cgroup.name[len("docker-"):-len(".scope")]
        folder.mkdir(parents=True)
        (folder / "config.v2.json").write_text(json.dumps({"Name": "/web-%d" % i, "Config": {"Image": "shop:1.%d" % i}}))
        return cgroup
    try:
        yield make_named
    finally:
        subprocess.run(["umount", "-l", DOCKER])


@contextlib.contextmanager
def started(commands):
    """Processes of (command, root or None, cgroup's folder or None), all of them ready."""
    processes = []
    try:
        for command, root, cgroup in commands:
            inside = ["unshare", "--mount", "sh", "-c", ENTER, "enter", str(root)] if root else []
            join = (lambda cgroup=cgroup: (cgroup / "cgroup.procs").write_text("0")) if cgroup else None
            processes.append(subprocess.Popen([*inside, *map(str, command)], stdout=subprocess.PIPE,
                                              stdin=subprocess.DEVNULL, preexec_fn=join))
        for process in processes:
            assert process.stdout.readline() == b"ready\n"
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()
            process.stdout.close()


def births(rate, roots, make):
    """Half of the births on the host, half in containers; without containers all on the host."""
    inside = [([BIRTHS, rate / 2 / len(roots)], root, make(i)) for i, root in enumerate(roots)]
    return [([BIRTHS, rate / 2 if inside else rate], None, None), *inside]


def crowd(roots, make):
    folders = [make(i) for i in range(len(roots))]
    return [([sys.executable, "-S", NAPS, DUTY if i < BUSY else 0], roots[i % len(roots)], folders[i % len(roots)])
            for i in range(PROCESSES)]


def newest():
    """The PID that was given away last: that of a birth here, in this PID namespace."""
    return int(pathlib.Path("/proc/loadavg").read_text().split()[-1])


def look(agent, spool):
    """What the agent has of this machine: in words, for a column each."""
    process = pathlib.Path("/proc/%d" % agent.process.pid)
    threads, descriptors = (len(list((process / name).iterdir())) for name in ("task", "fd"))
    spooled = sum(path.stat().st_size for path in spool.rglob("*") if path.is_file())
    return ["%d" % (agent.memory(field) / 1000) for field in ("VmRSS", "VmHWM")] + [
        "%d" % threads, "%d" % descriptors, "%d" % spooled, "%.1f" % agent.cpu_seconds(), "%d" % node.samples(agent)]


def watch(agent, spool, seconds, n):
    """Waits, and prints @n looks and one at the beginning."""
    print("second; RSS, RSS at most: kB; threads; descriptors; spool: bytes; CPU: s; samples", file=sys.stderr)
    began = time.monotonic()
    for i in range(n + 1):
        time.sleep(max(0, began + i * seconds / n - time.monotonic()))
        print("%6d" % (time.monotonic() - began), *look(agent, spool), file=sys.stderr, flush=True)


def born_since(before):
    return (newest() - before) % int(pathlib.Path("/proc/sys/kernel/pid_max").read_text())


def measure_ebpf(folder, seconds, rate):
    """The same as measure(), of OpenTelemetry's eBPF profiler. Samples are those of the node's Pythons, with their script."""
    folder.mkdir()
    with ebpf.profiler(folder, rate, NAPS.name) as profiler:
        time.sleep(40)
        before, inside, samples = node.cpu_seconds(profiler.pid), profiler.kernel_seconds(), profiler.sink.known
        born, began = newest(), time.monotonic()
        time.sleep(seconds)
        cpu, took = node.cpu_seconds(profiler.pid) - before, time.monotonic() - began
        return [100 * cpu / took, 100 * (profiler.kernel_seconds() - inside) / took, node.memory(profiler.pid, "VmRSS") / 1e6,
                node.memory(profiler.pid, "VmHWM") / 1e6, profiler.descriptors(), (profiler.sink.known - samples) / took,
                born_since(born) / took]


def measure(folder, path, seconds, options, known=0, looks=0):
    """
    [CPU in per cent, that of BPF programs, RSS and RSS at most in MB, descriptors, samples/s, births/s] of the agent of
    that program.
    """
    spool = folder / "spool"
    spool.mkdir(parents=True)
    options = [*options, *(["--spool", spool] if looks else [])]
    program.PODFLAME = str(path)
    with Collector(folder / "collector") as collector, node.Agent(folder / "agent", collector.url, *options) as agent:
        eventually(lambda: agent.metrics() and agent.knows(known), 300, lambda: "all are known: " + agent.stderr[-500:])
        time.sleep(20)
        before, samples, began = agent.cpu_seconds(), node.samples(agent), time.monotonic()
        born = newest()
        watch(agent, spool, seconds, looks) if looks else time.sleep(seconds)
        cpu, took = agent.cpu_seconds() - before, time.monotonic() - began
        return [100 * cpu / took, 0, agent.memory("VmRSS") / 1e6, agent.memory("VmHWM") / 1e6,
                agent.metrics()["process_open_fds"], (node.samples(agent) - samples) / took, born_since(born) / took]


# name: (number of containers, commands, options of the agent, processes to be known)
CASES = {
    "idle": (0, lambda rate, roots, make: [], [], 0),
    "births": (0, births, [], 0),
    "births, rules": (0, births, RULES, 0),
    "births, 20 overlays": (CONTAINERS, births, [], 0),
    "births, 20 overlays, rules": (CONTAINERS, births, RULES, 0),
    "node": (CONTAINERS, lambda rate, roots, make: crowd(roots, make), [], PROCESSES),
    "node, 20 Hz": (CONTAINERS, lambda rate, roots, make: crowd(roots, make), ["--rate", 20], PROCESSES),
    NAMELESS: (CONTAINERS, lambda rate, roots, make: crowd(roots, make), ["--rate", 20], PROCESSES),
}


def measure_case(name, arguments):
    """The table's rows of a case: one for each program."""
    n, commands, options, known = CASES[name]
    results = {path: [] for path in arguments.programs}
    with tempfile.TemporaryDirectory() as scratch, node.cgroups() as make, \
            overlays(pathlib.Path(scratch), n) as roots, (
                contextlib.nullcontext(make) if name == NAMELESS else named(make)) as maker, \
            started(commands(arguments.births, roots, maker)):
        for i in range(arguments.rounds):
            for j, path in enumerate(arguments.programs):
                folder = pathlib.Path(scratch) / ("run-%d-%d" % (i, j))
                own = [*options, *arguments.options]
                if path == EBPF:
                    rate = options[options.index("--rate") + 1] if "--rate" in options else node.RATE
                    results[path].append(measure_ebpf(folder, arguments.seconds, rate))
                else:
                    results[path].append(measure(folder, path, arguments.seconds, own, known, arguments.looks))
                print(name, path, " ".join("%.2f" % value for value in results[path][-1]), file=sys.stderr, flush=True)
    return [row(name, path, results[path]) for path in arguments.programs]


def row(name, path, results):
    cpu, *middle = (statistics.median(column) for column in zip(*results))
    return [name, pathlib.Path(path).name, "%.2f" % cpu, " ".join("%.2f" % result[0] for result in results),
            *(form % value for form, value in zip(("%.2f", "%.1f", "%.1f", "%d", "%.0f", "%.0f"), middle))]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--case", nargs="+", default=list(CASES), choices=list(CASES))
    parser.add_argument("--programs", nargs="+", default=[program.PODFLAME])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--looks", type=int, default=0, help="print memory, threads, descriptors and spool so many times")
    parser.add_argument("--births", type=float, default=100, help="a second")
    parser.add_argument("options", nargs="*", help="more options for the agent")
    arguments = parser.parse_args()
    unshared(EBPF not in arguments.programs)
    if EBPF in arguments.programs:
        subprocess.run(["mount", "-t", "tracefs", "tracefs", "/sys/kernel/tracing"], check=True)
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    rows = [["case", "program", "CPU: %", "of each round", "in BPF: %", "RSS: MB", "RSS at most: MB", "descriptors", "samples/s", "births/s"]]
    for name in arguments.case:
        rows += measure_case(name, arguments)
    print(padded(rows))


if __name__ == "__main__":
    main()
