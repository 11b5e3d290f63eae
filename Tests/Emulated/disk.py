"""What an emulated machine boots from: Debian's kernel, the modules for its disk, and a disk with the package."""

import pathlib
import re
import shutil
import subprocess
import tempfile

from lab import CACHE, debian_mirror, root_tree

HERE = pathlib.Path(__file__).parent
RELEASE = "bookworm"
# What the disk, the network and the serial port of the machine need, by the names of modules.
MODULES = ["virtio_pci", "virtio_blk", "virtio_console", "virtio_net"]
# What takes time to start, or waits for devices, and is nothing to this service.
MASKED = [
    "systemd-logind.service",
    "systemd-udevd.service",
    "systemd-udevd-control.socket",
    "systemd-udevd-kernel.socket",
    "systemd-udev-trigger.service",
    "systemd-pstore.service",
    "systemd-random-seed.service",
    "systemd-update-utmp.service",
    "systemd-update-utmp-runlevel.service",
    "e2scrub_reap.service",
    "getty-static.service",
    "serial-getty@.service",
    "dev-hugepages.mount",
]
AGENT = """\
[Unit]
After=basic.target
[Service]
ExecStart=/usr/bin/python3 /usr/local/lib/agent.py
OOMScoreAdjust=-1000
StandardOutput=file:/dev/ttyS0
StandardError=inherit
"""


def kernel():
    """The folder of the newest kernel that the release has for clouds, fetched once."""
    found = CACHE / f"kernel-{RELEASE}"
    if not found.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="kernel-", dir=CACHE) as scratch:
            packages = pathlib.Path(scratch, "packages")
            subprocess.run(
                ["mmdebstrap", "--quiet", "--variant=extract", "--include=linux-image-cloud-amd64", RELEASE, packages,
                 debian_mirror()],
                check=True, stdin=subprocess.DEVNULL)
            made = pathlib.Path(scratch, "kernel")
            made.mkdir()
            shutil.copy(only(packages.glob("boot/vmlinuz-*")), made / "vmlinuz")
            shutil.copytree(only(packages.glob("lib/modules/*")) / "kernel", made / "modules")
            try:
                made.rename(found)
            except OSError:
                # Another run was faster.
                assert found.exists()
    return found


def only(paths):
    [path] = paths
    return path


def in_order(modules):
    """The files of these modules, each after those that it depends on."""
    files = {path.stem.replace("-", "_"): path for path in modules.rglob("*.ko")}
    ordered = {}

    def add(name):
        needs = re.search(rb"\0depends=([^\0]*)\0", files[name].read_bytes())[1].decode()
        for each in filter(None, needs.split(",")):
            add(each.replace("-", "_"))
        ordered[name] = files[name]

    for name in MODULES:
        add(name)
    return list(ordered.values())


def make_first_stage(folder, archive):
    """Writes what the kernel unpacks and starts: a program that finds the disk, with modules."""
    (folder / "modules").mkdir(parents=True)
    compiler = shutil.which("clang") or shutil.which("cc")
    subprocess.run([compiler, "-O1", "-static", "-o", folder / "init", HERE / "first.c"], check=True)
    modules = in_order(kernel() / "modules")
    for module in modules:
        shutil.copy(module, folder / "modules")
    (folder / "modules/order").write_text("".join(f"/modules/{module.name}\n" for module in modules))
    names = "\n".join(str(path.relative_to(folder)) for path in [folder, *sorted(folder.rglob("*"))])
    with open(archive, "wb") as out:
        subprocess.run(["cpio", "--quiet", "-o", "-H", "newc"], input=names.encode(), stdout=out, cwd=folder, check=True)


def make_disk(folder, package, claude, programs, disk):
    """Writes a disk with the package installed, `claude` in /usr/local/bin and programs in /usr/local/lib."""
    units = folder / "etc/systemd/system"
    wanted = units / "multi-user.target.wants"
    wanted.mkdir(parents=True)
    for unit in MASKED:
        (units / unit).symlink_to("/dev/null")
    (units / "agent.service").write_text(AGENT)
    (wanted / "agent.service").symlink_to("../agent.service")
    (folder / "usr/local/lib").mkdir(parents=True)
    (folder / "etc/hosts").write_text("127.0.0.1 localhost\n")
    for program in [HERE / "agent.py", HERE / "neighbours.py", *programs]:
        shutil.copy(program, folder / "usr/local/lib")
    ran = subprocess.run(
        ["unshare", "--mount", "--propagation", "private", HERE / "disk", root_tree(RELEASE), folder, package, claude, disk],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert ran.returncode == 0, ran.stdout
