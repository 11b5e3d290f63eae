"""The CLI's credential stays in the gateway: a child has a token that is good at one port, as long as the child lives."""
import json
import signal
import socket
import ssl
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest

from harness import DIALECTS, environment, eventually, free_port, make_certificate, message_events
from test_metrics import values
from test_walls import ALLOWED, DENIED, Probes, allowed, left_open, probe  # noqa: F401
from upstream import Upstream

pytestmark = pytest.mark.core

SECRET, OTHER = "the-operators-own-credential-0123456789", "another-credential-of-the-operator-0123"
RELAYED = {"CREDENTIAL_RELAY": "true"}


@pytest.fixture
def logins(upstream):
    upstream.logins = {SECRET: None, OTHER: None}
    yield upstream.logins
    upstream.logins = {}


@pytest.fixture
def make(make_gateway, upstream, logins):
    """Makes gateways that relay."""

    def made(name="ANTHROPIC_API_KEY", env=None, cli_env=None, **options):
        variables = {"ANTHROPIC_BASE_URL": upstream.url, name: SECRET, **(cli_env or {})}
        return make_gateway(cli_env=variables, env={**RELAYED, **(env or {})}, **options)

    return made


def told(pid):
    """What a child was told, by its environment."""
    pairs = (pair.partition(b"=") for pair in environment(pid).split(b"\0"))
    return {name.decode(): value.decode() for name, _, value in pairs if name}


def relay_of(gateway):
    """(port, token) of the first child that has one."""
    for pid in gateway.children():
        given = told(pid)
        token = given.get("ANTHROPIC_API_KEY") or given.get("ANTHROPIC_AUTH_TOKEN")
        if token and "ANTHROPIC_BASE_URL" in given:
            return int(given["ANTHROPIC_BASE_URL"].split(":")[2].split("/")[0]), token
    return None


def ask_relay(port, token, path="/v1/nothing", body=b"{}"):
    """What the relay answers to a request of our own, or nothing."""
    with socket.create_connection(("127.0.0.1", port), 10) as link:
        head = f"POST {path} HTTP/1.1\r\nhost: x\r\nx-api-key: {token}\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
        link.sendall(head.encode() + body)
        data = b""
        try:
            while piece := link.recv(65536):
                data += piece
        except ConnectionError:
            pass
        return data


@pytest.mark.parametrize("name", ["ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"])
def test_a_child_holds_a_token_and_the_vendor_gets_the_credential(make, upstream, nonce, name):
    # The vendor of these tests takes every bearer for an OAuth login's.
    gateway = make(name, cli_env={"ANTHROPIC_BETAS": "oauth-2025-04-20"} if name == "ANTHROPIC_AUTH_TOKEN" else {}).ready()
    assert gateway.health()["credential_relay"] == "on"
    with gateway.streaming(f"{nonce}\nslow:100:20", until="content_block_delta"):
        port, token = eventually(lambda: relay_of(gateway), "a child was given a token")
        assert token.startswith("portcullis-child-") and port != int(upstream.url.rsplit(":", 1)[1])
        for pid in gateway.children():
            assert SECRET.encode() not in environment(pid)
    assert upstream.only_turn(nonce).login == SECRET
    for dialect in DIALECTS:
        response = gateway.ask(dialect, f"{nonce}{dialect}")
        assert response.status_code == 200 and "Hello from upstream" in response.text, response.text
        assert upstream.only_turn(nonce + dialect).login == SECRET
    assert SECRET not in gateway.log() and token not in gateway.log()


def test_a_child_reaches_the_relay_and_nothing_else(portcullis, probe, tmp_path):  # noqa: F811
    with Probes(portcullis, probe, tmp_path, "prefer", **RELAYED) as probes:
        pid = int((probes.home(1) / "pid").read_text())
        given = told(pid)
        assert given["ANTHROPIC_API_KEY"].startswith("portcullis-child-")
        port = int(given["ANTHROPIC_BASE_URL"].rsplit(":", 1)[1])
        results = probes.attempt(DENIED + ALLOWED + [("relay", "tcp", str(port))])
        opened = left_open(probes.gateway)
    open_to_it = {name for name, *_ in ALLOWED} - {"vendor", "datagrams"} | {"relay"}
    assert allowed(results) == open_to_it | opened | ({"vendor"} if "other-port" in opened else set()), results


def test_the_relay_knows_living_children_alone(make, upstream, nonce):
    gateway = make(env={"REUSE_PROCESSES": "off"}).ready()
    before = len(upstream.recorded())
    with gateway.streaming(f"{nonce}\nslow:100:20", until="content_block_delta") as rest:
        port, token = eventually(lambda: relay_of(gateway), "a child was given a token")
        answer = ask_relay(port, "portcullis-child-" + "0" * 64)
        assert answer.startswith(b"HTTP/1.1 403 ") and json.loads(answer.partition(b"\r\n\r\n")[2])["type"] == "error"
        assert ask_relay(port, SECRET).startswith(b"HTTP/1.1 403 ")
        asked = len(upstream.recorded())
        assert ask_relay(port, token).startswith(b"HTTP/1.1 404 ")
        assert len(upstream.recorded()) == asked + 1
        "".join(rest)
    eventually(lambda: ask_relay(port, token).startswith(b"HTTP/1.1 403 "), "the token has ended with its process")
    assert {each.login for each in upstream.recorded()[before:]} == {SECRET}


