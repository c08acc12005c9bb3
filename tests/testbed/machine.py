#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A Debian machine with Debian's kernel, under qemu-system: for kernels and processors that this machine is not.

    run(Machine("arm64", "bookworm", ("python3",)), "uname -a")
    machine.py arm64 bookworm python3,procps 'uname -a'

Its root is made by mmdebstrap, and lies as an ext4 image in .cache/machines/, under a name that changes with the
recipe. It boots by qemu's -kernel and -initrd: no boot loader, and an initrd of ours that has a busybox and the few
modules that a root on virtio takes. Whatever it writes goes to a temporary file that ends with it, so several may run
from one image. A processor that this machine is not is emulated; KVM is used with PODFLAME_KVM=1. Needs root.
"""

import concurrent.futures
import dataclasses
import hashlib
import lzma
import os
import pathlib
import platform
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading

if __name__ == "__main__":
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from testbed import CACHE, Unavailable, ends_with_us, images  # noqa: E402

NATIVE = {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()]

# What this machine needs for that, by .ci/packages: mmdebstrap, e2fsprogs, cpio, kmod, and qemu-system-x86 or -arm; for another
# processor's packages, where they are configured, arch-test and qemu-user-static.

QEMU = {
    "amd64": ["qemu-system-x86_64", "-machine", "q35", "-cpu", "max"],
    # A processor of today, whose signatures of pointers cost the emulator little.
    "arm64": ["qemu-system-aarch64", "-machine", "virt", "-cpu", "max,pauth-impdef=on"],
}
CONSOLE = {"amd64": "ttyS0", "arm64": "ttyAMA0"}
USER_QEMU = {"amd64": "x86_64", "arm64": "aarch64"}

# With what they depend on: the root's disk, the ports of the command's output, and folders of this machine.
# ext4 asks for crc32c by a name that modules.dep does not tell.
MODULES = ["virtio_pci", "virtio_mmio", "virtio_blk", "virtio_console", "crc32c_generic", "crc32c_cryptoapi", "ext4", "9p",
           "9pnet_virtio", "overlay"]

# What every program expects of a root, where no package is configured.
BASIC = ["base-files", "base-passwd", "bash", "coreutils", "dash", "findutils", "grep", "hostname", "libc-bin", "mawk", "mount",
         "ncurses-bin", "sed", "tar", "util-linux"]

SPARE_MB = 1024
BOOT_SECONDS = 240
KILLED = 124

# The first process. The command is in /command, mounts of folders in /shares; what is to come is in /root.
INIT = r"""#!/bin/busybox sh
export PATH=/bin
/bin/busybox mkdir -p /proc /sys /dev /root
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
for module in $(cat /modules/order); do insmod /modules/$module; done
tries=0
until mount -t ext4 /dev/vda /root 2>/dev/null; do
        tries=$((tries + 1))
        [ $tries -lt 200 ] || { echo "no root"; reboot -f; }
        sleep 0.1
done
mount -t tmpfs -o mode=755 tmpfs /root/run
mkdir -p /root/run/testbed
cp /bin/busybox /command /first /root/run/testbed/
while read -r tag path options; do
        mkdir -p "/root$path"
        mount -t 9p -o "trans=virtio,version=9p2000.L,msize=262144,cache=loose,$options" "$tag" "/root$path"
done </shares
if [ -e /systemd ]; then
        mkdir -p /root/run/systemd/system
        cp /testbed.service /root/run/systemd/system/
        for each in proc sys dev; do mount --move /$each /root/$each; done
        exec switch_root /root /sbin/init
fi
for each in proc sys dev; do mount --move /$each /root/$each; done
exec switch_root /root /run/testbed/busybox sh /run/testbed/first alone
"""

# In the root, as the first process or, called by systemd, as a service.
FIRST = r"""
box=/run/testbed/busybox
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8
if [ "$1" = alone ]; then
        $box mkdir -p /dev/pts /dev/shm /run/lock
        $box mount -t devpts -o gid=5,mode=620,ptmxmode=666 devpts /dev/pts
        $box mount -t tmpfs tmpfs /dev/shm
        $box mount -t tmpfs tmpfs /tmp
        $box mount -t cgroup2 cgroup2 /sys/fs/cgroup
        $box mount -t securityfs securityfs /sys/kernel/security
        $box ip link set lo up
        $box ip addr add 127.0.0.1/8 dev lo 2>/dev/null
        $box hostname testbed
