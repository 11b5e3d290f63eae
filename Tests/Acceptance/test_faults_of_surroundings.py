"""A log that nobody reads, a service manager of another kind, resolvers that are silent, credentials that are none."""
import contextlib
import os
import pathlib
import re
import secrets
import socket
import subprocess
import sys
import time

import httpx2
import pytest

from fault_matrix import fault_row
from harness import anthropic_error, eventually, free_port

# The log


@contextlib.contextmanager
def unread(kind):
    """(what the service writes to, how to read it in the end), which holds some lines and no more."""
    if kind == "pipe":
        reading, writing = os.pipe()
    else:
        left, right = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        right.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        reading, writing = left.detach(), right.detach()
    try:
        yield writing, lambda: os.read(reading, 1 << 20)
    finally:
        os.close(reading)
        os.close(writing)


@fault_row(
    21, injected="a log that is a pipe, or the journal's kind of socket, which is full and not read",
    seen="requests are answered at once; the lost lines are counted in the metrics, and told in the log once it is read")
@pytest.mark.parametrize("kind", ["pipe", "socket"])
def test_a_log_that_nobody_reads_stops_nothing_and_what_is_lost_is_counted(make_gateway, standin, kind):
    port = free_port()
    gateway = make_gateway(
        cli=standin, cli_env=None, tls=False, env={"LOG_LEVEL": "debug", "METRICS_LISTEN": f"127.0.0.1:{port}"})

    def dropped():
        text = httpx2.get(f"http://127.0.0.1:{port}/metrics", trust_env=False).text
        return int(re.search(r"^portcullis_log_lines_dropped_total (\d+)", text, re.MULTILINE)[1])

    with unread(kind) as (writing, read):
        gateway.process = subprocess.Popen(
            gateway.arguments, stdin=subprocess.DEVNULL, stdout=writing, stderr=writing, env=gateway.env, cwd=gateway.folder)
        eventually(gateway.answers_or_died, "it answers", within=30)
        with gateway.http() as http:
            slowest, end = 0.0, time.monotonic() + 30
            while dropped() < 10 and time.monotonic() < end:
                began = time.monotonic()
                for _ in range(50):
                    http.get("/health").raise_for_status()
                slowest = max(slowest, time.monotonic() - began)
            assert dropped() >= 10 and slowest < 2
            assert gateway.ask_message("standin:echo fine").status_code == 200
            told = read()
            http.get("/health").raise_for_status()
            while b"log lines dropped" not in told:
                told += read()
        assert int(re.search(rb"log lines dropped.* dropped=(\d+)", told)[1]) >= 10
        assert gateway.stop() == 0


# The service manager


@pytest.fixture
def manager():
    """The far end of an abstract notification socket."""
    name = f"portcullis-notify-{secrets.token_hex(6)}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as made:
        made.bind("\0" + name)
        made.settimeout(20)
        yield made, "@" + name


@fault_row(32, injected="NOTIFY_SOCKET with an abstract name", seen="READY=1 comes")
def test_an_abstract_notification_socket_is_told(make_gateway, standin, manager):
    heard, name = manager
    make_gateway(cli=standin, cli_env=None, env={"NOTIFY_SOCKET": name}).ready()
    while b"READY=1" not in heard.recv(65536).split(b"\n"):
        pass


@fault_row(
    32, injected="a NOTIFY_SOCKET that is full and not read, and a watchdog that is to be fed every 10 ms",
    seen="requests are answered at once, it ends as ever")
