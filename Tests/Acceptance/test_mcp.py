"""Registered MCP servers in a turn: the loop inside it, the client's own tools beside it, servers that fail."""
import json

import pytest

from harness import (
    anthropic_error,
    chat_chunks,
    command_line,
    events,
    eventually,
    message_events,
    user,
)
from mcp_site import TOKEN, WRONG_TOKEN, call, own_tool, texts, tool_names, tool_results

ROUND = ["Looking. ", "Hello from upstream."]


# The loop


@pytest.mark.core
@pytest.mark.parametrize("server", ["notes", "web"])
def test_the_model_calls_a_servers_tool_and_one_answer_comes_of_it(mcp_site, upstream, nonce, server):
    response = mcp_site.ask(call(f"mcp__{server}__lookup", nonce, q="the moon"), servers=server)
    assert response.status_code == 200, response.text
    message = response.json()
    assert texts(message) == ROUND
    assert [block["type"] for block in message["content"]] == ["text", "thinking", "text"]
    assert message["stop_reason"] == "end_turn"
    first, second = upstream.turns(nonce)
    assert f"mcp__{server}__lookup" in tool_names(first)
    assert "lookup found the moon" in json.dumps(tool_results(second))
    usage = message["usage"]
    assert usage["input_tokens"] == 22 and usage["output_tokens"] == 2 + 3 + upstream.think_tokens
    assert usage["cache_creation_input_tokens"] == 10 and usage["cache_read_input_tokens"] == 14
    line = f"id={response.headers['request-id']} "
    logged = eventually(lambda: [each for each in mcp_site.gateway.log().splitlines() if line in each], "the log line")
    assert f" mcp={server} " in logged[0]


@pytest.mark.core
def test_a_messages_stream_shows_no_trace_of_the_calls(mcp_site, nonce):
    response = mcp_site.ask(call("mcp__notes__lookup", nonce), stream=True)
    found = message_events(response.text)
    assert [each["type"] for each in found if each["type"] != "ping"] == [
        "message_start",
        *(["content_block_start"] + ["content_block_delta"] * 2 + ["content_block_stop"]),
        *(["content_block_start"] + ["content_block_delta"] + ["content_block_stop"]),
        *(["content_block_start"] + ["content_block_delta"] * 3 + ["content_block_stop"]),
        "message_delta",
        "message_stop",
    ]
    assert [each["index"] for each in found if "index" in each] == [0] * 4 + [1] * 3 + [2] * 5
    assert "tool_use" not in response.text and "mcp__" not in response.text
    assert found[-2]["delta"]["stop_reason"] == "end_turn"


def test_a_chat_completion_is_one_message(mcp_site, nonce):
    response = mcp_site.ask(call("mcp__notes__lookup", nonce), path="/v1/chat/completions")
    choice = response.json()["choices"][0]
    assert choice["message"]["content"] == "".join(ROUND)
    assert choice["finish_reason"] == "stop" and not choice["message"].get("tool_calls")
    assert response.json()["usage"]["prompt_tokens"] == 46


def test_a_chat_stream_is_one_message(mcp_site, nonce):
    response = mcp_site.ask(call("mcp__notes__lookup", nonce), path="/v1/chat/completions", stream=True)
    chunks = chat_chunks(response.text)
    deltas = [choice["delta"] for chunk in chunks for choice in chunk["choices"]]
    assert "".join(delta.get("content") or "" for delta in deltas) == "".join(ROUND)
    assert not any(delta.get("tool_calls") for delta in deltas)


@pytest.mark.parametrize("streams", [False, True])
def test_a_response_is_one_answer(mcp_site, nonce, streams):
    response = mcp_site.ask(call("mcp__notes__lookup", nonce), path="/v1/responses", stream=streams)
    assert response.status_code == 200, response.text
    whole = response.json() if not streams else json.loads(events(response.text)[-1][1])["response"]
    assert whole["status"] == "completed"
    said = [part["text"] for item in whole["output"] for part in item.get("content", [])]
    assert "".join(said) == "".join(ROUND)
    assert not any(item["type"] == "function_call" for item in whole["output"])


def test_a_call_without_a_word_before_it_shows_nothing(mcp_site, nonce):
    message = mcp_site.ask(f"{nonce}\ncall:mcp__notes__lookup").json()
    assert texts(message) == ROUND[1:]


def test_several_calls_at_once_are_one_round(mcp_site, upstream, nonce):
    lines = "\n".join(f"call:mcp__notes__lookup:{json.dumps({'q': word})}" for word in ("sun", "moon"))
    assert texts(mcp_site.ask(f"{nonce}\n{lines}").json()) == ROUND[1:]
    _, second = upstream.turns(nonce)
    assert [("sun" in json.dumps(each), "moon" in json.dumps(each)) for each in tool_results(second)] == [
        (True, False),
        (False, True),
    ]


def test_rounds_up_to_the_bound_are_one_answer(mcp_site, upstream, nonce):
    message = mcp_site.ask(f"{nonce}\nagain:3:mcp__notes__lookup").json()
    assert texts(message)[:3] == ["round 1. ", "round 2. ", "round 3. "]
    assert len(upstream.turns(nonce)) == 4


