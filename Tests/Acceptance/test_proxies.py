"""Portcullis behind another proxy, as deploy/examples shows it: each example is run as it stands, on other ports."""
import concurrent.futures
import os
import pathlib
import pwd
import re
import shutil
import socket
import ssl
import subprocess
import time

import httpx2
import pytest

from harness import ROOT, Gateway, anthropic_error, eventually, free_port, make_certificate, message_body, message_events

EXAMPLES = ROOT / "deploy/examples"
# Debian keeps servers out of the PATH of an ordinary user.
SERVERS = os.environ["PATH"] + ":/usr/sbin:/sbin"
BEHIND = ["--max-connections-per-address", "4096", "--max-unauthenticated-per-address", "4096"]
TRUSTING = ["--trusted-proxies", "127.0.0.1"]
BALANCER = "127.0.0.8"


def example(name, changes):
    """The text of an example with other places in it; each of them must be there, and the flags that it needs behind it."""
    text = (EXAMPLES / name).read_text()
    assert " ".join(TRUSTING) in text
    for old, new in changes.items():
        assert old in text, f"{name} does not hold {old!r}"
        text = text.replace(old, str(new))
    return text


def http_example(name, changes):
    text = example(name, changes)
    assert " ".join(BEHIND[:2]) in text and " ".join(BEHIND[2:]) in text
    return text


def nginx(folder, port, gateway):
    """Over the Unix socket; the others are reached over TCP."""
    server = http_example("nginx.conf", {
        "server 127.0.0.1:8080;": f"server {gateway.listen[1]};",
        "listen 443 ssl": f"listen 127.0.0.1:{port} ssl",
        "/etc/ssl/portcullis": folder / "tls",
    })
    paths = "".join(f"{each}_temp_path {folder}/{each};" for each in ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"])
    user = pwd.getpwuid(os.getuid()).pw_name
    (folder / "nginx.conf").write_text(
        f"daemon off; user {user}; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log; events {{}}\n"
        f"http {{ access_log off; {paths}\n{server}\n}}\n"
    )
    return ["nginx", "-e", folder / "error.log", "-c", folder / "nginx.conf"]


def caddy(folder, port, gateway):
    site = http_example("Caddyfile", {
        "api.example.org {": f"https://localhost:{port} {{\n\tbind 127.0.0.1",
        "127.0.0.1:8080": f"127.0.0.1:{gateway.port}",
        "/etc/ssl/portcullis": folder / "tls",
    })
    (folder / "Caddyfile").write_text("{\n\tadmin off\n\tauto_https disable_redirects\n}\n" + site)
    return ["caddy", "run", "--config", folder / "Caddyfile", "--adapter", "caddyfile"]


def haproxy(folder, port, gateway):
    (folder / "both.pem").write_text((folder / "tls/chain.pem").read_text() + (folder / "tls/key.pem").read_text())
    (folder / "haproxy.cfg").write_text(http_example("haproxy.cfg", {
        "bind :443": f"bind 127.0.0.1:{port}",
        "127.0.0.1:8080": f"127.0.0.1:{gateway.port}",
        "/etc/ssl/portcullis": folder,
    }))
    return ["haproxy", "-db", "-f", folder / "haproxy.cfg"]


def haproxy_tcp(folder, port, gateway):
    (folder / "haproxy.cfg").write_text(example("haproxy-tcp.cfg", {
        "bind :443": f"bind 127.0.0.1:{port}",
        # From an address of its own: who comes past it is a client.
        "127.0.0.1:8443 send": f"127.0.0.1:{gateway.port} source {BALANCER} send",
        "inter 5s": "inter 200ms",
    }))
    return ["haproxy", "-db", "-f", folder / "haproxy.cfg"]


class Proxy:
    """A proxy with a gateway of its own behind it, whose CLI is the stand-in."""

    def __init__(self, command, folder, gateway):
        self.gateway = gateway
        make_certificate(folder / "tls")
        port = free_port()
        self.url = f"https://localhost:{port}"
        self.verify = ssl.create_default_context(cafile=str(folder / "tls/ca.pem"))
        arguments = command(folder, port, gateway)
        arguments[0] = shutil.which(arguments[0], path=SERVERS)
        self.log = folder / "proxy.log"
        environment = {"PATH": SERVERS, "HOME": str(folder)}
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                arguments, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, cwd=folder
            )

    def http(self, http2=False):
        return httpx2.Client(base_url=self.url, verify=self.verify, http2=http2, trust_env=False, timeout=30)

    @property
    def headers(self):
        return {"x-api-key": self.gateway.key}

    def answers(self):
        assert self.process.poll() is None, self.log.read_text(errors="replace")
        try:
            with self.http() as http:
                return http.get("/health").status_code == 200
        except httpx2.TransportError:
            return False

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@pytest.fixture(scope="module", params=[nginx, caddy, haproxy], ids=lambda command: command.__name__)
def proxy(request, portcullis, standin, keys, tmp_path_factory):
    name = request.param.__name__
    if shutil.which(name, path=SERVERS) is None:
        pytest.skip(f"{name} is not installed; deploy/test installs it")
    folder = tmp_path_factory.mktemp(name)
    (folder / "gateway").mkdir()
    listen = [f"127.0.0.1:{free_port()}", f"unix:{folder}/http.sock"]
    login = {"CLAUDE_CODE_OAUTH_TOKEN": "standin"}
    with Gateway(
        portcullis, folder / "gateway", keys, standin, login, flags=BEHIND + ["--trusted-proxies", "127.0.0.1,unix"],
        listen=listen, tls=False
    ) as gateway:
        proxy = Proxy(request.param, folder, gateway)
        try:
            eventually(proxy.answers, f"{name} answers", within=20)
            yield proxy
        finally:
            proxy.stop()