def test_a_service_manager_that_hears_nothing_stops_nothing(make_gateway, standin, manager):
    _, name = manager
    gateway = make_gateway(cli=standin, cli_env=None, env={"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "20000"}).ready()
    end = time.monotonic() + 1.5
    while time.monotonic() < end:
        began = time.monotonic()
        assert gateway.health()["status"] == "ok"
        assert time.monotonic() - began < 1
    assert gateway.ask_message("standin:echo fine").status_code == 200
    assert gateway.stop(within=5) == 0


# Stands for a socket unit that went wrong.
SOCKET_UNIT = """
import os, socket, sys
kind, *service = sys.argv[1:]
made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM if kind == "datagram" else socket.SOCK_STREAM)
made.bind(("127.0.0.1", 0))
if kind != "missing":
    os.dup2(made.fileno(), 3)
    os.set_inheritable(3, True)
else:
    made.close()
    try: os.close(3)
    except OSError: pass
os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))
os.execv(service[0], service)
"""


@fault_row(
    31, injected="LISTEN_FDS with a UDP socket, a socket that does not listen, or a descriptor that is not there",
    seen="exit 78 and one line, and no other socket is opened in its place")
@pytest.mark.parametrize("kind", ["datagram", "deaf", "missing"])
def test_sockets_that_are_none_stop_the_start(make_gateway, standin, kind):
    gateway = make_gateway(cli=standin, cli_env=None, tls=False)
    gateway.arguments = [sys.executable, "-c", SOCKET_UNIT, kind, *gateway.arguments]
    gateway.start()
    assert gateway.process.wait(20) == 78
    [line] = [line for line in gateway.log().splitlines() if "LISTEN_FDS" in line]
    assert "descriptor 3 is" in line and "listening on" not in gateway.log()


# Names


@contextlib.contextmanager
def silent_resolver():
    """An address on whose port 53 questions come in and no answer goes out."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as deaf:
        for number in range(2, 250):
            with contextlib.suppress(OSError):
                deaf.bind((f"127.0.53.{number}", 53))
                break
        yield deaf.getsockname()[0]


@fault_row(
    24, injected="a resolver that never answers, and one that is not there, for the vendor's name",
    seen="504 at the request's deadline, an error within it; `/health` answers all the while")
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can change the resolver of one process")
@pytest.mark.parametrize("kind", ["silent", "nobody"])
def test_a_vendor_whose_name_is_not_resolved_is_an_error_in_time(make_gateway, tmp_path, kind):
    with silent_resolver() as address:
        servers = tmp_path / "resolv.conf"
        servers.write_text(f"nameserver {address if kind == 'silent' else '127.0.54.1'}\noptions timeout:30\n")
        gateway = make_gateway(
            cli_env={"ANTHROPIC_BASE_URL": "http://vendor.example", "CLAUDE_CODE_OAUTH_TOKEN": "none"},
            env={"REQUEST_TIMEOUT_MS": "4000"})
        script = f"mount --bind {servers} $(readlink -f /etc/resolv.conf) && exec \"$@\""
        gateway.arguments = ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh", *gateway.arguments]
        gateway.ready()
        began = time.monotonic()
        response = gateway.ask_message("Hello")
        seconds = time.monotonic() - began
        assert response.status_code in ((504,) if kind == "silent" else (502, 503, 504)), response.text
        anthropic_error(response, response.status_code)
        assert seconds < 12
        assert gateway.health()["status"] == "ok"
    eventually(lambda: gateway.health()["running_turns"] == 0, "no turn is left")


# Credentials

HUGE = 64 << 20


def missing(path):
    path.unlink()


def empty(path):
    path.write_text("")


def readable_by_all(path):
    path.chmod(0o644)


def writable_by_the_group(path):
    path.chmod(0o660)


def huge(path):
    with open(path, "ab") as file:
        file.truncate(HUGE)


def a_directory(path):
    path.unlink()
    path.mkdir()


def a_pipe(path):
    path.unlink()
    os.mkfifo(path, 0o600)


def a_link_to_a_loose_file(path):
    loose = path.with_suffix(".loose")
    path.rename(loose)
    loose.chmod(0o644)
    path.symlink_to(loose)


FAULTS = [missing, empty, readable_by_all, writable_by_the_group, huge, a_directory, a_pipe, a_link_to_a_loose_file]


@fault_row(
    33, injected="the files of API keys, of the TLS key and of the CLI's login missing, empty, huge, a directory, a pipe, "
        "loose, or a link to a loose one",
    seen="exit 78 within seconds, the file is named, nothing that stands in it is told; only an empty file of the login is no fault")
@pytest.mark.parametrize("fault", FAULTS, ids=lambda each: each.__name__)
@pytest.mark.parametrize("name", ["api-keys", "tls/key.pem", "cli.env"])
def test_a_credential_that_is_none_stops_the_start(make_gateway, standin, keys, name, fault):
    secret = "a-login-that-nobody-is-told"
    gateway = make_gateway(cli=standin, cli_env={"CLAUDE_CODE_OAUTH_TOKEN": secret})
    path = pathlib.Path(gateway.folder, name)
    key_lines = (gateway.folder / "tls/key.pem").read_text().splitlines()[1:-1]
    fault(path)
    done = subprocess.run(
        [gateway.arguments[0], "check", *gateway.arguments[2:]], env=gateway.env, capture_output=True, text=True, timeout=20)
    told = done.stdout + done.stderr
    if (name, fault) == ("cli.env", empty):
        assert done.returncode == 0
    else:
        assert done.returncode == 78, told
        # An empty key is told by the name of its certificate.
        assert path.name in told or "chain.pem: the private key" in told
    for word in [secret, *keys, *key_lines]:
        assert word not in told
