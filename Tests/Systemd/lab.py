"""Containers with a real systemd as PID 1: Debian's root trees, made once, and throw-away copies of them that boot."""

import concurrent.futures
import contextlib
import ctypes
import hashlib
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading

from harness import ROOT, eventually

HERE = pathlib.Path(__file__).parent
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "portcullis"
# Debian's releases with the version of systemd that each brings.
RELEASES = {"bookworm": 252, "trixie": 257}
# A small server: users can log in, and certbot renews.
PACKAGES = [
    "systemd",
    "systemd-sysv",
    "dbus",
    "dbus-user-session",
    "libpam-systemd",
    "ca-certificates",
    "openssl",
    "certbot",
]
# What would make the boot slow or noisy and is no server's business.
MASKED = [
    "apt-daily.timer",
    "apt-daily-upgrade.timer",
    "certbot.timer",
    "dpkg-db-backup.timer",
    "e2scrub_all.timer",
    "fstrim.timer",
    "console-getty.service",
    "getty.target",
    "systemd-networkd-wait-online.service",
    "systemd-timesyncd.service",
]
# The one of root's login shell on Debian.
ROOT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def manual():
    """The page of the documents about the service."""
    return (ROOT / "deploy/docs/service.md").read_text()


def packages_of_manual():
    """What the page says a server needs that only gets the binary."""
    sentence = re.search(r"A server that only gets the binary needs the packages ([^.]*)\.", manual())
    assert sentence, "the page names no packages"
    return re.findall(r"`([^`]+)`", sentence[1])


def debian_mirror():
    """The one that apt on this machine uses."""
    sites = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(SITE)"], check=True, capture_output=True, text=True
    ).stdout.split()
    found = next((site for site in sites if site.endswith("/debian")), None)
    assert found, "apt on this machine names no mirror of Debian"
    return found


def root_tree(release):
    """The tree of that release; made when there is none with these packages yet."""
    packages = PACKAGES + packages_of_manual()
    digest = hashlib.sha256(" ".join(packages).encode()).hexdigest()[:12]
    tree = CACHE / f"systemd-{release}-{digest}"
    if not tree.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        scratch = pathlib.Path(tempfile.mkdtemp(prefix="systemd-", dir=CACHE))
        made = scratch / "tree"
        subprocess.run(
            [
                "mmdebstrap",
                "--quiet",
                "--variant=minbase",
                "--include=" + ",".join(packages),
                release,
                made,
                debian_mirror(),
            ],
            check=True,
            stdin=subprocess.DEVNULL,
        )
        furnish(made)
        try:
            made.rename(tree)
        except OSError:
            # Another run was faster.
            assert tree.exists()
        shutil.rmtree(scratch, ignore_errors=True)
    return tree


def furnish(tree):
    units = tree / "etc/systemd/system"
    for unit in MASKED:
        link = units / unit
        link.unlink(missing_ok=True)
        link.symlink_to("/dev/null")
    default = units / "default.target"
    default.unlink(missing_ok=True)
    default.symlink_to("/lib/systemd/system/multi-user.target")
    journal = tree / "etc/systemd/journald.conf.d"
    journal.mkdir(parents=True, exist_ok=True)
    (journal / "lab.conf").write_text("[Journal]\nStorage=volatile\nRateLimitIntervalSec=0\n")
    (tree / "etc/hostname").write_text("lab\n")
    (tree / "etc/machine-id").write_text("")


class Failed(AssertionError):
    """A command in the container that ended with another status than 0."""


class System:
    """A system with a network of its own: `run` runs a command in it, `network` has a thread in its network."""

    def shell(self, script, **options):
        """Runs a script as somebody would who pastes it; its first failing command ends it."""
        return self.run("bash", "-e", "-o", "pipefail", "-c", script, **options)

    def show(self, unit, name):
        return self.run("systemctl", "show", "--property", name, "--value", unit).stdout.strip()

    def journal(self, *options):
        return self.run("journalctl", "--no-pager", "--output=cat", *options).stdout

    def inside(self, action):
        """Does something with sockets in the system's network; a socket stays there, wherever it is used."""
        return self.network.submit(action).result()

    def connect(self, port, timeout=60):
        return self.inside(lambda: socket.create_connection(("127.0.0.1", port), timeout))


