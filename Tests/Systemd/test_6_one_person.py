"""Portcullis for one person: a user without rights, with a blank in every path, under their own service manager."""

import re
import shlex
import ssl

import pytest

from certificates import dated
from client import Client
from harness import ROOT, eventually
from lab import ROOT_PATH, manual
from workspaces import ORDINARY, attempts, bash, commands_of_page, told, verdicts

USER = "someone"
HOME = "/home/some one"
CHECKOUT = f"{HOME}/my code/portcullis"
SETTINGS = f"{HOME}/.config/portcullis"


class Person:
    """Somebody who is logged in on the machine, and what they do there."""

    def __init__(self, machine):
        self.machine = machine

    def shell(self, script, **options):
        path = f"{HOME}/.local/bin:{ROOT_PATH}"
        return self.machine.shell(script, user=USER, env={"HOME": HOME, "PATH": path}, **options)

    def install(self):
        return self.shell(
            f"cd {shlex.quote(CHECKOUT)} && deploy/install-user {shlex.quote(CHECKOUT)}/.build/release/portcullis"
        )

    def install_again(self):
        """The same without trying the CLI, which takes its time and was tried."""
        return self.shell(f"cd {shlex.quote(CHECKOUT)} && SELF_TEST=off deploy/install-user .build/release/portcullis")

    def show(self, name):
        return self.shell(f"systemctl --user show --property {name} --value portcullis").stdout.strip()

    def journal(self):
        return self.machine.journal("_SYSTEMD_USER_UNIT=portcullis.service")

    def client(self, name=USER):
        lines = self.machine.path(f"{SETTINGS}/api-keys").read_text().splitlines()
        keys = dict(line.split()[0].split(":", 1) for line in lines)
        return Client(self.machine, self.machine.path(f"{SETTINGS}/tls/ca.pem").read_text(), keys[name], port=8443)


@pytest.fixture(scope="module")
def person(machine, portcullis, claude):
    machine.run("useradd", "--create-home", "--home-dir", HOME, "--shell", "/bin/bash", USER)
    for folder in ("deploy", "certs"):
        machine.copy(ROOT / folder, f"{CHECKOUT}/{folder}")
    machine.copy(portcullis, f"{CHECKOUT}/.build/release/portcullis")
    # As the vendor's installer puts it: a link to the newest of several versions.
    machine.run("mkdir", "-p", f"{HOME}/.local/bin", f"{HOME}/.local/share/claude/versions")
    machine.run("ln", "-s", "/opt/claude/2/claude", f"{HOME}/.local/share/claude/versions/2")
    machine.run("ln", "-s", "../share/claude/versions/2", f"{HOME}/.local/bin/claude")
    machine.run("chown", "-R", f"{USER}:", HOME)
    number = machine.run("id", "-u", USER).stdout.strip()
    machine.run("systemctl", "start", f"user@{number}.service")
    yield Person(machine)
    machine.run("systemctl", "stop", f"user@{number}.service")


@pytest.fixture(scope="module")
def installed(person):
    person.installation = person.install()
    return person


def test_one_command_installs_it_and_it_serves(installed):
    assert installed.client().health()["status"] == "ok"
    assert installed.show("ActiveState") == "active"
    assert "127.0.0.1:8443" in installed.show("StatusText")
    said = installed.installation.stdout
    assert "https://localhost:8443" in said and f"{SETTINGS}/api-keys" in said and "loginctl enable-linger" in said
    assert installed.client().key not in said


def test_connections_wait_while_it_starts_anew(installed):
    """No socket unit holds its port: the service manager keeps the sockets that it has bound."""
    before = installed.show("MainPID")
    assert int(installed.show("NFileDescriptorStore")) >= 1
    installed.shell("systemctl --user kill --kill-whom=main --signal=SIGKILL portcullis")
    assert installed.client().health(timeout=60)["status"] == "ok"
    assert installed.show("MainPID") not in ("0", before)
    assert int(installed.show("NFileDescriptorStore")) >= 1


