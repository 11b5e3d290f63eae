"""Agents as clients: Claude Code itself, SDK tool runners, and what they ask for beside the three dialects."""
import json
import os
import subprocess

import anthropic
import pytest

from harness import anthropic_error, openai_error, user
from upstream_answers import texts_of

pytestmark = pytest.mark.core


@pytest.fixture
def claude_code(claude, gateway, tmp_path):
    """Runs Claude Code with this gateway for its vendor; returns what it printed, as objects."""

    def run(prompt, *flags):
        home = tmp_path / "home"
        home.mkdir()
        env = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "LANG": "C.UTF-8",
            "ANTHROPIC_BASE_URL": gateway.url,
            "ANTHROPIC_API_KEY": gateway.key,
            "NODE_EXTRA_CA_CERTS": str(gateway.ca),
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        }
        arguments = [claude, "-p", "--output-format", "stream-json", "--verbose", "--model", "sonnet", *flags]
        done = subprocess.run(
            arguments, input=prompt, env=env, cwd=tmp_path, capture_output=True, text=True, timeout=90
        )
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        assert lines and lines[-1]["type"] == "result", done.stdout[-500:] + done.stderr[-500:]
        return lines

    return run


def test_claude_code_asks_a_question(claude_code, upstream, nonce):
    result = claude_code(f"{nonce}\nsay:Through two of them.")[-1]
    assert (result["subtype"], result["is_error"]) == ("success", False)
    assert result["result"] == "Through two of them."
    sent = upstream.only_turn(nonce)
    assert {"Bash", "Read", "Edit"} <= {tool["name"] for tool in sent.body["tools"]}
    assert any("Claude Code" in text or "Claude agent" in text for text in sent.system_texts())


def test_claude_code_runs_its_own_tool(claude_code, upstream, nonce, tmp_path):
    command = json.dumps({"command": f"echo made-{nonce} > made", "description": "Write a word"})
    lines = claude_code(f"{nonce}\ncall:Bash:{command}", "--allowedTools", "Bash")
    assert lines[-1]["result"] == "Hello from upstream."
    assert (tmp_path / "made").read_text() == f"made-{nonce}\n"
    first, second = upstream.turns(nonce)
    said = [b for m in second.body["messages"] if m["role"] == "assistant" for b in m["content"]]
    call = next(b for b in said if b["type"] == "tool_use")
    assert (call["type"], call["name"], call["input"]) == ("tool_use", "Bash", json.loads(command))
    result = next(
        block
        for message in second.body["messages"]
        if message["role"] == "user"
        for block in message["content"]
        if block["type"] == "tool_result"
    )
    assert result["tool_use_id"] == call["id"]


def test_tools_that_are_searched_for_come_when_they_are_found(gateway, upstream, nonce):
    def tool(name, **more):
        return {"name": name, "input_schema": {"type": "object"}, **more}

    found = {"type": "tool_reference", "tool_name": "found"}
    messages = [
        {"role": "user", "content": nonce},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "t1", "name": "ToolSearch", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": [found]}]},
    ]
    tools = [tool("ToolSearch"), tool("found", defer_loading=True), tool("other", defer_loading=True)]
    body = {"model": "sonnet", "max_tokens": 99, "messages": messages, "tools": tools}
    assert gateway.post("/v1/messages", body).status_code == 200
    sent = upstream.only_turn(nonce).body
    assert {each["name"] for each in sent["tools"]} == {"ToolSearch_", "found"}
    result = json.dumps([each["content"] for each in sent["messages"] if each["role"] == "user"][-1])
    assert "The tool found is loaded" in result and "removed" not in result


def test_a_tool_named_bash_brings_no_instructions_about_commits(gateway, upstream, nonce):
    tools = [{"name": "Bash", "description": "Runs a command", "input_schema": {"type": "object"}}]
    assert gateway.ask_message(nonce, tools=tools).status_code == 200
    assert not upstream.only_turn(nonce).mentions("Co-Authored-By")


def test_texts_of_tools_are_in_unicodes_simplest_form(gateway, upstream, nonce):
    """Not as they came, as deploy/docs/cli-additions.md says; everything else of a request keeps its characters."""
    schema = {"type": "object", "properties": {"unit": {"type": "string", "enum": ["m²"]}}}
    tools = [{"name": "f", "description": "Wait…", "input_schema": schema}]
    assert gateway.ask_message(f"{nonce} … m²", tools=tools, system="… m²").status_code == 200
    sent = upstream.only_turn(nonce)
    assert (sent.mentions(f"{nonce} … m²"), sent.system_texts()[-1]) == (True, "… m²")
    assert sent.body["tools"][0]["description"] == "Wait..."
    assert sent.body["tools"][0]["input_schema"]["properties"]["unit"]["enum"] == ["m2"]


