# SPDX-License-Identifier: Apache-2.0
"""FLEET.md: what fleet.py has measured, as tables, and what is imitated."""

import statistics
import time

import pushes
from grid import padded

HEADING = "# A fleet of agents, and one Pyroscope"
NOTES = """\
Made by `fleet.py` on {date}: {machine}.
The load average was {load:.0f}. With other work on both CPUs answers take longer, and Pyroscope keeps up with fewer agents than
on a machine of its own. The CPU time of a push depends on that less.
{kept_up}

What is real: {services} Python programs (`targets/fleet_service.py`, each busy for 1 to 20 % of a CPU), `podflame agent` with its
defaults, which samples them and encodes and sends what it has sampled, and Grafana's Pyroscope {pyroscope}, one process with
its storage on this disk. What is imitated: the agents of the fleet. The real one was
recorded before. `fleet.py` sends what it sent, with another `node` and the time of its own window, once in {window} s for each node, at a moment of its own. The time of a profile stands
behind the rest of it. Nodes differ in nothing else. Their profiles have the same functions, so
Pyroscope stores their names once. It had no readers, and no time to make large blocks of small ones.

* **Unpacked** is what Pyroscope's limit of bytes counts: pprof without compression.
* **On the wire** is a request's body, with all profiles of a node in one push.
* **A day** takes the CPU time per push of the smallest fleet.
* **CPU** is that of the process pyroscope, user and system, in per cent of one CPU. The machine has 2.
* **On disk** is what its folders hold after it has ended, over the profiles that it has stored. Later, larger blocks are smaller.
"""


def size(number):
    for unit, least in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if number >= least:
            return "%.1f %s" % (number / least, unit)
    return "%d bytes" % number


def wire_of(push, window):
    return len(push.encode([(labels, push.pack(profile), name) for labels, profile, name in window]))


def of_settings(facts):
    rows = [["an agent's options", "series of a node", "samples in a profile: distinct stacks", "unpacked, a profile",
             "on the wire, a profile", "on the wire, a push", "on the wire, a day of a node"]]
    for name, (push, windows, seconds) in facts["settings"].items():
        profiles = [profile for window in windows for _, profile, _ in window]
        wire = statistics.mean(wire_of(push, window) for window in windows)
        rows.append([name, str(len(windows[0])), "%.0f" % statistics.mean(map(pushes.samples_of, profiles)),
                     size(statistics.mean(map(len, profiles))), size(wire / len(windows[0])), size(wire), size(wire * 86400 / seconds)])
    return padded(rows)


def of_stages(rows):
    table = [["agents", "profiles/s", "on the wire/s", "unpacked/s", "series", "stored", "answer: median, 95 %, most: s", "CPU: %",
              "CPU per push: ms", "CPU per profile: ms", "memory"]]
    for row in rows:
        rate = row["pushes"] / row["seconds"]
        table.append([str(row["agents"]), "%.0f" % (rate * row["profiles_per_push"]), size(rate * row["wire_per_push"]),
                      size(rate * row["plain_per_push"]), "%d" % row["series"],
                      "%.0f %%" % (100 * row["statuses"].get(200, 0) / row["pushes"]),
                      "%.2f, %.2f, %.2f" % (row["median"], row["p95"], row["most"]), "%.0f" % (100 * row["cpu"] / row["seconds"]),
                      "%.0f" % (1000 * row["cpu_per_push"]), "%.2f" % (1000 * row["cpu_per_push"] / row["profiles_per_push"]),
                      size(row["memory"])])
    return padded(table)


def of_limits(rows):
    table = [["agents", "pushes", "unpacked/s", "answers", "said"]]
    for row in rows:
        said = "; ".join(text for text, _ in row["answers"]) or "-"
        answers = ", ".join("%d: %d" % pair for pair in sorted(row["statuses"].items()))
        table.append([str(row["agents"]), str(row["pushes"]), size(row["pushes"] * row["plain_per_push"] / row["seconds"]), answers,
                      "`%s`" % said.replace("|", "/")[:400]])
    return padded(table)


def of_days(facts):
    """What a day takes, by what was measured of a profile."""
    cpu = facts["stages"][0]["cpu_per_push"] / facts["stages"][0]["profiles_per_push"]
    push, windows, _ = next(iter(facts["settings"].values()))
    per_profile = statistics.mean(wire_of(push, window) / len(window) for window in windows)
    pushes_a_day = 86400 / facts["window"]
    rows = [["a day of", "profiles", "on the wire", "on disk", "CPUs of Pyroscope, on average"]]
    for nodes, services in ((1, 1), (1, 20), (100, 20), (1000, 20)):
        profiles = nodes * services * pushes_a_day
        rows.append(["%d node%s of %d service%s" % (nodes, "s" * (nodes > 1), services, "s" * (services > 1)), "%.3g million" % (profiles / 1e6),
                     size(profiles * per_profile), size(profiles * facts["disk"]), "%.3g" % (profiles * cpu / 86400)])
    return padded(rows)


KEEPS_UP = "Pyroscope keeps up with a fleet if all answers are 200 and 19 of 20 pushes are answered within half a window."


def tell_kept_up(stages, keeps_up):
    last = stages[-1]
    said = "It kept up with all fleets that were tried." if keeps_up(last) else "It did not with %d agents. Larger fleets were not tried." % last["agents"]
    return KEEPS_UP + "\n" + said


def text_of(facts):
    notes = NOTES.format(date=time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()), pyroscope="1.12.0",
                         kept_up=tell_kept_up(facts["stages"], facts["keeps_up"]), **facts)
    return "\n\n".join([HEADING, "## What an agent pushes", of_settings(facts), "## What one Pyroscope takes, its limits lifted",
                        of_stages(facts["stages"]), "## What its default limits answer", of_limits(facts["limits"]),
                        "## A day", of_days(facts), "## How it was measured", notes.strip()]) + "\n"
