"""Claude Code as a client by the recipe of deploy/clients.md: it sees the account's limits, and gives up where that is wise."""
import json
import os
import re
import subprocess
import time

import pytest

from harness import eventually
from upstream_answers import HOUR

pytestmark = pytest.mark.core


@pytest.fixture
def claude_code(claude, tmp_path):
    """Runs Claude Code with that gateway for its vendor; returns what it printed, as objects, and the seconds it took."""

    def run(gateway, prompt, *flags, key=None):
        home = tmp_path / "home"
        home.mkdir(exist_ok=True)
        env = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "LANG": "C.UTF-8",
            "CLAUDE_CODE_USE_GATEWAY": "1",
            "ANTHROPIC_BASE_URL": gateway.url,
            "ANTHROPIC_AUTH_TOKEN": key or gateway.key,
            "ANTHROPIC_MODEL": "sonnet",
            "NODE_EXTRA_CA_CERTS": str(gateway.ca),
        }
        arguments = [claude, "-p", "--output-format", "stream-json", "--verbose", *flags]
        began = time.monotonic()
        done = subprocess.run(
            arguments, input=prompt, env=env, cwd=tmp_path, capture_output=True, text=True, timeout=60
        )
        took = time.monotonic() - began
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        assert lines and lines[-1]["type"] == "result", done.stdout[-500:] + done.stderr[-500:]
        return lines, took

    return run


def answers(gateway, count):
    """The status of every answer to a question; there are at least so many."""

    def told():
        lines = [line for line in gateway.log().splitlines() if "event=request" in line and "path=/messages " in line]
        return [int(re.search(r" status=(\d+)", line)[1]) for line in lines] if len(lines) >= count else None

    return eventually(told, f"{count} questions are logged")


def limit_events(lines):
    return [each["rate_limit_info"] for each in lines if each["type"] == "rate_limit_event"]


def test_it_asks_and_runs_its_own_tool(claude_code, own_gateway, upstream, nonce, tmp_path):
    """Over TLS with a certificate of one's own."""
    command = json.dumps({"command": f"echo made-{nonce} > made", "description": "Write a word"})
    lines, _ = claude_code(own_gateway, f"{nonce}\ncall:Bash:{command}", "--allowedTools", "Bash")
    assert (lines[-1]["is_error"], lines[-1]["result"]) == (False, "Hello from upstream.")
    assert (tmp_path / "made").read_text() == f"made-{nonce}\n"
    assert answers(own_gateway, 2) == [200, 200] and len(upstream.turns(nonce)) == 2


def test_it_warns_of_the_accounts_limit(claude_code, own_gateway):
    """As if it were logged in to the account itself."""
    own_gateway.ask_message("account:warning-5h")
    lines, _ = claude_code(own_gateway, "account:warning-5h")
    assert lines[-1]["is_error"] is False
    told = limit_events(lines)[-1]
    assert (told["status"], told["rateLimitType"], told["utilization"]) == ("allowed_warning", "five_hour", 0.92)
    assert 0 < told["resetsAt"] - time.time() <= HOUR


@pytest.mark.parametrize("known", [False, True], ids=["met in the turn", "known before"])
def test_it_tells_a_reached_limit_once_and_asks_no_more(claude_code, own_gateway, known):
    if known:
        own_gateway.ask_message("account:rejected-5h")
    lines, took = claude_code(own_gateway, "account:rejected-5h")
    requests = 2 if known else 1
    assert answers(own_gateway, requests) == [429] * requests and took < 20
    result = lines[-1]
    assert result["is_error"] and result["result"].startswith("You've hit your 5-hour limit · resets ")
    assert [each["status"] for each in limit_events(lines)] == ["rejected"]


def test_it_sleeps_through_a_limit_that_ends_in_seconds(claude_code, own_gateway):
    own_gateway.ask_message("limit:15")
    lines, _ = claude_code(own_gateway, "say:at last")
    assert (lines[-1]["is_error"], lines[-1]["result"]) == (False, "at last")
    told = answers(own_gateway, 3)
    assert told[:2] == [429, 429] and told[-1] == 200


def test_a_wrong_key_costs_one_request(claude_code, own_gateway):
    """Without x-should-retry it asks eleven times, for three minutes."""
    lines, took = claude_code(own_gateway, "Hello", key="a-key-that-was-mistyped")
    assert answers(own_gateway, 1) == [401] and took < 20
    assert lines[-1]["is_error"] and "401" in lines[-1]["result"]


# At 400 it tries without its betas, at 404 it makes sure of the model.
FINAL = {
    "status:400": [400, 400], "too-long": [400], "status:401": [503], "no-credit": [402], "status:403": [403],
    "status:404": [404, 404], "status:413": [413], "status:429:100": [429],
}


@pytest.mark.parametrize("failure", FINAL)
def test_what_cannot_change_is_not_asked_again(claude_code, own_gateway, failure):
    lines, _ = claude_code(own_gateway, failure)
    assert answers(own_gateway, len(FINAL[failure])) == FINAL[failure] and lines[-1]["is_error"]
