"""A control group for every child, in a group that is left to the gateway as systemd would leave it.

What the kernel counts for groups is tried in `Tests/Emulated/test_5_control_groups.py`: a machine that has other groups too lends their controllers
to one tree alone.
"""
import os
import pathlib
import re
import subprocess

import httpx2
import pytest

from harness import eventually, free_port, message_body

TREE = next((place for place in map(pathlib.Path, ("/sys/fs/cgroup", "/sys/fs/cgroup/unified"))
             if (place / "cgroup.controllers").exists()), None)
GROUPS = pytest.mark.skipif(
    TREE is None or not os.access(TREE / "cgroup.procs", os.W_OK), reason="this machine has no groups to give")


@pytest.fixture
def delegated(tmp_path):
    """A group with systemd's mark, removed when the gateway has ended."""
    group = TREE / f"portcullis-acceptance-{os.getpid()}-{tmp_path.name}"
    group.mkdir()
    os.setxattr(group, "user.delegate", b"1")
    yield group
    (group / "cgroup.kill").write_text("1")

    eventually(lambda: remove(group), "the group is removed")


def remove(group):
    try:
        for place in [each for each in group.iterdir() if each.is_dir()] + [group]:
            place.rmdir()
        return True
    except OSError:
        return False


def within(group, gateway):
    gateway.arguments = ["sh", "-c", f"echo $$ >{group}/cgroup.procs && exec \"$@\"", "sh", *gateway.arguments]
    return gateway


def children(group):
    return [place for place in group.iterdir() if place.name.startswith("child-")]


def is_alive(pid):
    """A zombie is dead: this machine may have nobody who reaps it."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def leave(gateway):
    """Has a turn leave a process behind; returns its id."""
    answer = gateway.post("/v1/messages", message_body("standin:deserter"))
    assert answer.status_code == 200, answer.text
    return int(re.fullmatch(r"left (\d+)", answer.json()["content"][0]["text"])[1])


@GROUPS
def test_what_deserts_its_session_ends_with_its_turn(make_gateway, standin, delegated):
    port = free_port()
    env = {"REUSE_PROCESSES": "off", "SELF_TEST": "off", "METRICS_LISTEN": f"127.0.0.1:{port}"}
    gateway = within(delegated, make_gateway(cli=standin, env=env)).ready()
    deserter = leave(gateway)
    eventually(lambda: not is_alive(deserter), "the deserter has ended")
    eventually(lambda: not children(delegated), "its group is gone")
    assert gateway.health()["control_groups"] in ("partial", "full")
    assert "a control group for every child" in gateway.log()
    text = httpx2.get(f"http://127.0.0.1:{port}/metrics", trust_env=False).text
    assert 'portcullis_control_groups{state="none"} 0' in text


@GROUPS
def test_each_process_has_a_group_of_its_own_and_the_service_another(make_gateway, standin, delegated):
    gateway = within(delegated, make_gateway(cli=standin, env={"WARM_PROCESSES": "2", "LOOPS": "1", "SELF_TEST": "off"})).ready()
    eventually(lambda: [len((each / "cgroup.procs").read_text().split()) for each in children(delegated)] == [1, 1],
               "a group for each waiting process", within=60)
    assert (delegated / "service/cgroup.procs").read_text().split() == [str(gateway.process.pid)]
    assert (delegated / "cgroup.procs").read_text() == ""
    gateway.process.terminate()
    assert gateway.process.wait(30) == 0
    assert not children(delegated)


@GROUPS
def test_what_an_earlier_run_left_is_removed_at_the_start(make_gateway, standin, delegated):
    left = delegated / "child-999999999-1"
    left.mkdir()
    with subprocess.Popen(["sleep", "600"]) as sleeper:
        (left / "cgroup.procs").write_text(str(sleeper.pid))
        within(delegated, make_gateway(cli=standin, env={"SELF_TEST": "off"})).ready()
        assert sleeper.wait(10) == -9
    eventually(lambda: not left.exists(), "the leftover is gone")


def test_without_a_group_of_its_own_all_works_and_the_start_says_so(make_gateway, standin):
    gateway = make_gateway(cli=standin, env={"REUSE_PROCESSES": "off", "SELF_TEST": "off"}).ready()
    deserter = leave(gateway)
    try:
        assert gateway.health()["control_groups"] == "none"
        assert gateway.log().count("children have no control groups of their own") == 1
        assert is_alive(deserter)
    finally:
        os.kill(deserter, 9)