def test_what_is_not_the_logins_path_is_refused(make_gateway, upstream, logins):
    cli_env = {"ANTHROPIC_BASE_URL": upstream.url + "/team/a", "ANTHROPIC_API_KEY": SECRET}
    gateway = make_gateway(cli_env=cli_env, env={**RELAYED, "WARM_PROCESSES": "1", "LOOPS": "1"}).ready()
    gateway.ask_message("Hello")
    port, token = eventually(lambda: relay_of(gateway), "a child was given a token")
    assert any(each.path.startswith("/team/a/v1/messages") and each.login == SECRET for each in upstream.recorded())
    for path in ("/v1/files", "/team/ab", "/team/a/../b", "/team/a/%2E%2e/b"):
        assert ask_relay(port, token, path).startswith(b"HTTP/1.1 403 "), path
    assert ask_relay(port, token, "/team/a/v1/x").startswith(b"HTTP/1.1 404 ")


def test_deltas_come_one_by_one(make):
    gateway = make().ready()
    with gateway.streaming("slow:200:10", until="content_block_delta") as chunks:
        times = [time.monotonic() for chunk in chunks if "text_delta" in chunk]
    assert len(times) >= 6 and times[-1] - times[0] > 0.8


FAILURES = ["status:429", "status:529", "status:401", "status:400", "status:500", "midstream-error", "too-long", "drop"]


def test_answers_are_those_without_a_relay(make, make_gateway, upstream, logins, nonce):
    direct = {"ANTHROPIC_BASE_URL": upstream.url, "ANTHROPIC_API_KEY": SECRET}

    def answer(gateway, text, stream):
        response = gateway.ask_message(f"{nonce}\n{text}", stream=stream)
        if text == "drop":
            # Where it breaks off, status and words depend on how much of it the CLI has seen by then.
            assert response.status_code == 502 or message_events(response.text)[-1]["type"] == "error"
            return None
        if stream and response.status_code == 200:
            told = [each["type"] for each in message_events(response.text) if each["type"] != "ping"]
        else:
            told = response.json().get("error")
        return response.status_code, told, response.headers.get("x-should-retry")

    def answers(gateway):
        asked = [(text, stream) for text in FAILURES for stream in (False, True)]
        with ThreadPoolExecutor(max_workers=4) as pool:
            found = dict(zip(asked, pool.map(lambda each: answer(gateway, *each), asked)))
        # Last, since the account is then known to be used up.
        return found | {"limit": answer(gateway, "limit:7200", False)}

    assert answers(make().ready()) == answers(make_gateway(cli_env=direct).ready())


def certificates(folder):
    """An upstream's certificate for `localhost` and its authority."""
    make_certificate(folder)
    return folder / "chain.pem", folder / "key.pem", folder / "ca.pem"


@pytest.fixture
def encrypted(upstream, logins, tmp_path):
    """(address, authority) of an upstream behind TLS."""
    chain, key, authority = certificates(tmp_path / "vendor")
    with Upstream() as server:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(chain, key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        server.logins = logins
        yield server, f"https://localhost:{server.server_address[1]}", authority


def test_the_vendor_is_asked_over_tls_and_must_be_who_it_says(make_gateway, encrypted, nonce):
    server, address, authority = encrypted
    base = {"ANTHROPIC_API_KEY": SECRET, "ANTHROPIC_BASE_URL": address}
    gateway = make_gateway(cli_env={**base, "NODE_EXTRA_CA_CERTS": str(authority)}, env=RELAYED).ready()
    for number in range(3):
        assert gateway.ask_message(f"{nonce}{number}\nlong:2000", stream=number == 1).status_code == 200
        assert server.only_turn(f"{nonce}{number}").login == SECRET
    # Nobody whom it trusts has signed for it, or it is for another name.
    for variables, reason in [
        (base, "certificate"),
        ({**base, "NODE_EXTRA_CA_CERTS": str(authority), "ANTHROPIC_BASE_URL": address.replace("localhost", "127.1")}, "mismatch"),
    ]:
        gateway = make_gateway(cli_env=variables, env=RELAYED).ready()
        assert gateway.ask_message(f"{nonce}never").status_code == 502
        line = next(line for line in gateway.log().splitlines() if "the relay cannot ask the vendor" in line)
        assert reason in line, line
    assert not server.turns(f"{nonce}never")


@pytest.mark.parametrize("how", ["refused", "reset", "silent-close"])
def test_trouble_on_the_way_is_told_as_without_a_relay(make, make_gateway, how):
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{server.getsockname()[1]}"
        if how != "refused":
            server.listen(16)
            linger = {"reset": b"\1\0\0\0\0\0\0\0", "silent-close": b"\0" * 8}[how]
            end_each_connection(server, linger)
        variables = {"ANTHROPIC_BASE_URL": address, "ANTHROPIC_API_KEY": SECRET}
        found = []
        for relayed in (True, False):
            gateway = make_gateway(cli_env=variables, env=RELAYED if relayed else {}).ready()
            response = gateway.ask_message("Hello")
            found.append((response.status_code, response.json()["error"]))
            if relayed and how == "refused":
                assert f"the relay cannot ask the vendor: {address[7:]}: connect: Connection refused" in gateway.log()
        assert found[0] == found[1] and found[0][0] == 502


def end_each_connection(server, linger):
    """Ends each connection when its request has come."""
    def serve():
        while True:
            try:
                link, _ = server.accept()
            except OSError:
                return
            with link:
                link.recv(65536)
                link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)

    threading.Thread(target=serve, daemon=True).start()


