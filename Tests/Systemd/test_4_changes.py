"""New keys, keys taken away, a renewed certificate: one command each, at once, and nobody is interrupted."""

import ssl
import stat
import time

import pytest

from certificates import make_certificate
from service import CHECKOUT, cell_of_manual

STREAMS = 50
ADD = cell_of_manual("one more key")
REMOVE = cell_of_manual("take it away")
HOOK = "/etc/letsencrypt/renewal-hooks/deploy/portcullis"


@pytest.fixture
def streams(service, client):
    """Fifty running answers, of which none may be cut."""
    service.add("portcullis.conf", "MAX_TURNS=64\nMAX_CONNECTIONS_PER_ADDRESS=200\n")
    service.reload()
    running = [client.stream("standin:events 60 100000") for _ in range(STREAMS)]
    assert all(each.begun.wait(60) for each in running)
    return running


def still_running(streams):
    return all(each.thread.is_alive() for each in streams)


def mode_and_owner(service, name):
    status = service.file(name).stat()
    return stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid


def test_a_renewal_and_keys_under_running_answers(service, client, streams, tmp_path):
    """All in one, because fifty answers take their time."""
    pid, old = service.main_process(), client.certificate()
    renewed = make_certificate(tmp_path / "renewed")
    service.machine.copy(renewed / "chain.pem", "/root/renewed/fullchain.pem")
    service.machine.copy(renewed / "key.pem", "/root/renewed/privkey.pem")
    before = {name: mode_and_owner(service, name) for name in ("tls.crt", "tls.key", "api-keys")}

    service.machine.shell(f"install -D -m 755 {CHECKOUT}/deploy/certbot-deploy-hook {HOOK}\n{HOOK} /root/renewed")
    newcomer = service.client()
    newcomer.context = ssl.create_default_context(cafile=str(renewed / "ca.pem"))
    shown = newcomer.certificate()
    assert shown != old
    assert shown == ssl.PEM_cert_to_DER_cert((renewed / "certificate.pem").read_text())

    service.machine.shell(ADD)
    returned = time.monotonic()
    bob = service.keys()["bob"]
    assert newcomer.status_with(bob) == 200
    assert time.monotonic() - returned < 1

    service.machine.shell(REMOVE)
    returned = time.monotonic()
    assert newcomer.status_with(bob) == 401
    assert time.monotonic() - returned < 1
    assert newcomer.status_with(client.key) == 200

    assert still_running(streams), "the answers ended too early to show anything"
    assert {name: mode_and_owner(service, name) for name in before} == before
    assert all(each.whole() for each in streams)
    assert service.main_process() == pid


def test_an_answer_that_has_begun_goes_on_without_its_key(service, client):
    service.machine.shell(ADD)
    stream = service.client("bob").stream("standin:events 20 100000")
    assert stream.begun.wait(20)
    service.machine.shell(REMOVE)
    assert stream.thread.is_alive()
    assert stream.whole()


def test_the_last_key_cannot_be_taken_away_and_that_is_said(service, client):
    assert service.machine.shell(
        "sed -i '/^alice:/d' /etc/portcullis/api-keys && systemctl reload portcullis", check=False
    ).returncode
    assert "api-keys" in service.status()
    assert client.status_with(client.key) == 200


# certbot


def lineage(service, name, folder):
    """A certificate where certbot keeps it, with its links."""
    at = f"/etc/letsencrypt/live/{name}"
    for file, source in (("fullchain", "chain"), ("privkey", "key")):
        archived = f"/etc/letsencrypt/archive/{name}/{file}1.pem"
        service.machine.copy(folder / f"{source}.pem", archived)
        service.machine.run("mkdir", "-p", at)
        service.machine.run("ln", "-sf", f"../../archive/{name}/{file}1.pem", f"{at}/{file}.pem")
    return at


# What `certbot renew` calls for each lineage that it renewed.
RUN_HOOKS = """
import argparse
import sys
from certbot import configuration
from certbot._internal import hooks
from certbot._internal.display import obj

obj.set_display(obj.NoninteractiveDisplay(sys.stdout))
settings = dict(config_dir="/etc/letsencrypt", work_dir="/tmp/work", logs_dir="/tmp/logs", server="https://localhost",
                http01_port=80, https_port=443, domains=[], directory_hooks=True, renew_hook=None, deploy_hook=None,
                dry_run=False, run_deploy_hooks=False)
hooks.renew_hook(configuration.NamespaceConfig(argparse.Namespace(**settings)), ["localhost"], sys.argv[1])
"""


def renew(service, at):
    ran = service.machine.run("python3", "-c", RUN_HOOKS, at, check=False)
    return ran.stdout + ran.stderr


@pytest.fixture
def hook(service):
    service.machine.shell(f"install -D -m 755 {CHECKOUT}/deploy/certbot-deploy-hook {HOOK}")


def test_certbot_hands_a_renewed_certificate_over(service, hook, tmp_path):
    renewed = make_certificate(tmp_path / "renewed")
    said = renew(service, lineage(service, "localhost", renewed))
    newcomer = service.client()
    newcomer.context = ssl.create_default_context(cafile=str(renewed / "ca.pem"))
    assert newcomer.certificate() == ssl.PEM_cert_to_DER_cert((renewed / "certificate.pem").read_text()), said
    assert "tls.crt" in said


def test_a_lineage_of_another_name_is_passed_over(service, hook, client):
    machine, old = service.machine, client.certificate()
    machine.shell(
        "mkdir -p /etc/letsencrypt/live/other && cd /etc/letsencrypt/live/other && openssl req -x509 -newkey ec "
        "-pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 "
        "-subj /CN=other.example -addext subjectAltName=DNS:other.example "
        "-keyout privkey.pem -out fullchain.pem"
    )
    before = {name: service.file(name).read_bytes() for name in ("tls.crt", "tls.key")}
    renew(service, "/etc/letsencrypt/live/other")
    assert before == {name: service.file(name).read_bytes() for name in before}
    assert client.certificate() == old


def test_a_renewal_that_the_service_does_not_take_fails(service, hook, client, tmp_path):
    service.add("portcullis.conf", "MAX_TURN=3\n")
    renewed = make_certificate(tmp_path / "renewed")
    at = lineage(service, "localhost", renewed)
    ran = service.machine.run(HOOK, at, check=False)
    assert ran.returncode == 1 and "did not take it" in ran.stderr
    assert client.health()["status"] == "ok"
    assert "error" in renew(service, at).lower()


def test_a_service_that_does_not_run_is_no_failure_of_the_hook(service, hook, tmp_path):
    service.systemctl("stop")
    renewed = make_certificate(tmp_path / "renewed")
    service.machine.run(HOOK, lineage(service, "localhost", renewed))
    newcomer = service.client()
    newcomer.context = ssl.create_default_context(cafile=str(renewed / "ca.pem"))
    assert newcomer.health()["status"] == "ok"
