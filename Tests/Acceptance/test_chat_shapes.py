"""Free-text tools in chat completions, and the shapes of other dialects there, through the real CLI."""
import json

import pytest
from openai.types.chat import ChatCompletionMessageCustomToolCall

from harness import chat_chunks, openai_error, user

pytestmark = pytest.mark.core

CHAT = "/v1/chat/completions"
FORCEABLE, UNFORCEABLE = "claude-haiku-4-5", "claude-sonnet-5-5"
PATCH = '*** Begin Patch\n+a "b" \\ ünï 🦊\n*** End Patch'
GRAMMAR = {"syntax": "lark", "definition": 'start: "*** Begin Patch" /.+/s'}
CUSTOM = {
    "type": "custom",
    "custom": {"name": "patch", "description": "Patches.", "format": {"type": "grammar", "grammar": GRAMMAR}},
}
FUNCTION = {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}
FLAT = {"type": "custom", "name": "patch", "description": "Patches.", "format": {"type": "grammar", **GRAMMAR}}
NAMED = {"type": "custom", "custom": {"name": "patch"}}
ALLOWED = {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [NAMED]}}
WAYS = pytest.mark.parametrize("streams", [False, True], ids=["whole", "streamed"])
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def call(text=PATCH):
    return "call:patch:" + json.dumps({"input": text})


def calls_of(response, streams):
    """The calls as (id, type, name, text) and the end that the answer tells."""
    assert response.status_code == 200, response.text[:300]
    if not streams:
        choice = response.json()["choices"][0]
        found = choice["message"].get("tool_calls") or []
        end = choice["finish_reason"]
    else:
        found, end = [], None
        for chunk in chat_chunks(response.text):
            for choice in chunk["choices"]:
                end = choice["finish_reason"] or end
                for piece in choice["delta"].get("tool_calls") or []:
                    if piece["index"] == len(found):
                        found.append({**piece, piece["type"]: dict(piece[piece["type"]])})
                        continue
                    into = found[piece["index"]]
                    key = "input" if into["type"] == "custom" else "arguments"
                    into[into["type"]][key] += piece[into["type"]][key]
    key = {"custom": "input", "function": "arguments"}
    return [
        (each["id"], each["type"], each[each["type"]]["name"], each[each["type"]][key[each["type"]]]) for each in found
    ], end


def blocks_of(turn):
    return [block for row in turn.body["messages"] for block in row["content"] if isinstance(block, dict)]


# Free-text tools


@pytest.mark.parametrize("tool", [CUSTOM, FLAT], ids=["nested", "flat"])
@pytest.mark.parametrize("model", [FORCEABLE, UNFORCEABLE])
@pytest.mark.parametrize("choice", ["auto", "required", NAMED, ALLOWED], ids=["auto", "required", "named", "allowed"])
@WAYS
def test_a_free_text_tool_is_called_with_text(gateway, upstream, nonce, tool, model, choice, streams):
    answer = gateway.ask_chat(
        f"{nonce}\n{call()}", model, tools=[FUNCTION, tool], tool_choice=choice, stream=streams
    )
    [(_, *found)], end = calls_of(answer, streams)
    assert (found, end) == (["custom", "patch", PATCH], "tool_calls")
    sent = next(each for each in upstream.only_turn(nonce).body["tools"] if each["name"] == "patch")
    assert sent["description"].startswith("Patches.") and GRAMMAR["definition"] in sent["description"]
    assert list(sent["input_schema"]["properties"]) == ["input"]


@WAYS
def test_a_forced_call_that_comes_as_text_is_a_call_of_the_free_text_tool(gateway, upstream, nonce, streams):
    answer = gateway.ask_chat(
        f"{nonce}\nsay:{json.dumps({'input': PATCH})}", UNFORCEABLE, tools=[CUSTOM], tool_choice=NAMED, stream=streams
    )
    [(_, *found)], end = calls_of(answer, streams)
    assert (found, end) == (["custom", "patch", PATCH], "tool_calls")
    upstream.only_turn(nonce)


