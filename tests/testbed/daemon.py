# SPDX-License-Identifier: Apache-2.0
"""The Docker daemon: the one that answers, or one of our own for the time being.

Our own leaves the host's network alone (no bridge, no iptables), keeps everything
in a directory of its own, and is stopped by its pid at the end. What it mounts is in a
mount namespace of its own: where / is a private mount, dockerd leaves its data root mounted.
"""

import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

from . import Unavailable, ends_with_us

START_SECONDS = 120
STOP_SECONDS = 60


class Docker:
    def __init__(self, host=None, root="/var/lib/docker"):
        self.host = host
        self.root = root

    def command(self, *arguments):
        return ["docker"] + (["--host", self.host] if self.host else []) + list(arguments)

    def call(self, *arguments):
        """Runs a docker command and returns what it printed."""
        done = subprocess.run(self.command(*arguments), capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError("docker %s: %s" % (" ".join(arguments), done.stderr.strip()))
        return done.stdout.strip()

    def answers(self):
        done = subprocess.run(self.command("version", "--format", "{{.Server.Version}}"), capture_output=True)
        return done.returncode == 0


@contextlib.contextmanager
def open_docker():
    if not shutil.which("docker"):
        raise Unavailable("docker is missing: apt-get install docker.io")
    docker = Docker(os.environ.get("DOCKER_HOST"))
    if docker.answers():
        docker.root = docker.call("info", "--format", "{{.DockerRootDir}}")
        yield docker
        return
    with private_docker() as docker:
        yield docker


@contextlib.contextmanager
def private_docker():
    if os.geteuid() != 0 or not shutil.which("dockerd"):
        raise Unavailable("no Docker daemon answers, and starting one needs root and Debian's docker.io")
    home = pathlib.Path(tempfile.mkdtemp(prefix="podflame-docker-"))
    docker = Docker("unix://%s/socket" % home, str(home / "data"))
    with open(home / "log", "wb") as log:
        process = subprocess.Popen(
            [*ends_with_us("TERM"), "unshare", "--mount", "--propagation", "slave",
             "dockerd", "--iptables=false", "--bridge=none", "--host", docker.host, "--data-root", docker.root,
             "--exec-root", str(home / "exec"), "--pidfile", str(home / "pid")],
            stdout=log, stderr=log, start_new_session=True)
    try:
        wait_until_up(docker, process, home / "log")
        yield docker
    finally:
        stop(process)
        shutil.rmtree(home)


def wait_until_up(docker, process, log):
    deadline = time.monotonic() + START_SECONDS
    while not docker.answers():
        if process.poll() is not None or time.monotonic() > deadline:
            raise Unavailable("dockerd does not start:\n" + log.read_text()[-2000:])
        time.sleep(0.1)


def stop(process):
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
