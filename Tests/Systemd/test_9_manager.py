"""What the service and its manager tell each other: events in the journal, patience, reloads by signal."""

import json
import time

import pytest

from fault_matrix import fault_row
from harness import ROOT
from service import FOLDER, UNIT

DROP_IN = f"/etc/systemd/system/{UNIT}.d/test.conf"


def event_ids():
    """The identifiers of the catalog by their subjects."""
    entries = (ROOT / "deploy/systemd/portcullis.catalog").read_text().split("\n-- ")[1:]
    return {each.split("Subject: ")[1].split("\n")[0]: each.split("\n")[0] for each in entries}


@pytest.fixture
def drop_in(service):
    """Changes the unit for one test."""

    def write(text):
        service.machine.run("mkdir", "-p", DROP_IN.rsplit("/", 1)[0])
        service.machine.path(DROP_IN).write_text(f"[Service]\n{text}")
        service.machine.run("systemctl", "daemon-reload")
        service.systemctl("restart")

    yield write
    service.machine.run("rm", "-f", DROP_IN)
    service.machine.run("systemctl", "daemon-reload")
    service.systemctl("restart")


def test_events_are_found_by_their_identifiers_and_explained(service):
    since = service.now()
    service.reload()
    service.add("api-keys", "nonsense\n")
    service.reload(check=False)
    said = service.machine.run("journalctl", "--unit", UNIT, since, "--output=json").stdout.splitlines()
    found = [json.loads(each) for each in said]
    for subject, priority in (("Settings, keys and certificates were loaded anew", "6"), ("A reload was refused", "3")):
        entries = [each for each in found if each.get("MESSAGE_ID") == event_ids()[subject]]
        assert len(entries) == 1, found
        assert (entries[0]["PRIORITY"], entries[0]["_SYSTEMD_UNIT"]) == (priority, UNIT)
        assert entries[0]["MESSAGE"].startswith("level=")
    service.machine.copy(ROOT / "deploy/systemd/portcullis.catalog", "/usr/lib/systemd/catalog/portcullis.catalog")
    service.machine.run("journalctl", "--update-catalog")
    assert "'portcullis check' tries a configuration" in service.machine.run("journalctl", "--catalog", "--unit", UNIT, since).stdout


def test_answers_may_go_on_for_longer_than_a_stop_may_take(service, drop_in):
    drop_in("TimeoutStopSec=3s\n")
    stream = service.client().stream("standin:events 90 100000")
    assert stream.begun.wait(20)
    began = time.monotonic()
    service.systemctl("stop")
    assert time.monotonic() - began > 4, "the answer ended too early to show anything"
    assert stream.whole() and service.machine.show(UNIT, "Result") == "success"


def test_a_manager_that_reloads_by_a_signal_is_told_of_the_end(service, drop_in):
    if service.machine.systemd < 253:
        pytest.skip("this systemd knows no Type=notify-reload")
    drop_in("Type=notify-reload\nExecReload=\n")
    pid = service.main_process()
    service.machine.shell(f"portcullis new-key bob >> {FOLDER}/api-keys")
    service.reload()
    assert service.client("bob").status_with(service.keys()["bob"]) == 200
    assert service.main_process() == pid and service.is_active()


@fault_row(31, injected="a socket unit whose descriptors have a name nobody knows", seen="exit 78, the journal names it")
def test_a_socket_of_an_unknown_name_is_refused(service):
    machine = service.machine
    machine.run("systemctl", "stop", UNIT, "portcullis.socket")
    path = "/etc/systemd/system/portcullis.socket.d/test.conf"
    machine.run("mkdir", "-p", path.rsplit("/", 1)[0])
    machine.path(path).write_text("[Socket]\nFileDescriptorName=other\n")
    try:
        machine.run("systemctl", "daemon-reload")
        machine.run("systemctl", "start", "portcullis.socket")
        assert service.systemctl("start", check=False).returncode != 0
        assert machine.show(UNIT, "ExecMainStatus") == "78"
        assert "LISTEN_FDNAMES" in service.journal("--lines=20")
    finally:
        machine.run("rm", path)
        machine.run("systemctl", "daemon-reload")
        machine.run("systemctl", "stop", UNIT, "portcullis.socket")
        machine.run("systemctl", "start", "portcullis.socket", UNIT)