def test_rounds_beyond_the_bound_end_the_answer_clearly(mcp_site, upstream, nonce):
    response = mcp_site.ask(f"{nonce}\nagain:9:mcp__notes__lookup")
    assert "MCP_MAX_ROUNDS" in anthropic_error(response, 502)["message"]
    assert response.headers["x-should-retry"] == "false"
    assert len(upstream.turns(nonce)) == 4
    found = message_events(mcp_site.ask(f"{nonce}\nagain:9:mcp__notes__lookup", stream=True).text)
    assert found[-1]["type"] == "error" and "MCP_MAX_ROUNDS" in found[-1]["error"]["message"]


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/chat/completions"])
def test_a_forced_call_is_forced_once(mcp_site, upstream, nonce, path):
    choice = {"type": "any"} if path == "/v1/messages" else "required"
    tools = {"tools": [own_tool(path)], "tool_choice": choice, "model": "haiku"}
    assert mcp_site.ask(call("mcp__notes__lookup", nonce), path=path, **tools).status_code == 200
    first, second = upstream.turns(nonce)
    assert first.body["tool_choice"]["type"] == "any"
    assert second.body.get("tool_choice", {"type": "auto"})["type"] == "auto"


# Beside the client's own tools


def test_a_call_of_the_clients_tool_ends_the_answer(mcp_site, upstream, nonce):
    message = mcp_site.ask(call("mine", nonce), tools=[own_tool()]).json()
    assert message["stop_reason"] == "tool_use"
    assert [block["type"] for block in message["content"]] == ["text", "tool_use"]
    turn = upstream.only_turn(nonce)
    assert {"mine", "mcp__notes__lookup"} <= set(tool_names(turn))


def test_the_clients_call_may_come_rounds_later(mcp_site, upstream, nonce):
    response = mcp_site.ask(f"{nonce}\ncall:mcp__notes__slow:{json.dumps({'q': '0'})}", tools=[own_tool()])
    assert texts(response.json()) == ROUND[1:]
    assert "mine" in tool_names(upstream.turns(nonce)[1])


@pytest.mark.parametrize("streams", [False, True])
def test_of_mixed_calls_the_client_sees_its_own(mcp_site, upstream, nonce, streams):
    text = call("mcp__notes__lookup", nonce) + "\ncall:mine:{}\ncall:mcp__notes__lookup:{}"
    response = mcp_site.ask(text, tools=[own_tool()], stream=streams)
    if streams:
        found = message_events(response.text)
        starts = [(each["index"], each["content_block"]["type"]) for each in found if "content_block" in each]
        assert starts == [(0, "text"), (1, "tool_use")]
        assert found[-2]["delta"]["stop_reason"] == "tool_use"
    else:
        message = response.json()
        assert [block.get("name") for block in message["content"]] == [None, "mine"]
        assert message["stop_reason"] == "tool_use"
    upstream.only_turn(nonce)


def test_a_client_tool_must_not_pass_for_a_servers(mcp_site):
    response = mcp_site.ask("x", tools=[own_tool(name="mcp__notes__lookup")])
    assert "tools[0].name" in anthropic_error(response, 400)["message"]
    assert mcp_site.ask("x", servers="web", tools=[own_tool(name="mcp__notes__lookup")]).status_code == 200


# Servers that fail


@pytest.mark.core
@pytest.mark.parametrize("server", ["never", "dying", "flooding", "locked", "silent"])
def test_a_server_that_does_not_start_fails_the_request(mcp_site, upstream, nonce, server):
    response = mcp_site.ask(nonce, servers=["notes", server])
    message = anthropic_error(response, 502)["message"]
    assert f"'{server}'" in message
    assert TOKEN not in response.text and WRONG_TOKEN not in response.text
    assert not upstream.turns(nonce)
    assert TOKEN not in mcp_site.gateway.log() and WRONG_TOKEN not in mcp_site.gateway.log()
    eventually(lambda: not mcp_site.gateway.children(), "the turn's processes are gone")


def test_a_stream_for_a_server_that_does_not_start_is_a_true_status(mcp_site, nonce):
    assert "'dying'" in anthropic_error(mcp_site.ask(nonce, servers="dying", stream=True), 502)["message"]


def test_a_server_that_dies_in_a_call_is_the_models_concern(mcp_site, upstream, nonce):
    assert texts(mcp_site.ask(call("mcp__notes__crash", nonce)).json()) == ROUND
    assert tool_results(upstream.turns(nonce)[1])[0]["is_error"] is True


def test_a_flood_of_a_result_is_cut_and_not_put_into_a_file(mcp_site, upstream, nonce):
    assert texts(mcp_site.ask(call("mcp__notes__flood", nonce)).json()) == ROUND
    result = json.dumps(tool_results(upstream.turns(nonce)[1]))
    assert "flood flood" in result and "TRUNCATED" in result
    assert len(result) < 60_000 and "saved to" not in result


def test_a_server_that_asks_the_user_is_told_there_is_none(mcp_site, upstream, nonce):
    assert texts(mcp_site.ask(call("mcp__notes__ask", nonce)).json()) == ROUND
    assert "cancel" in json.dumps(tool_results(upstream.turns(nonce)[1]))


def test_servers_end_with_a_client_that_leaves(mcp_site, nonce):
    text = call("mcp__notes__slow", nonce, q="60")
    gateway = mcp_site.gateway
    with gateway.streaming(text, until="Looking", metadata={"mcp_servers": "notes"}):
        servers = [pid for pid in gateway.children() if b"mcp_servers.py" in command_line(pid)]
        assert servers
    eventually(lambda: not any(command_line(pid) for pid in servers), "the server is gone")


def test_tokens_are_counted_with_the_servers(mcp_site):
    response = mcp_site.gateway.post(
        "/v1/messages/count_tokens",
        {"model": "sonnet", "messages": user("x"), "metadata": {"mcp_servers": "notes"}},
    )
    assert response.status_code == 200 and response.json()["input_tokens"] > 0, response.text


