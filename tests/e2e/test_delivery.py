# SPDX-License-Identifier: Apache-2.0
"""podflame agent against a collector that fails in every way: nothing is lost, nothing sent twice without need."""

import contextlib
import os
import pathlib
import subprocess
import time

import pytest

import faults
import shims
from collector import agent, silent_port
from faults import CLOSING, CUT, HOLD, OK, PARTIAL, RESET, TRUNCATED, Server, busy_for, busy_until, refusal, script
from interpreters import BARE_BOOKWORM
from program import MARGIN_SECONDS, eventually

# All threads, so that every window has samples however crowded the machine is.
OPTIONS = ("--window", "1s", "--rate", 20, "--mode", "wall")
BACKOFF_SECONDS = 60  # the longest that the agent waits by itself


@pytest.fixture
def target(start):
    return start(BARE_BOOKWORM, "split.py")


def windows(server, target):
    """(begin, end) of what arrived of the target's container, in order of time, in seconds."""
    seen = {}
    for key, requests in server.by_key().items():
        for resource, group in zip(requests[0].resources, requests[0].json["resourceProfiles"]):
            if resource.get("container.id") == target.id and faults.is_good(requests[-1].answer):
                profile = group["scopeProfiles"][0]["profiles"][0]
                begin = int(profile["timeUnixNano"])
                assert begin not in seen, "the window of %s came in %s, too" % (key, seen[begin])
                seen[begin] = (key, begin + int(profile["durationNano"]))
    return [(begin / 1e9, end / 1e9) for begin, (_, end) in sorted(seen.items())]


def gaps(spans):
    """The times between the first and the last that nothing covers."""
    return [(end, begin) for (_, end), (begin, _) in zip(spans, spans[1:]) if abs(begin - end) >= 0.1]


def assert_seamless(spans):
    assert not gaps(spans), "nothing covers the time from %.3f to %.3f" % gaps(spans)[0]


def batches_in(spool):
    """Keys of the batches on disk."""
    return {path.name.partition("-")[2].partition(".")[0] for path in pathlib.Path(spool).glob("*/*.batch")}


@contextlib.contextmanager
def spooling(folder, server, spool, *options):
    spool.mkdir(exist_ok=True)
    with agent(folder, server.url, *OPTIONS, "--spool", spool, *options) as pusher:
        yield pusher


def test_every_answer(target, tmp_path):
    """After each failure one good answer, so that waiting times stay short."""
    failures = [PARTIAL, refusal(400), refusal(503), RESET, TRUNCATED, CUT, busy_for(1), busy_until(1),
                refusal(408), refusal(500), refusal(415)]
    answers = [answer for failure in failures for answer in (failure, CLOSING)]
    with Server(script(*answers)) as server, spooling(tmp_path / "agent", server, tmp_path / "spool") as pusher:
        eventually(lambda: len(server.requests) > len(answers), 120,
                   lambda: "all answers are given; so far: %r" % [r.answer for r in server.requests])
        assert pusher.interrupt() == 0, pusher.stderr
        batches = server.by_key()
        faults.check_rules(batches)
        # After 500 each of several profiles becomes a batch of its own, so that one is the last answer to the whole.
        assert all(faults.is_final(requests[-1].answer) or
                   (requests[-1].answer.status == 500 and len(requests[-1].resources) > 1) for requests in batches.values())
        assert not batches_in(tmp_path / "spool")
        assert all(request.path == faults.PATH for request in server.requests)
        # Each outage is told once, each refusal, too, and no answer writes to the terminal.
        told = pusher.stderr
        assert told.count("does not take") == told.count("answers again") == 3, told
        assert told.count("refused a batch for good") == 3 and "1 profiles rejected" in told, told
        assert all(c.isprintable() or c == "\n" for c in told), repr(told)


