"""The service in an emulated machine, as its package and an operator leave it."""

from client import Client
from harness import eventually
from lab import Failed
from service import FOLDER, SOCKET, UNIT

CLAUDE = "/usr/local/bin/claude"
STANDIN = "/usr/local/lib/claude-standin"
PROBE = "/usr/local/lib/wall_probe"
STATE = "/var/lib/portcullis"


class Server:
    """portcullis.service of a machine; `configure` says how it is to run, and `start` starts it."""

    def __init__(self, machine, certificates):
        self.machine = machine
        self.authority = (certificates / "ca.pem").read_text()
        self.packaged = machine.read(f"{FOLDER}/portcullis.conf")
        for source, name in (("chain.pem", "tls.crt"), ("key.pem", "tls.key")):
            self.write(name, (certificates / source).read_text())
        self.key = machine.run("portcullis", "new-key", "alice").stdout.split()[0].partition(":")[2]

    def write(self, name, text):
        self.machine.write(f"{FOLDER}/{name}", text, mode="640", group="portcullis")

    def configure(self, claude=STANDIN, cli_env="", key_options="", **settings):
        """The settings of the package, but for that CLI, its environment, the key's options and these settings.

        The CLI is not tried before it serves, unless `SELF_TEST` says so: a dozen starts take long here.
        """
        settings = {"SELF_TEST": "off", **settings}
        kept = [line for line in self.packaged.splitlines() if line.partition("=")[0] not in settings]
        lines = kept + [f"{name}={value}" for name, value in settings.items()]
        self.write("portcullis.conf", "\n".join(lines).replace(CLAUDE, claude) + "\n")
        self.write("cli.env", cli_env)
        self.write("api-keys", f"alice:{self.key} {key_options}\n")

    def start(self):
        """Starts it anew, with the port, and waits until it is ready."""
        self.machine.run("systemctl", "reset-failed", UNIT, check=False)
        self.machine.run("systemctl", "start", SOCKET)
        started = self.machine.run("systemctl", "restart", UNIT, check=False)
        if started.returncode != 0:
            raise Failed(f"{UNIT} does not start:\n{self.journal('--lines=20')}")
        return self

    def stop(self):
        self.machine.run("systemctl", "stop", SOCKET, UNIT)

    def client(self):
        return Client(self.machine, self.authority, self.key)

    def check(self):
        """What the settings are said to come to."""
        return self.machine.run("portcullis", "check", "--config", f"{FOLDER}/portcullis.conf", check=False)

    def show(self, name):
        return self.machine.show(UNIT, name)

    def restarts(self):
        """How often systemd has started it by itself."""
        return int(self.show("NRestarts"))

    def now(self):
        """An option of `journal`: what is said from now on."""
        return "--since=@" + self.machine.run("date", "+%s.%6N").stdout.strip()

    def journal(self, *options):
        return self.machine.journal("--unit", UNIT, *options)

    def ended(self):
        """Waits until it has given up, and returns its exit status."""
        eventually(lambda: self.show("ActiveState") == "failed", "it has given up", within=60)
        return int(self.show("ExecMainStatus"))
