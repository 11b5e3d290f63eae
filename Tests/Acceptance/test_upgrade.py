"""`portcullis upgrade`: a new process takes the sockets, the former one ends its turns, and nobody is refused."""
import contextlib
import os
import pathlib
import signal
import socket
import sqlite3
import subprocess
import threading

import httpx2
import pytest

from harness import eventually, events, free_port
from manager import Manager


@pytest.fixture
def manager(tmp_path):
    made = Manager(tmp_path / "notify")
    yield made
    made.close()


def runs(pid):
    """A process that nobody reaps is a zombie: it runs no more."""
    with contextlib.suppress(FileNotFoundError):
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    return False


class Upgraded:
    """A gateway whose main process changes; those that took over end with it."""

    def __init__(self, gateway, manager):
        self.gateway = gateway
        self.manager = manager

    def command(self, word="upgrade"):
        arguments = [self.gateway.arguments[0], word, *self.gateway.arguments[2:]]
        return subprocess.run(
            arguments, env=self.gateway.env, cwd=self.gateway.folder, capture_output=True, text=True, timeout=100)

    def upgrade(self):
        """The process that serves afterwards."""
        before = len(self.manager.values("MAINPID"))
        done = self.command()
        assert (done.returncode, done.stderr) == (0, ""), done.stderr + self.gateway.log()
        eventually(lambda: len(self.manager.values("MAINPID")) > before, "the manager is told")
        return self.pid

    @property
    def pid(self):
        told = self.manager.values("MAINPID")
        return int(told[-1]) if told else self.gateway.process.pid

    def stop(self):
        for pid in self.manager.values("MAINPID"):
            if runs(pid):
                os.kill(int(pid), signal.SIGTERM)
        eventually(lambda: not any(map(runs, self.manager.values("MAINPID"))), "all have ended", within=20)


@pytest.fixture
def service(make_gateway, manager, standin):
    made = []

    def make(**options):
        environment = {"NOTIFY_SOCKET": manager.path, **options.pop("env", {})}
        gateway = make_gateway(env=environment, cli=standin, **options).ready()
        made.append(Upgraded(gateway, manager))
        return made[-1]

    yield make
    for each in made:
        each.stop()


def last(manager, word):
    return max(index for index, message in enumerate(manager.messages) if word in message.split("\n"))


def whole(chunks):
    """True when a stream ended as it should."""
    return events("".join(chunks))[-1][0] == "message_stop"


@pytest.mark.core
def test_streams_go_on_and_the_new_process_serves(service, manager):
    running = service()
    gateway, old = running.gateway, running.pid
    with gateway.streaming("standin:events 40 100000", until="content_block_delta") as chunks:
        new = running.upgrade()
        assert new != old and runs(old) and runs(new)
        eventually(lambda: manager.messages.index("MAINPID=%d\nWATCHDOG=1" % new) < last(manager, "READY=1"), "the new one is ready")
        assert gateway.ask_message("standin:echo new").status_code == 200
        assert whole(chunks)
    assert gateway.process.wait(20) == 0
    eventually(lambda: "the former process has ended" in gateway.log(), "the new one has heard it")
    assert running.command("reload").stdout == "reloaded\n"


def test_a_connection_made_all_along_is_answered(service):
    running = service()
    gateway, failures, asked, over = running.gateway, [], [], threading.Event()

    def ask():
        try:
            while not over.is_set():
                with gateway.http() as http:
                    asked.append(http.get("/health").status_code)
        except httpx2.TransportError as failure:
            failures.append(failure)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for each in threads:
        each.start()
    try:
        for _ in range(3):
            running.upgrade()
    finally:
        over.set()
        for each in threads:
            each.join(20)
    assert not failures and set(asked) == {200} and len(asked) > 20


def test_what_cannot_start_changes_nothing(service, manager):
    running = service()
    gateway = running.gateway
    keys = (gateway.folder / "api-keys").read_text()
    gateway.private_file("api-keys", "nonsense\n")
    done = running.command()
    assert done.returncode == 78 and "upgrade refused" in done.stderr and "api-keys:1" in done.stderr
    gateway.private_file("api-keys", keys)
    assert not manager.values("MAINPID") and gateway.ask_message("standin:echo still").status_code == 200
    # And it can be tried again.
    running.upgrade()


def test_a_ledger_of_another_form_is_left_to_a_restart(service):
    running = service()
    state = running.gateway.folder / "state/ledger.sqlite"
    with contextlib.closing(sqlite3.connect(state)) as ledger:
        form = ledger.execute("PRAGMA user_version").fetchone()[0]
        ledger.execute(f"PRAGMA user_version = {form - 1}")
    done = running.command()
    assert done.returncode == 78 and "another process uses it" in done.stderr
    with contextlib.closing(sqlite3.connect(state)) as ledger:
        ledger.execute(f"PRAGMA user_version = {form}")


def test_without_a_manager_it_is_refused(make_gateway):
    gateway = make_gateway().ready()
    done = Upgraded(gateway, None).command()
    assert done.returncode == 78 and "no service manager" in done.stderr
    assert gateway.health()["status"] == "ok"


@pytest.mark.core
def test_an_end_is_the_end_of_both(service):
    """SIGTERM comes to the new process alone; it waits for the former one, and has it end as soon."""
    running = service(flags=["--drain-seconds", "2"])
    gateway = running.gateway
    with gateway.streaming("standin:events 600 100000", until="content_block_delta") as chunks:
        new = running.upgrade()
        os.kill(new, signal.SIGTERM)
        assert "error" in dict(events("".join(chunks)))
    assert gateway.process.wait(20) == 0
    eventually(lambda: not runs(new), "the new one has ended too")


def test_other_settings_come_into_force(service, manager):
    """LISTEN too: what it names anew is bound, what it names no more is closed."""
    first, second = (f"127.0.0.1:{free_port()}" for _ in range(2))
    running = service(listen=[first])
    gateway = running.gateway
    settings = gateway.private_file("portcullis.conf", f"LISTEN={first}\n")
    where = gateway.arguments.index("--listen")
    gateway.arguments[where:where + 2] = ["--config", settings]
    gateway.stop()
    # As systemd does where the service has ended and none is to start.
    for name in list(manager.stored):
        manager.drop(name)
    gateway.ready()
    gateway.private_file("portcullis.conf", f"LISTEN={second}\n")
    running.upgrade()
    gateway.process.wait(20)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", gateway.port), 5)
    socket.create_connection(("127.0.0.1", int(second.split(":")[1])), 5).close()


def test_files_of_running_turns_stay_until_they_end(service):
    running = service()
    gateway = running.gateway
    state = gateway.folder / "state"
    with gateway.streaming("standin:events 40 100000", until="content_block_delta") as chunks:
        new = running.upgrade()
        assert (state / "turns/0").is_dir() and (state / f"turns-{new}").is_dir()
        assert whole(chunks)
    eventually(lambda: not (state / "turns").exists(), "what is the former process's is gone")
    assert gateway.ask_message("standin:echo new").status_code == 200