@WAYS
@pytest.mark.parametrize("text", ["", "x" * 20_000, "\x00\x1f\\u0041{}"], ids=["empty", "long", "odd"])
def test_any_text_arrives(gateway, nonce, text, streams):
    answer = gateway.ask_chat(f"{nonce}\n{call(text)}", tools=[CUSTOM], stream=streams)
    assert [found[3] for found in calls_of(answer, streams)[0]] == [text]


def test_free_text_and_function_are_called_side_by_side(gateway, nonce):
    text = f"{nonce}\nsay:Both.\n{call()}\ncall:look:{{}}"
    for streams in False, True:
        found, end = calls_of(gateway.ask_chat(text, tools=[CUSTOM, FUNCTION], stream=streams), streams)
        assert [each[1:] for each in found] == [("custom", "patch", PATCH), ("function", "look", "{}")]
        assert end == "tool_calls"


def test_the_sdk_reads_the_call_and_brings_its_result(gateway, upstream, nonce):
    client = gateway.openai()
    messages = user(f"{nonce}\n{call()}")
    message = client.chat.completions.create(model="sonnet", messages=messages, tools=[CUSTOM]).choices[0].message
    [made] = message.tool_calls
    assert isinstance(made, ChatCompletionMessageCustomToolCall)
    assert (made.custom.name, made.custom.input) == ("patch", PATCH)
    messages += [message.to_dict(), {"role": "tool", "tool_call_id": made.id, "content": "Done!"}]
    messages += user("say:Patched.")
    client.chat.completions.create(model="sonnet", messages=messages, tools=[CUSTOM])
    blocks = blocks_of(upstream.turns(nonce)[-1])
    assert [block["input"] for block in blocks if block["type"] == "tool_use"] == [{"input": PATCH}]
    assert [block["type"] for block in blocks].count("tool_result") == 1


def test_the_sdk_adds_up_the_stream(gateway, nonce):
    """Its helper knows custom tools in the pieces only: it keeps them as they are."""
    with gateway.openai().chat.completions.stream(
        model="sonnet", messages=user(f"{nonce}\n{call()}"), tools=[CUSTOM]
    ) as stream:
        for _ in stream:
            pass
        [made] = stream.current_completion_snapshot.choices[0].message.to_dict()["tool_calls"]
    assert (made["type"], made["custom"]) == ("custom", {"name": "patch", "input": PATCH})


# Shapes of other dialects


def test_an_agent_that_mixes_dialects_is_understood(gateway, upstream, nonce):
    """As Cursor's agent mode writes: Anthropic's tools and blocks, flat tools, and answers in this dialect."""
    tools = [
        {"name": "read", "description": "Reads.", "input_schema": {"type": "object", "properties": {"p": {}}}},
        {"type": "function", "name": "look", "parameters": {"type": "object", "properties": {}}},
        FLAT,
    ]
    body = {
        "model": "sonnet", "max_tokens": 100, "system": [{"type": "text", "text": "Be kind."}], "tools": tools,
        "tool_choice": {"type": "auto"}, "stop_sequences": ["END"],
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": nonce, "cache_control": {"type": "ephemeral"}}]},
            {"role": "assistant", "content": [
                {"type": "thinking", "thinking": "hm"},
                {"type": "text", "text": "I read."},
                {"type": "tool_use", "id": "toolu_a", "name": "read", "input": {"p": "x"}},
                {"type": "tool_use", "id": "toolu_b", "name": "read", "input": {"p": "y"}},
            ]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "toolu_a", "content": [
                    {"type": "text", "text": "one"},
                    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}},
                ]},
            ]},
            {"role": "tool", "tool_call_id": "toolu_b", "content": [
                {"type": "text", "text": "two"},
                {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}},
            ]},
            {"role": "user", "content": "call:read:{\"p\":\"z\"}"},
        ],
    }  # fmt: skip
    for streams in False, True:
        answer = gateway.post(CHAT, {**body, "stream": streams})
        assert answer.headers["x-portcullis-ignored"] == "messages.content.thinking"
        found, end = calls_of(answer, streams)
        assert [(each[1], each[2], json.loads(each[3])) for each in found] == [("function", "read", {"p": "z"})]
        assert end == "tool_calls"
    sent = upstream.turns(nonce)[-1].body
    assert {tool["name"] for tool in sent["tools"]} == {"read", "look", "patch"}
    assert sent["stop_sequences"] == ["END"] and "Be kind." in json.dumps(sent["system"])
    results = [block for block in blocks_of(upstream.turns(nonce)[-1]) if block["type"] == "tool_result"]
    assert [[part["type"] for part in each["content"]] for each in results] == [["text", "image"]] * 2


