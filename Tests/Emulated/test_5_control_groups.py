"""What the kernel counts for the control group of each child: Debian 12's own, with systemd's whole unit round it."""

import concurrent.futures
import re

import pytest

from fault_matrix import fault_row
from harness import eventually
from service import UNIT

TREE = f"/sys/fs/cgroup/system.slice/{UNIT}"


@pytest.fixture(scope="module")
def grouped(server):
    server.configure(
        CHILD_MEMORY_BYTES="256MiB", REUSE_PROCESSES="off", WARM_PROCESSES="0", MAX_TURNS="4", LOOPS="1", LOG_LEVEL="debug")
    return server.start()


def children(server):
    return server.machine.run("find", TREE, "-mindepth", "1", "-maxdepth", "1", "-name", "child-*").stdout.split()


def word(answer):
    return answer.json()["content"][0]["text"]


def test_each_child_has_a_group_with_its_bounds(grouped):
    client = grouped.client()
    assert client.health()["control_groups"] == "full"
    assert "a control group for every child: its memory and tasks are bounded" in grouped.journal()
    with concurrent.futures.ThreadPoolExecutor() as beside:
        turn = beside.submit(client.ask, "standin:delay 4000")
        group = eventually(lambda: children(grouped), "a group", within=20)[0]
        bounds = {name: grouped.machine.read(f"{group}/{name}").strip()
                  for name in ("memory.max", "memory.oom.group", "memory.swap.max", "pids.max", "cpu.weight")}
        assert turn.result().status == 200
    assert bounds == {"memory.max": str(256 << 20), "memory.oom.group": "1", "memory.swap.max": "0", "pids.max": "512", "cpu.weight": "100"}
    own = grouped.machine.read(f"/proc/{grouped.show('MainPID')}/cgroup").strip()
    assert own == f"0::/system.slice/{UNIT}/service"
    assert grouped.machine.read(f"{TREE}/service/memory.max") == "max\n"
    assert grouped.machine.read(f"{TREE}/service/cpu.weight") == "1000\n"
    eventually(lambda: not children(grouped), "the group is gone", within=20)


@fault_row(
    17, injected="a child that takes more than its memory, beside another's turn",
    seen="that turn is 502 and the log says why; the other and the service go on")
def test_a_greedy_child_ends_alone_and_the_log_says_why(grouped):
    client = grouped.client()
    before = grouped.show("MainPID")
    with concurrent.futures.ThreadPoolExecutor() as beside:
        other = beside.submit(client.ask, "standin:delay 5000")
        eventually(lambda: children(grouped), "the other has begun", within=20)
        greedy = client.ask("standin:greedy 400")
        assert greedy.status == 502, greedy.text
        assert "no memory left" in greedy.json()["error"]["message"]
        assert (other.result().status, word(other.result())) == (200, "delayed")
    assert "more than CHILD_MEMORY_BYTES" in grouped.journal()
    assert grouped.show("MainPID") == before and grouped.restarts() == 0
    modest = client.ask("standin:greedy 100")
    assert (modest.status, word(modest)) == (200, "took 100 MiB")


@fault_row(
    13, injected="a CLI that leaves a daemon in a session of its own, in a group of its own",
    seen="the daemon ends with the turn, and the group is removed")
def test_a_deserter_ends_with_its_turn(grouped):
    answer = grouped.client().ask("standin:deserter")
    deserter = re.fullmatch(r"left (\d+)", word(answer))[1]

    def is_gone():
        return grouped.machine.run("test", "-e", f"/proc/{deserter}", check=False).returncode != 0

    eventually(is_gone, "the deserter is gone", within=20)
    eventually(lambda: not children(grouped), "its group is gone", within=20)


def test_a_child_has_so_many_threads_and_no_more(grouped):
    started = re.fullmatch(r"started (\d+) threads", word(grouped.client().ask("standin:threads 700")))[1]
    assert 480 < int(started) < 512


def test_a_service_that_was_killed_comes_back_with_groups(grouped):
    grouped.machine.run("systemctl", "kill", "--kill-whom=main", "--signal=KILL", UNIT)
    eventually(lambda: grouped.restarts() == 1 and grouped.show("ActiveState") == "active", "it is back", within=60)
    assert grouped.client().health()["control_groups"] == "full"
    answer = grouped.client().ask("standin:echo again")
    assert (answer.status, word(answer)) == (200, "again")
    # The command that reloads runs in a group of systemd's beside ours.
    grouped.machine.run("systemctl", "reload", UNIT)
