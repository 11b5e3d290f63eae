"""The commands of deploy/docs/service.md, to the letter, and the first answers of what they install. These tests come first."""

import re
import stat

import pytest

from harness import eventually
from lab import manual
from service import CHECKOUT, PATH_OF_INSTALLER, SOCKET, UNIT, cell_of_manual, commands_of_manual


@pytest.fixture(scope="module")
def real(as_installed, upstream):
    """The service with the real CLI and a credential that leads to our upstream."""
    as_installed.write("cli.env", f"ANTHROPIC_BASE_URL={upstream.url}\nCLAUDE_CODE_OAUTH_TOKEN=none\n")
    as_installed.reload()
    return as_installed


def test_the_commands_of_the_readme_start_the_service(as_installed):
    assert as_installed.is_active(), as_installed.journal()
    assert as_installed.port_is_open()
    assert as_installed.keys().keys() == {"alice"}
    assert f"alice:{as_installed.keys()['alice']}" in as_installed.installation.stdout, "the key was not shown"


def test_its_process_has_a_user_of_its_own_and_no_rights(as_installed):
    pid = as_installed.main_process()
    machine = as_installed.machine
    user = machine.run("getent", "passwd", "portcullis").stdout.split(":")
    assert (user[5], user[6].strip()) == ("/var/lib/portcullis", "/usr/sbin/nologin")
    status = machine.path(f"/proc/{pid}/status").read_text()
    assert re.search(r"^Uid:\t(.*)$", status, re.MULTILINE)[1].split() == [user[2]] * 4
    assert re.findall(r"^Cap(?:Eff|Prm|Bnd|Amb):\s*(\w+)$", status, re.MULTILINE) == ["0" * 16] * 4
    assert "NoNewPrivs:\t1" in status and "Seccomp:\t2" in status


def test_what_it_may_read_is_roots_and_nobody_elses(as_installed):
    group = as_installed.machine.run("getent", "group", "portcullis").stdout.split(":")[2]
    found = {each.name: each.stat() for each in as_installed.file("").iterdir()}
    assert found.keys() == {"portcullis.conf", "tls.crt", "tls.key", "cli.env", "api-keys"}
    for name, status in found.items():
        assert (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)) == (0, int(group), 0o640), name
    state = as_installed.machine.path("/var/lib/portcullis").stat()
    assert (state.st_uid != 0, stat.S_IMODE(state.st_mode)) == (True, 0o700)


def test_the_units_are_beyond_reproach(machine, as_installed):
    units = [f"/etc/systemd/system/{name}" for name in (UNIT, SOCKET)]
    verdict = machine.run("systemd-analyze", "verify", "--man=no", *units)
    assert verdict.stdout + verdict.stderr == ""
    # The threshold is ten times the exposure that it prints.
    verdict = machine.run("systemd-analyze", "security", "--no-pager", "--threshold=13", UNIT)
    assert re.search(r"Overall exposure level for portcullis.service: (\S+)", verdict.stdout)
    machine.run("systemd-analyze", "security", "--no-pager", "--offline=true", "--threshold=13", units[0])


def test_an_answer_comes_through_the_socket_unit(real, upstream):
    answer = real.client().ask("say:from the other side")
    assert (answer.status, answer.json()["content"][0]["text"]) == (200, "from the other side")
    assert any(each.mentions("from the other side") for each in upstream.recorded())
    health = real.client().health()
    assert (health["self_test"], health["degraded"]) == ("passed", [])


def test_every_child_has_a_control_group_of_its_own(real):
    """What they bound is this machine's to say: a container has the kernel's own tree, without controllers."""
    real.client().ask("say:from a group")
    assert real.client().health()["control_groups"] in ("full", "partial")
    assert "a control group for every child" in real.journal()
    unit = f"/system.slice/{UNIT}"

    def groups_of_children():
        threads = real.machine.path(f"/proc/{real.main_process()}/task").iterdir()
        children = [child for thread in threads for child in (thread / "children").read_text().split()]
        try:
            return [real.machine.path(f"/proc/{child}/cgroup").read_text().strip() for child in children]
        except OSError:
            return []

    assert real.machine.path(f"/proc/{real.main_process()}/cgroup").read_text().strip().endswith(f"{unit}/service")
    eventually(
        lambda: (found := groups_of_children()) and len(set(found)) == len(found) and all(f"{unit}/child-" in each for each in found),
        "a group for each child")


def test_the_unit_lets_walls_stand_round_every_child(real):
    """How many of them is the kernel's to say; that there are any, the unit's."""
    assert real.client().health()["sandbox"] in ("full", "partial")
    assert "walls round every child" in real.journal()

    def scores():
        threads = real.machine.path(f"/proc/{real.main_process()}/task").iterdir()
        children = [child for thread in threads for child in (thread / "children").read_text().split()]
        try:
            return {real.machine.path(f"/proc/{child}/oom_score_adj").read_text().strip() for child in children}
        except OSError:
            return None  # One has ended meanwhile.

    # A child that is being started has its score a moment later.
    eventually(lambda: scores() == {"500"}, "a process waits, and all are the first to go where memory is short")


def test_the_status_names_the_port(real):
    assert "[::]:443" in real.status()
    assert "[::]:443" in real.journal()


def test_the_commands_again_interrupt_nobody(real):
    """Installing a new version is pasting it again, but for the lines that begin a file anew."""
    again = [
        line for line in commands_of_manual().splitlines() if not re.search("api-keys|cli.env|chain.pem|key.pem", line)
    ]
    pid = real.main_process()
    real.machine.shell(f"cd {CHECKOUT}\n" + "\n".join(again), env={"PATH": PATH_OF_INSTALLER})
    real.machine.shell(cell_of_manual("a new `claude`"), env={"PATH": PATH_OF_INSTALLER})
    assert real.client().ask("say:still here").status == 200
    assert real.main_process() == pid


def test_the_installed_settings_can_be_checked(real):
    command = re.search(r"`(portcullis check --config /etc[^`]*)`", manual())[1]
    checked = real.machine.shell(command)
    assert "configuration OK" in checked.stdout + checked.stderr
    before = real.file("portcullis.conf").read_text()
    real.add("portcullis.conf", "MAX_TURN=3\n")
    checked = real.machine.shell(command, check=False)
    real.write("portcullis.conf", before)
    assert checked.returncode == 78 and "portcullis.conf:" in checked.stderr and "MAX_TURN" in checked.stderr
