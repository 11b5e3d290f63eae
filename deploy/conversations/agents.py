"""Measures runs of the CLI's own tools; prints NAME VALUE lines.

usage: python3 deploy/conversations/agents.py PORTCULLIS CLAUDE CERTIFICATES [--quick]

A run is 20 calls, of Bash and Read in turn, streamed. `fresh` begins a session in a new process, `continued` goes on in
that process. CPU is in milliseconds a call: that of the gateway's own process, which the kernel tells exactly, and that
with all its children, mostly the CLI itself. First bytes are those of the first call, in milliseconds.
"""
import contextlib
import json
import pathlib
import re
import secrets
import socket
import subprocess
import sys
import tempfile
import time

from gateway import Client, Gateway

CALLS = 20
SESSION = re.compile(rb'"sessionId":"([^"]+)"')


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def own_cpu(pid):
    """Seconds of CPU of a process with all its threads, those that have ended included (clock_getcpuclockid(3))."""
    return time.clock_gettime(~pid << 3 | 2)


class Workbench:
    def __init__(self, binary, claude, certificates, work, stack):
        upstream = subprocess.Popen(
            [sys.executable, pathlib.Path(__file__).with_name("upstream.py")], stdout=subprocess.PIPE)
        stack.callback(upstream.wait)
        stack.callback(upstream.terminate)
        port = int(upstream.stdout.readline())
        folder = work / "workspace"
        folder.mkdir(mode=0o700)
        (folder / "file").write_text("x" * 2_000)
        declared = work / "workspaces.json"
        declared.touch(mode=0o600)
        declared.write_text(json.dumps({"workspaces": {"bench": {
            "directory": str(folder), "tools": ["Read", "Bash"], "shared": True}}}))
        key = secrets.token_hex(24)
        self.gateway = Gateway(
            binary, work / "gateway", certificates, free_port(), {"user": f"{key} agent=bench"}, claude, port,
            WORKSPACES=str(declared), WARM_PROCESSES="0")
        stack.callback(self.gateway.stop)
        self.gateway.wait()
        self.client = Client(self.gateway, key)

    def run(self, name, session=None):
        """One run, measured unless it has no name; its session."""
        pid, gateway = self.gateway.process.pid, self.gateway
        all_before, own_before = gateway.settled_cpu(), own_cpu(pid)
        request = {"prompt": f"work {CALLS}", "stream": True} | ({"sessionId": session} if session else {})
        wait, reply = self.client.ask("/api/run", request)
        own, everything = own_cpu(pid) - own_before, gateway.settled_cpu() - all_before
        if reply.count(b"event: tool_result") != CALLS or b'"success":true' not in reply:
            raise RuntimeError(reply.decode())
        if name:
            for figure, seconds in ("wait", wait), ("own-cpu", own / CALLS), ("cpu", everything / CALLS):
                print(f"agent-{name}-{figure}", round(seconds * 1_000, 3), flush=True)
        return SESSION.search(reply)[1].decode()


def main(binary, claude, certificates, quick=""):
    with tempfile.TemporaryDirectory(prefix="agents.") as work, contextlib.ExitStack() as stack:
        bench = Workbench(binary, claude, pathlib.Path(certificates), pathlib.Path(work), stack)
        # What only the first run needs is no part of the figures.
        bench.run(None)
        for _ in range(3 if quick else 7):
            print("agents: a run and one that goes on", file=sys.stderr, flush=True)
            bench.run("continued", bench.run("fresh"))


if __name__ == "__main__":
    main(*sys.argv[1:])
