"""Whoever is not logged in is told so everywhere, with the command that mends it; and a login that comes is noticed."""
import json
import os
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness import ROOT, anthropic_error, eventually, openai_error

pytestmark = pytest.mark.core

IS_ROOT = os.geteuid() == 0
# Root may read everything unless it gives that up.
WITHOUT_POWERS = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if IS_ROOT else []


def login(expires_in_days=None, access_expires_in_hours=8):
    """A subscription's login as the CLI stores it, good for nothing."""
    oauth = {
        "accessToken": "sk-ant-oat01-" + "made-up" * 12,
        "refreshToken": "sk-ant-ort01-" + "made-up" * 12,
        "expiresAt": int((time.time() + access_expires_in_hours * 3600) * 1000),
        "scopes": ["user:inference", "user:profile"],
        "subscriptionType": "max",
    }
    if expires_in_days is not None:
        oauth["refreshTokenExpiresAt"] = int((time.time() + expires_in_days * 86400) * 1000)
    return json.dumps({"claudeAiOauth": oauth})


class Place:
    """A gateway whose CLI keeps its login in a directory of the test's, with a blank in its path."""

    def __init__(self, gateway, claude):
        self.gateway = gateway
        self.directory = gateway.folder / "my login"
        self.directory.mkdir()
        gateway.arguments += ["--claude-config-dir", str(self.directory)]
        self.file = self.directory / ".credentials.json"
        self.command = f"env 'CLAUDE_CONFIG_DIR={self.directory}' {claude} auth login"

    def put(self, text):
        fresh = self.directory / "fresh"
        fresh.write_text(text)
        fresh.chmod(0o600)
        fresh.rename(self.file)

    def check(self):
        """`portcullis check`; gives what it said, and that it was content."""
        gateway = self.gateway
        start = gateway.arguments.index("serve")
        arguments = [*gateway.arguments[:start], "check", *gateway.arguments[start + 1 :]]
        environment = {**gateway.env, "SELF_TEST": "off"}
        done = subprocess.run(arguments, env=environment, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0 and "configuration OK" in done.stdout, done.stdout + done.stderr
        return done.stderr

    def becomes(self, word, within=20):
        """Waits for the login's state; gives the problem's text, or None."""
        eventually(lambda: self.gateway.health()["login"] == word, f"the login is {word}", within=within)
        texts = [each["text"] for each in self.gateway.health()["problems"] if each["about"] == "login"]
        assert len(texts) == (word not in ("ok", "unknown"))
        return texts[0] if texts else None


@pytest.fixture
def place(make_gateway, upstream, claude):
    return Place(make_gateway(cli_env={"ANTHROPIC_BASE_URL": upstream.url}), claude)


def levels(gateway, text):
    """The levels of the log lines that hold the text."""
    lines = [line for line in gateway.log().splitlines() if text in line]
    return [word.partition("=")[2] for line in lines for word in line.split() if word.startswith("level=")]


def test_no_login_is_told_everywhere_until_there_is_one(place):
    assert f"warning: the CLI is not logged in: run `{place.command}`" in place.check()
    gateway = place.gateway.ready()
    told = place.becomes("missing")
    assert place.command in told and "CLAUDE_CODE_OAUTH_TOKEN (made by `claude setup-token`)" in told
    assert levels(gateway, "the CLI is not logged in") == ["warning"]
    ways = [("messages", False), ("messages", True), ("chat", True), ("responses", False)]
    with ThreadPoolExecutor(len(ways)) as pool:
        responses = list(pool.map(lambda way: gateway.ask(way[0], "Hello", stream=way[1]), ways))
    for (dialect, _), response in zip(ways, responses, strict=True):
        error = anthropic_error if dialect == "messages" else openai_error
        assert place.command in error(response, 503)["message"]
        assert response.headers["x-should-retry"] == "false"
    place.put(login())
    assert place.becomes("ok", within=10) is None
    eventually(lambda: "no longer so: the CLI is not logged in" in gateway.log(), "the log says that it is over")
    assert "warning" not in place.check()


def test_a_credential_that_a_reload_brings_is_a_login(place, cli_env):
    gateway = place.gateway.ready()
    place.becomes("missing")
    gateway.private_file("cli.env", "".join(f"{name}={value}\n" for name, value in cli_env.items()))
    gateway.signal(signal.SIGHUP)
    assert place.becomes("ok", within=10) is None
    assert gateway.ask_message("say:hello").json()["content"][0]["text"] == "hello"


def test_the_end_of_a_login_is_told_a_week_before(place):
    place.put(login(expires_in_days=3))
    end = json.loads(place.file.read_text())["claudeAiOauth"]["refreshTokenExpiresAt"] / 1000
    day = time.strftime("%Y-%m-%d", time.gmtime(end))
    place.gateway.ready()
    told = place.becomes("expires")
    assert told.startswith(f"the CLI's login expires on {day}: run `{place.command}`")
    assert told in place.check()
    place.put(login(expires_in_days=-1))
    assert "the CLI's login has expired on " in (place.becomes("expired", within=10) or "")
    place.put(login(expires_in_days=20))
    place.becomes("ok", within=10)


def test_a_look_spends_nothing_of_the_login(place):
    """Left alone, `claude auth status` would renew the access token, and with it the refresh token."""
    text = login(access_expires_in_hours=-1)
    place.put(text)
    assert "warning" not in place.check()
    place.gateway.ready()
    assert place.becomes("ok") is None
    assert place.file.read_text() == text


def test_a_login_file_of_somebody_else_is_named_with_its_owner(place):
    place.put(login())
    if IS_ROOT:
        os.chown(place.file, 65534, 65534)
    else:
        place.file.chmod(0)
    place.gateway.arguments[:0] = WITHOUT_POWERS
    owner = "nobody" if IS_ROOT else subprocess.run(["id", "-un"], capture_output=True, text=True).stdout.strip()
    name = f"'{place.file}' belongs to {owner} and "
    assert name in place.check()
    gateway = place.gateway.ready()
    assert name in place.becomes("unreadable")
    remedy = "let CLAUDE_CONFIG_DIR name a directory" if IS_ROOT else "run `chmod u+rwX"
    assert remedy in anthropic_error(gateway.ask_message("Hello"), 503)["message"]
    if IS_ROOT:
        os.chown(place.file, 0, 0)
    else:
        place.file.chmod(0o600)
    place.becomes("ok", within=10)


@pytest.mark.parametrize(
    ("variable", "value", "remedy"),
    [
        ("ANTHROPIC_API_KEY", "sk-ant-oat01-hush", "name it CLAUDE_CODE_OAUTH_TOKEN"),
        ("CLAUDE_CODE_OAUTH_TOKEN", "sk-ant-api03-hush", "name it ANTHROPIC_API_KEY"),
    ],
)
def test_a_credential_of_another_kind_is_told(make_gateway, standin, variable, value, remedy):
    gateway = make_gateway(cli=standin, cli_env={variable: value})
    with gateway:
        eventually(lambda: gateway.health()["login"] == "wrong", "the login is wrong")
        assert gateway.health()["problems"][0]["text"].endswith(": " + remedy)
        assert "hush" not in gateway.log()


def test_a_misspelt_credential_is_told_with_its_true_name(make_gateway, standin):
    gateway = make_gateway(cli=standin, cli_env={"ANTHROPIC_APIKEY": "hush"})
    with gateway:
        assert levels(gateway, "ANTHROPIC_API_KEY is meant?") == ["warning"]
        assert "hush" not in gateway.log()


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_a_credential_that_the_vendor_refuses_is_told_until_it_is_taken(own_gateway, nonce, stream):
    eventually(lambda: own_gateway.health()["login"] == "ok", "the login is taken as it is")
    error = anthropic_error(own_gateway.ask_message(f"{nonce}\nstatus:401", stream=stream), 503)
    assert "renew CLAUDE_CODE_OAUTH_TOKEN in CLI_ENV_FILE with `claude setup-token`" in error["message"]
    eventually(lambda: own_gateway.health()["login"] == "refused", "the refusal is known", within=10)
    assert own_gateway.health()["problems"][0]["about"] == "login"
    assert own_gateway.ask_message("say:hello", stream=stream).status_code == 200
    eventually(lambda: own_gateway.health()["login"] == "ok", "the answer is known", within=10)


def test_a_program_that_tells_nothing_of_logins_raises_no_alarm(make_gateway, standin):
    place = Place(make_gateway(cli=standin, cli_env={}), standin)
    assert "warning" not in place.check()
    place.gateway.ready()
    assert place.gateway.ask_message("Hello").status_code == 200
    assert place.becomes("unknown") is None
    assert "warning" not in levels(place.gateway, "login")


def test_nothing_names_the_command_that_is_gone():
    files = subprocess.run(["git", "-C", ROOT, "ls-files", "-z"], capture_output=True, text=True).stdout.split("\0")
    for name in files:
        if name and not name.endswith(("test_login.py", ".ndjson", ".json")) and (ROOT / name).is_file():
            assert b"claude login`" not in (ROOT / name).read_bytes(), name
