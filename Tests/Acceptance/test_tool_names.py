"""Names of tools on their way to the model and back: the CLI's own, OpenClaw's, and all others untouched."""
import json

import pytest

from harness import chat_chunks, message_events, openai_error, anthropic_error

pytestmark = pytest.mark.core

ANY = {"type": "object", "properties": {"q": {"type": "string"}}}


def tool(name, schema=None, description="Does a thing."):
    return {"name": name, "description": description, "input_schema": ANY if schema is None else schema}


def function(name, schema=None):
    return {"type": "function", "function": {"name": name, "parameters": ANY if schema is None else schema}}


def tools_of(entry):
    return {each["name"]: each for each in entry.body["tools"]}


def test_the_clis_own_name_is_replaced_and_restored(gateway, upstream, nonce):
    question = f'{nonce}\ncall:ToolSearch__:{{"q":"x"}}'
    tools = [tool("ToolSearch"), tool("ToolSearch_"), tool("toolsearch")]
    history = [
        {"role": "user", "content": "before"},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "t1", "name": "ToolSearch", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "r"}]},
        {"role": "assistant", "content": "done"},
        {"role": "user", "content": question},
    ]
    body = {"model": "haiku", "max_tokens": 100, "messages": history, "tools": tools}
    body["tool_choice"] = {"type": "tool", "name": "ToolSearch"}
    answer = gateway.post("/v1/messages", body).json()
    assert [(each["name"], each["input"]) for each in answer["content"]] == [("ToolSearch", {"q": "x"})]
    sent = upstream.only_turn(nonce)
    assert set(tools_of(sent)) == {"ToolSearch__", "ToolSearch_", "toolsearch"}
    assert sent.body["tool_choice"]["name"] == "ToolSearch__"
    assert sent.body["messages"][1]["content"][0]["name"] == "ToolSearch__"


@pytest.mark.parametrize("streams", [False, True], ids=["whole", "streamed"])
def test_the_clis_own_name_in_openai_dialects(gateway, upstream, nonce, streams):
    text = f'{nonce}\ncall:ToolSearch_:{{"q":"x"}}'
    chat = gateway.ask_chat(text, tools=[function("ToolSearch")], stream=streams)
    if streams:
        calls = [c["choices"][0]["delta"].get("tool_calls") or [] for c in chat_chunks(chat.text)]
        flat = [call["function"] for group in calls for call in group]
        assert flat[0]["name"] == "ToolSearch"
        assert json.loads("".join(each["arguments"] for each in flat)) == {"q": "x"}
    else:
        assert chat.json()["choices"][0]["message"]["tool_calls"][0]["function"]["name"] == "ToolSearch"
    responses = {"model": "sonnet", "input": text + " ", "stream": streams, "store": False}
    responses["tools"] = [{"type": "function", "name": "ToolSearch", "parameters": ANY}]
    answer = gateway.post("/v1/responses", responses)
    assert '"name":"ToolSearch"' in answer.text and "ToolSearch_" not in answer.text.replace(text, "")


def test_every_other_name_arrives_as_it_is(gateway, upstream, nonce):
    names = "StructuredOutput Task Agent Bash WebSearch DeferredToolPlaceholder Read read READ mcp__x__y".split()
    names += ["1st", "_a", "-b", "n" * 64, "m" * 128]
    gateway.ask_message(nonce, tools=[tool(name) for name in names])
    assert set(tools_of(upstream.only_turn(nonce))) == set(names)


def test_130_tools_with_long_descriptions_arrive_unchanged(gateway, upstream, nonce):
    schema = {
        "type": "object",
        "$defs": {"A": {"type": "object", "properties": {"a": {"$ref": "#/$defs/A"}}}},
        "properties": {"x": {"anyOf": [{"$ref": "#/$defs/A"}, {"type": "null"}]}, "any": True, "no": False},
        "additionalProperties": False,
    }
    tools = [tool(f"tool_{number}", schema, "é" * (25_000 if number == 7 else 3)) for number in range(130)]
    gateway.ask_message(nonce, tools=tools)
    assert tools_of(upstream.only_turn(nonce)) == {each["name"]: each for each in tools}


