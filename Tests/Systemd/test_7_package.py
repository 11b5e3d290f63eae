"""The Debian package: it installs, starts, is upgraded under running answers, is removed and purged."""
import os
import re
import stat

import pytest

from harness import ROOT, eventually
from lab import Machine
from service import FOLDER, SOCKET, UNIT, Service

STREAMS = 20
README = (ROOT / "README.md").read_text()


@pytest.fixture(scope="module")
def server(request, packages, standin, portcullis, certificates):
    """A machine that has never seen the program, with both packages."""
    booted = Machine(os.environ["SUITES"].split()[0])
    for package in packages:
        booted.copy(package, f"/root/{package.name}")
    booted.copy(standin, "/usr/local/lib/claude-standin")
    yield Service(booted, portcullis, standin, certificates)
    booted.close()


def commands_of_readme():
    """The commands of "Running it for real" behind the installation, but for the editor and a `claude`, which is elsewhere."""
    block = re.search(r"<!-- package:begin -->\n```sh\napt install [^\n]*\n(.*?)```\n<!-- package:end -->", README, re.DOTALL)
    assert block, "the README has lost its commands of the package"
    return re.sub(r"(?m)^(editor|install -m 755) .*\n", "", block[1])


def install(server, package):
    return server.machine.run("dpkg", "--install", f"/root/{package.name}")


def test_a_first_installation_is_complete_and_starts_nothing(server, packages):
    said = install(server, packages[0]).stdout
    assert "installed and not started" in said
    assert (server.machine.show(UNIT, "ActiveState"), server.port_is_open()) == ("inactive", False)
    group = int(server.machine.run("getent", "group", "portcullis").stdout.split(":")[2])
    found = {each.name: each.stat() for each in server.file("").iterdir()}
    assert found.keys() == {"portcullis.conf", "cli.env", "api-keys"}
    for name, status in found.items():
        assert (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)) == (0, group, 0o640), name
    verdict = server.machine.run("systemd-analyze", "verify", "--man=no", f"/usr/lib/systemd/system/{UNIT}")
    assert verdict.stdout + verdict.stderr == ""
    assert "usage: portcullis serve" in server.machine.run("portcullis", "help").stdout


def test_the_documents_lead_to_each_other(server):
    folder = server.machine.path("/usr/share/doc/portcullis")
    pages = [*folder.glob("*.md"), *folder.glob("docs/*.md")]
    assert {"README.md", "SECURITY.md", "clients.md", "service.md"} <= {page.name for page in pages}
    for page in pages:
        prose = re.sub(r"^```.*?^```|`[^`\n]*`", "", page.read_text(), flags=re.M | re.S)
        for link in re.findall(r"\]\(([^)#:]+)", prose):
            assert (page.parent / link).exists(), (page.name, link)


def test_it_serves_once_it_has_a_certificate_and_a_key(server):
    for name in ("chain.pem", "key.pem"):
        server.machine.copy(server.certificates / name, f"/root/{name}")
    settings = server.file("portcullis.conf").read_text()
    settings = settings.replace("/usr/local/bin/claude", "/usr/local/lib/claude-standin")
    server.write("portcullis.conf", settings + "MAX_TURNS=64\nMAX_CONNECTIONS_PER_ADDRESS=200\n")
    server.machine.shell(f"cd /root\n{commands_of_readme()}")
    assert server.client().ask("standin:echo installed").json()["content"][0]["text"] == "installed"


def test_an_upgrade_cuts_no_answer_and_refuses_no_connection(server, packages):
    client, old = server.client(), server.main_process()
    secret = re.search(r"^bob:(\S+)$", server.machine.shell(f"portcullis key add bob --config {FOLDER}/portcullis.conf").stdout, re.M)[1]
    running = [client.stream("standin:events 60 100000") for _ in range(STREAMS)]
    assert all(each.begun.wait(60) for each in running)
    refused = []

    def ask():
        try:
            return client.health(timeout=60)["version"]
        except OSError as error:
            refused.append(error)
            raise

    upgrade = server.machine.start("dpkg", "--install", f"/root/{packages[1].name}")
    while upgrade.poll() is None:
        assert ask() and not refused
    assert upgrade.returncode == 0, upgrade.communicate()
    assert all(each.whole() for each in running)
    assert server.restarted(old) != old and client.status_with(secret) == 200
    told = server.machine.run("dpkg-query", "-W", "-f", "${Version}", "portcullis").stdout
    assert told.endswith("+newer")
    # The operator's settings are the operator's.
    assert "claude-standin" in server.file("portcullis.conf").read_text()


def test_a_removal_stops_it_and_keeps_what_is_the_operators(server, packages):
    server.machine.run("dpkg", "--remove", "portcullis")
    assert not server.port_is_open() and not server.machine.path("/usr/bin/portcullis").exists()
    assert server.file("api-keys").exists() and server.machine.path("/var/lib/portcullis/ledger.sqlite").exists()
    install(server, packages[1])
    server.machine.run("systemctl", "enable", "--now", SOCKET, UNIT)
    assert server.client().ask("standin:echo again").status == 200


def test_a_purge_leaves_nothing_but_the_user(server):
    server.machine.run("dpkg", "--purge", "portcullis")
    for place in (FOLDER, "/var/lib/portcullis", "/usr/share/doc/portcullis", "/etc/systemd/system/multi-user.target.wants/" + UNIT):
        assert not os.path.lexists(server.machine.path(place)), place
    eventually(lambda: server.machine.show(UNIT, "LoadState") == "not-found", "systemd has forgotten the unit")
    assert server.machine.run("systemctl", "--failed", "--quiet").stdout.strip() == ""
