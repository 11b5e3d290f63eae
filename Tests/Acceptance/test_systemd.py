"""The service manager is told the truth: ready, reloading, stopping, alive."""
import signal
import socket
import threading

import pytest

from harness import eventually


class Manager:
    """A service manager's end of the notification socket."""

    def __init__(self, path):
        self.path = str(path)
        self.messages = []
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        while True:
            try:
                self.messages.append(self.socket.recv(65536).decode())
            except OSError:
                return

    def heard(self, text, since=0):
        return any(text in message.split("\n") for message in self.messages[since:])


@pytest.fixture
def manager(tmp_path):
    made = Manager(tmp_path / "notify")
    yield made
    made.socket.close()


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


def test_it_is_not_ready_when_it_cannot_start(make_gateway, manager):
    gateway = make_gateway(env={"NOTIFY_SOCKET": manager.path}, cli="/nowhere/claude").start()
    assert gateway.process.wait(20) == 78
    assert not manager.heard("READY=1")


def test_an_unreachable_manager_does_no_harm(make_gateway, tmp_path):
    make_gateway(env={"NOTIFY_SOCKET": str(tmp_path / "nobody")}).ready()
