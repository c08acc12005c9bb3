# SPDX-License-Identifier: Apache-2.0
"""What is released: made twice of the same commit in different places, verified as README says, and tried.

The commit that is checked out is released, not changes beside it. Takes minutes, so it runs only when it is asked for:
make test-release. The workflow's file is checked in every run.
"""

import contextlib
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile

import pytest
import yaml

import image
import truth
from collector import free_port
from hardening import missing
from interpreters import BOOKWORM
from program import eventually
from skips import must_skip
from testbed import CACHE, PROJECT, Unavailable, containers, images, tools

VERSION = re.search(r"^VERSION := (\S+)", (PROJECT / "Makefile").read_text(), re.M)[1]
WORKFLOW = PROJECT / ".github/workflows/release.yml"
SPDX_TOOLS = "spdx-tools==0.8.5"
# What neither a package's mirror nor a clock may change: of somebody whose files are for nobody else, far away.
OTHERWISE = {"TZ": "Asia/Tokyo", "LC_ALL": "C", "LANG": "tr_TR.UTF-8"}


def run(*command, check=True, timeout=1800, **options):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=timeout,
                          stdin=subprocess.DEVNULL, **options)
    assert not check or done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done


def clone(path):
    """This checkout's commit, tagged, with the npm packages and the cache that are here."""
    run("git", "clone", "--quiet", PROJECT, path)
    run("git", "-C", path, "tag", "--force", "v" + VERSION)
    (path / "build").mkdir(exist_ok=True)
    if (PROJECT / "build/npm").is_dir():
        shutil.copytree(PROJECT / "build/npm", path / "build/npm", symlinks=True)
    (path / ".cache").symlink_to(CACHE)
    return path


@pytest.fixture(scope="module")
def released(tmp_path_factory):
    """The folder of a release."""
    path = clone(tmp_path_factory.mktemp("release") / "one")
    run("make", "release", cwd=path)
    return path / "build/release"


def commands_of_readme():
    """What the section says to run, line by line."""
    section = (PROJECT / "deploy/README.md").read_text().partition("how to verify it\n\n|")[2].partition("\n## ")[0]
    return [line.strip() for line in re.findall(r"^    (.+)$", section, re.M)]


def file_in(released, ending):
    [path] = released.glob("*" + ending)
    return path


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


# ---- made twice ---------------------------------------------------------------------------


@pytest.mark.release
def test_readme_verifies_it_by_making_it_again(released, tmp_path):
    """All lines of README, in another folder, with another umask, time zone and language."""
    again = clone(tmp_path / "another-folder")
    for path in released.iterdir():
        shutil.copy(path, again)
    stand_in = tmp_path / "bin"
    stand_in.mkdir()
    (stand_in / "gh").write_text('#!/bin/sh\n[ "$1 $2" = "attestation verify" ] && [ -f "$3" ]\n')
    (stand_in / "gh").chmod(0o755)
    commands = commands_of_readme()
    assert len(commands) == 4 and any(command.startswith("diff") for command in commands)
    environment = {**os.environ, **OTHERWISE, "PATH": "%s:%s" % (stand_in, os.environ["PATH"])}
    done = run("bash", "-c", "umask 077\nset -ex\n" + "\n".join(commands), cwd=again, env=environment)
    assert re.search(r"^podflame_%s_amd64.deb: OK$" % re.escape(VERSION), done.stdout, re.M)
    ours, theirs = ({path.name: digest(path) for path in folder.iterdir()} for folder in (released, again / "build/release"))
    assert ours == theirs


@pytest.mark.release
def test_sums_find_what_was_changed(released, tmp_path):
    for path in released.iterdir():
        shutil.copy(path, tmp_path)
    with open(tmp_path / ("podflame_%s_arm64.deb" % VERSION), "ab") as file:
        file.write(b"x")
    done = run("bash", "-c", commands_of_readme()[0], cwd=tmp_path, check=False)
    assert done.returncode == 1 and "podflame_%s_arm64.deb: FAILED" % VERSION in done.stdout
    sums = dict(reversed(line.split("  ")) for line in (released / "SHA256SUMS").read_text().splitlines())
    assert set(sums) == {path.name for path in released.iterdir()} - {"SHA256SUMS"}


