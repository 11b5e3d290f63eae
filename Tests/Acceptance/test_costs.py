"""What a turn uses and costs: the CLI's own prices, and what the log tells of turns that end badly."""
import json
import os
import pathlib
import re
import subprocess

import pytest

from harness import eventually
from living import MODELS, WEATHER, Chat, Messages, sessions

PRICES = pathlib.Path(__file__).parents[1] / "ModelsTests" / "PriceTests.swift"
KINDS = ["input", "output", "from the cache", "into it for 5 minutes", "into it for an hour"]


def listed_prices():
    """The table that the gateway's own prices are tested against: dollars for a million tokens of each kind.

    Without models that the vendor, and so this upstream, has withdrawn, and names of cloud providers."""
    rows = re.findall(r'\("([\w.:-]+)", \[([\d., ]+)\]\)', PRICES.read_text())
    return {
        name: [float(number) for number in numbers.split(",")] for name, numbers in rows
        if name.startswith("claude-") and not name.startswith("claude-3-")}


class CLI:
    """The bare CLI, one process for many questions."""

    def __init__(self, claude, cli_env, folder):
        environment = {
            "HOME": str(folder), "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "CLAUDE_CONFIG_DIR": str(folder),
            "CLAUDE_CODE_TMPDIR": str(folder), "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "CLAUDE_CODE_DISABLE_THINKING": "1", "CLAUDE_CODE_DISABLE_LEGACY_MODEL_REMAP": "1",
            "CLAUDE_CODE_DISABLE_EXPERIMENTAL_BETAS": "1", **cli_env}
        arguments = [
            claude, "--print", "--verbose", "--input-format", "stream-json", "--output-format", "stream-json",
            "--include-partial-messages", "--tools", "", "--setting-sources", "", "--strict-mcp-config",
            "--no-session-persistence", "--disable-slash-commands"]
        self.process = subprocess.Popen(
            arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment,
            cwd=folder, text=True)
        self.rows = 0
        self.control("initialize", systemPrompt=["Be brief."])

    def write(self, **row):
        self.process.stdin.write(json.dumps(row) + "\n")
        self.process.stdin.flush()

    def read(self, kind):
        for line in self.process.stdout:
            found = json.loads(line)
            if found["type"] == kind:
                return found
        raise AssertionError("the CLI has ended")

    def control(self, subtype, **fields):
        self.write(type="control_request", request_id=subtype, request={"subtype": subtype, **fields})
        answer = self.read("control_response")["response"]
        assert answer["subtype"] == "success", answer
        return answer.get("response")

    def ask(self, text):
        self.rows += 1
        name = f"{self.rows:08x}-0000-4000-8000-000000000000"
        self.write(type="user", client_composed=True, uuid=name, message={
            "role": "user", "content": [{"type": "text", "text": text}]})
        return self.read("result"), name

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        self.process.kill()
        self.process.communicate()


def script(model, **usage):
    """An answer of that usage."""
    counts = {"input_tokens": 0, "output_tokens": 0, **usage}
    message = {
        "id": "msg_" + os.urandom(4).hex(), "type": "message", "role": "assistant", "model": model, "content": [],
        "stop_reason": None, "stop_sequence": None, "usage": {**counts, "output_tokens": 0}}
    return [
        {"type": "message_start", "message": message},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Yes."}},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None}, "usage": counts},
        {"type": "message_stop"}]


def written(lifetime):
    made = {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0, lifetime: 100_000}
    return {"cache_creation_input_tokens": 100_000, "cache_creation": made}


USAGES = [
    {"input_tokens": 100_000}, {"output_tokens": 100_000}, {"cache_read_input_tokens": 100_000},
    written("ephemeral_5m_input_tokens"), written("ephemeral_1h_input_tokens")]


@pytest.mark.core
def test_the_price_table_is_what_the_cli_counts(claude, cli_env, upstream, nonce, tmp_path):
    """One process for all models: its cost is the sum of all its turns, its usage the turn's own."""
    prices, found, before = listed_prices(), {}, 0.0
    assert len(prices) >= 20
    with CLI(claude, cli_env, tmp_path) as cli:
        for model in prices:
            cli.control("apply_flag_settings", settings={"model": model})
            found[model] = []
            for kind, usage in zip(KINDS, USAGES):
                upstream.scripts[nonce] = script(model, **usage)
                result, _ = cli.ask(f"script:{nonce}")
                assert not result["is_error"], (model, kind, result)
                counted = {key: value for key, value in usage.items() if isinstance(value, int)}
                assert counted.items() <= result["usage"].items(), "the turn's own usage"
                found[model].append(round((result["total_cost_usd"] - before) * 10, 6))
                before = result["total_cost_usd"]
    assert found == {model: [pytest.approx(price) for price in row] for model, row in prices.items()}


