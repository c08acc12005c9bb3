# SPDX-License-Identifier: Apache-2.0
"""Servers that embed Python, and one that Python runs: uWSGI, Apache's mod_wsgi, gunicorn.

All of them run the same real WSGI application (tests/targets/wsgi_app.py) in a Docker
container. Its load comes from a client that shares the container's network only, so
that the container holds nothing but the server.
"""

import contextlib
import json
import re
import subprocess
import sys
import time
from typing import NamedTuple

import pytest

import truth
from program import eventually, folded, podflame
from skips import must_skip
from testbed import PROJECT, Unavailable, containers, images

TARGETS = PROJECT / "tests/targets"
IMAGE = "bookworm-web"
UWSGI = ("uwsgi", "--plugin", "python3", "--http-socket", "127.0.0.1:8000", "--wsgi-file", "/app/wsgi_app.py",
         "--disable-logging")
APACHE = ("/usr/sbin/apache2", "-f", "/app/wsgi_apache.conf", "-D", "FOREGROUND")
# What the servers say goes to the container's standard output, which is waited upon.
ONE_OUTPUT = ("sh", "-c", 'exec "$@" 2>&1', "sh")


class Server(NamedTuple):
    command: tuple
    runtime: str  # the file that holds Python
    workers: int  # processes that serve


LIBRARY, PROGRAM = "libpython3.11.so.1.0", "python3.11"
SERVERS = {
    "uwsgi": Server(UWSGI, LIBRARY, 1),
    "uwsgi-threads": Server(UWSGI + ("--enable-threads", "--threads", "3"), LIBRARY, 1),
    "uwsgi-processes": Server(UWSGI + ("--master", "--processes", "2"), LIBRARY, 2),
    "gunicorn": Server(("gunicorn", "--workers", "2", "--bind", "127.0.0.1:8000", "wsgi_app:application"), PROGRAM, 2),
    "mod_wsgi": Server(APACHE, LIBRARY, 2),  # in a subinterpreter: see its configuration
    "mod_wsgi-daemon": Server(APACHE + ("-D", "DAEMON"), LIBRARY, 2),
}
ALL = pytest.mark.parametrize("name", SERVERS)
EMBEDDED = pytest.mark.parametrize("name", [name for name in SERVERS if name != "gunicorn"])
CALLS = [["application"], ["application", "work"]] + [["application", "work", leaf] for leaf in truth.SPLIT]


@pytest.fixture
def serve(docker):
    """serve(name): a server of the table, in a container that ends with the test."""
    with contextlib.ExitStack() as stack:
        def serve(name):
            try:
                image = images.docker(docker, IMAGE)
            except Unavailable as e:
                must_skip(str(e))
            return stack.enter_context(containers.Docker(docker, image, ONE_OUTPUT + SERVERS[name].command, TARGETS))
        yield serve


@pytest.fixture
def load(tmp_path):
    """load(container): clients that ask without end, until the test ends."""
    with contextlib.ExitStack() as stack:
        def load(container):
            output = tmp_path / "load"
            command = ["nsenter", "--net=/proc/%d/ns/net" % container.pid,
                       sys.executable, str(TARGETS / "wsgi_load.py"), "6"]
            with open(output, "wb") as file:
                client = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=file, stderr=file)
            stack.callback(client.wait)
            stack.callback(client.kill)
            eventually(lambda: "ready" in output.read_text(), 20, output.read_text)
            return client
        yield load


