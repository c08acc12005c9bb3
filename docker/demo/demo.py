#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""podflame in a minute: a collector, an agent, and a small shop in a container.

Prints the page's address and, every few seconds, what the collector answers over
HTTP. Runs until Ctrl-C, until its terminal is closed, or for DEMO_SECONDS; then nothing
of it is left. With DEMO_SECONDS it fails if the shop's hot function was never seen.

The shop runs in Docker, if need be with a daemon of the demo's own; where Docker is
not to be had, in namespaces around a Debian root directory (DEMO_CONTAINER=bare
asks for that).
"""

import contextlib
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "tests"))

from testbed import PROJECT, Unavailable, containers, daemon, ends_with_us, images  # noqa: E402

PODFLAME = os.environ.get("PODFLAME_PROGRAM", str(PROJECT / "build/podflame"))
PORT = 4318
EVERY_SECONDS = 3
PATIENCE_SECONDS = 10
START_SECONDS = 10
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
SHOWN_SERIES, SHOWN_FUNCTIONS, BAR_CELLS = 4, 4, 28
HOT, HOT_SHARE = "price_basket", 70

COLOURED = sys.stdout.isatty() and "NO_COLOR" not in os.environ
BOLD, DIM, FLAME, PLAIN = ("\033[1m", "\033[2m", "\033[38;5;208m", "\033[0m") if COLOURED else ("", "", "", "")


class Failure(Exception):
    """The demo cannot go on; the message says why."""


def say(text=""):
    print(text, flush=True)


def quietly(text):
    """The terminal may be gone."""
    with contextlib.suppress(OSError):
        say(text)


def said(label, text):
    say("  %s%-10s%s %s" % (DIM, label, PLAIN, text))


@contextlib.contextmanager
def step(text):
    """Says what is being done, every ten seconds that it goes on, and how long it took."""
    begin, ended = time.monotonic(), threading.Event()

    def tick():
        while not ended.wait(PATIENCE_SECONDS):
            said("", "%s: %.0f s so far" % (text, time.monotonic() - begin))

    ticker = threading.Thread(target=tick, daemon=True)
    ticker.start()
    try:
        yield
        said("", "%s: %.1f s" % (text, time.monotonic() - begin))
    finally:
        ended.set()
        ticker.join()


# ---- what runs -----------------------------------------------------------------


@contextlib.contextmanager
def running(folder, name, *arguments):
    """A podflame of ours; Ctrl-C reaches only the demo, which then ends it."""
    log = folder / name
    with open(log, "wb") as output:
        process = subprocess.Popen([*ends_with_us("TERM"), PODFLAME, name, *arguments],
                                   stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True)
    process.log = log
    try:
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def check(process, name):
    if process.poll() is not None:
        raise Failure("the %s has ended: %s" % (name, process.log.read_text().strip()))


def free_port():
    """The usual port of OTLP, or any if that is taken."""
    for port in (PORT, 0):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return probe.getsockname()[1]
    raise Failure("no port of 127.0.0.1 is free")


def docker_shop(stack):
    with step("a Docker daemon that answers"):
        docker = stack.enter_context(daemon.open_docker())
    os.environ["PODFLAME_DOCKER_ROOT"] = docker.root  # where podflame learns the names of containers from
    with step("its image of the shop"):
        image = images.docker(docker, "bookworm", "shop:demo-%d" % os.getpid())
    stack.callback(docker.call, "rmi", "--force", image)
    return stack.enter_context(containers.Docker(docker, image, ["python3", "app.py"], HERE,
                                                 name="shop-%d" % os.getpid(), label="podflame-demo")), "Docker"


def bare_shop(stack):
    return stack.enter_context(containers.Bare("bookworm", ["python3", "app.py"], HERE)), "namespaces of its own"


def start_shop(stack):
    """The shop, in the first kind of container that works here."""
    ways = {"docker": docker_shop, "bare": bare_shop}
    wanted = os.environ.get("DEMO_CONTAINER")
    if wanted not in (None, *ways):
        raise Failure("DEMO_CONTAINER is to be docker or bare")
    reasons = []
    for way in [wanted] if wanted else ways:
        try:
            return ways[way](stack)
        except Unavailable as e:
            reasons.append("%s: %s" % (way, e))
    raise Failure("no container can be had here:\n  " + "\n  ".join(reasons))


# ---- what the collector answers --------------------------------------------------


def get(url):
    with urllib.request.urlopen(url, timeout=5) as answer:
        return answer.read()


def wait_for(collector, url):
    deadline = time.monotonic() + START_SECONDS
    while True:
        check(collector, "collector")
        with contextlib.suppress(urllib.error.URLError, ConnectionError):
            get(url + "healthz")
            return
        if time.monotonic() > deadline:
            raise Failure("the collector does not answer at " + url)
        time.sleep(0.05)


def ask(url, shop):
    """[(series, its functions by self samples)]: the shop's first, then the busiest."""
    series = json.loads(get(url + "api/v1/series"))
    series.sort(key=lambda s: (s.get("container_id") != shop.id, -s["samples"]))
    return [(s, json.loads(get(url + "api/v1/top?series=%s&limit=%d" % (s["id"], SHOWN_FUNCTIONS)))["functions"])
            for s in series[:SHOWN_SERIES]]