@pytest.mark.release
def test_nothing_tells_who_made_it(released, tmp_path):
    """Neither the folder, nor the name of the machine, nor a mirror."""
    words = [str(released.parents[1]), os.uname().nodename if len(os.uname().nodename) > 3 else "", str(PROJECT)]
    for path in released.glob("*.deb"):
        run("dpkg-deb", "--raw-extract", path, tmp_path / path.name)
    for path in [*tmp_path.rglob("*"), *released.iterdir()]:
        if path.is_file() and not path.is_symlink():
            data = path.read_bytes()
            assert [word for word in words if word and word.encode() in data] == [], path


@pytest.mark.release
def test_tarball_is_what_is_in_git(released):
    with tarfile.open(file_in(released, ".tar.gz")) as tar:
        members = tar.getmembers()
    files = {member.name.partition("/")[2] for member in members if not member.isdir()}
    listed = set(run("git", "-C", PROJECT, "ls-tree", "-r", "--name-only", "-z", "HEAD").stdout.strip("\0").split("\0"))
    bundled = {"agent/format/flame/bundled/%s.html" % name for name in ("flame", "heat", "page")}
    assert files == listed | bundled
    assert {(member.uid, member.gid, member.uname) for member in members} == {(0, 0, "")}
    assert len({member.mtime for member in members}) == 1


# ---- Debian packages ------------------------------------------------------------------------


@pytest.fixture(params=["amd64", "arm64"])
def architecture(request):
    return request.param


def unpacked_image(released, architecture, folder):
    """The image's files, and its configuration, as the OCI layout has them."""
    with tarfile.open(file_in(released, "-image-%s.tar" % architecture)) as tar:
        tar.extractall(folder / "oci")
    blobs = folder / "oci/blobs"

    def blob(descriptor):
        path = blobs / descriptor["digest"].replace(":", "/")
        assert path.stat().st_size == descriptor["size"] and digest(path) == path.name
        return path

    [listed] = json.loads((folder / "oci/index.json").read_text())["manifests"]
    assert listed["platform"] == {"architecture": architecture, "os": "linux"}
    assert "%s %s\n" % (listed["digest"], architecture) in file_in(released, ".digests").read_text()
    manifest = json.loads(blob(listed).read_text())
    [layer] = manifest["layers"]
    (folder / "root").mkdir()
    run("tar", "-C", folder / "root", "--numeric-owner", "-xf", blob(layer))
    return folder / "root", json.loads(blob(manifest["config"]).read_text())


@pytest.mark.release
def test_package(released, architecture, tmp_path):
    path = released / ("podflame_%s_%s.deb" % (VERSION, architecture))
    fields = run("dpkg-deb", "--field", path, "Version", "Architecture", "Depends").stdout
    assert "Version: %s\n" % VERSION in fields and "Architecture: %s\n" % architecture in fields
    assert {"libc6", "libelf1", "libcurl4", "libseccomp2"} <= set(re.findall(r"[\w.+-]+(?= \()", fields))
    run("dpkg-deb", "--extract", path, tmp_path)
    program = tmp_path / "usr/bin/podflame"
    machine = {"amd64": "X86-64", "arm64": "AArch64"}[architecture]
    assert re.search("Machine: .*" + machine, run("readelf", "--file-header", program).stdout)
    assert missing(program, {"amd64": "x86_64", "arm64": "aarch64"}[architecture]) == set()
    names = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")}
    assert {"usr/bin/pyflame", "lib/systemd/system/podflame-agent.service", "usr/share/man/man1/podflame.1.gz"} <= names
    # Debugging symbols are of this very program.
    symbols = file_in(released, "dbgsym_%s_%s.deb" % (VERSION, architecture))
    identity = re.search(r"Build ID: (\w+)", run("readelf", "--notes", program).stdout)[1]
    assert "/.build-id/%s/%s.debug" % (identity[:2], identity[2:]) in run("dpkg-deb", "--contents", symbols).stdout