@pytest.mark.parametrize(
    "schema, arrives",
    [
        ({}, {"type": "object"}),
        ({"properties": {"a": {}}}, {"type": "object", "properties": {"a": {}}}),
        ({"type": ["object", "null"]}, {"type": "object"}),
        ({"$ref": "#/$defs/A", "$defs": {"A": {}}}, {"type": "object", "$ref": "#/$defs/A", "$defs": {"A": {}}}),
    ],
    ids=["empty", "no type", "types", "reference"],
)
def test_a_schema_without_type_gets_one(gateway, upstream, nonce, schema, arrives):
    gateway.ask_chat(nonce, tools=[function("f", schema)])
    assert tools_of(upstream.only_turn(nonce))["f"]["input_schema"] == arrives


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string"},
        {"type": "object", "properties": []},
        {"type": "object", "required": "a"},
        {"type": "object", "properties": {"a b": {}}},
        {"type": "object", "properties": {"a": {"type": "strnig"}}},
    ],
    ids=["string", "properties", "required", "odd key", "odd type"],
)
def test_a_tool_the_model_would_never_see_is_refused(gateway, nonce, schema):
    error = anthropic_error(gateway.ask_message(nonce, tools=[tool("good"), tool("f", schema)]), 400)
    assert error["type"] == "invalid_request_error" and error["message"].startswith("tools")
    openai_error(gateway.ask_chat(nonce, tools=[function("f", schema)]), 400)


@pytest.mark.parametrize("name", ["", "a b", "é", "x" * 129])
def test_an_invalid_name_is_refused(gateway, nonce, name):
    error = anthropic_error(gateway.ask_message(nonce, tools=[tool("good"), tool(name)]), 400)
    assert "tools[1].name" in error["message"]


def test_a_name_that_comes_twice_is_refused(gateway, nonce):
    error = anthropic_error(gateway.ask_message(nonce, tools=[tool("f"), tool("f")]), 400)
    assert "tools[1].name" in error["message"]