def test_the_vendors_program_answers_within_its_fences(installed, upstream):
    assert installed.client().health()["self_test"] == "passed"
    installed.shell(
        "umask 077; cd ~/.config/portcullis\n"
        f"printf 'ANTHROPIC_BASE_URL={upstream.url}\\nCLAUDE_CODE_OAUTH_TOKEN=none\\n' > cli.env\n"
        'echo "CLI_ENV_FILE=$PWD/cli.env" >> portcullis.conf\n'
        "systemctl --user reload portcullis"
    )
    answer = installed.client().ask("say:for me")
    assert (answer.status, answer.json()["content"][0]["text"]) == (200, "for me")


@pytest.fixture
def workspace(installed):
    """The commands of deploy/docs/agent-walls.md have been run, and the key works there; afterwards all is as before."""
    before = {name: installed.machine.path(f"{SETTINGS}/{name}").read_text() for name in ("portcullis.conf", "api-keys")}
    installed.shell("printf secret > ~/letter; sed -i 's/$/ agent=default/' ~/.config/portcullis/api-keys")
    installed.shell(f"cd {shlex.quote(CHECKOUT)}\n{commands_of_page('agents-user')}")
    yield
    for name, text in before.items():
        installed.machine.path(f"{SETTINGS}/{name}").write_text(text)
    installed.shell(
        "rm ~/.config/systemd/user/portcullis.service.d/zz-agents.conf\n"
        "systemctl --user daemon-reload && systemctl --user restart portcullis")


def test_a_run_in_a_workspace_has_none_of_ones_own_files(installed, workspace):
    rows = {name: f"cat '{HOME}/{path}'" for name, path in (
        ("letter", "letter"), ("keys", ".config/portcullis/api-keys"), ("login", ".config/portcullis/cli.env"), ("list", "."),
        ("ledger", ".local/state/portcullis/ledger.sqlite"))}
    results = told(
        installed.client(), "mine", ("Write", {"file_path": "words", "content": "some words"}), bash(attempts(ORDINARY)),
        bash(attempts(rows)), ("Read", {"file_path": f"{HOME}/letter"}))
    assert verdicts(results[1][0]) == dict.fromkeys(ORDINARY, "done"), results[1]
    assert verdicts(results[2][0]) == dict.fromkeys(rows, "denied"), results[2]
    assert results[3][1] and installed.machine.path(f"{HOME}/workspaces/{USER}/words").read_text() == "some words"
    assert installed.client().ask("say:as before").status == 200


def test_it_listens_to_nobody_else(installed):
    ports = [
        line.split()[1] for line in installed.machine.inside(lambda: open("/proc/thread-self/net/tcp").readlines())[1:]
    ]
    assert "0100007F:20FB" in ports and not any(each.endswith(":20FB") and each != "0100007F:20FB" for each in ports)


def test_its_files_are_private_and_claude_is_called_by_its_link(installed):
    settings = installed.machine.path(f"{SETTINGS}/portcullis.conf")
    assert f"CLAUDE_PATH={HOME}/.local/bin/claude\n" in settings.read_text()
    for name in ("", "/portcullis.conf", "/api-keys", "/tls/key.pem"):
        assert installed.machine.path(SETTINGS + name).stat().st_mode & 0o077 == 0, name


def test_its_process_is_fenced_in(installed):
    status = installed.machine.path(f"/proc/{installed.show('MainPID')}/status").read_text()
    assert "NoNewPrivs:\t1" in status and "Seccomp:\t2" in status
    # User namespaces are allowed in this container.
    assert installed.show("ProtectSystem") == "strict" and installed.show("PrivateTmp") in (
        "yes",
        "connected",
        "disconnected",
    )


def test_its_unit_is_beyond_reproach(installed):
    verdict = installed.shell(
        'systemd-analyze --user verify --man=no "$HOME"/.config/systemd/user/portcullis*.{service,timer}'
    )
    assert verdict.stdout + verdict.stderr == ""