def dump(container):
    done = podflame("dump", "-c", container.name, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def calls(frames):
    """The application's own functions of a stack, root first: [] if it is not in the application."""
    path = [frame.name for frame in frames if frame.file == "wsgi_app.py"]
    assert not path or path[0] == "<module>" or path in CALLS, frames
    return path if path in CALLS else []


def calls_of_thread(thread):
    """The same of a thread of a dump."""
    return calls([truth.Frame(frame["function"], frame["file"].rpartition("/")[2], frame["line"])
                  for frame in reversed(thread["frames"])])


def serving(container, kind, seen):
    """Adds to @seen the processes ("pid") or threads ("tid") that are in the application now."""
    for process in dump(container):
        seen.update({"pid": process["pid"], "tid": thread["tid"]}[kind]
                    for thread in process["threads"] if calls_of_thread(thread))
    return seen


def until_serving(container, kind, number):
    """Waits until so many processes or threads have been seen in the application."""
    seen = set()
    eventually(lambda: len(serving(container, kind, seen)) >= number, 20, lambda: "%d serve: %s" % (number, seen))
    return seen


def of_application(stacks):
    """{innermost function of the application: samples}."""
    counts = truth.Counter()
    for frames, count in stacks:
        counts[calls(frames)[-1] if calls(frames) else None] += count
    del counts[None]
    return counts


def by_process(container, stacks):
    """{process id: samples in the application}; of a single process the stacks do not tell it."""
    counts = truth.Counter()
    for frames, count in stacks:
        process = re.search(r" \(pid (\d+)\)$", frames[1].name if len(frames) > 1 else "")
        if calls(frames):
            counts[int(process[1]) if process else container.pid] += count
    return counts


@ALL
def test_application_has_its_shares_and_every_worker_is_followed(serve, load, name):
    container, workers = serve(name), SERVERS[name].workers
    client = load(container)
    serving = until_serving(container, "pid", workers)
    stacks = truth.parse_folded(folded("-c", container.name, seconds=3))
    assert client.poll() is None, "the load has failed"
    counts = of_application(stacks)
    assert sum(counts.values()) >= 0.7 * truth.total(stacks), stacks
    truth.assert_shares(counts, truth.SPLIT, of_all=0.9)
    pids = by_process(container, stacks)
    assert set(pids) == serving and len(serving) == workers and min(pids.values()) > 20, pids
    assert serving <= set(container.host_pids())


@ALL
def test_dump_under_load(serve, load, name):
    container, server = serve(name), SERVERS[name]
    load(container)
    until_serving(container, "pid", 1)
    for process in dump(container):
        assert process["python"].startswith("3.11.") and process["pid"] in container.host_pids()
    text = podflame("dump", "-c", container.name)
    assert text.returncode == 0 and server.runtime in text.stdout, text.stderr + text.stdout


@pytest.mark.parametrize("name", ["uwsgi-threads", "mod_wsgi", "mod_wsgi-daemon"])
def test_several_threads_of_a_process_serve(serve, load, name):
    """The GIL lets one of them run at a time: more threads than processes are seen, by and by."""
    container = serve(name)
    load(container)
    until_serving(container, "tid", SERVERS[name].workers + 1)


def at_rest(container):
    """The threads of all processes, once no process or thread comes any more and none runs Python."""
    def look():
        return [(process["pid"], thread["tid"], thread["state"], len(thread["frames"]))
                for process in dump(container) for thread in process["threads"]]

    before = look()
    time.sleep(0.3)
    return before if before == look() and all(state != "running" and not frames for *_, state, frames in before) else []


@EMBEDDED
def test_idle_workers_have_no_frame_and_say_so(serve, name):
    container = serve(name)
    threads = eventually(lambda: at_rest(container), 20, "the server comes to rest")
    assert len({pid for pid, *_ in threads}) >= SERVERS[name].workers
    text = podflame("dump", "--all", "-c", container.name).stdout
    assert text.count("(no Python frame)") == len(threads), text
    # Nothing runs: nothing is sampled, and that is said.
    done = podflame("record", "-c", container.name, "-d", 0.5)
    assert done.returncode == 1 and "no samples: " in done.stderr, done.stderr
    assert of_application(truth.parse_folded(done.stdout)) == {}


def test_abi_may_be_told(serve, load):
    container = serve("uwsgi")
    load(container)
    done = podflame("record", "-c", container.name, "--abi", "3.11", "-d", 1, "-r", 1000)
    assert done.returncode == 0, done.stderr
    truth.assert_shares(of_application(truth.parse_folded(done.stdout)), truth.SPLIT, of_all=0.9)
