"""Processes with a life time, conditions with a deadline, and what /proc tells about them."""
import contextlib
import datetime
import errno
import functools
import hashlib
import itertools
import json
import os
import pathlib
import random
import re
import signal
import socket
import ssl
import subprocess
import time

import anthropic
import httpx2
import openai
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
HELLO = [{"role": "user", "content": "Hello"}]


def eventually(condition, what, within=10.0):
    """The first true value of condition(), asked again and again until the deadline."""
    deadline = time.monotonic() + within
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"not within {within} s: {what}"
        time.sleep(0.02)


class Ports:
    """Ports below those that the kernel gives to clients, from a block that no other process of tests has."""

    FIRST, SIZE, COUNT = 10_000, 100, 100

    def __init__(self):
        self.lock, first = self.take_block()
        self.numbers = itertools.cycle(range(first, first + self.SIZE))

    def take_block(self):
        """A name that can be bound once is the lock; it falls with the process."""
        for block in random.sample(range(self.COUNT), self.COUNT):
            lock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            try:
                lock.bind(f"\0portcullis-tests-{block}")
                return lock, self.FIRST + block * self.SIZE
            except OSError:
                lock.close()
        raise OSError("every block of ports is taken")

    def free(self, address):
        return next(number for number in itertools.islice(self.numbers, self.SIZE) if can_bind(address, number))


def can_bind(address, number):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, number))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            return False
    return True


PORTS = Ports()


def free_port(address="127.0.0.1"):
    return PORTS.free(address)


def make_certificate(folder):
    subprocess.run([ROOT / "certs/make-dev-certificate", folder], check=True)


def user(text):
    return [{"role": "user", "content": text}]


class SelfTests:
    """What self-tests came to, by the CLI's path, for all processes of one run of tests.

    Every gateway has a state of its own, and would else start a dozen processes to try its CLI anew.
    """

    def file(self, cli):
        return pathlib.Path(os.environ["PORTCULLIS_TEST_RUN"], hashlib.sha256(cli.encode()).hexdigest())

    def recall(self, cli):
        with contextlib.suppress(FileNotFoundError):
            return self.file(cli).read_text()
        return None

    def keep(self, cli, text):
        fresh = self.file(cli).with_suffix(f".{os.getpid()}")
        fresh.write_text(text)
        fresh.rename(self.file(cli))


SELF_TESTS = SelfTests()


def is_script(program):
    """A script in the CLI's place notes in the folder of its test what it is asked, which walls would keep it from."""
    try:
        with open(program, "rb") as file:
            return file.read(2) == b"#!"
    except OSError:
        return False


@functools.cache
def libraries_elsewhere(program):
    """Where a program built for tests has libraries that no installed one needs: children must be let there by name."""
    listed = subprocess.run(["ldd", program], capture_output=True, text=True, check=False).stdout
    return next((str(pathlib.Path(path).parent) for path in re.findall(r"=> (/\S*/swift/linux/\S+)", listed)), None)