@WAYS
def test_a_responses_body_is_answered_as_a_chat_completion(gateway, upstream, nonce, streams):
    tool = {"type": "function", "name": "look", "parameters": {"type": "object", "properties": {}}}
    body = {
        "model": "sonnet", "instructions": "Be kind.", "max_output_tokens": 50, "stream": streams, "tools": [tool],
        "input": [{"role": "user", "content": [{"type": "input_text", "text": f"{nonce}\ncall:look:{{}}"}]}],
        **({"stream_options": {"include_usage": True}} if streams else {}),
    }  # fmt: skip
    answer = gateway.post(CHAT, body)
    found, end = calls_of(answer, streams)
    assert ([each[1:] for each in found], end) == ([("function", "look", "{}")], "tool_calls")
    last = chat_chunks(answer.text)[-1] if streams else answer.json()
    assert last["object"] == ("chat.completion.chunk" if streams else "chat.completion")
    assert last["usage"]["total_tokens"] > 0
    sent = upstream.only_turn(nonce).body
    assert sent["max_tokens"] == 50 and "Be kind." in json.dumps(sent["system"])


def test_a_responses_body_cannot_refer_to_what_is_stored(gateway):
    error = openai_error(gateway.post(CHAT, {"model": "sonnet", "input": "x", "previous_response_id": "resp_1"}), 400)
    assert error["param"] == "previous_response_id"


def test_tools_that_the_vendor_would_run_are_left_out_and_named(gateway, upstream, nonce):
    answer = gateway.ask_chat(f"{nonce}\nsay:Hi.", tools=[{"type": "web_search"}, FUNCTION])
    assert answer.headers["x-portcullis-ignored"] == "tools[0]"
    assert [tool["name"] for tool in upstream.only_turn(nonce).body["tools"]] == ["look"]
    error = openai_error(gateway.ask_chat("x", tools=[{"type": "local_shell"}]), 400)
    assert error["param"] == "tools[0].type"


# What the cache did


def test_the_cache_counts_stand_where_agents_look_for_them(gateway, nonce):
    client = gateway.openai()
    messages = user(f"{nonce}\nusage:3:100:20")
    whole = client.chat.completions.create(model="sonnet", messages=messages).usage
    *_, last = client.chat.completions.create(
        model="sonnet", messages=messages, stream=True, stream_options={"include_usage": True}
    )
    for usage in whole, last.usage:
        details = usage.prompt_tokens_details
        assert (details.cache_write_tokens, details.cached_tokens) == (
            usage.cache_creation_input_tokens, usage.cache_read_input_tokens
        )  # fmt: skip
        assert details.cache_write_tokens + details.cached_tokens > 0
        assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens


# Results that come twice


def test_results_that_a_client_repeats_reach_the_model_once(own_gateway, upstream, nonce):
    """As Semantic Kernel's agent does it: all it knows of the run beside the newest response's id, without the calls."""
    client = own_gateway.openai()
    tools = [{"type": "function", "name": "look", "parameters": {"type": "object", "properties": {}}}]
    items = user(f"{nonce}\nagain:2:look")
    reply = client.responses.create(model="sonnet", input=items, tools=tools)
    for number in range(2):
        [made] = [item for item in reply.output if item.type == "function_call"]
        items.append({"role": "assistant", "content": [{"type": "output_text", "text": reply.output_text}]})
        items.append({"type": "function_call_output", "call_id": made.call_id, "output": f"{number}"})
        reply = client.responses.create(model="sonnet", previous_response_id=reply.id, input=items, tools=tools)
    assert reply.output_text == "Hello from upstream."
    found = blocks_of(upstream.turns(nonce)[-1])
    pairs = [block["type"] for block in found if block["type"].startswith("tool_")]
    assert pairs == ["tool_use", "tool_result"] * 2