def test_a_rewound_process_goes_on_with_its_sum(claude, cli_env, upstream, nonce, tmp_path):
    with CLI(claude, cli_env, tmp_path) as cli:
        cli.control("apply_flag_settings", settings={"model": "claude-sonnet-5-5"})
        upstream.scripts[nonce] = script("claude-sonnet-5-5", input_tokens=1000)
        names, costs = [], []
        for _ in range(2):
            result, name = cli.ask(f"script:{nonce}")
            names, costs = names + [name], costs + [result["total_cost_usd"]]
        answer = cli.control(
            "rewind_conversation", target_message_uuid=names[0], last_seen_user_message_uuid=names[-1])
        assert answer["rewound"]
        costs.append(cli.ask(f"script:{nonce}")[0]["total_cost_usd"])
    assert costs == [pytest.approx(cost) for cost in (0.002, 0.004, 0.006)]


def line_of(gateway, response):
    identity = response.headers.get("request-id") or response.headers["x-request-id"]
    found = []

    def is_there():
        found[:] = [line for line in gateway.log().splitlines() if identity in line and "event=request" in line]
        return found

    eventually(is_there, "the log line of the request")
    return dict(re.findall(r"(\w+)=(\S+)", found[-1]))


@pytest.mark.core
@pytest.mark.parametrize("marker", ["midstream-error", "drop"])
@pytest.mark.parametrize("dialect", ["message", "chat"])
@pytest.mark.parametrize("streams", [False, True])
def test_a_turn_that_breaks_off_is_told_with_what_it_used(gateway, nonce, dialect, marker, streams):
    ask = gateway.ask_message if dialect == "message" else gateway.ask_chat
    line = line_of(gateway, ask(f"{nonce}\nnothink\n{marker}\nusage:1000:200:34", stream=streams))
    assert int(line["input_tokens"]) == 1234 and int(line["output_tokens"]) > 0


@pytest.mark.core
@pytest.mark.parametrize("path", ["/v1/messages", "/v1/chat/completions", "/v1/responses"])
def test_a_turn_whose_client_leaves_is_told_with_what_it_used(gateway, upstream, nonce, path):
    text = f"{nonce}\nnothink\nslow:50:200"
    fields = {"input": text} if path.endswith("responses") else {"messages": [{"role": "user", "content": text}]}
    with gateway.http() as http:
        body = {"model": "sonnet", "max_tokens": 1000, "stream": True, **fields}
        body = {**body, "max_output_tokens": body.pop("max_tokens")} if path.endswith("responses") else body
        headers = {"authorization": f"Bearer {gateway.key}"}
        with http.stream("POST", path, json=body, headers=headers) as response:
            chunks = response.iter_text()
            seen = ""
            while seen.count("delta") < 6:
                seen += next(chunks, None) or pytest.fail(seen)
    line = line_of(gateway, response)
    assert line["status"] == "499"
    assert int(line["input_tokens"]) > 0 and 1 < int(line["output_tokens"]) < 1000


@pytest.mark.core
def test_a_limit_reaches_a_kept_process_turn_by_turn(living, upstream, nonce):
    client = Messages(living, "claude-opus-5-5", stays=False)
    for limit in (4000, 3000, 2000):
        client.say(f"{nonce}\nsay:Yes.", max_tokens=limit)
    turns = upstream.turns(nonce)
    assert [turn.body["max_tokens"] for turn in turns] == [4000, 3000, 2000] and len(set(sessions(turns))) == 1


def words(value):
    """The bytes of all that the vendor makes tokens of."""
    if isinstance(value, dict):
        return sum(len(key.encode()) + words(each) for key, each in value.items() if key != "cache_control")
    if isinstance(value, list):
        return sum(words(each) for each in value)
    return len(str(value).encode())


@pytest.mark.parametrize("model", [*MODELS, "claude-opus-4-8", "claude-haiku-4-5"])
@pytest.mark.parametrize("kind", ["living", "replaying"])
def test_the_cli_adds_no_more_than_a_bound_allows_for(request, upstream, nonce, kind, model):
    """`TurnPlan.bound` allows 4096 for all that the CLI and the vendor add, of which the CLI takes half at the most."""
    client = Chat(request.getfixturevalue(kind), model).tools(WEATHER)
    client.loop(f"{nonce}\nagain:12:get_weather")
    turns = upstream.turns(nonce)
    assert len(turns) == 13
    for turn in turns:
        sent = words([turn.body[part] for part in ("system", "messages", "tools")])
        asked = words([nonce, WEATHER]) + sum(
            words(block) for message in turn.body["messages"] for block in message["content"]
            if message["role"] != "system" and not str(block.get("text", "")).startswith("<system-reminder>"))
        assert sent - asked < 2048 + 64 * len(turn.body["messages"]), (sent, asked)
