"""An upgrade in place: another process serves, the former one ends its answers; none is cut and nobody is refused."""

import threading

import pytest

from harness import eventually
from service import FOLDER, UNIT

STREAMS = 200
UPGRADE = f"portcullis upgrade --config {FOLDER}/portcullis.conf"


@pytest.fixture
def roomy(service):
    """A service with room for all streams, and on top of that for those of the new process."""
    service.add("portcullis.conf", "MAX_TURNS=256\nMAX_CONNECTIONS_PER_ADDRESS=1000\nMAX_UNAUTHENTICATED_PER_ADDRESS=500\n")
    service.systemctl("restart")
    return service


class Knocking:
    """New connections all along, each with a request."""

    def __init__(self, client):
        self.client = client
        self.answered = 0
        self.failure = None
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.knock, daemon=True)

    def knock(self):
        try:
            while not self.over.is_set():
                assert self.client.health(timeout=60)["status"] == "ok"
                self.answered += 1
        except (OSError, AssertionError) as failure:
            self.failure = failure

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *failure):
        self.over.set()
        self.thread.join(60)


def replace_program(service):
    """As an installation does: another file in the place of the one that runs."""
    service.machine.shell("install -m 755 /usr/local/bin/portcullis /usr/local/bin/portcullis.new && mv /usr/local/bin/portcullis.new /usr/local/bin/portcullis")


def upgrade(service):
    old = service.main_process()
    said = service.machine.shell(UPGRADE).stdout
    assert "upgraded" in said
    new = service.main_process()
    assert new != old and service.is_active()
    return old, new


def gone(service, pid):
    return lambda: not service.machine.path(f"/proc/{pid}").exists()


def test_two_hundred_streams_outlive_an_upgrade(roomy, client):
    client = roomy.client()
    running = [client.stream("standin:events 300 100000") for _ in range(STREAMS)]
    assert all(each.begun.wait(60) for each in running)
    with Knocking(client) as knocking:
        replace_program(roomy)
        old, new = upgrade(roomy)
        assert all(each.thread.is_alive() for each in running), "the answers ended too early to show anything"
        assert client.ask("standin:echo new").json()["content"][0]["text"] == "new"
        assert "the former process ends its turns" in roomy.status()
        assert all(each.whole(90) for each in running)
    assert knocking.failure is None and knocking.answered > 10
    eventually(gone(roomy, old), "the former process has ended", within=30)
    eventually(lambda: "former" not in roomy.status(), "and that is told")
    assert roomy.main_process() == new and roomy.machine.show(UNIT, "NRestarts") == "0"


def test_the_new_process_is_watched_reloaded_and_stopped_as_the_first(service):
    _, new = upgrade(service)
    service.reload()
    assert service.main_process() == new
    service.kill("SIGKILL")
    again = service.restarted(new)
    assert service.client().health()["status"] == "ok"
    upgrade(service)
    service.kill("SIGSTOP")
    assert service.restarted(again) and service.client().health()["status"] == "ok"
    upgrade(service)
    service.systemctl("stop")
    assert service.machine.show(UNIT, "Result") == "success"


def test_a_stop_ends_both(service, client):
    service.add("portcullis.conf", "DRAIN_SECONDS=2\n")
    service.reload()
    stream = client.stream("standin:events 600 100000")
    assert stream.begun.wait(20)
    old, new = upgrade(service)
    service.systemctl("stop")
    assert gone(service, old)() and gone(service, new)()
    stream.thread.join(10)
    assert "error" in stream.received and service.machine.show(UNIT, "Result") == "success"


def test_a_program_that_cannot_start_changes_nothing(service, client):
    pid = service.main_process()
    service.add("portcullis.conf", "MAX_TURN=3\n")
    refused = service.machine.run("portcullis", "upgrade", "--config", f"{FOLDER}/portcullis.conf", check=False)
    assert refused.returncode == 78 and "MAX_TURN" in refused.stderr
    assert service.main_process() == pid and client.health()["status"] == "ok"