class Machine(System):
    """One booted container; everything in it ends with `close`."""

    def __init__(self, release, binds=()):
        self.release = release
        self.systemd = RELEASES[release]
        self.work = tempfile.mkdtemp(prefix="portcullis-lab.")
        self.name = pathlib.Path(self.work).name.replace(".", "-").replace("_", "-")
        self.console = open(self.work + ".console", "w+b")
        options = [f"--bind-ro={source}:{target}" for source, target in binds]
        self.nspawn = subprocess.Popen(
            [
                "unshare",
                "--mount",
                "--propagation",
                "private",
                HERE / "boot",
                root_tree(release),
                self.work,
                self.name,
                *options,
            ],
            stdout=self.console,
            stderr=self.console,
            stdin=subprocess.DEVNULL,
        )
        self.pid = None
        try:
            self.pid = eventually(self.first_process, "the container has a PID 1", within=30)
            eventually(self.has_booted, "the container has booted", within=60)
        except BaseException:
            self.close()
            raise
        self.network = thread_in_network(self.pid)

    def first_process(self):
        assert self.nspawn.poll() is None, f"the container ended while booting:\n{self.said()}"
        for task in pathlib.Path(f"/proc/{self.nspawn.pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                # Some of its processes end while it starts.
                status = ""
                with contextlib.suppress(FileNotFoundError):
                    status = pathlib.Path(f"/proc/{child}/status").read_text()
                if re.search(r"^NSpid:.*\b1$", status, re.MULTILINE):
                    return int(child)
        return None

    def has_booted(self):
        assert self.nspawn.poll() is None, f"the container ended while booting:\n{self.said()}"
        state = self.run("systemctl", "is-system-running", check=False).stdout.strip()
        return state in ("running", "degraded")

    def said(self):
        self.console.seek(0)
        return self.console.read().decode(errors="replace")

    # Commands

    def run(self, *command, check=True, stdin="", user=None, env=None, within=100):
        """Runs a command to its end, as root unless a user is named; text in and out."""
        if user:
            entry = self.run("getent", "passwd", user).stdout.split(":")
            env = {"HOME": entry[5], "XDG_RUNTIME_DIR": f"/run/user/{entry[2]}", **(env or {})}
            command = ("runuser", "-u", user, "--", *command)
        ran = subprocess.run(
            self.entering(command, env), input=stdin, capture_output=True, text=True, timeout=within)
        if check and ran.returncode != 0:
            raise Failed(f"{' '.join(map(str, command))[:300]}: status {ran.returncode}\n{ran.stdout}{ran.stderr}")
        return ran

    def entering(self, command, env=None):
        """The words that run a command inside."""
        words = {
            "PATH": ROOT_PATH,
            "HOME": "/root",
            "LANG": "C.UTF-8",
            "SYSTEMD_COLORS": "0",
            "SYSTEMD_PAGER": "",
            **(env or {}),
        }
        variables = [f"{name}={value}" for name, value in words.items()]
        return ["nsenter", "-t", str(self.pid), "-a", "env", "-i", *variables, *command]

    def start(self, *command):
        """Begins a command as root and does not wait for its end."""
        return subprocess.Popen(
            self.entering(command), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    # Files

    def path(self, inside):
        """A file of the container, seen from here."""
        return pathlib.Path(f"/proc/{self.pid}/root") / str(inside).lstrip("/")

    def copy(self, source, target):
        self.path(target).parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, self.path(target), dirs_exist_ok=True)
        else:
            shutil.copy2(source, self.path(target))

    def close(self):
        if self.pid and self.nspawn.poll() is None:
            # systemd(1): power off.
            os.kill(self.pid, signal.SIGRTMIN + 4)
            try:
                self.nspawn.wait(30)
            except subprocess.TimeoutExpired:
                os.kill(self.pid, signal.SIGKILL)
        if self.nspawn.poll() is None:
            self.nspawn.kill()
        self.nspawn.wait()
        self.console.close()
        os.unlink(self.work + ".console")
        os.rmdir(self.work)
        remove_group(self.name)


def thread_in_network(pid):
    """A thread in the network of a process, for what is to be done there."""
    return concurrent.futures.ThreadPoolExecutor(1, initializer=enter_network, initargs=(pid,))


def enter_network(pid):
    """Moves this thread, and no other, into the network of a process."""
    CLONE_NEWNET = 0x40000000
    libc = ctypes.CDLL(None, use_errno=True)
    with open(f"/proc/{pid}/ns/net") as network:
        if libc.setns(network.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")


def remove_group(name):
    """Takes away the control groups that a container left."""
    mounts = [line.split() for line in pathlib.Path("/proc/mounts").read_text().splitlines()]
    for mount in (words[1] for words in mounts if words[2] == "cgroup2"):
        top = pathlib.Path(mount) / name
        for folder in sorted(top.rglob("*/"), key=lambda each: -len(each.parts)) + [top]:
            try:
                folder.rmdir()
            except OSError:
                pass
