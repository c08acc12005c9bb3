# SPDX-License-Identifier: Apache-2.0
"""What `make demo` and `make test` need: packages that cannot be had are a sentence, and the demo leaves nothing."""

import contextlib
import glob
import http.server
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import threading

import pytest

from program import MARGIN_SECONDS, eventually
from testbed import PROJECT, ends_with_us

PACKAGES = str(PROJECT / ".ci/packages")
MISSING = "podflame-has-no-such-package"
DEMO_PORT = 4318


def packages(*names, wrap=(), **environment):
    return subprocess.run([*wrap, PACKAGES, *names], capture_output=True, text=True, timeout=MARGIN_SECONDS,
                          env={**os.environ, **environment})


def apt_from(folder, site):
    """The environment of an apt that knows this one site, and whose folders are its own."""
    for name in ("lists/partial", "cache/archives/partial"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "sources").write_text("deb [trusted=yes] %s ./\n" % site)
    (folder / "apt.conf").write_text(
        'Dir::Etc::sourcelist "%s/sources"; Dir::Etc::sourceparts "-"; Dir::State::lists "%s/lists";\n'
        'Dir::Cache "%s/cache"; APT::Sandbox::User "root"; Acquire::Retries "0"; Acquire::http::Proxy "DIRECT";\n'
        % (folder, folder, folder))
    return {"APT_CONFIG": str(folder / "apt.conf")}


@contextlib.contextmanager
def site(status, content=b""):
    """A site that answers everything with that."""
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status if self.path.endswith("/Packages") or status != 200 else 404)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield "http://127.0.0.1:%d" % server.server_port
        server.shutdown()


def assert_says(done, *words):
    """It failed, and its last line says why and what to do."""
    last = done.stderr.strip().splitlines()[-1]
    assert done.returncode == 1, done.stderr
    assert all(word in last for word in words), done.stderr
    assert "then run the same command again." in last


def test_site_that_is_not_there(tmp_path):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = "http://127.0.0.1:%d" % unused.getsockname()[1]
        assert_says(packages(MISSING, **apt_from(tmp_path, address)), "apt-get update failed", "reaches the sites")


def test_site_that_no_one_knows(tmp_path):
    assert_says(packages(MISSING, **apt_from(tmp_path, "http://podflame.invalid")), "podflame.invalid", "reaches the sites")


def test_site_that_refuses(tmp_path):
    with site(403) as address:
        assert_says(packages(MISSING, **apt_from(tmp_path, address)), "403", "reaches the sites")


def test_release_of_other_packages(tmp_path):
    with site(200, b"Package: other\nVersion: 1\nArchitecture: all\nFilename: o.deb\nSize: 1\nSHA256: %064d\n" % 0) as address:
        assert_says(packages(MISSING, **apt_from(tmp_path, address)), MISSING, "Debian 12")


def test_disk_that_is_full(tmp_path):
    entry = "Package: p%d\nVersion: 1\nArchitecture: all\nFilename: p.deb\nSize: 1\nSHA256: " + "0" * 64 + "\n\n"
    content = "".join(entry % number for number in range(20000)).encode()
    script = 'mount -t tmpfs -o size=1m tmpfs "$1" && mkdir "$1/partial" && shift && exec "$@"'
    wrap = ["unshare", "--mount", "sh", "-c", script, "sh", str(tmp_path / "lists")]
    with site(200, content) as address:
        assert_says(packages(MISSING, wrap=wrap, **apt_from(tmp_path, address)), "No space left", "make room")


def test_without_root():
    # Nobody who may go into the folder that this checkout lies in, were it root's home.
    done = packages(MISSING, wrap=["setpriv", "--reuid=65534", "--clear-groups", "--inh-caps=+dac_read_search",
                                   "--ambient-caps=+dac_read_search"])
    assert (done.returncode, done.stderr) == (1, "Please run as root: apt-get install %s\n" % MISSING)


def test_elsewhere_than_on_debian(tmp_path):
    for program in ("bash", "env", "uname"):
        (tmp_path / program).symlink_to("/bin/" + program)
    done = packages(MISSING, PATH=str(tmp_path))
    assert done.returncode == 1 and done.stderr.splitlines()[-1].startswith("This is not Debian."), done.stderr


# ---- the tarball --------------------------------------------------------------------------