def test_a_client_that_leaves_ends_the_request_upstream(make, upstream, nonce):
    gateway = make().ready()
    with gateway.streaming(f"{nonce}\nslow:100:200", until="content_block_delta"):
        pass
    eventually(lambda: upstream.only_turn(nonce).outcome == "abandoned", "the vendor's work has ended")


def test_kept_processes_go_on_and_a_reload_brings_another_credential(make, upstream, nonce):
    gateway = make().ready()
    history = []
    for number in range(3):
        history.append({"role": "user", "content": f"{nonce}{number}"})
        answer = gateway.post("/v1/messages", {"model": "sonnet", "max_tokens": 1024, "messages": history}).json()
        history.append({"role": "assistant", "content": answer["content"]})
    port = relay_of(gateway)[0]
    file = gateway.folder / "cli.env"
    file.write_text(file.read_text().replace(SECRET, OTHER))
    gateway.signal(signal.SIGHUP)
    eventually(lambda: "msg=reloaded" in gateway.log(), "the credential is read anew")
    assert gateway.ask_message(f"{nonce}after").status_code == 200
    assert upstream.only_turn(nonce + "after").login == OTHER
    assert relay_of(gateway)[0] == port


def test_each_account_has_its_own_credential(make, upstream, nonce, tmp_path):
    path = tmp_path / "spare.env"
    path.write_text(f"ANTHROPIC_API_KEY={OTHER}\nANTHROPIC_BASE_URL={upstream.url}\n")
    path.chmod(0o600)
    gateway = make(env={"ACCOUNTS": f"spare={path}", "ACCOUNT": "default,spare"})
    upstream.logins[SECRET] = "refused"
    keys = (gateway.folder / "api-keys").read_text().splitlines()
    gateway.private_file("api-keys", f"{keys[0]}\n{keys[1]} account=spare\n")
    gateway.ready()
    response = gateway.post("/v1/messages", {
        "model": "sonnet", "max_tokens": 99, "messages": [{"role": "user", "content": nonce}]}, {"x-api-key": gateway.keys[1]})
    assert response.status_code == 200 and upstream.only_turn(nonce).login == OTHER


@pytest.mark.parametrize(("variables", "reason"), [
    ({"CLAUDE_CODE_OAUTH_TOKEN": SECRET}, "account default: it is an OAuth login"),
    ({}, "account default: it is an OAuth login"),
    ({"CLAUDE_CODE_USE_BEDROCK": "1"}, "CLAUDE_CODE_USE_BEDROCK: the CLI signs requests"),
    ({"ANTHROPIC_API_KEY": SECRET, "HTTPS_PROXY": "http://127.0.0.1:1"}, "HTTPS_PROXY: the relay asks the vendor without"),
    ({"ANTHROPIC_API_KEY": SECRET, "ANTHROPIC_CUSTOM_HEADERS": "Authorization: x"}, "the relay sets authorization itself"),
    ({"ANTHROPIC_API_KEY": SECRET, "ANTHROPIC_BASE_URL": "ftp://x"}, "ANTHROPIC_BASE_URL is not http"),
    ({"ANTHROPIC_API_KEY": SECRET, "NODE_EXTRA_CA_CERTS": "/nonexistent/ca.pem"}, "/nonexistent/ca.pem: does not exist"),
])
def test_a_login_that_cannot_be_relayed_stops_the_start_with_one_line(make_gateway, variables, reason):
    gateway = make_gateway(cli_env=variables, env=RELAYED)
    gateway.start()
    assert gateway.process.wait(20) == 78
    lines = [line for line in gateway.log().splitlines() if "CREDENTIAL_RELAY" in line]
    assert len(lines) == 1 and reason in lines[0] and SECRET not in gateway.log()


def test_the_self_test_runs_within_the_same_walls_and_what_happens_is_counted(make, nonce):
    port = free_port()
    gateway = make(env={"SELF_TEST": "always", "METRICS_LISTEN": f"127.0.0.1:{port}"}).ready()
    assert gateway.health()["self_test"] == "passed" and gateway.health()["degraded"] == []
    assert gateway.ask_message(nonce).status_code == 200
    found = values(httpx2.get(f"http://127.0.0.1:{port}/metrics", trust_env=False).text)
    assert found['portcullis_relay_requests_total{outcome="forwarded"}'] >= 1
