# SPDX-License-Identifier: Apache-2.0
"""Lines of source with their shares: podflame lines, the page of the format heat, and what source is read for it."""

import json
import os
import re
import tempfile

import pytest

import hostile
import truth
from interpreters import BARE_BOOKWORM, BOOKWORM, SUPPORTED_ON_HOST, Case
from program import RECORDINGS_MAX, podflame, record
from testbed import PROJECT, containers

HOST = Case(SUPPORTED_ON_HOST[-1], "host")

TARGETS = PROJECT / "tests/targets"
SPLIT = (TARGETS / "line_split.py").read_text().splitlines()
LINES = {kind: next(i for i, text in enumerate(SPLIT, 1) if text.endswith("# " + kind)) for kind in truth.SPLIT}
PAGE = re.compile(r'<script type="application/json" id="profile">(.*?)</script>', re.DOTALL)


def lines(*arguments):
    done = podflame("lines", *arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def carried(page):
    """What a page was given to show."""
    return json.loads(PAGE.search(page.read_text())[1])


def recorded(target, tmp_path, *options, samples=400):
    """Recordings of a target, as many as it takes."""
    files = []
    for i in range(RECORDINGS_MAX):
        files.append(tmp_path / ("%d.otlp.json" % i))
        record("-p", target.pid, "-o", files[-1], *options)
        found = lines(*files)
        if found["samples"] >= samples:
            return files, found
    raise AssertionError("too few samples: %d" % found["samples"])


# ---- shares -----------------------------------------------------------------


def running(line):
    """Its own samples but those in which it waits for a CPU: they come many in a row, and obey no binomial."""
    return line["self"]["samples"] - sum(wait["samples"] for wait in line["waits"])


@pytest.mark.parametrize("mode", ["cpu", "wall"])
@pytest.mark.parametrize("case", [HOST, BOOKWORM], ids=str)
def test_a_hot_line_has_its_share(start, tmp_path, case, mode):
    target = start(case, "line_split.py")
    files, found = recorded(target, tmp_path, "-m", mode)
    [file] = [file for file in found["files"] if file["file"].endswith("line_split.py")]
    count = {line["line"]: line for line in file["lines"]}
    counts = {kind: running(count[line]) for kind, line in LINES.items()}
    truth.assert_shares(counts, truth.SPLIT)
    assert sum(count[line]["self"]["samples"] for line in LINES.values()) > 0.9 * found["samples"]
    assert [file["lines"][i]["line"] for i in range(3)] == [LINES[kind] for kind in ("hot", "warm", "cold")]

    for kind, share in truth.SPLIT.items():
        line = count[LINES[kind]]
        assert line["function"] == "work" and line["self"] == line["total"]
        assert line["self"]["low"] < line["self"]["share"] < line["self"]["high"]
        assert sum(wait["samples"] for wait in line["waits"]) <= line["self"]["samples"]
    [caller] = [line for line in file["lines"] if SPLIT[line["line"] - 1].strip() == "work(deck)"]
    assert caller["total"]["samples"] >= sum(counts.values()) and caller["function"] == "main"
    assert "source" not in caller, "nobody has asked for it"

    text = podflame("lines", *files, "--source", "%s=%s" % (TARGETS, file["file"].rpartition("/")[0]), "--function", "work").stdout
    assert re.search(r"%d .* work  \|             for _ in TURNS: sum\(NUMBERS\)  # hot\n" % LINES["hot"], text)


def test_what_a_line_waits_for_stands_below_it(start, script, tmp_path):
    path = script("""
        import time
        print("ready", flush=True)
        while True:
            time.sleep(0.2)
    """)
    target = start(HOST, path)
    files, found = recorded(target, tmp_path, "-m", "wall")
    [file] = [file for file in found["files"] if file["file"] == path]
    hottest = file["lines"][0]
    assert hottest["line"] == 5 and hottest["self"]["share"] > 0.9
    [sleeps] = [wait for wait in hottest["waits"] if wait["reason"] == "[sleeps]"]
    assert sleeps["samples"] > 0.9 * hottest["self"]["samples"]
    assert re.search(r"^      5 .*<module>\n +%d .*\[sleeps\]$" % sleeps["samples"], podflame("lines", *files).stdout, re.MULTILINE)


# ---- what it is told --------------------------------------------------------

FOLDED = """\
main (/app/a.py:9);work (/app/a.py:5);memcpy (libc.so.6) 60
main (/app/a.py:9);work (/app/a.py:99);work (/app/a.py:5) 20
main (/app/b.py:2);<script>alert(1)</script> (/app/<b>.py:3) 20
"""


def write(tmp_path):
    (tmp_path / "a.folded").write_text(FOLDED)
    (tmp_path / "a.py").write_text("".join("line = %d\n" % i for i in range(1, 11)))
    return tmp_path / "a.folded"


def test_options(tmp_path):
    file = write(tmp_path)
    found = lines(file)
    assert [f["file"] for f in found["files"]] == ["/app/a.py", "/app/<b>.py", "/app/b.py"]
    assert [(line["line"], line["self"]["samples"], line["total"]["samples"]) for line in found["files"][0]["lines"]] == [
        (5, 80, 80), (9, 0, 80), (99, 0, 20)]
    assert [f["file"] for f in lines(file, "--file", "b.py")["files"]] == ["/app/b.py"]
    assert [line["line"] for f in lines(file, "--function", "work")["files"] for line in f["lines"]] == [5, 99]
    assert "and 2 more lines: --limit 0 prints all" in podflame("lines", file, "--limit", 1).stdout
    assert "no sample is of such a line" in podflame("lines", file, "--function", "nobody").stdout

    text = podflame("lines", file, "--source", "%s=/app" % tmp_path).stdout
    assert "work  | line = 5\n" in text and "work  | (not in the file)\n" in text
    assert "no source: the folder of --source has no regular file of this name" in text
    assert "its name does not begin with the PREFIX" in podflame("lines", file, "--source", "%s=/srv" % tmp_path).stdout


@pytest.mark.parametrize("arguments, status, words", [
    ((), 2, "it takes the FILEs"), (("/no/such",), 1, "No such file"),
    (("FILE", "--source", "/no/such"), 1, "--source: /no/such cannot be opened"),
    (("FILE", "--source", "/tmp=/app/"), 2, "slash at its end"), (("FILE", "--limit", "-1"), 2, "--limit")])
def test_wrong_calls(tmp_path, arguments, status, words):
    file = write(tmp_path)
    done = podflame("lines", *[str(file) if word == "FILE" else word for word in arguments])
    assert done.returncode == status and words in done.stderr


def test_links_do_not_lead_out_of_the_folder(tmp_path):
    """The names in a profile are anybody's, and so may be the links in a checkout."""
    (tmp_path / "secret").write_text("SECRET\n")
    folder = tmp_path / "checkout"
    folder.mkdir()
    (folder / "link.py").symlink_to(tmp_path / "secret")
    (tmp_path / "a.folded").write_text("a (/link.py:1) 1\nb (/../secret:1) 1\nc (/checkout/../../secret:1) 1\n")
    for found in (podflame("lines", tmp_path / "a.folded", "--source", folder, "--json").stdout,
                  podflame("convert", tmp_path / "a.folded", "--source", folder, "-f", "heat").stdout):
        assert "SECRET" not in found and found.count("no regular file of this name") == 3


# ---- source -----------------------------------------------------------------


def test_no_other_format_and_no_agent_has_source(start, tmp_path):
    """What leaves the machine are profiles, which have no source; the agent cannot even be asked for it."""
    for arguments in (("record", "-p", 1), ("convert", write(tmp_path))):
        for ending in ("otlp.json", "pb.gz", "html", "folded", "speedscope.json", "txt"):
            extra = ["--source"] if arguments[0] == "record" else ["--source", "/"]
            done = podflame(*arguments, "-o", tmp_path / ("x." + ending), *extra)
            assert done.returncode == 2 and "--source: only the format heat" in done.stderr
            assert not (tmp_path / ("x." + ending)).exists()
    assert podflame("agent", "--source").returncode == 2 and "--source" not in podflame("agent", "-h").stdout

    target = start(BARE_BOOKWORM, "line_split.py")
    done = podflame("record", "-p", target.pid, "-d", 1, "-r", 500, "--source", "-o", tmp_path / "a.heat.html")
    assert done.returncode == 0 and "the source of" in done.stderr
    assert "sum(NUMBERS)  # hot" in (tmp_path / "a.heat.html").read_text()
    for form in ("otlp", "html", "folded", "speedscope"):
        assert "NUMBERS" not in record("-p", target.pid, "-f", form, seconds=1)


def test_a_command_that_has_ended_has_source_all_the_same(script, tmp_path):
    path = script("""
        n = 0
        while n < 3000000:
            n += 1  # counts
    """)
    done = podflame("record", "-r", 500, "--source", "-o", tmp_path / "a.heat.html", "--", "/usr/bin/python3", path)
    assert done.returncode == 0, done.stderr
    [file] = [file for file in carried(tmp_path / "a.heat.html")["files"] if file["file"] == path]
    # pytest's folders are root's alone, but the files in them are for everybody.
    assert file["source"][3] == "    n += 1  # counts"


NONE = "there is no regular file of this name below the root of its process"


def hostile_page(process, page):
    done = podflame("record", "-p", process.pid, "-d", 2, "-r", 500, "--source", "-o", page)
    assert done.returncode == 0, done.stderr
    assert "OF-ROOT-ALONE" not in page.read_text() and "<img" not in page.read_text()
    return {file["file"]: file for file in carried(page)["files"]}, done.stderr


def test_hostile_names_lead_nowhere(tmp_path):
    """FIFOs, devices, links to the host's files, huge ones: refused, counted, told, and not read."""
    secret = tmp_path / "secret.py"
    secret.write_text("OF-ROOT-ALONE\n")
    command = ["python3", "line_sources.py", "/tmp/sources", str(secret)]
    with containers.Bare("bookworm", command, hostile.FOLDER) as target:
        files, said = hostile_page(target, tmp_path / "a.heat.html")
    assert files["/tmp/sources/good.py"]["source"][1] == "    loops = 1"
    for name in ("fifo", "folder", "absolute", "relative", "magic", "circle", "gone"):
        assert files["/tmp/sources/%s.py" % name]["why"] == NONE, name
    assert [files[name]["why"] for name in ("/dev/zero", str(secret), "/.." + str(secret))] == [NONE] * 3
    assert files["/tmp/sources/huge.py"]["why"] == "it is longer than 4 MiB"
    assert files["nowhere.py"]["why"] == "its name does not say in which folder it is"
    assert "source" not in files["/proc/self/environ"]
    refused = sum(file.get("why") == NONE for file in files.values())
    assert "no source of %d files: %s" % (refused, NONE) in said and "no source of 1 file: it is longer than 4 MiB" in said


def test_nobody_makes_root_read_for_him(tmp_path):
    """A process of the host's own root names files that its user may not read."""
    descriptor, secret = tempfile.mkstemp(suffix=".py")
    os.write(descriptor, b"OF-ROOT-ALONE\n")
    os.close(descriptor)
    try:
        with hostile.running("line_sources.py", "sources", secret) as process:
            files, _ = hostile_page(process, tmp_path / "a.heat.html")
    finally:
        os.unlink(secret)
    assert files[secret]["why"] == "its process's user may not read it"
    assert files["/.." + secret]["why"] == "its process's user may not read it"