both_versions = pytest.mark.parametrize("http2", [False, True], ids=["http1", "http2"])


@both_versions
def test_events_pass_as_they_come(proxy, http2):
    arrivals, early = [], 0
    body = message_body("standin:events 6 150000", stream=True)
    with proxy.http(http2) as http, http.stream("POST", "/v1/messages", json=body, headers=proxy.headers) as response:
        assert response.status_code == 200
        for text in response.iter_text():
            if "text_delta" in text:
                arrivals.append(time.monotonic())
                # The process lives until it has told its last event.
                early += bool(proxy.gateway.children())
    assert early >= 3 and arrivals[-1] - arrivals[0] > 0.3


@both_versions
def test_a_client_that_goes_within_a_stream_ends_the_process(proxy, http2):
    body = message_body("standin:events 1000 50000", stream=True)
    with proxy.http(http2) as http, http.stream("POST", "/v1/messages", json=body, headers=proxy.headers) as response:
        chunks = response.iter_text()
        assert any("text_delta" in chunk for chunk in chunks)
        assert proxy.gateway.children()
    eventually(lambda: proxy.gateway.children() == [], "no child is left", within=5)


@both_versions
def test_a_client_that_goes_before_a_whole_answer_ends_the_process(proxy, http2):
    with proxy.http(http2) as http, pytest.raises(httpx2.TimeoutException):
        http.post("/v1/messages", json=message_body("standin:delay 60000"), headers=proxy.headers, timeout=0.5)
    eventually(lambda: proxy.gateway.children() == [], "no child is left", within=5)


def test_a_large_question_passes_and_one_too_large_is_refused_by_the_gateway(proxy):
    with proxy.http() as http:
        large = message_body("standin:echo large\n" + "x" * 5_000_000)
        answer = http.post("/v1/messages", json=large, headers=proxy.headers)
        assert answer.status_code == 200 and answer.json()["content"][0]["text"] == "large"
        # Over HTTP/1.1: in HTTP/2 this client goes on waiting to send, and does not see an answer that came before.
        too_large = message_body("x" * (32 << 20))
        refused = http.post("/v1/messages", json=too_large, headers=proxy.headers)
    assert anthropic_error(refused, 413)["type"] == "request_too_large"


def test_ids_and_refusals_are_the_gateways(proxy):
    with proxy.http() as http:
        answer = http.post("/v1/messages", json=message_body("standin:echo id"), headers=proxy.headers)
        refused = http.post("/v1/messages", json=message_body("Hello"), headers={"x-api-key": "wrong"})
    anthropic_error(refused, 401)
    for response in [answer, refused]:
        # The proxy is trusted, and has told who asks.
        assert "addr=127.0.0.1 " in line_of(proxy.gateway, response)


def test_the_log_says_who_asks_whatever_they_say_themselves(proxy):
    # Another address of the loopback network is no trusted proxy.
    transport = httpx2.HTTPTransport(verify=proxy.verify, local_address="127.0.0.9")
    with httpx2.Client(base_url=proxy.url, transport=transport, trust_env=False, timeout=30) as http:
        answer = http.get("/v1/models", headers={"x-forwarded-for": "203.0.113.9", **proxy.headers})
    assert answer.status_code == 200
    assert "addr=127.0.0.9 " in line_of(proxy.gateway, answer)


def line_of(gateway, response):
    """The log's line of a request; a turn's comes when its process is done with."""
    def lines():
        return [line for line in gateway.log().splitlines() if response.headers["request-id"] in line]

    eventually(lines, "the request is logged", within=10)
    return lines()[0]


