"""A running gateway, what it and its children cost, and a client of it."""
import http.client
import json
import os
import pathlib
import ssl
import subprocess
import time

from upstream import MARK

TICKS = os.sysconf("SC_CLK_TCK")


class Gateway:
    def __init__(self, binary, folder, certificates, port, keys, claude, upstream, **settings):
        folder.mkdir(mode=0o700)
        (folder / "state").mkdir(mode=0o700)
        self.port, self.context = port, ssl.create_default_context(cafile=certificates / "ca.pem")
        files = {
            "keys": "".join(f"{name}:{key}\n" for name, key in keys.items()),
            "cli.env": f"CLAUDE_CODE_OAUTH_TOKEN=no-login\nANTHROPIC_BASE_URL=http://127.0.0.1:{upstream}\n",
        }
        for name, text in files.items():
            (folder / name).touch(mode=0o600)
            (folder / name).write_text(text)
        self.log = folder / "log"
        environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "LOG_LEVEL": "warning", "MAX_TURNS": "32"}
        with open(self.log, "w") as log:
            self.process = subprocess.Popen(
                [binary, "serve", "--listen", f"127.0.0.1:{port}", "--claude-path", claude,
                 "--tls-certificate", certificates / "chain.pem", "--tls-key", certificates / "key.pem",
                 "--api-keys-file", folder / "keys", "--cli-env-file", folder / "cli.env",
                 "--state-dir", folder / "state"],
                env=environment | settings, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def wait(self):
        """Until it serves."""
        deadline = time.monotonic() + 120
        while True:
            try:
                Client(self, "")
                return
            except OSError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"the gateway did not start:\n{self.log.read_text()}") from None
                time.sleep(0.1)

    def stop(self):
        self.process.terminate()
        self.process.wait()

    def cpu(self):
        """Seconds of CPU of the gateway and all its children, the reaped ones included."""
        table = {}
        for place in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                fields = (place / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue  # It has ended meanwhile: what it used is its parent's by now.
            table[int(place.name)] = int(fields[1]), sum(map(int, fields[11:15]))
        ours, found = {self.process.pid}, 0
        while len(ours) > found:
            found = len(ours)
            ours |= {pid for pid, (parent, _) in table.items() if parent in ours}
        return sum(table[pid][1] for pid in ours if pid in table) / TICKS

    def settled_cpu(self):
        """The same once nothing more is done for what was: processes end, are put by, are started in advance."""
        deadline, quiet, last = time.monotonic() + 8, 0, self.cpu()
        while quiet < 4 and time.monotonic() < deadline:
            time.sleep(0.1)
            now = self.cpu()
            quiet, last = (quiet + 1, now) if now <= last else (0, now)
        return last


class Client:
    """One kept-alive connection of one key."""

    def __init__(self, gateway, key):
        self.connection = http.client.HTTPSConnection("127.0.0.1", gateway.port, context=gateway.context, timeout=300)
        self.fields = {"authorization": f"Bearer {key}", "content-type": "application/json"}
        self.connection.request("GET", "/health")
        self.connection.getresponse().read()

    def ask(self, path, request):
        """Seconds to the first byte of the answer, and the whole answer."""
        body = json.dumps(request).encode()
        start = time.monotonic()
        self.connection.request("POST", path, body, self.fields)
        response = self.connection.getresponse()
        reply, first = b"", None
        while piece := response.read1(1 << 16):
            reply += piece
            if first is None and MARK in reply:
                first = time.monotonic() - start
        if response.status != 200 or first is None:
            raise RuntimeError(f"{path}: {response.status} {reply.decode()}")
        return first, reply
