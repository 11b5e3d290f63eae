"""A disk that is full or read-only, a state directory that is gone, a ledger that is locked or damaged: turns go on, what
cannot be kept is told, and all is well again when the disk is."""
import os
import pathlib
import shutil
import sqlite3
import subprocess
import time

import pytest

from fault_matrix import fault_row
from harness import eventually
from talks import Talk


class Disk:
    """The state directory of a gateway, a small disk of its own that no other process sees."""

    def __init__(self, gateway):
        self.gateway, self.state = gateway, gateway.folder / "state"

    @property
    def path(self):
        return pathlib.Path(f"/proc/{self.gateway.process.pid}/root{self.state}")

    def fill(self):
        with open(self.path / "full", "wb", buffering=0) as file:
            for size in (65536, 4096, 1):
                try:
                    while file.write(b"x" * size):
                        pass
                except OSError:
                    continue

    def mend(self):
        (self.path / "full").unlink()

    def mount(self, *words):
        """As the gateway sees it: `mount` and `umount` within its name space."""
        subprocess.run(["nsenter", f"--mount=/proc/{self.gateway.process.pid}/ns/mnt", *words], check=True)

    def copy(self, folder):
        """The ledger as it is on the disk; SQLite itself does not find its way to where others have mounted it."""
        for name in ("ledger.sqlite", "ledger.sqlite-wal"):
            shutil.copy(self.path / name, folder / name)
        return folder / "ledger.sqlite"


@pytest.fixture
def make_disk(make_gateway, standin, tmp_path):
    if os.geteuid() != 0:
        pytest.skip("only root can mount a disk")

    def make(**options):
        (tmp_path / "run").mkdir(mode=0o700)
        env = {"RUNTIME_DIRECTORY": str(tmp_path / "run"), **options.pop("env", {})}
        gateway = make_gateway(**{"cli": standin, "cli_env": None, **options}, env=env)
        script = f'mount -t tmpfs -o size=4m,mode=700 small {gateway.folder}/state && exec "$@"'
        gateway.arguments = ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh", *gateway.arguments]
        return Disk(gateway.ready())

    return make


def problems(gateway):
    return [problem["text"] for problem in gateway.health()["problems"] if problem["about"] == "storage"]


def storage(gateway):
    with gateway.http() as http:
        ready = http.get("/readyz")
    assert ready.status_code == 200, ready.text
    return ready.json()["checks"]["storage"]


def answers_without_storing(gateway):
    """Turns that need no storage, in all dialects, one that is kept and several at once."""
    for dialect in ("messages", "chat", "responses"):
        answer = gateway.ask(dialect, "standin:echo fine")
        assert answer.status_code == 200 and "fine" in answer.text, answer.text


def says_what_it_cannot_store(gateway):
    refused = gateway.post("/v1/responses", {"model": "sonnet", "input": "standin:echo no", "store": True})
    assert refused.status_code in (500, 503) and "stored" in refused.json()["error"]["message"], refused.text
    refused = gateway.post(
        "/v1/messages", {"model": "sonnet", "max_tokens": 99, "messages": [{"role": "user", "content": "standin:echo no"}]},
        headers={"x-conversation-id": "lost"})
    assert refused.status_code in (500, 503) and "onversation" in refused.json()["error"]["message"], refused.text


def used_requests(gateway):
    with gateway.http() as http:
        return http.get("/v1/usage", headers={"x-api-key": gateway.key}).json()["this_month"]["requests"]


def goes_on(disk, spoil, mend):
    """What is spoilt is told, turns go on, and once it is mended nothing of them is missing."""
    gateway = disk.gateway
    talk = Talk(gateway, "kept")
    talk.say("standin:echo before")
    eventually(lambda: used_requests(gateway) >= 1, "it is counted")
    spoil()
    answers_without_storing(gateway)
    [text] = eventually(lambda: problems(gateway), "it is told")
    assert str(disk.state) in text and storage(gateway) == "failing"
    assert "level=warning" in next(line for line in gateway.log().splitlines() if "nothing can be stored" in line)
    says_what_it_cannot_store(gateway)
    answers_without_storing(gateway)
    mend()
    eventually(lambda: problems(gateway) == [] and storage(gateway) == "ok", "it is over")
    talk.say("standin:echo after")
    stored = gateway.openai().responses.create(model="sonnet", input="standin:echo kept")
    assert gateway.openai().responses.retrieve(stored.id).id == stored.id
    # One before, three and three while it was spoilt, two that could not be stored, two after.
    eventually(lambda: counted(disk) >= 11, "all that was used meanwhile is on the disk")


def counted(disk):
    """The turns that are on the disk, in a ledger that is whole."""
    with sqlite3.connect(disk.copy(disk.gateway.folder)) as ledger:
        assert ledger.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return ledger.execute("SELECT sum(requests) FROM usage").fetchone()[0]