def test_too_large_is_halved(start, tmp_path):
    """A collector that takes one profile at a time gets them all."""
    targets = [start(BARE_BOOKWORM, "split.py") for _ in range(3)]

    def one_at_a_time(request, _):
        return refusal(413) if len(request.resources) > 1 else OK

    def containers(requests):
        return {r.get("container.id") for request in requests for r in request.resources} & {t.id for t in targets}

    with Server(one_at_a_time) as server, agent(tmp_path / "agent", server.url, *OPTIONS) as pusher:
        eventually(lambda: containers(server.requests) == {t.id for t in targets}, 20, "all are known")
        time.sleep(2)
        eventually(lambda: not any(gaps(windows(server, t)) for t in targets), 20, "all halves are taken")
        assert pusher.interrupt() == 0, pusher.stderr
        taken = [request for request in server.requests if request.answer is OK]
        assert containers(taken) == {t.id for t in targets}
        faults.check_rules(server.by_key())


def test_killed_before_the_answer(target, tmp_path):
    """kill -9 between the spool's commit and the answer: one more sending of that batch, and no other."""
    kills = 3
    # Each agent is answered once, then no more.
    with Server(script(OK)) as server:
        for i in range(kills):
            server.held.clear()
            first = len(server.requests)
            server.policy = lambda request, n: OK if n <= first + i else HOLD
            with spooling(tmp_path / "agent", server, tmp_path / "spool") as pusher:
                assert server.held.wait(MARGIN_SECONDS), pusher.stderr
                pusher.process.kill()
                pusher.process.wait()
        held = [request.key for request in server.requests if request.answer is HOLD]
        server.policy = script(OK)
        with spooling(tmp_path / "agent", server, tmp_path / "spool") as pusher:
            eventually(lambda: not batches_in(tmp_path / "spool") & set(held), 30, "what was held is sent")
            assert pusher.interrupt() == 0, pusher.stderr
        batches = server.by_key()
        faults.check_rules(batches)
        assert not batches_in(tmp_path / "spool")
        for key, requests in batches.items():
            assert len(requests) == 1 + held.count(key), "%s was held %d times" % (key, held.count(key))
            assert requests[-1].answer is OK
        assert len(held) == kills


def test_killed_at_any_moment(target, tmp_path):
    """What the disk had at the kill arrives, and nothing more than once but what was under way."""
    spool, left = tmp_path / "spool", set()
    with Server(lambda request, n: OK if n % 3 else refusal(503)) as server:
        for i in range(20):  # four times, or until the disk has held something
            if i >= 4 and left:
                break
            with spooling(tmp_path / "agent", server, spool) as pusher:
                eventually(lambda: "every 1 s" in pusher.stderr, 20, "it runs")
                time.sleep(1 + 0.2 * (i % 5))
                pusher.process.kill()
                pusher.process.wait()
                left |= batches_in(spool)
        server.policy = script(OK)
        with spooling(tmp_path / "agent", server, spool) as pusher:
            eventually(lambda: "every 1 s" in pusher.stderr and not batches_in(spool) & left, 30, "all is sent")
            assert pusher.interrupt() == 0, pusher.stderr
        batches = server.by_key()
        assert left and left <= set(batches)
        for key, requests in batches.items():
            assert requests[-1].answer is OK or key not in left
            assert sum(request.answer is OK for request in requests) <= 2


def test_collector_away_under_load(start, tmp_path):
    """Nobody listens for a while; then every window arrives, the newest first."""
    targets = [start(BARE_BOOKWORM, "split.py") for _ in range(3)]
    spool = tmp_path / "spool"
    spool.mkdir()
    with silent_port() as port, \
            agent(tmp_path / "agent", "http://127.0.0.1:%d" % port, *OPTIONS, "--spool", spool) as pusher:
        eventually(lambda: len(batches_in(spool)) >= 6, 60, lambda: "batches wait on disk: " + pusher.stderr)
        waiting = batches_in(spool)
        with Server(script(OK), port) as server:
            eventually(lambda: waiting <= set(server.by_key()), 2 * BACKOFF_SECONDS, "what waited arrives")
            assert pusher.interrupt() == 0, pusher.stderr
            assert not batches_in(spool)
            assert all(len(requests) == 1 for requests in server.by_key().values())
            for t in targets:
                spans = windows(server, t)
                assert len(spans) >= 6
                assert_seamless(spans)
    assert pusher.stderr.count("does not take") == 1, pusher.stderr


