"""The package's service under Debian 12's own kernel and systemd."""

import re

import pytest

from service import SOCKET, UNIT


@pytest.fixture(scope="module")
def running(server):
    server.configure()
    return server.start()


def test_the_machine_is_what_debian_12_is(machine):
    assert re.match(r"6\.1\.", machine.run("uname", "-r").stdout)
    assert machine.run("systemctl", "--version").stdout.startswith("systemd 252 ")
    assert machine.run("stat", "-f", "-c", "%T", "/sys/fs/cgroup").stdout == "cgroup2fs\n"
    assert {"memory", "pids"} <= set(machine.read("/sys/fs/cgroup/cgroup.controllers").split())


def test_the_shipped_units_start_the_service_which_answers(running):
    assert running.show("FragmentPath") == f"/lib/systemd/system/{UNIT}"
    assert running.machine.show(SOCKET, "ActiveState") == "active"
    answer = running.client().ask("standin:echo from within")
    assert (answer.status, answer.json()["content"][0]["text"]) == (200, "from within")
    assert running.restarts() == 0


def test_the_walls_of_this_kernel_are_told(running):
    told = "walls round every child (Landlock 2), but none before TCP ports, signals"
    assert running.client().health()["sandbox"] == "partial"
    assert told in running.journal()
    checked = running.check()
    assert checked.returncode == 0, checked.stderr
    assert told in checked.stdout + checked.stderr


def test_walls_may_be_required_on_this_kernel(running):
    """Ports and signals are more than what is required."""
    running.configure(SANDBOX="require")
    running.start()
    assert running.client().ask("standin:echo walled").status == 200
    assert running.client().health()["sandbox"] == "partial"