class Gateway:
    """One running `portcullis serve` with its own keys, state and log."""

    def __init__(self, binary, folder, keys, cli, cli_env=None, flags=(), env=None, listen=None, tls=True):
        self.folder = folder
        self.keys = keys
        self.cli = str(cli)
        self.tls = tls
        self.listen = listen or [f"127.0.0.1:{free_port()}"]
        self.port = None if self.listen[0].startswith("unix:") else int(self.listen[0].rsplit(":", 1)[1])
        self.url = f"{'https' if tls else 'http'}://localhost:{self.port}"
        self.log_path = folder / "log"
        self.arguments = [str(binary), "serve"]
        for address in self.listen:
            self.arguments += ["--listen", address]
        if tls:
            if not (folder / "tls").exists():
                make_certificate(folder / "tls")
            self.arguments += ["--tls-certificate", str(folder / "tls/chain.pem")]
            self.arguments += ["--tls-key", str(folder / "tls/key.pem")]
        else:
            self.arguments += ["--plaintext"]
        key_lines = "".join(f"user{number}:{key}\n" for number, key in enumerate(keys))
        self.arguments += ["--api-keys-file", self.private_file("api-keys", key_lines)]
        self.arguments += ["--claude-path", str(cli), "--state-dir", str(folder / "state")]
        if cli_env is not None:
            lines = "".join(f"{name}={value}\n" for name, value in cli_env.items())
            self.arguments += ["--cli-env-file", self.private_file("cli.env", lines)]
        self.arguments += [str(flag) for flag in flags]
        (folder / "home").mkdir(exist_ok=True)
        (folder / "state").mkdir(exist_ok=True)
        # Without processes that wait for a first turn: most tests would pay for one and never use it. Wrong keys of many
        # tests come from one address.
        self.env = {
            "PATH": os.environ["PATH"], "HOME": str(folder / "home"), "LANG": "C.UTF-8", "WARM_PROCESSES": "0",
            "FAILED_KEYS_PER_ADDRESS": "0",
        }
        if is_script(self.cli):
            self.env["SANDBOX"] = "off"
        elif libraries := libraries_elsewhere(self.cli):
            self.env["SANDBOX_PATHS"] = libraries
        self.env |= env or {}
        self.process = None

    @property
    def key(self):
        return self.keys[0]

    @property
    def ca(self):
        return self.folder / "tls/ca.pem"

    def private_file(self, name, text):
        path = self.folder / name
        path.write_text(text)
        path.chmod(0o600)
        return str(path)

    def start(self):
        self.recall_self_test()
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                self.arguments, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.env, cwd=self.folder
            )
        return self

    def ready(self, within=90):
        self.start()
        eventually(self.answers_or_died, "the gateway answers /health", within=within)
        assert self.process.poll() is None, f"the gateway did not start:\n{self.log()}"
        if self.self_test_file.exists():
            SELF_TESTS.keep(self.cli, self.self_test_file.read_text())
        return self

    @property
    def self_test_file(self):
        return self.folder / "state/self-test.json"

    def recall_self_test(self):
        known = SELF_TESTS.recall(self.cli)
        if known is not None and not self.self_test_file.exists():
            self.private_file("state/self-test.json", known)

    def answers_or_died(self):
        if self.process.poll() is not None:
            return True
        try:
            return self.health()["status"] == "ok"
        except httpx2.TransportError:
            return False

    def health(self):
        with self.http() as http:
            return http.get("/health").json()

    def log(self):
        return self.log_path.read_text(errors="replace")

    def signal(self, number):
        os.kill(self.process.pid, number)

    def stop(self, within=15.0):
        """Ends it if it still runs; returns its exit status."""
        if self.process is None:
            return None
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
            try:
                self.process.wait(within)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise
        return self.process.returncode

    def __enter__(self):
        try:
            return self.ready()
        except BaseException:
            self.stop()
            raise

    def __exit__(self, *failure):
        self.stop()

    def children(self):
        return descendants(self.process.pid)

    # Clients

    def verify(self):
        return ssl.create_default_context(cafile=str(self.ca)) if self.tls else True

    def http(self, **options):
        options.setdefault("timeout", 60)
        return httpx2.Client(base_url=self.url, verify=self.verify(), trust_env=False, **options)

    def anthropic(self, http2=False, key=None, **options):
        options.setdefault("max_retries", 0)
        http = httpx2.Client(verify=self.verify(), http2=http2, trust_env=False, timeout=60)
        return anthropic.Anthropic(base_url=self.url, api_key=key or self.key, http_client=http, **options)

    def openai(self, http2=False, key=None, **options):
        options.setdefault("max_retries", 0)
        http = httpx2.Client(verify=self.verify(), http2=http2, trust_env=False, timeout=60)
        return openai.OpenAI(base_url=self.url + "/v1", api_key=key or self.key, http_client=http, **options)

    def async_anthropic(self, http2=False):
        http = httpx2.AsyncClient(verify=self.verify(), http2=http2, trust_env=False, timeout=60)
        return anthropic.AsyncAnthropic(base_url=self.url, api_key=self.key, http_client=http, max_retries=0)

    def async_openai(self, http2=False):
        http = httpx2.AsyncClient(verify=self.verify(), http2=http2, trust_env=False, timeout=60)
        return openai.AsyncOpenAI(base_url=self.url + "/v1", api_key=self.key, http_client=http, max_retries=0)

    def post(self, path, body, headers=None, **options):
        """One raw request with the key; returns the whole response."""
        with self.http() as http:
            return http.post(path, json=body, headers={"x-api-key": self.key, **(headers or {})}, **options)

    @contextlib.contextmanager
    def streaming(self, text, until="", http2=False, **fields):
        """A Messages stream that has come as far as `until` and ends with the block; gives what comes after."""
        body = message_body(text, stream=True, **fields)
        with self.http(http2=http2) as http, http.stream(
            "POST", "/v1/messages", json=body, headers={"x-api-key": self.key}
        ) as response:
            chunks = response.iter_text()
            assert any(until in chunk for chunk in chunks), f"{response.status_code} without {until!r}"
            yield chunks

    def ask(self, dialect, text, model="sonnet", **fields):
        return self.post(DIALECTS[dialect], request_body(dialect, text, model, **fields))

    def ask_message(self, text, model="sonnet", **fields):
        return self.post("/v1/messages", message_body(text, model, **fields))

    def ask_chat(self, text, model="sonnet", **fields):
        return self.post("/v1/chat/completions", chat_body(text, model, **fields))