@pytest.mark.parametrize("arguments", ['{"a": ', "[1, 2]", "nonsense", '"text"'])
def test_malformed_arguments_of_the_history_are_kept(gateway, upstream, nonce, arguments):
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": arguments}}
    messages = [
        {"role": "user", "content": "go"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": nonce},
    ]
    body = {"model": "sonnet", "messages": messages, "tools": [function("f")]}
    assert gateway.post("/v1/chat/completions", body).status_code == 200
    sent = upstream.only_turn(nonce).body["messages"][1]["content"][0]
    assert sent["input"] == {"INVALID_JSON": arguments}


# OpenClaw

OPENCLAW = {"x-portcullis-client": "openclaw"}
FILES = {"path": {"type": "string"}, "oldText": {"type": "string"}, "newText": {"type": "string"}}
CLAW_TOOLS = [
    function("exec", {"type": "object", "properties": {"command": {"type": "string"}}, "required": ["command"]}),
    function("read", {"type": "object", "properties": {"path": FILES["path"]}, "required": ["path"]}),
    function("edit", {"type": "object", "properties": FILES, "required": ["path", "oldText", "newText"]}),
    function("process"),
]
CLAW_PROMPT = """You help.
## Tooling
- exec: runs commands
```
## Safety
```
## Safety
Be careful.
```
## Tooling
```
## OpenClaw Self-Update
No.
# Context
Kept.
"""


def claw_body(text, **fields):
    call = {"name": "edit", "arguments": '{"path":"a","oldText":"b","newText":"c"}'}
    messages = [
        {"role": "system", "content": [{"type": "input_text", "text": CLAW_PROMPT}]},
        {"role": "user", "content": [{"type": "input_text", "text": "earlier"}]},
        {"role": "assistant", "content": None, "tool_calls": [{"id": "c1", "type": "function", "function": call}]},
        {"role": "tool", "tool_call_id": "c1", "content": "edited"},
        {"role": "assistant", "content": [{"type": "output_text", "text": "ok"}]},
        {"role": "user", "content": [{"type": "input_text", "text": text}]},
    ]
    return {"model": "sonnet", "messages": messages, "tools": CLAW_TOOLS, **fields}


@pytest.mark.parametrize("streams", [False, True], ids=["whole", "streamed"])
def test_openclaw_meets_a_model_that_knows_its_tools(gateway, upstream, nonce, streams):
    text = f'{nonce}\nsay:Well.\ncall:Read:{{"file_path":"/é\\ud83d\\ude00","limit":1}}\ncall:Bash:{{"command":"ls"}}'
    body = claw_body(text, stream=streams, tool_choice="required", model="haiku")
    response = gateway.post("/v1/chat/completions", body, headers=OPENCLAW)
    calls = {}
    if streams:
        for chunk in chat_chunks(response.text):
            for piece in chunk["choices"][0]["delta"].get("tool_calls") or []:
                call = calls.setdefault(piece["index"], ["", ""])
                call[0] += piece["function"].get("name") or ""
                call[1] += piece["function"].get("arguments") or ""
    else:
        for index, call in enumerate(response.json()["choices"][0]["message"]["tool_calls"]):
            calls[index] = [call["function"]["name"], call["function"]["arguments"]]
    found = [(name, json.loads(arguments)) for name, arguments in calls.values()]
    assert found == [("read", {"path": "/é😀", "limit": 1}), ("exec", {"command": "ls"})]

    sent = upstream.only_turn(nonce)
    offered = tools_of(sent)
    assert set(offered) == {"Bash", "Read", "Edit", "process"}
    assert set(offered["Edit"]["input_schema"]["properties"]) == {"file_path", "old_string", "new_string"}
    assert offered["Edit"]["input_schema"]["required"] == ["file_path", "old_string", "new_string"]
    call = sent.body["messages"][1]["content"][0]
    assert (call["name"], call["input"]) == ("Edit", {"file_path": "a", "old_string": "b", "new_string": "c"})
    system = sent.system_texts()[-1]
    assert "runs commands" not in system and "No." not in system
    assert "You help." in system and "Be careful.\n```\n## Tooling\n```\n# Context\nKept." in system


def test_openclaw_is_known_in_the_messages_dialect_too(gateway, upstream, nonce):
    text = f'{nonce}\ncall:Read:{{"file_path":"a"}}'
    body = {"model": "sonnet", "max_tokens": 99, "messages": [{"role": "user", "content": text}], "stream": True}
    body["tools"] = [tool("read", {"type": "object", "properties": {"path": {"type": "string"}}})]
    events = message_events(gateway.post("/v1/messages", body, headers=OPENCLAW).text)
    block = next(each["content_block"] for each in events if each["type"] == "content_block_start")
    pieces = [each["delta"]["partial_json"] for each in events if each["type"] == "content_block_delta"]
    assert block["name"] == "read" and json.loads("".join(pieces)) == {"path": "a"}


def test_nobody_else_is_taken_for_openclaw(gateway, upstream, nonce):
    gateway.post("/v1/chat/completions", claw_body(nonce))
    sent = upstream.only_turn(nonce)
    assert set(tools_of(sent)) == {"exec", "read", "edit", "process"}
    assert CLAW_PROMPT.strip() in sent.system_texts()[-1]


def test_a_key_may_say_that_it_is_openclaws(make_gateway, keys, upstream, nonce):
    gateway = make_gateway()
    gateway.private_file("api-keys", f"claw:{keys[0]} client=openclaw\n")
    gateway.ready()
    gateway.post("/v1/chat/completions", claw_body(nonce))
    assert "Bash" in tools_of(upstream.only_turn(nonce))


def test_tools_that_would_get_one_name_keep_their_own(gateway, upstream, nonce):
    body = claw_body(nonce)
    body["tools"] = [*CLAW_TOOLS, function("Bash")]
    gateway.post("/v1/chat/completions", body, headers=OPENCLAW)
    assert set(tools_of(upstream.only_turn(nonce))) == {"exec", "Bash", "Read", "Edit", "process"}


def test_an_unknown_client_is_refused(gateway, nonce):
    response = gateway.post("/v1/messages", {}, headers={"x-portcullis-client": "closedclaw"})
    assert "x-portcullis-client" in anthropic_error(response, 400)["message"]
