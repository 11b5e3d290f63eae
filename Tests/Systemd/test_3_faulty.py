"""Faulty settings, missing files, a full disk: the port stays, the truth is told, and mending it is enough."""

import re
import ssl
import threading
import time

import pytest

from certificates import dated
from fault_matrix import fault_row
from harness import eventually
from service import UNIT


class Knocking:
    """Twenty clients that connect again and again; counts how their attempts ended."""

    def __init__(self, client, clients=20):
        self.client = client
        self.enough = threading.Event()
        self.longest = 0.0
        self.answered = self.refused = self.closed = 0
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self.knock, daemon=True) for _ in range(clients)]

    def knock(self):
        while not self.enough.is_set():
            began, outcome = time.monotonic(), "answered"
            try:
                self.client.health(timeout=20)
            except ConnectionRefusedError:
                outcome = "refused"
            except (OSError, ssl.SSLError):
                outcome = "closed"
            with self.lock:
                self.longest = max(self.longest, time.monotonic() - began)
                setattr(self, outcome, getattr(self, outcome) + 1)
            self.enough.wait(0.1)

    def __enter__(self):
        for each in self.threads:
            each.start()
        return self

    def __exit__(self, *failure):
        self.enough.set()
        for each in self.threads:
            each.join(30)


def mistake(service):
    service.add("portcullis.conf", "MAX_TURN=3\n")
    return f"portcullis.conf:{service.file('portcullis.conf').read_text().count(chr(10))}"


def starts(service, since):
    return service.journal(since).count("Starting ")


def test_a_faulty_setting_does_not_close_the_port_and_one_restart_mends_it(service, client):
    place, since = mistake(service), service.now()
    assert service.systemctl("restart", check=False).returncode != 0
    with Knocking(client) as knocking:
        eventually(lambda: starts(service, since) >= 3, "clients start it again", within=20)
        assert service.port_is_open(), service.journal(since)
        text = service.file("portcullis.conf").read_text()
        service.write("portcullis.conf", text.rpartition("MAX_TURN=3")[0])
        service.systemctl("restart")
        eventually(lambda: knocking.answered > 0, "clients are answered")
    assert client.health()["status"] == "ok"
    assert service.port_is_open()
    assert knocking.refused == 0
    # Who comes to a service that cannot start is told so at once, by a connection that is closed.
    assert knocking.closed > 0 and knocking.longest < 5, vars(knocking)
    said = service.journal(since)
    assert place in said and "MAX_TURN" in said


def test_a_faulty_setting_is_started_slowly_however_many_clients_knock(service, client):
    mistake(service)
    since = service.now()
    service.systemctl("restart", check=False)
    began = time.monotonic()
    with Knocking(client):
        eventually(lambda: starts(service, since) >= 3, "clients start it again", within=20)
    # Each start holds out for three seconds.
    assert time.monotonic() - began > 2.5
    assert service.port_is_open()


def test_the_next_client_finds_a_setting_mended(service, client):
    place = mistake(service)
    service.systemctl("restart", check=False)
    assert place in service.status()
    service.write("portcullis.conf", service.baseline["portcullis.conf"].decode())

    def answered():
        try:
            return client.health(timeout=10)["status"] == "ok"
        except OSError:
            return False

    eventually(answered, "it started again", within=20)


def break_settings(service):
    mistake(service)
    return r"portcullis\.conf:\d+: .*MAX_TURN"


def break_keys(service):
    service.add("api-keys", "bob\n")
    return r"api-keys:2: "


def take_away(name):
    def action(service):
        service.file(name).unlink()
        return rf"/etc/portcullis/{re.escape(name)}: does not exist"

    action.__name__ = f"without_{name}"
    return action


def hide_the_keys(service):
    service.machine.run("chmod", "600", "/etc/portcullis/api-keys")
    return r"/etc/portcullis/api-keys: must not be read by this user"


def mix_up_certificates(service):
    service.machine.run(
        "openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", "/tmp/other.key"
    )
    service.write("tls.key", service.machine.path("/tmp/other.key").read_text())
    return r"/etc/portcullis/tls\.(key|crt)"


FAULTS = [
    break_settings,
    break_keys,
    take_away("tls.crt"),
    take_away("tls.key"),
    take_away("api-keys"),
    take_away("cli.env"),
    hide_the_keys,
    mix_up_certificates,
]


