"""The service as deploy/docs/service.md installs it, in a container."""

import re
import shutil
import time

from client import Client
from harness import ROOT, eventually
from lab import ROOT_PATH, manual

UNIT = "portcullis.service"
SOCKET = "portcullis.socket"
FOLDER = "/etc/portcullis"
CHECKOUT = "/root/portcullis"
# The folder of `claude` of the person who installs, on their PATH.
OWN_PROGRAMS = "/root/.local/bin"
PATH_OF_INSTALLER = f"{OWN_PROGRAMS}:{ROOT_PATH}"


def commands_of_manual():
    """The commands under "As a service", to the letter."""
    block = re.search(r"<!-- service:begin -->\n```sh\n(.*?)```\n<!-- service:end -->", manual(), re.DOTALL)
    assert block, "the page has lost its commands of the service"
    return block[1]


def cell_of_manual(what):
    """The command in the table "Living with it" for that."""
    row = re.search(rf"^\| {re.escape(what)} \| (.*) \|$", manual(), re.MULTILINE)
    assert row, f"the page has no row {what!r}"
    return re.search(r"`([^`]+)`", row[1])[1].replace("\\|", "|")


class Service:
    """portcullis.service of a machine; `restore` makes it what `install` left."""

    def __init__(self, machine, portcullis, standin, certificates):
        self.machine = machine
        self.portcullis = portcullis
        self.standin = standin
        self.certificates = certificates
        self.baseline = {}

    def prepare(self, claude):
        """What a person has before the first command of the page: a checkout with a build, and `claude`."""
        machine = self.machine
        for folder in ("deploy", "certs"):
            shutil.copytree(
                ROOT / folder,
                machine.path(f"{CHECKOUT}/{folder}"),
                ignore=shutil.ignore_patterns("dev"),
                dirs_exist_ok=True,
            )
        machine.copy(self.portcullis, f"{CHECKOUT}/.build/release/portcullis")
        machine.copy(self.standin, "/usr/local/lib/claude-standin")
        for name in ("chain.pem", "key.pem"):
            machine.copy(self.certificates / name, f"{CHECKOUT}/{name}")
        machine.run("mkdir", "-p", OWN_PROGRAMS)
        machine.run("ln", "-s", claude, f"{OWN_PROGRAMS}/claude")

    def install(self):
        return self.machine.shell(f"cd {CHECKOUT}\n{commands_of_manual()}", env={"PATH": PATH_OF_INSTALLER})

    # Files

    def file(self, name):
        return self.machine.path(f"{FOLDER}/{name}")

    def write(self, name, text):
        """As root's editor would: in place, so owner and mode stay."""
        self.file(name).write_text(text)

    def add(self, name, text):
        with open(self.file(name), "a") as file:
            file.write(text)

    def keep(self):
        """This is the baseline."""
        self.baseline = {each.name: each.read_bytes() for each in self.file("").iterdir() if each.is_file()}

    def restore(self):
        """Mends files and starts the service anew where a test has left something else."""
        changed = False
        for name, content in self.baseline.items():
            if not self.file(name).exists() or self.file(name).read_bytes() != content:
                self.machine.run("install", "-m", "640", "-g", "portcullis", "/dev/null", f"{FOLDER}/{name}")
                self.file(name).write_bytes(content)
                changed = True
        for each in self.file("").iterdir():
            if each.name not in self.baseline:
                self.machine.run("rm", "-r", f"{FOLDER}/{each.name}")
                changed = True
        if changed or self.machine.show(UNIT, "ActiveState") != "active":
            self.machine.run("systemctl", "restart", UNIT)
        return self

    def keys(self):
        return dict(line.split()[0].split(":", 1) for line in self.file("api-keys").read_text().splitlines())

    def client(self, name="alice"):
        return Client(self.machine, (self.certificates / "ca.pem").read_text(), self.keys()[name])

    # State

    def main_process(self):
        return int(self.machine.show(UNIT, "MainPID"))

    def status(self):
        return self.machine.show(UNIT, "StatusText")

    def kill(self, name):
        """Sends its main process a signal, and waits for its end if that ends it; returns the process."""
        pid = self.main_process()
        self.machine.run("systemctl", "kill", "--kill-whom=main", f"--signal={name}", UNIT)
        if name != "SIGSTOP":
            eventually(lambda: not self.machine.path(f"/proc/{pid}").exists(), "it has died")
        return pid

    def is_active(self):
        return self.machine.show(UNIT, "ActiveState") == "active"

    def port_is_open(self):
        return self.machine.show(SOCKET, "ActiveState") == "active"

    def systemctl(self, verb, check=True):
        return self.machine.run("systemctl", verb, UNIT, check=check)

    def reload(self, check=True):
        return self.systemctl("reload", check)

    @staticmethod
    def now():
        """An option of `journal`: what is said from now on. Not a cursor, behind which journalctl 252 loses the first
        line of those with a priority."""
        return f"--since=@{time.time():.6f}"

    def journal(self, *options):
        return self.machine.journal("--unit", UNIT, *options)

    def restarted(self, before):
        """The new main process, once there is one that is ready."""

        def fresh():
            pid = self.main_process()
            return pid if pid not in (0, before) and self.is_active() else None

        return eventually(fresh, "another process serves", within=30)
