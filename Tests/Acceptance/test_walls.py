"""Walls round every child: what a program in the CLI's place can still do, started by the same code as the CLI.

Every row of the table is tried within the walls and, so that no row is refused for another reason, without them.
"""
import contextlib
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys

import httpx2
import pytest

from fault_matrix import fault_row
from harness import ROOT, Gateway, eventually, free_port

pytestmark = pytest.mark.core

NAMESPACES = {"user": 0x10000000, "mount": 0x20000, "pid": 0x20000000, "network": 0x40000000}


def has_multipath():
    """Whether this kernel has MPTCP."""
    try:
        socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262).close()
        return True
    except OSError:
        return False


# name, kind of try, argument; {…} is filled in by the test.
DENIED = [
    ("tls-key", "read", "{folder}/tls/key.pem"),
    ("key-file", "read", "{folder}/api-keys"),
    ("environment-file", "read", "{folder}/cli.env"),
    ("ledger", "read", "{state}/ledger.sqlite"),
    ("pepper", "read", "{state}/pepper"),
    ("state", "list", "{state}"),
    ("write-state", "write", "{state}/planted"),
    ("other-home", "read", "{other}/pid"),
    ("write-other-home", "write", "{other}/planted"),
    ("other-environment", "read", "/proc/{other_pid}/environ"),
    ("other-arguments", "read", "/proc/{other_pid}/cmdline"),
    ("gateway-arguments", "read", "/proc/{gateway_pid}/cmdline"),
    ("other-descriptors", "list", "/proc/{other_pid}/fd"),
    ("processes", "list", "/proc"),
    ("trace", "trace", "{other_pid}"),
    ("memory", "memory", "{other_pid}"),
    ("descriptor", "descriptor", "{other_pid}"),
    ("signal-other", "signal", "{other_pid}"),
    ("signal-gateway", "signal", "{gateway_pid}"),
    ("limits-of-other", "limits", "{other_pid}"),
    ("priority-of-other", "priority", "{other_pid}"),
    ("admin-socket", "stream", "{state}/control"),
    ("unix-socket", "stream", "{folder}/socket"),
    ("abstract-socket", "stream", "{abstract}"),
    ("datagram-pair", "datagram-pair", ""),
    ("other-port", "tcp", "{other_port}"),
    ("bind", "serve", "{free_port}"),
    ("listen", "listen", ""),
    ("netlink", "netlink", ""),
    ("packets", "packet", ""),
    ("shell", "run", "/bin/sh"),
    ("own-program", "run", "{home}/program"),
    ("users", "read", "/etc/passwd"),
    ("write-tmp", "write", "/var/tmp/{name}"),
    ("working-directory", "write", "{state}/work/planted"),
    *[(f"{name}-namespace", "unshare", hex(flag)) for name, flag in NAMESPACES.items()],
    ("namespace-by-clone", "clone", hex(NAMESPACES["user"])),
    ("mount", "mount", "{home}/tmp"),
    ("io-uring", "ring", ""),
    ("bpf", "bpf", ""),
    ("perf", "perf", ""),
    ("userfaultfd", "faults", ""),
    ("keys", "keys", ""),
    ("shared-memory", "shared-memory", ""),
    ("truncate", "truncate", "{home}/cut"),
    ("mode", "mode", "{state}/pepper"),
    ("owner", "owner", "{state}/pepper"),
    ("attribute", "attribute", "{state}/pepper"),
    ("connect-with-data", "fast-open", "{other_port}"),
    ("io-priority-of-user", "io-priority", ""),
    ("schedule-other", "schedule", "{other_pid}"),
    ("nameless-program", "nameless", "/proc/self/exe"),
    *([("multipath", "mptcp", "")] if has_multipath() else []),
]
# What no CLI can do without, and names of hosts: datagrams can be kept from nobody.
ALLOWED = [
    ("own-home", "write", "{home}/file"),
    ("own-tmp", "write", "{home}/tmp/file"),
    ("login-file", "read", "{folder}/certificate-of-the-operator.pem"),
    ("certificates", "list", "/etc/ssl/certs"),
    ("hosts", "read", "/etc/hosts"),
    ("own-memory", "read", "/proc/self/statm"),
    ("random", "read", "/dev/urandom"),
    ("vendor", "tcp", "{vendor_port}"),
    ("datagrams", "udp", "{other_port}"),
    ("stream-pair", "stream-pair", ""),
    ("threads", "threads", ""),
]
# Programs of MCP servers are nobody's to foresee: they may read, run and connect, but not to what is the gateway's.
ALLOWED_TO_PROGRAMS = {
    "other-port", "bind", "listen", "shell", "own-program", "users", "write-tmp", "shared-memory", "processes",
    "other-arguments", "gateway-arguments", "nameless-program", "mode", "owner", "attribute",
} | ({"other-descriptors"} if os.geteuid() == 0 else set())  # Their numbers, not what they are.