# ---- images ---------------------------------------------------------------------------------


@pytest.mark.release
def test_image_has_what_the_dockerfile_says(released, architecture, tmp_path):
    root, config = unpacked_image(released, architecture, tmp_path)
    text = (PROJECT / "docker/Dockerfile").read_text()
    assert (config["architecture"], config["os"]) == (architecture, "linux")
    settings = config["config"]
    for instruction, key in (("ENTRYPOINT", "Entrypoint"), ("CMD", "Cmd")):
        assert re.search(r"^%s (.*)$" % instruction, text, re.M)[1] == json.dumps(settings[key])
    assert settings["Healthcheck"] == {"Test": ["CMD", "/usr/lib/podflame/healthcheck"], "Interval": 30 * 10**9,
                                       "Timeout": 5 * 10**9, "StartPeriod": 10 * 10**9}
    assert settings["Labels"]["org.opencontainers.image.licenses"] == "Apache-2.0"
    assert (root / "usr/share/doc/podflame/copyright").exists() and (root / "usr/share/doc/libc6/copyright").exists()
    assert "BEGIN CERTIFICATE" in (root / "etc/ssl/certs/ca-certificates.crt").read_text()
    others = {str(path.relative_to(root)) for path in root.rglob("*")
              if not path.is_symlink() and (path.stat().st_uid != 0 or path.stat().st_mode & 0o1002 == 2)}
    assert others == {"var/lib/podflame"}
    package = tmp_path / "package"
    run("dpkg-deb", "--extract", released / ("podflame_%s_%s.deb" % (VERSION, architecture)), package)
    assert digest(package / "usr/bin/podflame") == digest(root / "usr/bin/podflame")


@pytest.mark.release
def test_image_runs_on_arm64(released, tmp_path):
    """Under an emulator, in the image's own files: the program finds all its libraries, starts, and serves its page."""
    emulator = shutil.which("qemu-aarch64-static")
    if not emulator:
        must_skip("qemu-user-static is missing", debian=False)
    root, _ = unpacked_image(released, "arm64", tmp_path)
    shutil.copy(emulator, root / "qemu")
    inside = ["chroot", root, "/qemu", "/usr/bin/podflame"]
    assert run(*inside, "--version").stdout.startswith("podflame " + VERSION)
    port = free_port()
    with open(tmp_path / "said", "wb") as out:
        process = subprocess.Popen([*map(str, inside), "collector", "--listen", "127.0.0.1:%d" % port, "--data", "/var/lib/podflame"],
                                   stdout=out, stderr=out, env={**os.environ, "PODFLAME_CONFINE": "off"})
    try:
        address = "http://127.0.0.1:%d/healthz" % port
        eventually(lambda: run("curl", "-fsS", address, check=False).returncode == 0, 60, (tmp_path / "said").read_text)
    finally:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def loaded(docker, released):
    """amd64's image in Docker: its name."""
    said = docker.call("load", "--input", str(file_in(released, "-image-amd64.tar")))
    name = re.search(r"Loaded image: (\S+)", said)[1]
    assert name == "podflame:" + VERSION
    yield name
    docker.call("rmi", "--force", name)


@pytest.mark.release
def test_image_profiles_in_docker(docker, loaded):
    """With the manifest's privileges: agent and collector, and a Python in a container of its own."""
    suite = images.docker(docker, BOOKWORM.interpreter.suite)
    capabilities = [name for name in image.granted() if image.knows(docker, loaded, name)]
    with contextlib.ExitStack() as stack:
        collector = stack.enter_context(image.Collector(docker, loaded))
        target = stack.enter_context(containers.Docker(docker, suite, ["python3", "split.py"], PROJECT / "tests/targets"))
        agent = stack.enter_context(image.agent_in_docker(docker, loaded, collector, capabilities, [target]))
        eventually(lambda: (collector.series_of(target) or {}).get("samples", 0) > 50, 120, lambda: agent.output)
        series = collector.series_of(target)
        top = collector.json("top?series=%d&limit=100" % series["id"])
        truth.assert_shares({f["name"]: f["self"] for f in top["functions"]}, truth.SPLIT)