def test_instructions_may_stand_anywhere_even_last(gateway, upstream, nonce):
    call = {"type": "tool_use", "id": "t1", "name": "f", "input": {}}
    messages = [
        {"role": "user", "content": "go"},
        {"role": "system", "content": "Be quick."},
        {"role": "assistant", "content": [call]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": nonce}]},
        {"role": "system", "content": [{"type": "text", "text": "Tokens are short.", "cache_control": {"type": "ephemeral"}}]},
    ]
    body = {"model": "sonnet", "max_tokens": 100, "messages": messages}
    body["tools"] = [{"name": "f", "input_schema": {"type": "object"}}]
    assert gateway.post("/v1/messages?beta=true", body).status_code == 200
    sent = upstream.only_turn(nonce).body["messages"]
    assert [each["role"] for each in sent if each["role"] != "system"] == ["user", "assistant", "user"]
    assert texts_of(sent[0]["content"])[-1] == "<system>\nBe quick.\n</system>"
    assert texts_of(sent[2]["content"]) == ["<system>\nTokens are short.\n</system>"]


def test_the_sdks_tool_runner_falls_back_from_threads(gateway, upstream, nonce):
    @anthropic.beta_tool
    def get_weather(city: str) -> str:
        """The weather of a city."""
        return f"sunny in {city} {nonce}"

    runner = gateway.anthropic().beta.messages.tool_runner(
        model="sonnet",
        max_tokens=200,
        tools=[get_weather],
        messages=user(f'{nonce}\ncall:get_weather:{{"city":"Paris"}}'),
    )
    final = runner.until_done()
    assert [block.text for block in final.content if block.type == "text"] == ["Hello from upstream."]
    first, second = upstream.turns(nonce)
    assert [each["role"] for each in second.body["messages"] if each["role"] != "system"] == ["user", "assistant", "user"]
    assert f"sunny in Paris {nonce}" in json.dumps(second.body["messages"])


@pytest.mark.parametrize("kind", ["create", "continue"])
def test_a_thread_is_refused_so_that_the_sdk_knows(gateway, kind):
    response = gateway.ask_message("hi", thread={"type": kind, "previous_message_id": "msg_1"})
    error = anthropic_error(response, 400)
    assert error["type"] == "invalid_request_error"
    assert error["details"]["error_code"] == "thread_unsupported_request"


@pytest.mark.parametrize("path", ["/v1/messages/batches", "/v1/files", "/v1/embeddings", "/v1/completions"])
def test_what_is_not_offered_is_not_found_in_the_dialect_asked_in(gateway, path):
    with gateway.http() as http:
        there = {"x-api-key": gateway.key, "anthropic-version": "2023-06-01"}
        assert anthropic_error(http.post(path, json={}, headers=there), 404)["type"] == "not_found_error"
        if not path.startswith("/v1/messages"):
            openai_error(http.post(path, json={}, headers={"authorization": f"Bearer {gateway.key}"}), 404)


def test_models_are_listed_under_chat_too(gateway):
    with gateway.http() as http:
        there = {"authorization": f"Bearer {gateway.key}"}
        assert http.get("/v1/chat/models", headers=there).json() == http.get("/v1/models", headers=there).json()


def test_probes_before_the_first_question_are_answered(gateway):
    with gateway.http() as http:
        there = {"x-api-key": gateway.key}
        assert http.head("/", headers=there).status_code == 200
        assert http.get("/", headers=there).status_code == 200


def test_what_identifies_the_clients_own_users_is_taken_silently(gateway, upstream, nonce):
    image = {"url": "data:image/png;base64,iVBORw0KGgo=", "detail": "low"}
    content = [{"type": "text", "text": nonce}, {"type": "image_url", "image_url": image}]
    body = {"model": "sonnet", "messages": [{"role": "user", "content": content}], "user": "u-17"}
    answer = gateway.post("/v1/chat/completions", {**body, "safety_identifier": "s", "prompt_cache_key": "k"})
    assert answer.status_code == 200 and "x-portcullis-ignored" not in answer.headers
    mine = gateway.ask_message(f"{nonce} again", metadata={"user_id": "u-17"})
    assert mine.status_code == 200 and "x-portcullis-ignored" not in mine.headers
    assert all("u-17" not in json.dumps(each.body["metadata"]) for each in upstream.turns(nonce))


# Effort and thinking

FORCED = {
    "tools": [{"name": "f", "input_schema": {"type": "object"}}],
    "tool_choice": {"type": "tool", "name": "f"},
}


def asked(gateway, upstream, nonce, model="claude-sonnet-5-5", effort=None, path="/v1/messages", **fields):
    """What arrives upstream of a request, and what the gateway says it left out."""
    body = {"model": model, "messages": user(nonce), **fields}
    if path == "/v1/messages":
        body.setdefault("max_tokens", 20_000)
    response = gateway.post(path, body, headers={"x-effort": effort} if effort else {})
    assert response.status_code == 200, response.text
    return upstream.only_turn(nonce).body, response.headers.get("x-portcullis-ignored", "")


@pytest.mark.parametrize(
    "header, sent",
    [("minimal", "low"), ("low", "low"), ("medium", "medium"), ("high", "high"), ("xhigh", "xhigh"), ("max", "max")],
)
def test_a_header_may_say_the_effort(gateway, upstream, nonce, header, sent):
    body, ignored = asked(gateway, upstream, nonce, effort=header)
    assert body["thinking"] == {"type": "adaptive"}
    assert (body["output_config"]["effort"], ignored) == (sent, "")


def test_the_body_wins_over_the_header(gateway, upstream, nonce):
    body, _ = asked(gateway, upstream, nonce, effort="max", output_config={"effort": "low"})
    assert body["output_config"]["effort"] == "low"


def thinks(body):
    return body.get("thinking", {}).get("type") in ("adaptive", "enabled")


def test_a_header_may_switch_thinking_off(make_gateway, upstream, nonce):
    gateway = make_gateway(flags=["--enable-thinking", "--default-effort", "high"]).ready()
    body, _ = asked(gateway, upstream, nonce + "1", effort="none")
    assert not thinks(body)
    body, _ = asked(gateway, upstream, nonce + "2")
    assert (body["thinking"]["type"], body["output_config"]["effort"]) == ("adaptive", "high")
    body, ignored = asked(gateway, upstream, nonce + "3", "claude-haiku-4-5", **FORCED)
    assert not thinks(body) and ignored == ""
    body, ignored = asked(gateway, upstream, nonce + "4", "claude-opus-4-6", temperature=0.2)
    assert not thinks(body) and (body["temperature"], ignored) == (0.2, "")


def test_an_unknown_effort_is_refused(gateway):
    response = gateway.post("/v1/messages", {}, headers={"x-effort": "hard"})
    assert "x-effort" in anthropic_error(response, 400)["message"]


def test_an_older_model_thinks_with_a_budget(gateway, upstream, nonce):
    body, ignored = asked(
        gateway, upstream, nonce, "claude-haiku-4-5", path="/v1/chat/completions", reasoning_effort="high", temperature=0
    )
    assert body["thinking"]["type"] == "enabled" and 1024 <= body["thinking"]["budget_tokens"] < body["max_tokens"]
    assert "effort" not in body.get("output_config", {}) and ignored == "temperature"
    assert body.get("temperature", 1) == 1


def test_a_budget_stays_below_the_limit(gateway, upstream, nonce):
    chat = {"path": "/v1/chat/completions", "reasoning_effort": "max", "model": "claude-sonnet-4-5"}
    body, _ = asked(gateway, upstream, nonce + "1", max_tokens=4000, **chat)
    assert body["thinking"] == {"type": "enabled", "budget_tokens": 2000, "display": "summarized"}
    assert body["max_tokens"] == 4000
    body, ignored = asked(gateway, upstream, nonce + "2", max_tokens=1500, **chat)
    assert "thinking" not in body or body["thinking"]["type"] == "disabled"
    assert ignored == "reasoning_effort"


def test_an_effort_that_the_model_does_not_know_is_named(gateway, upstream, nonce):
    _, ignored = asked(gateway, upstream, nonce, "claude-opus-4-6", effort="xhigh")
    assert ignored == "x-effort"


def test_a_budget_above_the_limit_is_left_to_the_vendor_beside_tools(gateway, upstream, nonce):
    """There the CLI asks for thinking between calls, whose budget may be greater than the limit."""
    thinking = {"type": "enabled", "budget_tokens": 4000}
    tools = {"tools": [{"name": "f", "input_schema": {"type": "object"}}]}
    body, _ = asked(gateway, upstream, nonce, "claude-sonnet-4-5", max_tokens=2000, thinking=thinking, **tools)
    assert (body["thinking"]["budget_tokens"], body["max_tokens"]) == (4000, 2000)
