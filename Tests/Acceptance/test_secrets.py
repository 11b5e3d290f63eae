"""No key, no login and no word of a prompt in logs, arguments, state files or the child's environment."""
import contextlib
import os

import pytest

from conftest import FAKE_LOGIN
from harness import command_line, environment, eventually

OPERATORS = {
    "AWS_SECRET_ACCESS_KEY": "operators-aws-secret",
    "GITHUB_TOKEN": "operators-github-token",
    "ANTHROPIC_API_KEY": "operators-other-login",
    "NODE_OPTIONS": "--no-warnings",
    "CLAUDECODE": "operators-session",
}


@pytest.fixture
def own_gateway(make_gateway):
    return make_gateway(env={**OPERATORS, "LOG_LEVEL": "debug"}).ready()


@contextlib.contextmanager
def turn_in_progress(gateway, upstream, nonce):
    with gateway.streaming(f"{nonce} prompt\nslow:100:600", until="tick", system=f"{nonce} system"):
        children = gateway.children()
        assert children, "a turn in progress has a child"
        yield children


def variables_of(pid):
    return dict(entry.split(b"=", 1) for entry in environment(pid).split(b"\0") if b"=" in entry)


@pytest.mark.core
def test_nothing_of_a_prompt_is_in_any_argument(own_gateway, upstream, nonce):
    with turn_in_progress(own_gateway, upstream, nonce) as children:
        for pid in children:
            arguments = command_line(pid)
            assert arguments, "the child runs"
            for secret in (nonce, own_gateway.key, FAKE_LOGIN):
                assert secret.encode() not in arguments


@pytest.mark.core
def test_the_environment_of_the_child_is_built_from_nothing(own_gateway, upstream, nonce):
    with turn_in_progress(own_gateway, upstream, nonce) as children:
        for pid in children:
            variables = variables_of(pid)
            assert variables[b"ANTHROPIC_BASE_URL"] == upstream.url.encode()
            assert variables[b"CLAUDE_CODE_OAUTH_TOKEN"] == FAKE_LOGIN.encode()
            for name, value in OPERATORS.items():
                assert name.encode() not in variables, name
                assert value.encode() not in variables.values(), name
            assert own_gateway.key.encode() not in environment(pid) and nonce.encode() not in environment(pid)


def test_the_child_has_a_private_configuration_and_a_group_of_its_own(own_gateway, upstream, nonce):
    with turn_in_progress(own_gateway, upstream, nonce) as children:
        for pid in children:
            variables = variables_of(pid)
            private = variables[b"CLAUDE_CONFIG_DIR"].decode()
            assert os.stat(private).st_mode & 0o077 == 0
            assert own_gateway.env["HOME"] not in private
            assert os.getpgid(pid) != os.getpgid(own_gateway.process.pid)


@pytest.mark.core
def test_logs_and_state_hold_no_secret(own_gateway, nonce):
    wrong = "cgw_wrongkey_" + nonce
    own_gateway.ask_message(f"say:{nonce} answer", system=f"{nonce} system").raise_for_status()
    own_gateway.ask_chat(f"say:{nonce} answer", stream=True).raise_for_status()
    own_gateway.ask_message(f"{nonce}\nstatus:500")
    own_gateway.ask_message(f"{nonce} prompt", model="gpt-4o")
    own_gateway.post("/v1/messages", {"model": "sonnet", "messages": nonce})
    assert own_gateway.post("/v1/messages", {}, headers={"x-api-key": wrong}).status_code == 401
    eventually(lambda: own_gateway.health()["running_turns"] == 0, "all is done")
    own_gateway.stop()
    places = [own_gateway.log_path, *(own_gateway.folder / "state").rglob("*")]
    for path in places:
        if path.is_file():
            content = path.read_bytes()
            for secret in (own_gateway.key, own_gateway.keys[1], FAKE_LOGIN, nonce, wrong):
                assert secret.encode() not in content, f"{path.name} holds {secret!r}"


def test_each_request_has_one_line_in_the_log(own_gateway):
    response = own_gateway.ask_message("usage:1000:200:34")
    request_id = response.headers["request-id"]
    line = eventually(
        lambda: next((each for each in own_gateway.log().splitlines() if request_id in each), None),
        "the request is in the log",
    )
    for part in ("path=/messages", "status=200", "model=sonnet", "key=user0", "input_tokens=1234"):
        assert part in line
    assert own_gateway.log().count(request_id) == 1
