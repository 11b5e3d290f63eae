"""TLS beyond the handshake: renewals, staples, client certificates, what browsers are told, what the operator is told."""
import hashlib
import os
import pathlib
import shutil
import socket
import ssl
import subprocess
import sys

import httpx2
import pytest

from harness import ROOT, eventually, make_certificate
from wire import Wire, get

YEAR = ["-days", "300"]


def openssl(*arguments, cwd, text=None):
    ran = subprocess.run(["openssl", *map(str, arguments)], cwd=cwd, capture_output=True, text=True, input=text)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def shown(gateway):
    """The certificate that a new connection is shown, whoever has signed it."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(("127.0.0.1", gateway.port), 10) as plain:
        with context.wrap_socket(plain, server_hostname="localhost") as wrapped:
            return wrapped.getpeercert(binary_form=True)


def der(path):
    return ssl.PEM_cert_to_DER_cert(path.read_text())


def bare(make_gateway, standin, *flags, **options):
    return make_gateway(cli=standin, cli_env=None, flags=flags, **options)


# Renewal


def test_renewed_files_are_shown_without_being_told(make_gateway, standin, tmp_path):
    gateway = bare(make_gateway, standin).ready()
    old = shown(gateway)
    with Wire(gateway) as wire:
        wire.send(get("/health"))
        assert wire.response()[0] == 200
        make_certificate(tmp_path / "renewed")
        for name in ["key.pem", "chain.pem"]:
            shutil.copy(tmp_path / "renewed" / name, gateway.folder / "tls" / f"new-{name}")
            os.replace(gateway.folder / "tls" / f"new-{name}", gateway.folder / "tls" / name)
        new = der(tmp_path / "renewed/certificate.pem")
        eventually(lambda: shown(gateway) == new, "the new certificate is shown", within=30)
        assert old != new
        # Who is connected stays connected.
        wire.send(get("/health"))
        assert wire.response()[0] == 200
    assert "the certificates were replaced" in gateway.log()


def test_a_renewal_that_does_not_hold_changes_nothing_and_is_told(make_gateway, standin, tmp_path):
    gateway = bare(make_gateway, standin).ready()
    old = shown(gateway)
    make_certificate(tmp_path / "other")
    key = (gateway.folder / "tls/key.pem").read_bytes()
    shutil.copy(tmp_path / "other/key.pem", gateway.folder / "tls/key.pem")
    eventually(lambda: gateway.health()["problems"], "the problem is told", within=30)
    assert gateway.health()["problems"][0]["about"] == "certificate"
    assert "does not belong to the certificate" in gateway.log() and shown(gateway) == old
    (gateway.folder / "tls/key.pem").write_bytes(key)
    eventually(lambda: gateway.health()["problems"] == [], "the problem is over", within=30)


@pytest.mark.parametrize("by", ["certbot", "lego"])
def test_the_deploy_hook_hands_a_renewal_over(make_gateway, standin, tmp_path, by):
    gateway = bare(make_gateway, standin)
    folder = tmp_path / "etc"
    folder.mkdir()
    for ours, name in [("tls.crt", "chain.pem"), ("tls.key", "key.pem")]:
        shutil.copy(gateway.folder / "tls" / name, folder / ours)
        gateway.arguments[gateway.arguments.index(str(gateway.folder / "tls" / name))] = str(folder / ours)
    gateway.ready()
    make_certificate(tmp_path / "renewed")
    lineage = tmp_path / "live"
    lineage.mkdir()
    shutil.copy(tmp_path / "renewed/chain.pem", lineage / "fullchain.pem")
    shutil.copy(tmp_path / "renewed/key.pem", lineage / "privkey.pem")
    stubs = tmp_path / "bin"
    stubs.mkdir()
    systemctl = stubs / "systemctl"
    systemctl.write_text(f"#!/bin/sh\necho \"$@\" >>{tmp_path}/asked\nexec kill -HUP {gateway.process.pid}\n")
    systemctl.chmod(0o755)
    named = {
        "certbot": {"RENEWED_LINEAGE": str(lineage)},
        "lego": {"LEGO_CERT_PATH": str(lineage / "fullchain.pem"), "LEGO_CERT_KEY_PATH": str(lineage / "privkey.pem")},
    }[by]
    group = str(os.getgid())
    env = {"PATH": f"{stubs}:{os.environ['PATH']}", "PORTCULLIS_FOLDER": str(folder), "PORTCULLIS_GROUP": group, **named}
    ran = subprocess.run([ROOT / "deploy/certbot-deploy-hook"], env=env, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    new = der(tmp_path / "renewed/certificate.pem")
    eventually(lambda: shown(gateway) == new, "the new certificate is shown", within=20)
    assert (tmp_path / "asked").read_text().split() == ["try-reload-or-restart", "portcullis.service"]


# What is offered


@pytest.mark.parametrize("level, oldest", [("intermediate", "1.2"), ("modern", "1.3")])
def test_what_is_offered_is_what_mozilla_recommends(make_gateway, standin, level, oldest):
    gateway = bare(make_gateway, standin, "--tls-min-version", oldest).ready()
    asked = [sys.executable, "-m", "sslyze", f"--mozilla_config={level}", f"--certinfo_ca_file={gateway.ca}"]
    ran = subprocess.run([*asked, f"localhost:{gateway.port}"], capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0 and "OK - Compliant" in ran.stdout, ran.stdout[-3000:]


# OCSP


class Responder:
    """The development authority as an OCSP responder, through its files."""

    def __init__(self, folder):
        self.folder = folder
        serial = openssl("x509", "-in", "certificate.pem", "-noout", "-serial", cwd=folder).strip().partition("=")[2]
        self.serial = serial

    def answer(self, name, status="V"):
        revoked = "251001000000Z,unspecified" if status == "R" else ""
        (self.folder / "index").write_text(f"{status}\t401231235959Z\t{revoked}\t{self.serial}\tunknown\t/CN=localhost\n")
        openssl("ocsp", "-index", "index", "-rsigner", "ca.pem", "-rkey", "ca-key.pem", "-CA", "ca.pem",
                "-issuer", "ca.pem", "-cert", "certificate.pem", "-respout", name, "-noverify", "-ndays", "2", cwd=self.folder)
        return self.folder / name


@pytest.fixture
def stapling(make_gateway, standin):
    gateway = bare(make_gateway, standin)
    return gateway, Responder(gateway.folder / "tls")


def test_an_ocsp_response_is_stapled(stapling):
    gateway, responder = stapling
    gateway.arguments += ["--tls-ocsp", str(responder.answer("good.der"))]
    gateway.ready()
    for version in ["-tls1_3", "-tls1_2"]:
        told = openssl("s_client", "-connect", f"127.0.0.1:{gateway.port}", "-servername", "localhost", "-status", version,
                       "-CAfile", gateway.ca, cwd=gateway.folder, text="")
        assert "OCSP Response Status: successful" in told and "Cert Status: good" in told


@pytest.mark.parametrize("case, words", [
    ("garbage", "no OCSP response"), ("revoked", "is revoked"), ("forged", "not signed by"), ("missing", "TLS_OCSP"),
    ("two", "1 certificates but 2 responses")])
def test_a_response_that_says_nothing_good_stops_the_start(stapling, tmp_path, case, words):
    gateway, responder = stapling
    if case == "garbage":
        path = gateway.folder / "garbage"
        path.write_bytes(b"\x30\x03\x0a\x01")
    elif case == "missing":
        path = gateway.folder / "nowhere"
    elif case == "forged":
        # Another authority of the same name says it of this certificate.
        other = tmp_path / "other"
        make_certificate(other)
        shutil.copy(responder.folder / "certificate.pem", other)
        shutil.copy(responder.folder / "ca.pem", other / "issuer.pem")
        (other / "index").write_text(f"V\t401231235959Z\t\t{responder.serial}\tunknown\t/CN=localhost\n")
        openssl("ocsp", "-index", "index", "-rsigner", "ca.pem", "-rkey", "ca-key.pem", "-CA", "issuer.pem", "-issuer",
                "issuer.pem", "-cert", "certificate.pem", "-respout", "forged.der", "-noverify", "-ndays", "2", cwd=other)
        path = other / "forged.der"
    else:
        path = responder.answer("response.der", "R" if case == "revoked" else "V")
    gateway.arguments += ["--tls-ocsp", str(path)] * (2 if case == "two" else 1)
    assert gateway.start().process.wait(20) == 78
    assert "TLS_OCSP" in gateway.log() and words in gateway.log(), gateway.log()


def test_a_response_that_a_renewal_outran_is_left_out_and_told(stapling, tmp_path):
    gateway, _ = stapling
    make_certificate(tmp_path / "other")
    gateway.arguments += ["--tls-ocsp", str(Responder(tmp_path / "other").answer("other.der"))]
    gateway.ready()
    assert "is not about the certificate, so it is not stapled" in gateway.log(), gateway.log()
    told = openssl("s_client", "-connect", f"127.0.0.1:{gateway.port}", "-servername", "localhost", "-status",
                   "-CAfile", gateway.ca, cwd=gateway.folder, text="")
    assert "OCSP response: no response sent" in told


# Client certificates


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """An authority for clients, with two certificates of it and one of nobody."""
    folder = tmp_path_factory.mktemp("clients")
    ec = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    openssl("req", "-x509", *ec, *YEAR, "-subj", "/CN=clients", "-keyout", "ca.key", "-out", "ca.crt", cwd=folder)
    for name, names in [("alice", "email:alice@example.com,DNS:alice.example.com"), ("bob", "URI:spiffe://example.com/bob")]:
        (folder / f"{name}.ext").write_text(f"subjectAltName={names}\nextendedKeyUsage=clientAuth\n")
        openssl("req", *ec, "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.csr", cwd=folder)
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", *YEAR,
                "-extfile", f"{name}.ext", "-out", f"{name}.crt", cwd=folder)
    openssl("req", "-x509", *ec, *YEAR, "-subj", "/CN=nobody", "-keyout", "nobody.key", "-out", "nobody.crt", cwd=folder)
    return folder


def fingerprint(path):
    return hashlib.sha256(der(path)).hexdigest()


@pytest.fixture
def bound(make_gateway, standin, keys, authority):
    gateway = bare(make_gateway, standin, "--client-ca", authority / "ca.crt")
    colons = ":".join(fingerprint(authority / "alice.crt").upper()[at:at + 2] for at in range(0, 64, 2))
    gateway.private_file(
        "api-keys", f"alice:{keys[0]} cert-sha256={colons}\nbob:{keys[1]} cert-san=spiffe://Example.com/bob\n"
        f"free:{'f' * 43}\n")
    return gateway.ready()


def ask(gateway, authority, who, key, http2=False):
    context = gateway.verify()
    if who:
        context.load_cert_chain(authority / f"{who}.crt", authority / f"{who}.key")
    with httpx2.Client(base_url=gateway.url, verify=context, http2=http2, trust_env=False) as http:
        return http.get("/v1/models", headers={"x-api-key": key})


@pytest.mark.parametrize("http2", [False, True])
def test_a_bound_key_needs_its_certificate(bound, authority, keys, http2):
    assert ask(bound, authority, "alice", keys[0], http2).status_code == 200
    assert ask(bound, authority, "bob", keys[1], http2).status_code == 200
    for who in [None, "alice"]:
        assert ask(bound, authority, who, "f" * 43, http2).status_code == 200
    unknown = ask(bound, authority, None, "cgw_unknown", http2)
    for who, key in [(None, keys[0]), ("bob", keys[0]), ("alice", keys[1]), (None, keys[1])]:
        refused = ask(bound, authority, who, key, http2)
        assert refused.status_code == unknown.status_code == 401
        assert refused.json()["error"] == unknown.json()["error"]


def test_a_certificate_of_a_strange_authority_ends_the_handshake(bound, authority, keys):
    with pytest.raises(httpx2.TransportError):
        ask(bound, authority, "nobody", "f" * 43)


def test_a_certificate_holds_for_a_resumed_session(bound, authority, keys):
    context = bound.verify()
    context.load_cert_chain(authority / "alice.crt", authority / "alice.key")
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    session = None
    for _ in range(2):
        with socket.create_connection(("127.0.0.1", bound.port), 10) as plain:
            with context.wrap_socket(plain, server_hostname="localhost", session=session) as wrapped:
                request = f"GET /v1/models HTTP/1.1\r\nHost: localhost\r\nx-api-key: {keys[0]}\r\nConnection: close\r\n\r\n"
                wrapped.sendall(request.encode())
                assert wrapped.recv(65536).startswith(b"HTTP/1.1 200 ")
                was_resumed, session = wrapped.session_reused, wrapped.session
    assert was_resumed


def test_a_client_ca_that_is_none_stops_the_start(make_gateway, standin, tmp_path):
    (tmp_path / "ca").write_text("nothing")
    gateway = bare(make_gateway, standin, "--client-ca", tmp_path / "ca")
    assert gateway.start().process.wait(20) == 78
    assert "CLIENT_CA" in gateway.log()


# What browsers and operators are told


def test_browsers_are_told_to_stay_safe_and_cors_still_works(make_gateway, standin):
    gateway = bare(make_gateway, standin, env={"HSTS_SECONDS": "3600"}).ready()
    with gateway.http() as http:
        answers = [
            http.get("/health"), http.get("/"), http.get("/nowhere"), http.post("/v1/messages", json={}),
            http.options("/v1/messages", headers={"origin": "https://a.test", "access-control-request-method": "POST"}),
            http.get("/health", headers={"origin": "https://a.test"})]
    for answer in answers:
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["strict-transport-security"] == "max-age=3600"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
    for answer in answers[-2:]:
        assert answer.headers["access-control-allow-origin"] == "*"


def test_nothing_is_said_of_tls_where_only_this_machine_can_connect(gateway):
    with gateway.http() as http:
        assert "strict-transport-security" not in http.get("/health").headers


def test_a_handshake_that_fails_leaves_its_reason(make_gateway, standin):
    gateway = bare(make_gateway, standin, env={"LOG_LEVEL": "debug"}).ready()
    with pytest.raises(ssl.SSLError):
        with socket.create_connection(("127.0.0.1", gateway.port), 10, source_address=("127.0.0.7", 0)) as plain:
            ssl.create_default_context().wrap_socket(plain, server_hostname="localhost")

    def line():
        return [each for each in gateway.log().splitlines() if "unknown ca" in each]

    eventually(line, "the reason is logged")
    assert "level=debug" in line()[0] and "addr=127.0.0.7" in line()[0]


def test_private_keys_lie_in_locked_memory(gateway):
    status = pathlib.Path(f"/proc/{gateway.process.pid}/status").read_text()
    locked = next(line for line in status.splitlines() if line.startswith("VmLck:"))
    assert int(locked.split()[1]) > 0


def certificate_ending_in(days, folder, of_days=365):
    """Gives a gateway's certificate another validity, which has begun long ago."""
    import datetime

    now = datetime.datetime.now(datetime.timezone.utc)
    ends = now + datetime.timedelta(days=days, minutes=10)
    begins = ends - datetime.timedelta(days=of_days)
    (folder / "database").write_text("")
    (folder / "ca.cnf").write_text(
        "[ca]\ndefault_ca=own\n[own]\ndatabase=database\nnew_certs_dir=.\nrand_serial=yes\ndefault_md=sha256\n"
        "policy=any\nx509_extensions=leaf\n[any]\ncommonName=supplied\n[leaf]\nsubjectAltName=DNS:localhost,IP:127.0.0.1\n")
    openssl("req", "-new", "-key", "key.pem", "-subj", "/CN=localhost", "-out", "request.pem", cwd=folder)
    openssl("ca", "-batch", "-notext", "-config", "ca.cnf", "-cert", "ca.pem", "-keyfile", "ca-key.pem", "-in", "request.pem",
            "-out", "certificate.pem", "-startdate", f"{begins:%Y%m%d%H%M%SZ}", "-enddate", f"{ends:%Y%m%d%H%M%SZ}", cwd=folder)
    (folder / "chain.pem").write_text((folder / "certificate.pem").read_text() + (folder / "ca.pem").read_text())
    return int(ends.timestamp())


@pytest.mark.parametrize("days, words", [(29, "30 days"), (13, "14 days"), (6, "7 days"), (0, "a day"), (31, None)])
def test_an_end_that_is_near_is_told(make_gateway, standin, keys, days, words):
    gateway = bare(make_gateway, standin)
    gateway.private_file("api-keys", f"user:{keys[0]} role=admin\n")
    end = certificate_ending_in(days, gateway.folder / "tls")
    gateway.ready()
    problems = gateway.health()["problems"]
    with gateway.http() as http:
        metrics = http.get("/metrics", headers={"x-api-key": keys[0]}).text
    told = [line for line in metrics.splitlines() if line.startswith("portcullis_certificate_expiry_timestamp_seconds{")]
    assert abs(float(told[0].rpartition(" ")[2]) - end) < 60
    if words is None:
        assert problems == []
    else:
        assert f"expires in less than {words}: renew it" in problems[0]["text"]
        assert "level=warning" in next(line for line in gateway.log().splitlines() if f"less than {words}" in line)