def test_wrong_credentials_wait_on_disk(target, tmp_path):
    spool = tmp_path / "spool"
    (tmp_path / "token").write_text("wrong\n")

    def guard(request, _):
        return OK if request.headers["Authorization"] == "Bearer right" else refusal(401)

    with Server(guard) as server:
        with spooling(tmp_path / "agent", server, spool, "--token-file", tmp_path / "token") as pusher:
            eventually(lambda: len(batches_in(spool)) >= 3, 30, "batches wait on disk")
            assert len(server.requests) == 1, "nobody tries again and again with a wrong password"
            assert pusher.interrupt() == 0, pusher.stderr
        waiting = batches_in(spool)
        assert "401" in pusher.stderr and "wrong" not in pusher.stderr
        (tmp_path / "token").write_text("right\n")
        with spooling(tmp_path / "agent", server, spool, "--token-file", tmp_path / "token") as pusher:
            eventually(lambda: not waiting & batches_in(spool), 30, "what waited is sent")
            assert pusher.interrupt() == 0, pusher.stderr
        faults.check_rules(server.by_key())
        assert {key for key, requests in server.by_key().items() if requests[-1].answer is OK} >= waiting
        assert_seamless(windows(server, target)[:len(waiting)])


def test_stalling_collector_holds_nothing_up(target, tmp_path):
    spool = tmp_path / "spool"
    with Server(script(HOLD)) as server, spooling(tmp_path / "agent", server, spool) as pusher:
        assert server.held.wait(MARGIN_SECONDS), pusher.stderr
        eventually(lambda: len(batches_in(spool)) >= 4, 30, "it goes on sampling")
        begin = time.monotonic()
        assert pusher.interrupt() == 0, pusher.stderr
        assert time.monotonic() - begin < 10
        assert len(server.requests) == 1
        assert batches_in(spool)