@pytest.fixture(scope="module")
def probe(tmp_path_factory):
    """The program that tries."""
    program = tmp_path_factory.mktemp("probe") / "wall_probe"
    compiler = shutil.which("clang") or shutil.which("cc")
    # At fixed addresses, so that one knows where another has something.
    subprocess.run([compiler, "-O1", "-no-pie", "-o", program, ROOT / "Tests/Acceptance/wall_probe.c", "-lpthread"], check=True)
    return program


@contextlib.contextmanager
def listener(family, address):
    with socket.socket(family) as server:
        server.bind(address)
        server.listen(16)
        yield server


class Probes:
    """A gateway with two children that try what they are told to."""

    def __init__(self, portcullis, probe, folder, sandbox, **env):
        self.folder, self.state = folder, folder / "state"
        self.certificate = folder / "certificate-of-the-operator.pem"
        self.certificate.write_text("none")
        self.stack = contextlib.ExitStack()
        self.vendor = self.stack.enter_context(listener(socket.AF_INET, ("127.0.0.1", 0))).getsockname()[1]
        self.other = self.stack.enter_context(listener(socket.AF_INET, ("127.0.0.1", 0))).getsockname()[1]
        self.stack.enter_context(listener(socket.AF_UNIX, str(folder / "socket")))
        self.stack.enter_context(listener(socket.AF_UNIX, f"\0walls-{os.getpid()}-{sandbox}"))
        self.abstract = f"@walls-{os.getpid()}-{sandbox}"
        cli_env = {"ANTHROPIC_BASE_URL": f"http://127.0.0.1:{self.vendor}", "ANTHROPIC_API_KEY": "none",
                   "NODE_EXTRA_CA_CERTS": str(self.certificate)}
        settings = {"SANDBOX": sandbox, "SELF_TEST": "off", "WARM_PROCESSES": "2", "LOOPS": "1", **env}
        self.gateway = Gateway(portcullis, folder, ["key-of-the-walls-0123456789"], probe, cli_env, env=settings)

    def __enter__(self):
        self.stack.enter_context(self.gateway)
        for slot in (0, 1):
            eventually(self.home(slot).joinpath("pid").exists, f"probe {slot} is there", within=20)
        return self

    def __exit__(self, *failure):
        self.stack.close()

    def home(self, slot):
        return self.state / f"turns/{slot}"

    def attempt(self, rows, slot=1):
        """What became of each row, tried by the child in one directory against the other."""
        home, other = self.home(slot), self.home(1 - slot)
        shutil.copy("/bin/true", home / "program")
        places = {
            "folder": self.folder, "state": self.state, "home": home, "other": other, "abstract": self.abstract,
            "other_pid": (other / "pid").read_text(), "gateway_pid": self.gateway.process.pid,
            "other_port": self.other, "vendor_port": self.vendor, "free_port": free_port(),
            "name": f"walls-{os.getpid()}",
        }
        lines = "".join(f"{name} {kind} {argument.format(**places)}\n" for name, kind, argument in rows)
        (home / "go.new").write_text(lines)
        (home / "go.new").rename(home / "go")
        eventually((home / "results").exists, "the probe has tried everything", within=20)
        results = dict(line.split(" ", 1) for line in (home / "results").read_text().splitlines())
        assert results.keys() == {name for name, *_ in rows}
        return results


# Where the kernel has no walls, the gateway says so, and these are open.
OPEN = {"TCP ports": {"other-port"}, "signals": {"signal-other", "signal-gateway"}}


def left_open(gateway):
    """What the gateway says that this kernel cannot keep children from."""
    told = re.search(r"walls round every child[^\"]*", gateway.log())[0]
    missing = told.partition("none before ")[2]
    assert gateway.health()["sandbox"] == ("partial" if missing else "full")
    return set().union(*(OPEN[each] for each in missing.split(", ") if missing))


def allowed(results):
    """What was done; everything else was refused by a wall, and did not fail otherwise."""
    refusals = {"EACCES", "EPERM", "ENOSYS", "EAFNOSUPPORT", "EPROTONOSUPPORT", "EOPNOTSUPP", "EXDEV"}
    assert {verdict.removeprefix("denied ") for verdict in results.values()} <= refusals | {"allowed"}, results
    return {name for name, verdict in results.items() if verdict == "allowed"}


def test_a_child_within_the_walls_can_do_what_the_cli_needs_and_nothing_else(portcullis, probe, tmp_path):
    with Probes(portcullis, probe, tmp_path, "prefer") as probes:
        results = probes.attempt(DENIED + ALLOWED)
        opened = left_open(probes.gateway)
    assert allowed(results) == {name for name, *_ in ALLOWED} | opened, results