@pytest.mark.release
def test_both_images_are_one_for_a_registry(released, tmp_path):
    """As the workflow pushes them, but into a folder: podman keeps the digests that .digests names."""
    step = steps_of("publish")["Publish the image"]["run"]
    [folder] = {path.parent for path in released.glob("SHA256SUMS")}
    (tmp_path / "release-one").symlink_to(folder)
    tools_folder = tmp_path / "bin"
    tools_folder.mkdir()
    run_folder = tempfile.mkdtemp(prefix="pf")  # podman wants a short name
    (tools_folder / "podman").write_text(
        '#!/bin/bash\n[ "$1" = login ] && exec cat >"%s/login"\nexec %s --root %s/root --runroot %s/run --storage-driver vfs "${@/docker:\\/\\//oci:}"\n'
        % (tmp_path, shutil.which("podman"), run_folder, run_folder))
    (tools_folder / "podman").chmod(0o755)
    environment = {**os.environ, "PATH": "%s:%s" % (tools_folder, os.environ["PATH"]), "GITHUB_REF_NAME": "v" + VERSION,
                   "REGISTRY": str(tmp_path / "registry"), "REGISTRY_USER": "u", "REGISTRY_TOKEN": "t"}
    (tmp_path / "registry").mkdir()
    try:
        run("bash", "-e", "-o", "pipefail", "-c", step, cwd=tmp_path, env=environment)
    finally:
        shutil.rmtree(run_folder)
    assert (tmp_path / "login").read_text() == "t\n"
    found = [path for path in (tmp_path / "registry").rglob("*") if path.is_file() and path.stat().st_size < 10000]
    listed = [json.loads(path.read_text()) for path in found if b'"platform"' in path.read_bytes()]
    digests = {"%s %s" % (entry["digest"], entry["platform"]["architecture"]) for index in listed for entry in index["manifests"]
               if "platform" in entry}
    assert digests == set(file_in(released, ".digests").read_text().splitlines())


# ---- what is in it ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def validator():
    """pyspdxtools, in an environment of its own."""
    path = CACHE / "release" / SPDX_TOOLS.replace("==", "-")

    def make():
        partial = path.with_name("partial-" + path.name)
        shutil.rmtree(partial, ignore_errors=True)
        run(sys.executable, "-m", "pip", "install", "--quiet", "--target", partial, SPDX_TOOLS)
        partial.rename(path)

    try:
        images.locked(path, make)
    except AssertionError as e:
        must_skip("spdx-tools: " + str(e)[-200:], debian=False)
    return path


@pytest.mark.release
def test_list_is_valid(released, architecture, validator, tmp_path):
    code = "import sys; from spdx_tools.spdx.clitools.pyspdxtools import main; sys.exit(main())"

    def validate(path):
        return run(sys.executable, "-c", code, "--infile", path, check=False, env={**os.environ, "PYTHONPATH": str(validator)})

    path = released / ("podflame-%s-%s.spdx.json" % (VERSION, architecture))
    done = validate(path)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    wrong = json.loads(path.read_text())
    wrong["relationships"][0]["relatedSpdxElement"] = "SPDXRef-nowhere"
    (tmp_path / "wrong.spdx.json").write_text(json.dumps(wrong))
    assert validate(tmp_path / "wrong.spdx.json").returncode != 0