@fault_row(
    19, injected="a state directory on a disk of four megabytes, full to the last byte",
    seen="turns are answered in all dialects; what was to be stored is an error that says so; told in log, `/health` "
        "and `/readyz`; with room again all that was used is written, and the ledger is whole")
def test_turns_go_on_while_the_disk_is_full(make_disk):
    disk = make_disk()
    goes_on(disk, disk.fill, disk.mend)


@fault_row(
    20, injected="the state directory covered by an empty read-only mount",
    seen="turns live in the runtime directory meanwhile, several at once, and leave nothing there")
def test_turns_go_on_while_the_state_cannot_be_written(make_disk):
    disk = make_disk(env={"REUSE_PROCESSES": "off"})
    gateway = disk.gateway
    [spare] = (gateway.folder.parent / "run").iterdir()
    assert gateway.ask_message("standin:echo before").status_code == 200
    disk.mount("mount", "-t", "tmpfs", "-o", "ro", "none", disk.state)
    with gateway.streaming("standin:events 20 50000", until="message_start") as chunks:
        assert [each.name for each in spare.iterdir() if each.name.isdigit()]
        answers_without_storing(gateway)
        assert "message_stop" in "".join(chunks)
    eventually(lambda: not [each for each in spare.iterdir() if each.name != "work"], "nothing is left there")
    disk.mount("umount", disk.state)
    with gateway.streaming("standin:events 20 50000", until="message_start") as chunks:
        assert not [each for each in spare.iterdir() if each.name != "work"]
        assert "message_stop" in "".join(chunks)


@fault_row(
    19, injected="the same full disk, with the vendor's own program",
    seen="its turns are answered")
def test_the_vendors_program_goes_on_while_the_disk_is_full(make_disk, claude, cli_env):
    disk = make_disk(cli=claude, cli_env=cli_env, env={"SELF_TEST": "off"})
    assert disk.gateway.ask_message("say:before").status_code == 200
    disk.fill()
    for text in ("one", "two"):
        assert text in disk.gateway.ask_message(f"say:{text}").text


@fault_row(
    20, injected="the state directory removed while it serves",
    seen="turns are answered in a new one; that what was stored goes with the process is told")
def test_turns_go_on_while_the_state_is_gone(make_gateway, standin):
    gateway = make_gateway(cli=standin, cli_env=None).ready()
    assert gateway.ask_message("standin:echo before").status_code == 200
    shutil.rmtree(gateway.folder / "state")
    for _ in range(3):
        assert gateway.ask_message("standin:echo after").status_code == 200


@fault_row(
    20, injected="the ledger locked by another process for six seconds, which is longer than it is waited for",
    seen="turns are answered at once all the while, what was to be stored is an error; afterwards all that was used is there")
def test_a_locked_ledger_holds_up_no_turn(make_gateway, standin):
    gateway = make_gateway(cli=standin, cli_env=None).ready()
    assert gateway.ask_message("standin:echo before").status_code == 200
    path = gateway.folder / "state/ledger.sqlite"
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    end, slowest = time.monotonic() + 6, 0.0
    while time.monotonic() < end:
        began = time.monotonic()
        assert gateway.ask_message("standin:echo meanwhile").status_code == 200
        slowest = max(slowest, time.monotonic() - began)
    assert slowest < 2
    eventually(lambda: problems(gateway), "it is told")
    other.execute("ROLLBACK")
    eventually(lambda: problems(gateway) == [], "it is over")
    stored = gateway.openai().responses.create(model="sonnet", input="standin:echo kept")
    assert gateway.openai().responses.retrieve(stored.id).id == stored.id
    other.close()


@fault_row(
    20, injected="the ledger overwritten with garbage while it serves",
    seen="turns that need none of it are answered, what needs it is an error, the next start is refused")
def test_a_ledger_that_is_damaged_while_it_serves_is_no_outage(make_gateway, standin):
    gateway = make_gateway(cli=standin, cli_env=None).ready()
    stored = gateway.openai().responses.create(model="sonnet", input="standin:echo kept")
    state = gateway.folder / "state"
    with sqlite3.connect(state / "ledger.sqlite") as other:
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    other.close()
    with open(state / "ledger.sqlite", "r+b") as file:
        size = file.seek(0, 2)
        file.seek(0)
        file.write(b"no database " * (size // 12))
    for _ in range(3):
        assert gateway.ask_message("standin:echo fine").status_code == 200
    refused = gateway.post("/v1/responses", {"model": "sonnet", "input": "standin:echo no", "store": True})
    assert refused.status_code in (200, 500)
    eventually(lambda: problems(gateway), "it is told")
    assert gateway.health()["status"] == "ok" and stored.id
    gateway.stop()
    gateway.start()
    assert gateway.process.wait(20) == 78