def make(folder, *arguments, path="", wrap=()):
    """Without this make's own variables."""
    environment = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
    done = subprocess.run([*wrap, "make", *arguments], cwd=folder, capture_output=True, text=True, timeout=900,
                          env={**environment, "PATH": path + environment["PATH"]})
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_tarball_builds_without_npm_and_network(tmp_path):
    make(PROJECT, "dist")
    [tarball] = (PROJECT / "build").glob("podflame-*.tar.gz")
    subprocess.run(["tar", "-C", str(tmp_path), "-xf", str(tarball)], check=True)
    folder = tmp_path / tarball.name[:-len(".tar.gz")]
    for program in ("node", "npm"):
        (tmp_path / program).write_text("#!/bin/sh\nexit 1\n")
        (tmp_path / program).chmod(0o755)
    assert "npm" not in make(folder, "-n", "deps")
    make(folder, "-j%d" % os.cpu_count(), "CFLAGS=-O0", path=str(tmp_path) + ":", wrap=["unshare", "--net"])
    version = subprocess.run([str(folder / "build/podflame"), "--version"], capture_output=True, text=True, check=True).stdout
    assert folder.name == version.strip().replace(" ", "-").split("-(")[0]
    assert (PROJECT / "build/gen/page.html").read_bytes() in (folder / "build/podflame").read_bytes()


# ---- the demo -----------------------------------------------------------------------------


def concerned(folder):
    """Processes that were told of @folder, or have something of it mounted."""
    found = []
    for path in glob.glob("/proc/[0-9]*"):
        with contextlib.suppress(OSError):
            texts = [pathlib.Path(path, name).read_bytes() for name in ("environ", "cmdline", "mountinfo")]
            if any(os.fsencode(folder) in text for text in texts):
                found.append(texts[1].replace(b"\0", b" ").decode())
    return found


@pytest.fixture
def folder():
    """A short name, for sockets are in it."""
    path = tempfile.mkdtemp(prefix="d")
    yield path
    os.rmdir(path)


@pytest.fixture
def port_is_taken():
    with socket.socket() as holder, contextlib.suppress(OSError):  # by another, as well
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # one that was closed a minute ago is free
        holder.bind(("127.0.0.1", DEMO_PORT))
        holder.listen()
        yield
        return
    yield


def start_demo(folder):
    environment = {name: value for name, value in os.environ.items() if name != "DOCKER_HOST"}
    return subprocess.Popen([sys.executable, str(PROJECT / "docker/demo/demo.py")], stdout=subprocess.PIPE, text=True,
                            stderr=subprocess.STDOUT, env={**environment, "TMPDIR": folder}, start_new_session=True)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP, signal.SIGTERM], ids=lambda number: number.name)
def test_demo_leaves_nothing(folder, port_is_taken, number):
    """Ctrl-C, a terminal that is closed, kill."""
    with start_demo(folder) as demo:
        lines = []
        for line in demo.stdout:
            lines.append(line)
            if "price_basket" in line and "%" in line and "█" in line:
                break
        assert demo.poll() is None, "".join(lines)
        assert not any(":%d/" % DEMO_PORT in line for line in lines), "".join(lines)
        demo.send_signal(number)
        lines += demo.stdout
        assert demo.wait() == 0, "".join(lines)
    assert "nothing is left" in lines[-1]
    eventually(lambda: not concerned(folder), 5, lambda: "nothing runs: %s" % concerned(folder))
    assert folder not in pathlib.Path("/proc/mounts").read_text()
    assert os.listdir(folder) == []


@pytest.mark.parametrize("parent, output", [(os.getpid, "run\n"), (os.getppid, "")], ids=["lives", "has-ended"])
def test_what_ends_with_its_parent_is_not_run_without_it(parent, output):
    """A parent that is killed before the kernel knows of the wish would leave the command for ever."""
    command = [*ends_with_us("TERM")[:-1], str(parent()), "echo", "run"]
    assert subprocess.run(command, capture_output=True, text=True).stdout == output


def test_demo_that_is_killed_leaves_no_process(folder):
    with start_demo(folder) as demo:
        for line in demo.stdout:
            if "page " in line:
                break
        demo.kill()
    eventually(lambda: not concerned(folder), 30, lambda: "nothing runs: %s" % concerned(folder))
    subprocess.run(["rm", "-rf", "--one-file-system", *glob.glob(folder + "/*")], check=True)