def where(series):
    return "container without a name" if series.get("container_id") else "on the host"


def show(answer):
    say("\n%s%s%s" % (DIM, time.strftime("%H:%M:%S"), PLAIN))
    for series, functions in answer:
        name = series.get("container_name") or series.get("container_id", "")[:12] or series["service"]
        say("  %s%s%s  %s%s · Python %s · %.1f s of CPU%s" % (
            BOLD, name, PLAIN, DIM, series.get("image") or where(series), series.get("runtime_version", "?"),
            series["cpu_seconds"], PLAIN))
        for f in functions:
            bar = "█" * round(BAR_CELLS * f["self_share"])
            say("    %5.1f %%  %-22s %s%-*s%s %s%s%s" % (100 * f["self_share"], f["name"][:22], FLAME, BAR_CELLS, bar,
                                                         PLAIN, DIM, f["file"].rpartition("/")[2], PLAIN))


def hot_share(answer, shop):
    """The hot function's share in the shop's series; None if it is not there yet."""
    for series, functions in answer:
        for f in functions:
            if series.get("container_id") == shop.id and f["name"] == HOT:
                return f["self_share"]
    return None


# ---- the demo ---------------------------------------------------------------------


def watch(url, shop, agent, seconds):
    """Shows answers until the time is over; returns the last share of the hot function."""
    end = time.monotonic() + seconds if seconds else float("inf")
    share = None
    while time.monotonic() < end:
        time.sleep(max(0, min(EVERY_SECONDS, end - time.monotonic())))
        check(agent, "agent")
        answer = ask(url, shop)
        show(answer)
        share = hot_share(answer, shop) or share
    return share


def demo(stack, seconds):
    say("%spodflame demo%s\n" % (BOLD, PLAIN))
    with step("a Debian image, made once"):
        images.tarball("bookworm")
    folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="podflame-demo-")))
    shop, where = start_shop(stack)
    url = "http://127.0.0.1:%d/" % free_port()
    collector = stack.enter_context(running(folder, "collector", "--listen", url.split("/")[2],
                                            "--data", str(folder / "data")))
    wait_for(collector, url)
    agent = stack.enter_context(running(folder, "agent", "--collector", url.rstrip("/"), "--window", "2s"))
    said("shop", "container %s, in %s; %s takes %d %% of its time" % (shop.name, where, HOT, HOT_SHARE))
    said("agent", "on the host, watches all Python processes, sends every 2 s")
    said("page", "%s%s%s" % (BOLD, url, PLAIN))
    said("end", "after %g s" % seconds if seconds else "with Ctrl-C")
    share = watch(url, shop, agent, seconds)
    if share is None:
        raise Failure("%s of the shop never appeared at the collector; the agent says: %s" %
                      (HOT, agent.log.read_text().strip()))
    say("\n%s: %.1f %% of the shop's time; the truth is %d %%" % (HOT, 100 * share, HOT_SHARE))


def interrupted(*_):
    raise KeyboardInterrupt


def main():
    for number in ENDING:  # a shell may have them ignored
        signal.signal(number, interrupted)
    try:
        with contextlib.ExitStack() as stack:
            try:
                demo(stack, float(os.environ.get("DEMO_SECONDS") or 0))
            finally:  # a second Ctrl-C must not cut the end short
                for number in ENDING:
                    signal.signal(number, signal.SIG_IGN)
                quietly("\nending; a daemon of ours takes some seconds")
    except KeyboardInterrupt:
        quietly("ended; nothing is left")
    except (Failure, Unavailable, OSError, RuntimeError) as e:
        sys.exit("demo: %s" % e)


if __name__ == "__main__":
    main()
