"""A state directory belongs to one service; `portcullis check` may look at it meanwhile."""
import contextlib
import os
import signal
import stat
import subprocess

import pytest

from harness import eventually


def command(gateway, name):
    arguments = [gateway.arguments[0], name, *gateway.arguments[2:]]
    return subprocess.run(arguments, env=gateway.env, cwd=gateway.folder, capture_output=True, text=True, timeout=60)


@pytest.mark.core
def test_a_second_service_is_refused_in_one_line_and_the_first_goes_on(own_gateway):
    done = command(own_gateway, "serve")
    assert done.returncode == 78
    assert done.stderr == (
        f"portcullis: STATE_DIR: {own_gateway.folder}/state is in use by another service; "
        "give each a directory of its own\n"
    )
    assert own_gateway.ask_message("Hello").status_code == 200


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_the_lock_goes_with_the_service_however_it_ends(own_gateway, end):
    own_gateway.signal(end)
    own_gateway.process.wait(20)
    assert "is in use" not in command(own_gateway, "check").stdout
    own_gateway.ready()
    assert own_gateway.ask_message("Hello").status_code == 200


def test_a_reload_keeps_the_lock(own_gateway):
    own_gateway.signal(signal.SIGHUP)
    eventually(lambda: "msg=reloaded" in own_gateway.log(), "the reload")
    assert command(own_gateway, "serve").returncode == 78


def open_files(pid):
    """What a process has open; what it closes meanwhile is left out."""
    for descriptor in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(FileNotFoundError):
            yield os.readlink(f"/proc/{pid}/fd/{descriptor}")


def test_the_lock_is_private_and_no_child_has_it(own_gateway):
    lock = own_gateway.folder / "state/lock"
    assert stat.S_IMODE(lock.stat().st_mode) == 0o600
    with own_gateway.streaming("slow:50:20"):
        children = own_gateway.children()
        held = [file for pid in children for file in open_files(pid)]
    assert children and str(lock) not in held


@pytest.mark.core
def test_check_looks_at_everything_beside_a_running_service(own_gateway):
    stored = own_gateway.openai().responses.create(model="sonnet", input="Hello")
    done = command(own_gateway, "check")
    assert done.returncode == 0, done.stderr
    assert "1 stored responses, their file is sound\n" in done.stdout
    assert f"{own_gateway.folder}/state is in use by a running service" in done.stdout
    assert own_gateway.openai().responses.retrieve(stored.id).id == stored.id
    assert own_gateway.ask_message("Hello").status_code == 200


def test_check_tells_of_a_damaged_ledger_and_leaves_it(make_gateway):
    gateway = make_gateway()
    assert "no stored responses yet\n" in command(gateway, "check").stdout
    ledger = gateway.folder / "state/ledger.sqlite"
    ledger.write_bytes(b"not a database " * 1000)
    done = command(gateway, "check")
    assert done.returncode == 78
    assert done.stderr.startswith(f"portcullis: STATE_DIR: {ledger} cannot be used: ")
    assert ledger.read_bytes() == b"not a database " * 1000


def test_a_directory_behind_a_link_is_served_and_checked_alike(make_gateway):
    """systemd puts a link there where a unit's user is dynamic, and the ledger follows none beside its file."""
    gateway = make_gateway()
    state = gateway.folder / "state"
    state.rename(gateway.folder / "elsewhere")
    state.symlink_to("elsewhere")
    assert command(gateway, "check").returncode == 0
    gateway.ready()
    stored = gateway.openai().responses.create(model="sonnet", input="Hello")
    assert gateway.openai().responses.retrieve(stored.id).id == stored.id
    assert (gateway.folder / "elsewhere/ledger.sqlite").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory to another user")
def test_what_root_checks_is_checked_as_the_services_user(make_gateway, standin, tmp_path):
    own = tmp_path / "claude"
    own.write_bytes(standin.read_bytes())
    own.chmod(0o700)
    gateway = make_gateway(cli=own)
    assert command(gateway, "check").returncode == 0, "root may run it"
    state = gateway.folder / "state"
    os.chown(state, 65534, 65534)
    done = command(gateway, "check")
    assert done.returncode == 78
    assert f"checked as the owner of {state}" in done.stdout
    assert f"--claude-path: '{own}' is not a program that may be run" in done.stderr