@contextlib.contextmanager
def small_disk(folder, free):
    """A file system with @free bytes."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m,mode=700", "podflame-test", folder], check=True)
    try:
        disk = os.statvfs(folder)
        (folder / "filler").write_bytes(b"x" * (disk.f_bavail * disk.f_frsize - free))
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


def test_full_disk_leaves_memory(target, tmp_path):
    """Some batches wait on disk, the others in memory; all arrive, also after a start with a full disk."""
    with small_disk(tmp_path / "spool", 24 << 10) as spool, Server(script(refusal(503))) as server:
        with spooling(tmp_path / "agent", server, spool) as pusher:
            eventually(lambda: os.statvfs(spool).f_bavail < 5, 60, "the disk is full")
            time.sleep(3)
            on_disk = batches_in(spool)
            assert on_disk
            server.policy = script(OK)
            eventually(lambda: not batches_in(spool) & on_disk, 2 * BACKOFF_SECONDS, "all is sent")
            eventually(lambda: len(windows(server, target)) > len(on_disk), MARGIN_SECONDS, "so is what waited in memory")
            server.policy = script(HOLD)
            assert server.held.wait(MARGIN_SECONDS)
            (spool / "more").write_bytes(b"")
            with open(spool / "more", "wb", buffering=0) as more, contextlib.suppress(OSError):
                while more.write(b"x" * 4096):
                    pass
            time.sleep(2)
            assert pusher.interrupt() == 0, pusher.stderr
            assert "the disk did not take them" in pusher.stderr, pusher.stderr
            spans = windows(server, target)
            assert len(spans) > len(on_disk), "more than the disk had"
            assert_seamless(spans)
        server.policy = script(OK)
        with spooling(tmp_path / "again", server, spool) as pusher:
            known = len(server.requests)
            eventually(lambda: len(server.requests) > known + 2, 30, "it starts on a full disk, and sends")
            assert pusher.interrupt() == 0, pusher.stderr


def test_the_search_goes_on_beside_a_slow_disk(target, start, tmp_path):
    """While the disk takes no batch, a process that is born is found; no time is lost with the windows."""
    held, spool = tmp_path / "held", tmp_path / "spool"
    spool.mkdir()
    wrap = ["env", "LD_PRELOAD=%s" % shims.build("held_disk", tmp_path), "FAULTS_HELD=%s" % held]
    with Server(script(OK)) as server, \
            agent(tmp_path / "agent", server.url, *OPTIONS, "--spool", spool, wrap=wrap) as pusher:
        eventually(lambda: "every 1 s" in pusher.stderr, 20, lambda: pusher.stderr)
        held.touch()
        eventually(lambda: next(spool.glob("*/*.tmp"), None), 30, "a batch is being written")
        late = start(BARE_BOOKWORM, "split.py")
        eventually(lambda: "container %s" % late.id in pusher.stderr, 10, lambda: pusher.stderr)
        assert next(spool.glob("*/*.tmp"), None)
        held.unlink()
        eventually(lambda: len(windows(server, target)) >= 3, 30, "windows go on")
        assert pusher.interrupt() == 0, pusher.stderr
        assert_seamless(windows(server, target))


def test_spool_that_cannot_be_used_is_refused(tmp_path):
    def refused(spool, *reasons):
        with agent(tmp_path / "second", server.url, *OPTIONS, "--spool", spool) as pusher:
            assert pusher.process.wait(MARGIN_SECONDS) == 1
            assert all(reason in pusher.stderr for reason in reasons), pusher.stderr

    (tmp_path / "file").write_text("")
    with Server(script(OK)) as server, spooling(tmp_path / "agent", server, tmp_path / "spool") as pusher:
        eventually(lambda: "every 1 s" in pusher.stderr, 20, "it runs")
        refused(tmp_path / "spool", str(tmp_path / "spool"), "another process is using it")
        refused(tmp_path / "none", "No such file or directory")
        refused(tmp_path / "file", "Not a directory")
        with small_disk(tmp_path / "readonly", 4096):
            subprocess.run(["mount", "-o", "remount,ro", tmp_path / "readonly"], check=True)
            refused(tmp_path / "readonly", "Read-only file system")
        (folder,) = (tmp_path / "spool").iterdir()
        assert pusher.interrupt() == 0, pusher.stderr
        folder.chmod(0o755)
        refused(tmp_path / "spool", str(folder), "0700")


def test_damaged_spool_files_are_set_aside(target, tmp_path):
    spool = tmp_path / "spool"
    with Server(script(refusal(503))) as server:
        with spooling(tmp_path / "agent", server, spool) as pusher:
            eventually(lambda: len(batches_in(spool)) >= 4, 60, "batches wait on disk")
            assert pusher.interrupt() == 0, pusher.stderr
        files = sorted(spool.glob("*/*.batch"))
        whole = bytearray(files[0].read_bytes())
        whole[-1] ^= 1
        files[0].write_bytes(whole)
        os.truncate(files[1], 100)
        (files[2].parent / "0000.batch").write_bytes(b"\0" * 4096)
        (files[2].parent / "half.tmp").write_bytes(b"PFSPOOL\n")
        good = {path.name.partition("-")[2].partition(".")[0] for path in files[2:]}
        server.policy = script(OK)
        with spooling(tmp_path / "agent", server, spool) as pusher:
            eventually(lambda: not list(spool.glob("*/*.batch")), 30, "what is whole is sent")
            assert pusher.interrupt() == 0, pusher.stderr
        taken = {request.key for request in server.requests if request.answer is OK}
        assert good <= taken and not taken & {path.name.partition("-")[2].partition(".")[0] for path in files[:2]}
        assert len(list(spool.glob("*/*.bad"))) == 3 and not list(spool.glob("*/*.tmp"))
