"""Workspaces with Bash in the shipped unit, with the drop-in that deploy/docs/agent-walls.md names, and without it."""

import concurrent.futures
import re

import pytest

from harness import eventually
from service import CHECKOUT, FOLDER, UNIT
from workspaces import (
    DROP_IN, FROM_HERE, ORDINARY, PLACE, WITHOUT_PROC, attempts, bash, commands, commands_of_page, declared, hostile, told, verdicts,
)


def without_drop_in(service):
    service.machine.run("rm", "-rf", DROP_IN, PLACE)
    service.machine.run("systemctl", "daemon-reload")


@pytest.fixture(scope="module")
def workspaces(with_standin, upstream):
    """The service with the real CLI, once the commands of the page have been run; `alice` works in `lab`."""
    service = with_standin.restore()
    service.write("portcullis.conf", service.file("portcullis.conf").read_text().replace(
        "/usr/local/lib/claude-standin", "/usr/local/bin/claude") + "SELF_TEST=off\n")
    service.write("cli.env", f"ANTHROPIC_BASE_URL={upstream.url}\nANTHROPIC_API_KEY=none\n")
    service.write("api-keys", re.sub(r"(?m)^(alice:\S+).*$", r"\1 agent=lab", service.file("api-keys").read_text()))
    service.machine.path(f"{CHECKOUT}/workspaces.json").write_text(declared())
    began = service.machine.shell(f"cd {CHECKOUT}\n{commands_of_page()}", check=False)
    assert began.returncode == 0, service.journal("--lines=20")
    service.machine.path(f"{PLACE}/other/theirs").write_text("theirs")
    yield service
    without_drop_in(service)
    service.restore()


def test_the_service_and_its_check_have_the_workspaces(workspaces):
    assert workspaces.is_active(), workspaces.journal("--lines=20")
    assert workspaces.client().health()["status"] == "ok"
    checked = workspaces.machine.run("portcullis", "check", "--config", f"{FOLDER}/portcullis.conf")
    for said in (workspaces.journal(), checked.stdout + checked.stderr):
        assert "2 workspaces: lab, other" in said and "Bash" not in said
    verdict = workspaces.machine.run("systemd-analyze", "verify", "--man=no", UNIT)
    assert verdict.stdout + verdict.stderr == ""


def test_a_run_does_its_work_and_nothing_else(workspaces, upstream):
    machine, gateway = workspaces.machine, workspaces.main_process()
    machine.run("ln", "-s", f"{FOLDER}/api-keys", f"{PLACE}/lab/out")
    rows = hostile(gateway, [443, upstream.server_address[1]]) | {"stop the CLI": "kill -STOP $PPID"}
    results = told(
        workspaces.client(), "walls", ("Write", {"file_path": "words.txt", "content": "some words"}), bash("cat words.txt; pwd"),
        bash(attempts(ORDINARY | FROM_HERE)), bash(attempts(rows)), ("Read", {"file_path": "/etc/passwd"}),
        ("Read", {"file_path": f"{PLACE}/other/theirs"}), ("Read", {"file_path": "out"}))
    assert results[1] == (f"some words{PLACE}/lab", False), results
    # A container has a /proc of which something is hidden; where it has control groups besides, no namespaces are needed.
    from_here = "denied" if WITHOUT_PROC in workspaces.journal() else "done"
    assert verdicts(results[2][0]) == dict.fromkeys(ORDINARY, "done") | dict.fromkeys(FROM_HERE, from_here), results[2]
    assert verdicts(results[3][0]) == dict.fromkeys(rows, "denied"), results[3]
    assert [is_error for _, is_error in results[4:]] == [True] * 3, results
    written = machine.path(f"{PLACE}/lab/words.txt")
    owner = machine.run("id", "-u", "portcullis").stdout.strip()
    assert (written.read_text(), str(written.stat().st_uid)) == ("some words", owner)
    assert workspaces.main_process() == gateway


def test_what_a_run_leaves_ends_with_it(workspaces):
    [(said, _)] = told(workspaces.client(), "left", bash("setsid sleep 4711 & nohup sleep 4711 & echo left"))
    assert "left" in said
    eventually(lambda: "sleep 4711" not in commands(workspaces), "nothing is left", within=10)


def test_a_run_goes_on_through_an_upgrade_in_place_with_relayed_credentials(workspaces):
    machine, before = workspaces.machine, workspaces.file("portcullis.conf").read_text()
    workspaces.add("portcullis.conf", "CREDENTIAL_RELAY=true\n")
    workspaces.systemctl("restart")
    waiting = bash("echo begun > begun; while ! [ -e go ]; do sleep 0.1; done; echo goes on")
    with concurrent.futures.ThreadPoolExecutor() as beside:
        run = beside.submit(told, workspaces.client(), "through", waiting, bash("echo word > through; cat through"))
        eventually(lambda: run.done() or machine.path(f"{PLACE}/lab/begun").exists(), "it has begun", within=60)
        old = workspaces.main_process()
        assert "upgraded" in machine.run("portcullis", "upgrade", "--config", f"{FOLDER}/portcullis.conf").stdout
        assert workspaces.main_process() != old and not run.done()
        assert told(workspaces.client(), "after", bash("echo new"))[0] == ("new", False)
        machine.run("touch", f"{PLACE}/lab/go")
        assert [text for text, is_error in run.result() if not is_error] == ["goes on", "word"]
    eventually(lambda: not machine.path(f"/proc/{old}").exists(), "the former process has ended", within=30)
    workspaces.write("portcullis.conf", before)
    workspaces.systemctl("restart")


def faults(service):
    """What the service says of `lab` when it does not start, which it must say in one line."""
    before = service.now()
    assert service.systemctl("restart", check=False).returncode != 0
    assert service.machine.show(UNIT, "ExecMainStatus") == "78"
    [line] = [line for line in service.journal(before).splitlines() if re.search(r"\blab: ", line)]
    return line


def test_without_the_drop_in_it_says_what_is_missing_and_does_not_start(workspaces):
    """And a drop-in of somebody's own, which opens the directories alone, is not enough."""
    machine, ours = workspaces.machine, workspaces.machine.path(DROP_IN).read_text()
    try:
        machine.run("rm", DROP_IN)
        machine.run("systemctl", "daemon-reload")
        assert f"{PLACE}/lab" in faults(workspaces)
        machine.path(DROP_IN).write_text(f"[Service]\nInaccessiblePaths=\nReadWritePaths={PLACE}\n")
        machine.run("systemctl", "daemon-reload")
        said = faults(workspaces)
        assert "pidfd_getfd" in said and "agents.conf" in said
    finally:
        machine.path(DROP_IN).write_text(ours)
        machine.run("systemctl", "daemon-reload")
    workspaces.systemctl("restart")