@pytest.mark.release
def test_list_has_what_is_there(released, architecture, tmp_path):
    listed = json.loads((released / ("podflame-%s-%s.spdx.json" % (VERSION, architecture))).read_text())
    by_id = {package["SPDXID"]: package for package in listed["packages"]}

    def related(kind, one=None, other=None):
        return {(r["spdxElementId"], r["relatedSpdxElement"]) for r in listed["relationships"] if r["relationshipType"] == kind
                and one in (None, r["spdxElementId"]) and other in (None, r["relatedSpdxElement"])}

    described = {by_id[other]["packageFileName"]: by_id[other]["checksums"][0]["checksumValue"] for _, other in related("DESCRIBES")}
    assert described == {path.name: digest(path) for path in (
        file_in(released, ".tar.gz"), released / ("podflame_%s_%s.deb" % (VERSION, architecture)),
        file_in(released, "-image-%s.tar" % architecture))}
    root, _ = unpacked_image(released, architecture, tmp_path)
    status = run("dpkg-query", "--admindir=%s/var/lib/dpkg" % root, "--show", "--showformat=${Package} ${Version}\\n").stdout
    inside = {"%(name)s %(versionInfo)s" % by_id[other] for _, other in related("CONTAINS", one="SPDXRef-podflame-image")}
    assert inside == set(status.splitlines())
    # Each library that the program is linked with is in the image, in a package that the list has.
    needed = re.findall(r"\(NEEDED\).*\[(.+)\]", run("readelf", "--dynamic", root / "usr/bin/podflame").stdout)
    assert needed and all(list((root / "usr/lib").glob("*/" + name)) for name in needed)
    depends = {by_id[other]["name"] for _, other in related("DEPENDS_ON", one="SPDXRef-podflame-package")}
    assert {"libc6", "libelf1", "libcurl4", "libseccomp2"} <= depends
    linked = {by_id[other]["name"] for _, other in related("STATIC_LINK")}
    built_by = {by_id[one]["name"] for one, _ in related("BUILD_TOOL_OF")}
    assert linked == {"libiberty-dev", "uthash-dev"} and "esbuild" in built_by and any(name.startswith("gcc-12") for name in built_by)


# ---- the workflow -----------------------------------------------------------------------------


def steps_of(job):
    return {step["name"]: step for step in yaml.safe_load(WORKFLOW.read_text())["jobs"][job]["steps"] if "name" in step}


def test_workflow_is_well_formed():
    try:
        actionlint = tools.program("actionlint")
    except Unavailable as e:
        must_skip(str(e), debian=False)
    done = run(actionlint, "-no-color", WORKFLOW, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_workflow_names_no_registry():
    text = WORKFLOW.read_text()
    assert "vars.REGISTRY" in text and not re.search(r"(?<!@)\b[\w-]+\.(io|com|org|dev)\b", text.replace("registry.example", ""))
    permissions = yaml.safe_load(text)["jobs"]["publish"]["permissions"]
    assert permissions == {"contents": "write", "id-token": "write", "attestations": "write"}


def test_workflow_compares_and_tells_what_is_new(tmp_path):
    """The steps that are a script, as the runner would run them."""
    def step(job, name, **more):
        environment = {**os.environ, "GITHUB_REF_NAME": "v" + VERSION, "GITHUB_OUTPUT": str(tmp_path / "output"), **more}
        return run("bash", "-e", "-o", "pipefail", "-c", steps_of(job)[name]["run"], cwd=tmp_path, env=environment, check=False)

    for name in ("Makefile", "CHANGELOG.md"):
        shutil.copy(PROJECT / name, tmp_path)
    assert step("test", "The tag is the version").returncode == 0
    assert step("test", "The tag is the version", GITHUB_REF_NAME="v9.9.9").returncode == 1
    for folder in ("release-one", "release-another"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "file").write_text("same")
        (tmp_path / folder / "SHA256SUMS").write_text(hashlib.sha256(b"same").hexdigest() + "  file\n")
    assert step("publish", "Both machines made the same").returncode == 0
    assert (tmp_path / "output").read_text() == "version=%s\n" % VERSION
    (tmp_path / "release-another/file").write_text("other")
    assert step("publish", "Both machines made the same").returncode == 1
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/gh").write_text('#!/bin/sh\necho "$@" >"%s/gh"\n' % tmp_path)
    (tmp_path / "bin/gh").chmod(0o755)
    assert step("publish", "Publish the files", PATH="%s/bin:%s" % (tmp_path, os.environ["PATH"])).returncode == 0
    assert (tmp_path / "gh").read_text().split()[:3] == ["release", "create", "v" + VERSION]
    notes = (tmp_path / "notes").read_text()
    assert "In short" in notes and "First version" not in notes