DIALECTS = {"messages": "/v1/messages", "chat": "/v1/chat/completions", "responses": "/v1/responses"}


def request_body(dialect, text, model="sonnet", **fields):
    if dialect == "responses":
        return {"model": model, "input": text, "store": False, **fields}
    return (message_body if dialect == "messages" else chat_body)(text, model, **fields)


def message_body(text, model="sonnet", **fields):
    return {"model": model, "max_tokens": 1024, "messages": user(text), **fields}


def chat_body(text, model="sonnet", **fields):
    return {"model": model, "messages": user(text), **fields}


# Server-sent events


def events(text):
    """(event name or None, data) of every event; comments are left out."""
    found = []
    for block in text.replace("\r\n", "\n").split("\n\n"):
        name, data = None, []
        for line in block.split("\n"):
            field, _, value = line.partition(":")
            if field == "event":
                name = value.strip()
            elif field == "data":
                data.append(value.removeprefix(" "))
        if data:
            found.append((name, "\n".join(data)))
    return found


def message_events(text):
    """The events of a Messages stream as objects; each must be named like its type."""
    found = []
    for name, data in events(text):
        value = json.loads(data)
        assert name == value["type"]
        found.append(value)
    return found


def chat_chunks(text):
    """The chunks of a chat completion stream; [DONE] must end it."""
    found = [data for _, data in events(text)]
    assert found and found[-1] == "[DONE]", f"the stream ends in {found[-1:]}"
    return [json.loads(data) for data in found[:-1]]


# Errors


def anthropic_error(response, status):
    """Checks that it is that refusal in the Anthropic dialect; returns the error object."""
    assert response.status_code == status, f"{response.status_code} {response.text[:300]}"
    assert response.headers["content-type"].startswith("application/json")
    body = response.json()
    assert body["type"] == "error"
    assert body["request_id"] == response.headers["request-id"]
    assert body["error"]["type"] and body["error"]["message"]
    return body["error"]


def openai_error(response, status):
    """Checks that it is that refusal in the OpenAI dialect; returns the error object."""
    assert response.status_code == status, f"{response.status_code} {response.text[:300]}"
    assert response.headers["content-type"].startswith("application/json")
    assert response.headers["x-request-id"]
    error = response.json()["error"]
    assert set(error) >= {"message", "type", "param", "code"}
    assert error["message"] and error["type"]
    return error


# Times


def seconds_until(text):
    """How far away a time of RFC 3339 is; it must be in UTC."""
    assert text.endswith("Z")
    moment = datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=datetime.timezone.utc)
    return (moment - datetime.datetime.now(datetime.timezone.utc)).total_seconds()


# Processes


def processes():
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def parent_of(pid):
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    return int(stat.rpartition(")")[2].split()[1])


def descendants(pid):
    """Every process below `pid`, dead ones that nobody collected included."""
    parents = {each: parent_of(each) for each in processes()}
    found, layer = [], [pid]
    while layer:
        layer = [each for each, parent in parents.items() if parent in layer]
        found += layer
    return found


def command_line(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def environment(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return b""


def open_files(pid):
    """How many descriptors the process has; a gateway that forbids dumps shows them to root only."""
    try:
        return len(os.listdir(f"/proc/{pid}/fd"))
    except PermissionError:
        pytest.skip("the descriptors of the gateway are shown to root only")


def memory(pid, name):
    """A figure of /proc/PID/status, in bytes."""
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith(name + ":"))
