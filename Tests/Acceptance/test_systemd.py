"""The service manager is told the truth: ready, reloading, stopping, alive."""
import signal
import socket
import sys
import time

import pytest

from fault_matrix import fault_row
from harness import eventually, free_port
from manager import Manager


@pytest.fixture
def manager(tmp_path):
    made = Manager(tmp_path / "notify")
    yield made
    made.close()


@pytest.fixture
def own_gateway(make_gateway, manager):
    return make_gateway(env={"NOTIFY_SOCKET": manager.path, "WATCHDOG_USEC": "1000000"}).ready()


@pytest.mark.core
def test_it_says_ready_with_a_status(own_gateway, manager):
    eventually(lambda: manager.heard("READY=1"), "READY=1")
    eventually(lambda: any("STATUS=" in message for message in manager.messages), "a status")


def test_it_keeps_the_watchdog_content(own_gateway, manager):
    eventually(lambda: sum("WATCHDOG=1" in message for message in manager.messages) >= 3, "three watchdog pings")


def test_it_announces_a_reload_and_its_end(own_gateway, manager):
    eventually(lambda: manager.heard("READY=1"), "READY=1")
    before = len(manager.messages)
    own_gateway.signal(signal.SIGHUP)
    eventually(lambda: manager.heard("RELOADING=1", before), "RELOADING=1")
    eventually(lambda: manager.heard("READY=1", before), "READY=1 again")
    announcement = next(each for each in manager.messages[before:] if "RELOADING=1" in each)
    assert "MONOTONIC_USEC=" in announcement


def test_it_says_stopping(own_gateway, manager):
    own_gateway.signal(signal.SIGTERM)
    eventually(lambda: manager.heard("STOPPING=1"), "STOPPING=1")
    assert own_gateway.process.wait(10) == 0


@fault_row(10, injected="a start without the CLI's program", seen="exit 78, and READY=1 is never said")
def test_it_is_not_ready_when_it_cannot_start(make_gateway, manager):
    gateway = make_gateway(env={"NOTIFY_SOCKET": manager.path}, cli="/nowhere/claude").start()
    assert gateway.process.wait(20) == 78
    assert not manager.heard("READY=1")


@fault_row(32, injected="NOTIFY_SOCKET with nobody behind it", seen="it serves")
def test_an_unreachable_manager_does_no_harm(make_gateway, tmp_path):
    make_gateway(env={"NOTIFY_SOCKET": str(tmp_path / "nobody")}).ready()


# Stands for the socket unit: makes descriptor 3, says whose it is, and becomes the service.
SOCKET_UNIT = """
import os, socket, sys
kind, port, pid, name, *service = sys.argv[1:]
if kind != "file":
    made = socket.create_server(("0.0.0.0" if kind == "open" else "127.0.0.1", int(port)))
    os.dup2(made.fileno(), 3)
else:
    os.dup2(os.open(os.devnull, os.O_RDONLY), 3)
os.set_inheritable(3, True)
os.environ.update(LISTEN_FDS="1", LISTEN_PID=pid or str(os.getpid()))
if name:
    os.environ["LISTEN_FDNAMES"] = name
os.execv(service[0], service)
"""


def started_by_a_socket_unit(gateway, kind, port="0", pid="", name=""):
    gateway.arguments = [sys.executable, "-c", SOCKET_UNIT, kind, str(port), pid, name, *gateway.arguments]
    return gateway


def test_it_serves_on_the_sockets_of_a_socket_unit(make_gateway):
    elsewhere = f"127.0.0.1:{free_port()}"
    gateway = make_gateway()
    served = gateway.port
    gateway.arguments[gateway.arguments.index(f"127.0.0.1:{served}")] = elsewhere
    started_by_a_socket_unit(gateway, "local", served).ready()
    with pytest.raises(OSError):
        socket.create_connection(elsewhere.split(":"), timeout=5)
    assert f"listening on 127.0.0.1:{served} (inherited)" in gateway.log()
    assert f"serving on 127.0.0.1:{served} (inherited) with the CLI" in gateway.log()


def test_a_faulty_start_closes_what_knocks_and_ends_after_a_moment(make_gateway, manager):
    """The service manager starts the service anew for whoever still waits: at once, that would be a loop."""
    gateway = make_gateway(env={"NOTIFY_SOCKET": manager.path})
    served = gateway.port
    gateway.private_file("api-keys", "nonsense\n")
    began = time.monotonic()
    started_by_a_socket_unit(gateway, "local", served).start()
    eventually(lambda: any("STATUS=cannot start: " in message for message in manager.messages), "the status")
    for _ in range(3):
        with socket.create_connection(("127.0.0.1", served), 5) as client:
            assert client.recv(1) == b""
    assert gateway.process.wait(20) == 78
    assert 2.5 < time.monotonic() - began < 10
    assert f"{gateway.folder}/api-keys:1: is not name:key" in gateway.log()


@fault_row(
    31, injected="LISTEN_FDS with a file, a socket of wider reach than LISTEN, or another process's LISTEN_PID",
    seen="exit 78 and one line")
@pytest.mark.parametrize(
    "kind, pid, fault",
    [
        ("file", "", "LISTEN_FDS: descriptor 3 is no listening stream socket"),
        ("open", "", "LISTEN: the inherited socket 3 reaches beyond this machine"),
        ("local", "1", "LISTEN_PID: the sockets are another process's"),
    ],
)
def test_sockets_it_must_not_serve_on_are_refused(make_gateway, kind, pid, fault):
    gateway = started_by_a_socket_unit(make_gateway(tls=False), kind, pid=pid).start()
    assert gateway.process.wait(20) == 78
    assert fault in gateway.log()


@fault_row(
    34, injected="a socket in the manager's store, of an address that LISTEN names no more",
    seen="it is closed and given back to nobody, the manager is told to forget it, and LISTEN alone is served")
def test_a_stored_socket_that_is_out_of_date_is_forgotten(make_gateway, manager):
    gateway = make_gateway(env={"NOTIFY_SOCKET": manager.path})
    stale = free_port()
    started_by_a_socket_unit(gateway, "local", stale, name=f"kept.127.0.0.1/{stale}").ready()
    forgotten = f"FDSTOREREMOVE=1\nFDNAME=kept.127.0.0.1/{stale}"
    eventually(lambda: any(forgotten in message for message in manager.messages), "the manager is told to forget it")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", stale), 5)
    kept = f"kept.127.0.0.1/{gateway.port}"
    eventually(lambda: kept in manager.stored, "its own socket is stored in its place")