@pytest.mark.skipif(os.geteuid() != 0, reason="without walls, but not root's rights, some rows are refused all the same")
def test_without_walls_a_child_can_do_all_of_it(portcullis, probe, tmp_path):
    with Probes(portcullis, probe, tmp_path, "off") as probes:
        results = probes.attempt(DENIED + ALLOWED)
        assert probes.gateway.health()["sandbox"] == "off"
        assert "children run without walls (SANDBOX=off)" in probes.gateway.log()
    assert allowed(results) == {name for name, *_ in DENIED + ALLOWED}, results


def test_programs_of_mcp_servers_can_run_but_reach_nothing_of_the_gateway(portcullis, probe, tmp_path):
    registry = tmp_path / "mcp.json"
    registry.write_text(json.dumps({"mcpServers": {"notes": {"command": "/bin/true"}}}))
    registry.chmod(0o600)
    shared = tmp_path / "shared"
    shared.mkdir()
    settings = {"PROXY_MCP_CONFIG": str(registry), "SANDBOX_PATHS": str(shared)}
    rows = DENIED + ALLOWED + [
        ("registry", "read", str(registry)), ("shared", "write", f"{shared}/file"),
        ("write-elsewhere", "write", f"{tmp_path}/file"),
    ]
    with Probes(portcullis, probe, tmp_path, "prefer", **settings) as probes:
        results, opened = probes.attempt(rows), left_open(probes.gateway)
    assert allowed(results) == {name for name, *_ in ALLOWED} | opened | ALLOWED_TO_PROGRAMS | {"shared"}, results


def older_kernel(portcullis, folder, filters):
    """The gateway as on a kernel that knows no Landlock, and lets nobody filter calls either unless it does."""
    launcher = folder / "older-kernel"
    launcher.write_text(f"""#!{sys.executable}
import ctypes, errno, os, struct, sys
def step(code, value, yes=0, no=0):
    return struct.pack("HBBI", code, yes, no, value)
steps = [step(0x20, 0), step(0x15, 444, 0, 1), step(6, 0x50000 | errno.ENOSYS)]
if not {filters}:
    prctl = {{"x86_64": 157, "aarch64": 167}}[os.uname().machine]
    steps += [step(0x15, prctl, 0, 3), step(0x20, 16), step(0x15, 22, 0, 1), step(6, 0x50000 | errno.EINVAL)]
steps = b"".join(steps + [step(6, 0x7FFF0000)])
libc = ctypes.CDLL(None, use_errno=True)
program = ctypes.create_string_buffer(struct.pack("HxxxxxxQ", len(steps) // 8, ctypes.addressof(buffer := ctypes.create_string_buffer(steps))))
assert libc.prctl(38, 1, 0, 0, 0) == 0 and libc.prctl(22, 2, program, 0, 0) == 0, ctypes.get_errno()
os.execv({str(portcullis)!r}, [{str(portcullis)!r}, *sys.argv[1:]])
""")
    launcher.chmod(0o700)
    return launcher


@fault_row(
    35, injected="a kernel that knows no Landlock, or filters no calls either",
    seen="SANDBOX=require: exit 78; prefer: it starts and says which walls are missing")
@pytest.mark.parametrize(("filters", "word", "missing"), [
    (True, "partial", "files"), (False, "none", "files and system calls"),
])
def test_a_kernel_that_cannot_build_the_walls_stops_the_start_where_they_are_required(
    portcullis, probe, tmp_path, filters, word, missing
):
    launcher = older_kernel(portcullis, tmp_path, filters)
    required = Gateway(
        launcher, tmp_path, ["key-of-the-walls-0123456789"], probe, env={"SANDBOX": "require", "SELF_TEST": "off"})
    required.start()
    assert required.process.wait(20) == 78
    assert f"cannot keep children from {missing}" in required.log()
    (tmp_path / "preferred").mkdir()
    with Gateway(launcher, tmp_path / "preferred", ["key-of-the-walls-0123456789"], probe,
                 env={"SANDBOX": "prefer", "SELF_TEST": "off"}) as gateway:
        assert gateway.health()["sandbox"] == word
        assert "children run without walls" in gateway.log() or "none before files, TCP ports, signals" in gateway.log()


def test_what_stands_is_told_in_metrics(portcullis, probe, tmp_path):
    port = free_port()
    with Probes(portcullis, probe, tmp_path, "require", METRICS_LISTEN=f"127.0.0.1:{port}"):
        text = httpx2.get(f"http://127.0.0.1:{port}/metrics", trust_env=False).text
    landlock = int(re.search(r"portcullis_sandbox_landlock_abi (\d+)", text)[1])
    assert landlock > 0
    assert f'portcullis_sandbox{{state="{"full" if landlock >= 6 else "partial"}"}} 1' in text