fi
for each in /sys/class/virtio-ports/*; do
        case $($box cat $each/name) in
        output) output=/dev/${each##*/} ;;
        status) status=/dev/${each##*/} ;;
        esac
done
$box sh /run/testbed/command </dev/null >$output 2>&1
echo $? >$status
$box sync
$box reboot -f
"""

SERVICE = """[Unit]
Description=What the test runs in this machine
After=multi-user.target
[Service]
Type=simple
TimeoutStartSec=infinity
ExecStart=/run/testbed/busybox sh /run/testbed/first service
"""


@dataclasses.dataclass(frozen=True)
class Machine:
    """A root with Debian's @packages and the kernel of @kernel, a package's name, or Debian's own for the architecture.
    @hooks are shell commands that mmdebstrap runs with the root's path in $1. Of one that is not @configured the packages
    are unpacked only, BASIC among them: minutes less for another processor, whose maintainer scripts are emulated.
    @suites are roots of others of Debian's releases as images.PACKAGES has them, unpacked only, below /suites. Without
    @modules there are no more of the kernel's than it takes to boot."""

    architecture: str
    release: str
    packages: tuple = ()
    hooks: tuple = ()
    kernel: str = ""
    kernel_release: str = ""
    configured: bool = True
    suites: tuple = ()
    modules: bool = True

    def kernel_folder(self):
        """With boot/vmlinuz-*, lib/modules/*, and a static busybox: unpacked only, for none of it runs here."""
        release = self.kernel_release or self.release
        package = self.kernel or "linux-image-" + self.architecture
        path = named("kernel", release, self.architecture, package)
        return images.locked(path, lambda: unpack_kernel(path, release, self.architecture, package))

    def image(self):
        words = [*self.packages, *self.hooks, self.kernel_folder().name, str(SPARE_MB), str(self.configured),
                 str(self.modules), *(word for suite in self.suites for word in (suite, *images.PACKAGES[suite]))]
        path = named("root", self.release, self.architecture, *words).with_suffix(".ext4")
        return images.locked(path, lambda: make_image(path, self))

    def initrd(self):
        folder = self.kernel_folder()
        digest = hashlib.sha256((INIT + " ".join(MODULES)).encode()).hexdigest()[:8]
        path = folder.with_name("%s-initrd-%s" % (folder.name, digest))
        return images.locked(path, lambda: make_initrd(path, folder))


@dataclasses.dataclass(frozen=True)
class Share:
    """The folder @host of this machine is seen as @guest there."""

    host: pathlib.Path
    guest: str
    writable: bool = False


def named(kind, release, architecture, *recipe):
    digest = hashlib.sha256("\n".join(recipe).encode()).hexdigest()[:8]
    return CACHE / "machines" / ("%s-%s-%s-%s" % (kind, release, architecture, digest))


def bootstrap(path, variant, release, architecture, packages, hooks=(), further=()):
    """The packages below @path, by mmdebstrap."""
    if os.geteuid() != 0:
        raise Unavailable("making a machine's root needs root")
    # What is only unpacked goes through a Python for each package, if a part of it is left out.
    left_out = ("--variant", "--customize", *(["--dpkgopt"] if variant == "extract" else []))
    options = [word for word in images.OPTIONS if not word.startswith(left_out)]
    command = ["mmdebstrap", "--quiet", "--variant=" + variant, "--format=directory", "--architectures=" + architecture,
               "--include=" + ",".join(packages), *options, *further,
               *("--customize-hook=" + hook for hook in hooks)]
    # Its helpers are of the Python that is found first: Debian's.
    status, words = images.run_to_end(command + [release, str(path)] + images.sites("Debian")[:1],
                                      PATH="/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin")
    if status != 0:
        raise Unavailable("mmdebstrap could not make %s: %s" % (path.name, words.strip()[-2000:]))


def unpack_kernel(path, release, architecture, package):
    with tempfile.TemporaryDirectory(prefix="partial-", dir=path.parent) as folder:
        root = pathlib.Path(folder, "root")
        os.chmod(folder, 0o755)  # apt gives up its rights
        bootstrap(root, "extract", release, architecture, [package, "busybox-static"])
        kept = pathlib.Path(folder, "kept")
        for part in ("boot", "lib/modules", "bin/busybox"):
            # Where /lib is a link to /usr/lib, and where it is not.
            source = next(s for s in (root / part, root / "usr" / part) if s.exists())
            (kept / part).parent.mkdir(parents=True, exist_ok=True)
            source.rename(kept / part)
        for version in (kept / "lib/modules").iterdir():
            subprocess.run(["depmod", "--basedir", str(kept), version.name], check=True)
        kept.rename(path)


def ordered_modules(folder):
    """The files of MODULES, each after those that it depends on. Those that the kernel holds have none."""
    base = next((folder / "lib/modules").iterdir())
    needs = {}
    for line in (base / "modules.dep").read_text().splitlines():
        file, _, others = line.partition(":")
        needs[file] = others.split()
    by_name = {pathlib.Path(file).name.partition(".")[0].replace("-", "_"): file for file in needs}
    order = []
    for file in filter(None, map(by_name.get, MODULES)):
        order += [each for each in (*reversed(needs[file]), file) if each not in order]
    return [base / file for file in order]


def write_cpio(folder, path):
    names = subprocess.run(["find", ".", "-mindepth", "1"], cwd=folder, check=True, capture_output=True).stdout
    with open(path, "wb") as output:
        subprocess.run(["cpio", "--quiet", "-o", "-H", "newc"], cwd=folder, input=names, stdout=output, check=True)


def make_initrd(path, kernel):
    with tempfile.TemporaryDirectory(prefix="partial-", dir=path.parent) as folder:
        root = pathlib.Path(folder, "root")
        for part in ("bin", "modules"):
            (root / part).mkdir(parents=True)
        shutil.copy(kernel / "bin/busybox", root / "bin/busybox")
        (root / "init").write_text(INIT)
        (root / "init").chmod(0o755)
        names = []
        for module in ordered_modules(kernel):
            bytes_ = module.read_bytes()
            names.append(module.name.removesuffix(".xz"))
            (root / "modules" / names[-1]).write_bytes(lzma.decompress(bytes_) if module.suffix == ".xz" else bytes_)
        (root / "modules/order").write_text("\n".join(names) + "\n")
        write_cpio(root, pathlib.Path(folder, "cpio"))
        pathlib.Path(folder, "cpio").rename(path)


def let_foreign_programs_run(architecture):
    """Maintainer scripts of another processor's packages run under qemu-user, to which the kernel gives them if told."""
    name = "qemu-" + USER_QEMU[architecture]
    rules = pathlib.Path("/proc/sys/fs/binfmt_misc")
    if not (rules / "register").exists():
        subprocess.run(["mount", "-t", "binfmt_misc", "binfmt_misc", str(rules)], check=True)
    if (rules / name).exists():
        return
    machine = {"arm64": r"\xb7", "amd64": r"\x3e"}[architecture]
    magic = r"\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00" + machine + r"\x00"
    mask = r"\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff"
    # OPF: the emulator sees the program's name, and is opened now, for the root does not have it.
    (rules / "register").write_text(r":%s:M::%s:%s:/usr/bin/%s-static:OPF" % (name, magic, mask, name))


def unpack(path, release, architecture, packages, hooks=()):
    """Packages that nobody has configured, with what else a program needs to run there."""
    path.mkdir(parents=True)
    bootstrap(path, "extract", release, architecture, [*BASIC, *packages], hooks,
              ["--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr"])
    for name in ("passwd", "group"):
        shutil.copy(path / "usr/share/base-passwd" / (name + ".master"), path / "etc" / name)
    for part in ("var/lib/apt", "var/cache/apt", "usr/share/doc", "usr/share/man", "usr/share/locale"):
        shutil.rmtree(path / part, ignore_errors=True)
    (path / "app").mkdir()


def make_root(root, machine):
    packages = [*machine.packages, "kmod"]
    if not machine.configured:
        unpack(root, machine.release, machine.architecture, packages, machine.hooks)
        return
    if machine.architecture != NATIVE:
        let_foreign_programs_run(machine.architecture)
    bootstrap(root, "important" if "systemd-sysv" in packages else "apt", machine.release, machine.architecture, packages,
              machine.hooks)
    shutil.rmtree(root / "var/cache/apt", ignore_errors=True)
    shutil.rmtree(root / "var/lib/apt/lists", ignore_errors=True)


def make_image(path, machine):
    with tempfile.TemporaryDirectory(prefix="partial-", dir=path.parent) as folder:
        root, image = pathlib.Path(folder, "root"), pathlib.Path(folder, "image")
        os.chmod(folder, 0o755)
        make_root(root, machine)
        with concurrent.futures.ThreadPoolExecutor() as pool:
            list(pool.map(lambda suite: unpack(root / "suites" / suite, suite, machine.architecture,
                                               images.PACKAGES[suite]), machine.suites))
        if machine.modules:
            shutil.copytree(machine.kernel_folder() / "lib/modules", (root / "lib").resolve() / "modules", symlinks=True,
                            dirs_exist_ok=True)
        used = int(subprocess.run(["du", "-sm", str(root)], capture_output=True, check=True).stdout.split()[0])
        subprocess.run(["mke2fs", "-q", "-t", "ext4", "-d", str(root), "-L", "root", "-m", "0", "-O", "^has_journal",
                        str(image), "%dM" % (used * 5 // 4 + SPARE_MB)], check=True, capture_output=True)
        image.rename(path)


def accelerators(architecture, own_time):
    """Where time is the machine's @own, an instruction takes 1 ns there, and to wait takes none here: other programs of a
    crowded machine do not make it late. Then its processors take turns."""
    if own_time:
        return ["-accel", "tcg,thread=single", "-icount", "shift=0,sleep=off"]
    # A machine that is virtual itself may have a /dev/kvm in which nothing boots. So whoever wants it says so.
    kvm = ["-accel", "kvm"] if architecture == NATIVE and os.environ.get("PODFLAME_KVM") == "1" else []
    return [*kvm, "-accel", "tcg,thread=multi"]


def arguments(machine, folder, shares, memory, processors, append, systemd, own_time):
    kernel = next((machine.kernel_folder() / "boot").glob("vmlinuz-*"))
    words = ["console=" + CONSOLE[machine.architecture], "panic=-1", "rdinit=/init", *shlex.split(append)]
    if systemd:
        words += ["systemd.wants=testbed.service"]
    command = [*QEMU[machine.architecture], *accelerators(machine.architecture, own_time), "-m", memory,
               "-smp", str(processors), "-nodefaults", "-no-reboot", "-display", "none", "-nic", "none",
               "-kernel", str(kernel), "-initrd", str(folder / "initrd"), "-append", " ".join(words),
               "-drive", "file=%s,format=raw,if=virtio,snapshot=on" % machine.image(),
               "-serial", "file:%s/console" % folder,
               "-device", "virtio-serial-pci",
               # Not stdio: it takes the end of its input for the end of the port, and the machine waits for ever.
               "-chardev", "file,id=output,path=/dev/stdout", "-device", "virtserialport,chardev=output,name=output",
               "-chardev", "file,id=status,path=%s/status" % folder, "-device", "virtserialport,chardev=status,name=status"]
    for number, share in enumerate(shares):
        command += ["-virtfs", "local,path=%s,mount_tag=share%d,security_model=none,multidevs=remap%s"
                    % (share.host, number, "" if share.writable else ",readonly=on")]
    return command


def write_initrd(machine, folder, command, shares, systemd):
    """The machine's own, and one more behind it with what this run is about."""
    more = folder / "more"
    more.mkdir()
    (more / "command").write_text(command + "\n")
    (more / "first").write_text(FIRST)
    (more / "shares").write_text("".join(
        "share%d %s %s\n" % (n, share.guest, "rw" if share.writable else "ro") for n, share in enumerate(shares)))
    if systemd:
        (more / "systemd").write_text("")
        (more / "testbed.service").write_text(SERVICE)
    write_cpio(more, folder / "more.cpio")
    with open(folder / "initrd", "wb") as output:
        for part in (machine.initrd(), folder / "more.cpio"):
            output.write(part.read_bytes())


def run(machine, command, *, shares=(), seconds=600, memory="2G", processors=2, append="", systemd=False,
        own_time=False, further=(), output=None):
    """Boots @machine, runs the shell's @command as root, writes what it says to @output, a binary file (this program's
    own, if none is given), and returns its exit status; KILLED if it took longer than @seconds, boot included.
    @append is for the kernel's command line, @further for qemu's. With @systemd the root's own init runs, and the command
    as a service; the machine needs the package systemd-sysv. @own_time: see accelerators(). Raises Unavailable with the
    console's last lines if the machine ends without a status."""
    output = output or sys.stdout.buffer
    with tempfile.TemporaryDirectory(prefix="podflame-machine-") as name:
        folder = pathlib.Path(name)
        write_initrd(machine, folder, command, shares, systemd)
        qemu = [*arguments(machine, folder, shares, memory, processors, append, systemd, own_time), *further]
        process = subprocess.Popen([*ends_with_us("KILL"), "nice", "-n", "19", *qemu], stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=open(folder / "qemu", "wb"), start_new_session=True)
        late = threading.Event()
        timer = threading.Timer(seconds, lambda: (late.set(), process.kill()))
        timer.start()
        try:
            while some := process.stdout.read1(65536):
                output.write(some)
                output.flush()
            process.wait()
        finally:
            timer.cancel()
            process.kill()
            process.wait()
        status = (folder / "status").read_text().strip() if (folder / "status").exists() else ""
        if status:
            return int(status)
        said = (folder / "qemu").read_text() + (folder / "console").read_text(errors="replace")[-3000:]
        if late.is_set():
            print("the machine was ended after %g s; its console's last lines:\n%s" % (seconds, said), file=sys.stderr)
            return KILLED
        raise Unavailable("the machine ended without a status:\n" + said)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what it has begun is removed
    try:
        architecture, release, packages, *words = sys.argv[1:]
        sys.exit(run(Machine(architecture, release, tuple(packages.split(","))), " ".join(words),
                     systemd="systemd-sysv" in packages))
    except Unavailable as reason:
        sys.exit("%s: %s" % (sys.argv[0], reason))