def connections(gateway):
    """Those that are open to the gateway: the other ends' ports, or for its Unix socket the inodes."""
    found = set()
    for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]:
        local, remote, state = line.split()[1:4]
        if state == "01" and int(local.split(":")[1], 16) == gateway.port:
            found.add(remote)
    for line in pathlib.Path("/proc/net/unix").read_text().splitlines()[1:]:
        words = line.split()
        if words[5] == "03" and words[-1] == gateway.listen[1].removeprefix("unix:"):
            found.add(words[6])
    return found


def test_requests_use_one_connection_to_the_gateway_again(proxy):
    with proxy.http() as http:
        http.get("/health")
        before = connections(proxy.gateway)
        for _ in range(4):
            body = message_body("standin:echo again")
            assert http.post("/v1/messages", json=body, headers=proxy.headers).status_code == 200
        assert before and connections(proxy.gateway) == before


def test_more_clients_than_one_address_is_allowed_are_served(proxy):
    body = message_body("standin:events 3 100000", stream=True)

    def ask(_):
        with proxy.http() as http:
            return http.post("/v1/messages", json=body, headers=proxy.headers)

    with concurrent.futures.ThreadPoolExecutor(24) as pool:
        answers = list(pool.map(ask, range(24)))
    for answer in answers:
        assert answer.status_code == 200 and message_events(answer.text)[-1]["type"] == "message_stop"


@both_versions
def test_a_balancer_tells_who_asks_and_leaves_tls_to_the_gateway(portcullis, standin, keys, tmp_path, http2):
    if shutil.which("haproxy", path=SERVERS) is None:
        pytest.skip("haproxy is not installed; deploy/test installs it")
    (tmp_path / "gateway").mkdir()
    login = {"CLAUDE_CODE_OAUTH_TOKEN": "standin"}
    flags = ["--trusted-proxies", BALANCER, "--proxy-protocol", "v2", "--log-level", "debug"]
    listen = [f"127.0.0.1:{free_port()}"]
    with Gateway(portcullis, tmp_path / "gateway", keys, standin, login, flags=flags, listen=listen) as gateway:
        proxy = Proxy(haproxy_tcp, tmp_path, gateway)
        # The certificate is the gateway's.
        proxy.verify = gateway.verify()
        try:
            eventually(proxy.answers, "haproxy answers", within=20)
            transport = httpx2.HTTPTransport(verify=gateway.verify(), http2=http2, local_address="127.0.0.9")
            with httpx2.Client(base_url=proxy.url, transport=transport, trust_env=False, timeout=30) as http:
                body = message_body("standin:echo who")
                told = {"x-forwarded-for": "203.0.113.9", **proxy.headers}
                answer = http.post("/v1/messages", json=body, headers=told)
                assert answer.json()["content"][0]["text"] == "who"
                assert answer.http_version == ("HTTP/2" if http2 else "HTTP/1.1")
            assert "addr=127.0.0.9 " in line_of(gateway, answer)
            assert not [line for line in gateway.log().splitlines() if "event=handshake" in line and "PROXY" in line]
            # Whoever comes past the proxy from its address must say who asks; from elsewhere nobody may.
            assert is_turned_away(gateway, BALANCER, b"\x16\x03\x01 no header")
            assert is_turned_away(gateway, "127.0.0.9", PROXY_HEADER)
            failed = [line for line in gateway.log().splitlines() if "event=handshake" in line]
            assert any(f"addr={BALANCER} " in line and "no PROXY header" in line for line in failed)
            assert any("addr=127.0.0.9 " in line and "TLS: " in line for line in failed)
            assert "203.0.113.7" not in gateway.log()
        finally:
            proxy.stop()


# Version 2, TCP over IPv4: 203.0.113.7 has connected to 127.0.0.1.
PROXY_HEADER = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c\xcb\x00\x71\x07\x7f\x00\x00\x01\x30\x39\x01\xbb"


def is_turned_away(gateway, source, sent):
    """Whether a client from that address gets no answer to what it sends, but for an alert."""
    with socket.create_connection(("127.0.0.1", gateway.port), 10, (source, 0)) as client:
        client.sendall(sent)
        try:
            return b"HTTP" not in client.recv(1000)
        except ConnectionResetError:
            return True


@pytest.mark.parametrize("name", ["nginx.conf", "Caddyfile", "haproxy.cfg", "haproxy-tcp.cfg"])
def test_no_example_waits_for_less_than_the_longest_answer(name):
    text = (EXAMPLES / name).read_text()
    timeouts = re.findall(r"(?m)^\s*(proxy_read_timeout|send_timeout|response_header_timeout|timeout (?:client|server)) +(\d+)s", text)
    assert timeouts
    default = re.search(r"`REQUEST_TIMEOUT_MS` \|[^|]*\|[^|]*\| (\d+) \|", (ROOT / "deploy/docs/settings.md").read_text())
    assert all(int(seconds) * 1000 > int(default[1]) for _, seconds in timeouts)