@fault_row(
    7, injected="`systemctl reload` with each of eight faults: settings, keys and certificates garbled, missing, "
        "unreadable or mixed up",
    seen="the reload fails, STATUS and log name file and line, the old state serves on")
@pytest.mark.parametrize("fault", FAULTS, ids=lambda each: each.__name__)
def test_a_reload_that_is_refused_fails_and_says_where(service, client, fault):
    pid, since, key = service.main_process(), service.now(), client.key
    expected = fault(service)
    try:
        assert service.reload(check=False).returncode != 0
        said = service.journal(since)
        assert re.search(expected, said), said
        assert service.main_process() == pid and client.status_with(key) == 200
        assert key not in said
    finally:
        service.machine.run("chmod", "--silent", "640", "/etc/portcullis/api-keys", check=False)
        for name, content in service.baseline.items():
            service.machine.run("install", "-m", "640", "-g", "portcullis", "/dev/null", f"/etc/portcullis/{name}")
            service.file(name).write_bytes(content)
    service.reload()
    assert client.health()["status"] == "ok"
    assert "refused" not in service.status()


def test_a_reload_without_a_service_fails(service):
    service.systemctl("stop")
    reload = service.machine.run("portcullis", "reload", "--config", "/etc/portcullis/portcullis.conf", check=False)
    assert reload.returncode == 69 and reload.stderr.strip()


@pytest.fixture
def small_disk(service):
    """The state on a disk of four megabytes."""
    service.systemctl("stop")
    owner = service.machine.run("stat", "-c", "uid=%u,gid=%g", "/var/lib/portcullis").stdout.strip()
    service.machine.run("mount", "-t", "tmpfs", "-o", f"size=4m,mode=700,{owner}", "small", "/var/lib/portcullis")
    service.systemctl("start")
    yield service
    service.systemctl("stop")
    service.machine.run("umount", "/var/lib/portcullis")


@fault_row(
    19, injected="a state directory of four megabytes, full, under systemd",
    seen="what was to be stored is an error; it lives, reloads, and stores again once there is room")
def test_a_full_disk_is_told_and_goes_by(small_disk):
    service, client = small_disk, small_disk.client()
    asked = {"model": "sonnet", "input": "standin:echo kept"}
    assert client.request("POST", "/v1/responses", asked).status == 200
    pid = service.main_process()
    service.machine.run("dd", "if=/dev/zero", "of=/var/lib/portcullis/full", "bs=4k", check=False)
    refused = client.request("POST", "/v1/responses", asked)
    assert refused.status >= 500 and "error" in refused.json(), refused.text
    assert client.health()["status"] == "ok"
    service.reload()
    assert service.main_process() == pid
    service.machine.run("rm", "/var/lib/portcullis/full")
    eventually(lambda: client.request("POST", "/v1/responses", asked).status == 200, "it stores again")
    assert service.main_process() == pid


@fault_row(
    9, injected="a certificate that has expired, or is not valid yet, at the start and at reloads",
    seen="it serves, and says so in log, STATUS and `/health`")
@pytest.mark.parametrize(
    "begin, end, word", [(-30, -1, "expired"), (2, 30, "not valid yet")], ids=["expired", "not-yet"]
)
def test_a_certificate_out_of_its_time_is_an_alarm_and_no_outage(service, tmp_path, begin, end, word):
    since = service.now()
    service.write("tls.crt", dated(service.certificates, tmp_path / "ca", begin, end))
    service.systemctl("restart")
    client = service.client()
    client.context.check_hostname = False
    client.context.verify_mode = ssl.CERT_NONE
    eventually(lambda: word in service.journal("--priority", "warning", since), "a warning")
    eventually(lambda: word in service.status(), "a word in the status")
    assert "certificate" in [each["about"] for each in client.health()["problems"]]
    # It is no reason to refuse what matters more.
    service.machine.shell("portcullis new-key bob >> /etc/portcullis/api-keys")
    service.reload()
    assert client.status_with(service.keys()["bob"]) == 200
    gone = service.keys()["bob"]
    service.machine.shell("sed -i /^bob:/d /etc/portcullis/api-keys")
    service.reload()
    assert client.status_with(gone) == 401
