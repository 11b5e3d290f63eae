"""Portcullis behind another proxy, as deploy/examples shows it: each example is run as it stands, on other ports."""
import concurrent.futures
import os
import pathlib
import pwd
import re
import shutil
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


def example(name, changes):
    """The text of an example with other places in it; each of them must be there."""
    text = (EXAMPLES / name).read_text()
    assert " ".join(BEHIND[:2]) in text and " ".join(BEHIND[2:]) in text
    for old, new in changes.items():
        assert old in text, f"{name} does not hold {old!r}"
        text = text.replace(old, str(new))
    return text


def nginx(folder, port, gateway):
    """Over the Unix socket; the others are reached over TCP."""
    server = example("nginx.conf", {
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
    site = example("Caddyfile", {
        "api.example.org {": f"https://localhost:{port} {{\n\tbind 127.0.0.1",
        "127.0.0.1:8080": f"127.0.0.1:{gateway.port}",
        "/etc/ssl/portcullis": folder / "tls",
    })
    (folder / "Caddyfile").write_text("{\n\tadmin off\n\tauto_https disable_redirects\n}\n" + site)
    return ["caddy", "run", "--config", folder / "Caddyfile", "--adapter", "caddyfile"]


def haproxy(folder, port, gateway):
    (folder / "both.pem").write_text((folder / "tls/chain.pem").read_text() + (folder / "tls/key.pem").read_text())
    (folder / "haproxy.cfg").write_text(example("haproxy.cfg", {
        "bind :443": f"bind 127.0.0.1:{port}",
        "127.0.0.1:8080": f"127.0.0.1:{gateway.port}",
        "/etc/ssl/portcullis": folder,
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
        portcullis, folder / "gateway", keys, standin, login, flags=BEHIND, listen=listen, tls=False
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
        line = next(line for line in proxy.gateway.log().splitlines() if response.headers["request-id"] in line)
        # All clients are the proxy.
        assert "addr=127.0.0.1 " in line or "addr=unix " in line


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


@pytest.mark.parametrize("name", ["nginx.conf", "Caddyfile", "haproxy.cfg"])
def test_no_example_waits_for_less_than_the_longest_answer(name):
    text = (EXAMPLES / name).read_text()
    timeouts = re.findall(r"(?m)^\s*(proxy_read_timeout|send_timeout|response_header_timeout|timeout (?:client|server)) +(\d+)s", text)
    assert timeouts
    default = re.search(r"`REQUEST_TIMEOUT_MS` \|[^|]*\|[^|]*\| (\d+) \|", (ROOT / "README.md").read_text())
    assert all(int(seconds) * 1000 > int(default[1]) for _, seconds in timeouts)