def test_one_more_key_is_one_command(installed):
    pid, old = installed.show("MainPID"), installed.client()
    row = re.search(r"`(portcullis new-key laptop [^`]*)`", manual())[1]
    installed.shell(row)
    assert installed.client("laptop").status_with(installed.client("laptop").key) == 200
    assert old.status_with(old.key) == 200
    assert installed.show("MainPID") == pid


def test_a_faulty_reload_is_refused_and_told(installed):
    installed.shell(f"echo MAX_TURN=3 >> {shlex.quote(SETTINGS)}/portcullis.conf")
    assert installed.shell("systemctl --user reload portcullis", check=False).returncode != 0
    assert "MAX_TURN" in installed.journal()
    installed.shell(
        f"sed -i /MAX_TURN=/d {shlex.quote(SETTINGS)}/portcullis.conf && systemctl --user reload portcullis"
    )
    assert installed.client().health()["status"] == "ok"


def test_the_certificate_is_renewed_in_its_last_week_and_not_before(installed, certificates, tmp_path):
    machine, old = installed.machine, installed.client().certificate()
    assert installed.shell("systemctl --user is-active portcullis-certificate.timer").stdout == "active\n"
    installed.shell("systemctl --user start portcullis-certificate.service")
    assert installed.client().certificate() == old
    # The authority stays, so that clients go on trusting it.
    tls = machine.path(f"{SETTINGS}/tls")
    ending = dated(tls, tmp_path / "ca", -80, 3)
    (tls / "certificate.pem").write_text(ending)
    (tls / "chain.pem").write_text(ending)
    installed.shell("systemctl --user start portcullis-certificate.service")
    assert installed.client().certificate() not in (
        old,
        ssl.PEM_cert_to_DER_cert(ending[: ending.index("-----END") + 25]),
    )


def test_a_new_version_keeps_settings_and_keys(installed):
    before = {
        name: installed.machine.path(f"{SETTINGS}/{name}").read_bytes()
        for name in ("portcullis.conf", "api-keys", "tls/key.pem")
    }
    pid = installed.show("MainPID")
    installed.install_again()
    assert {name: installed.machine.path(f"{SETTINGS}/{name}").read_bytes() for name in before} == before
    assert installed.show("MainPID") != pid
    assert installed.client().health()["status"] == "ok"


def test_it_comes_back_when_it_dies(installed):
    pid = installed.show("MainPID")
    installed.shell("systemctl --user kill --signal=SIGKILL --kill-whom=main portcullis")
    eventually(
        lambda: installed.show("MainPID") not in ("0", pid) and installed.show("ActiveState") == "active", "it is back"
    )
    assert installed.client().health()["status"] == "ok"


def test_it_runs_where_users_may_make_no_namespaces_and_starts_with_its_manager(installed):
    machine = installed.machine
    manager = f"user@{machine.run('id', '-u', USER).stdout.strip()}.service"
    limits = machine.path("/etc/systemd/system/user@.service.d/limits.conf")
    limits.parent.mkdir()
    limits.write_text("[Service]\nRestrictNamespaces=yes\n")
    machine.run("systemctl", "daemon-reload")
    machine.run("systemctl", "restart", manager)
    assert "user namespaces are not allowed here" in installed.install_again().stderr
    assert installed.client().health()["status"] == "ok"
    assert installed.show("PrivateTmp") == "no"
    limits.unlink()
    machine.run("systemctl", "daemon-reload")
    machine.run("systemctl", "restart", manager)
    # Nobody but the manager starts it.
    eventually(lambda: installed.show("ActiveState") == "active", "it is there with its manager", within=30)
    assert installed.client().health()["status"] == "ok"


def test_root_is_sent_away(machine, person):
    refused = machine.run(f"{CHECKOUT}/deploy/install-user", check=False)
    assert refused.returncode == 1 and "as yourself" in refused.stderr


def test_a_missing_claude_is_named_before_anything_is_changed(person):
    refused = person.shell("CLAUDE_PATH=/nowhere/claude " + shlex.quote(f"{CHECKOUT}/deploy/install-user"), check=False)
    assert refused.returncode == 1 and "/nowhere/claude" in refused.stderr
