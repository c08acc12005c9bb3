# SPDX-License-Identifier: Apache-2.0
"""The result as Markdown: the machine, a table for each interpreter, what the words mean, the commands."""

import os
import pathlib
import platform
import re
import time
from types import SimpleNamespace

import figures
from grid import padded

NOTES = """\
Cells are the median of {rounds} rounds, with the lowest and the highest in brackets; counts are those of all rounds
together. In every round the profilers take turns on the same running target. Where there is no figure,
a number in brackets leads to the reason below the table.

* **CPU per sample** is the whole process's, user and system, children included, over the samples delivered in stacks;
  *without the start* leaves out what the leanest run of 1 s at 10 Hz took ({seconds} s at 5 kHz are {samples} samples).
  The interrupts of a kernel's clock event are the target's time: they show in *throughput kept*.
* **Lost or invalid** is each profiler's own count. A profiler that does not notice has 0 here, and impossible stacks
  instead: stacks that the program cannot have had, by the rules of who calls whom. A profiler that reads from
  another CPU tears stacks. One that the kernel puts on the target's own CPU does not. So rounds differ.
* **Delivered** is the part that was delivered of the samples that rate and time ask for. In mode cpu podflame is asked
  for rate times the target's CPU time.
* **Highest rate kept** is the highest rate of which at least 90 % was delivered. 1, 5, 10, 20, 50, 100 and 200 kHz are
  tried in turn, until less than half is delivered.
  podflame's commands take no more than 20 kHz (`-r 1` to `20000`): beyond, its sampler is run by `driver.c`. *By its
  CPU per sample* says where one core would be full (an upper limit, for all of them).
* **The least for one wake-up and one read** is a program (`driver.c`) that is woken by the same clock event, at
  priority SCHED_FIFO as well, reads 8 bytes of the target by one `process_vm_readv`, and does nothing else: what
  this machine takes for a sample before any stack is read. Measured in turn with podflame.
* **9:3:1 shares**: twelve functions, of 2 µs, 20 µs, 200 µs and 2 ms, called in proportion. An unbiased profiler has
  1.0 or less r.m.s., and a worst one of 2 to 3. The time of those of 2 µs over
  that of those of 2 ms shows a bias between lengths; the truth is measured by the target itself, without a profiler.
* **Throughput kept** is the target's own count of its work with the profiler, over that just before and after.
* **Threads that wait** are sampled by profilers that are told to: podflame in mode wall, py-spy with `--idle`, and Austin,
  which does so anyway. The CPU time is that of the whole run, the start included. podflame says of each stack what the
  thread waits for; py-spy and Austin say where it is. *CPU per nap* is the profiler's CPU time over the number of naps that
  the target takes meanwhile: 20 threads that nap 1 ms are switched some 18 000 times a second.
* **Start to first sample** is from the execution of the program, to 3 ms, by a target whose stack tells the time.
  *Meets a process* is of a profiler that runs already, like the agent: to find the interpreter in it, open it and
  read its first stack, once, in a fresh process of `driver.c` (nothing is cached from one process to the next).
* `--crowded` gives targets and profilers, all the same, a larger share of the CPUs than what else runs there (autogroup
  -15, see sched(7)). Caches are as cold as others leave them: compare within a run only.
* Profilers run in their default mode: podflame samples the threads that run, the others all that are not idle by their
  own definition. "podflame wall" is `-m wall -i`: every thread, running or not. profiling.sampling gets
  `--all-threads` where the target has several.
"""


def machine():
    info = pathlib.Path("/proc/cpuinfo").read_text()
    model = re.search(r"model name\s*: (.*)", info)
    memory = int(re.search(r"MemTotal:\s*(\d+)", pathlib.Path("/proc/meminfo").read_text())[1]) / 2**20
    virtual = ", virtual" if re.search(r"^flags.*\bhypervisor\b", info, re.M) else ""
    return "%s, %d cores%s, %.0f GiB, Linux %s" % (model[1] if model else platform.machine(), os.cpu_count(), virtual,
                                                   memory, platform.release().partition("-")[0])


def cell(group, row, tool, reasons):
    """@reasons: those given in this table so far; a cell names one by its number."""
    values = group.values.get((row.key, tool.name))
    if values:
        return row.cell(values)
    reason = group.reasons.get((row.key, tool.name))
    if not reason:
        return ""
    reason = "%s: %s" % (tool.name, reason)
    if reason not in reasons:
        reasons.append(reason)
    return "– (%d)" % (reasons.index(reason) + 1)


def numbered(reasons):
    return "".join("\n\n"[i > 0:] + "%d. %s" % (i + 1, reason) for i, reason in enumerate(reasons))


def table(group):
    """Padded, so that it reads as plain text too; below it why cells are empty."""
    rows, reasons = [[group.title] + [tool.name for tool in group.tools]], []
    for row in figures.ROWS:
        if any((row.key, tool.name) in group.values for tool in group.tools):
            cells = [cell(group, row, tool, reasons) for tool in group.tools]
            rows.append([row.text.format(*group.balance)] + [text or "–" for text in cells])
    return padded(rows) + numbered(reasons)


def across(groups, key):
    """One row for all interpreters."""
    row = next(row for row in figures.ROWS if row.key == key)
    names = list({tool.name: None for group in groups for tool in group.tools})
    cells, reasons = {}, []
    for group in groups:
        cells.setdefault(group.title, {}).update(
            {tool.name: cell(group, row, tool, reasons) for tool in group.tools})
    rows = [[row.text] + names]
    for title, found in sorted(cells.items(), key=age):
        rows.append([title] + [found.get(name) or "–" for name in names])
    return padded(rows) + numbered(reasons)


def age(item):
    return [int(word) for word in re.findall(r"\d+", item[0])]


def shown(tool):
    """Its command line for a reader: without the folders of this machine."""
    target = SimpleNamespace(pid="PID")
    words = [os.path.basename(word) for word in tool.command(target, 2, 5000, "OUT")]
    first = next(i for i, word in enumerate(words) if re.fullmatch(r"podflame|pf|py-spy|austin|python[\d.]+", word))
    return "* %s: %s: `%s`" % (tool.name, tool.version, " ".join(words[first:]))


def markdown(groups, accounts, command, rounds, seconds, load):
    """@accounts: the part on what is accounted for, or nothing."""
    parts = ["# podflame and its peers, measured", "Made by `%s` on %s.\n\n%s. Load average %s before, %s after." % (
        command, time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()), machine(), load, "%.1f" % os.getloadavg()[0])]
    parts += [table(group) for group in groups if len(group.cases) > 1]
    churned = [group for group in groups if any("wrong churn" in case.rows for case in group.cases)]
    if len(churned) > 2:
        parts.append(across(churned, "wrong churn"))
    parts += [accounts] if accounts else []
    parts.append(NOTES.format(rounds=rounds, seconds=seconds, samples=5000 * seconds))
    tools = {shown(tool): None for group in groups for tool in group.tools}
    parts.append("Versions and commands:\n\n" + "\n".join(tools))
    return "\n\n".join(parts) + "\n"
