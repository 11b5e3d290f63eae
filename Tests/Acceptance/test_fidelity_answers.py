"""Nothing is lost on the way back: what the model answers reaches the client whole, in each dialect's shape."""
import json

import pytest

from harness import chat_chunks, events, message_events, user

SIGNATURE = "EqQBCkYIBxgCKkD/+=="
SEALED = "EmwKAhgBEgy3va3pzix=="
CITATION = {
    "type": "char_location", "cited_text": "a \"word\"", "document_index": 0, "document_title": None,
    "start_char_index": 0, "end_char_index": 8,
}
ODD = "Caf\u00e9 🦊 \"quoted\" \\ back \u2028 \u0001 end\n"
PARIS = ['{"city"', ': "Pa', 'ris \\"x\\"', ' 🦊"}']
USAGE = {"input_tokens": 11, "cache_creation_input_tokens": 5, "cache_read_input_tokens": 7, "output_tokens": 30}
WEATHER = {"name": "get_weather", "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}}}
FUNCTION = {"type": "function", "name": "get_weather", "parameters": WEATHER["input_schema"]}
TIME = {"name": "get_time", "input_schema": {"type": "object", "properties": {}}}


def script(blocks, stop="end_turn", sequence=None):
    """The vendor's events for an answer of these (opening block, deltas)."""
    message = {"id": "msg_scripted", "type": "message", "role": "assistant", "model": "claude-sonnet-5-5"}
    opening = {**message, "content": [], "stop_reason": None, "stop_sequence": None}
    found = [{"type": "message_start", "message": {**opening, "usage": {**USAGE, "output_tokens": 1}}}]
    for index, (block, deltas) in enumerate(blocks):
        found.append({"type": "content_block_start", "index": index, "content_block": block})
        found += [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
        found.append({"type": "content_block_stop", "index": index})
    ending = {"stop_reason": stop, "stop_sequence": sequence}
    return [*found, {"type": "message_delta", "delta": ending, "usage": USAGE}, {"type": "message_stop"}]


def text(*pieces, citations=()):
    cited = [{"type": "citations_delta", "citation": each} for each in citations]
    return {"type": "text", "text": ""}, [{"type": "text_delta", "text": piece} for piece in pieces] + cited


def thinking(*pieces):
    thought = [{"type": "thinking_delta", "thinking": piece} for piece in pieces]
    return {"type": "thinking", "thinking": "", "signature": ""}, [
        *thought, {"type": "signature_delta", "signature": SIGNATURE}]


def redacted():
    return {"type": "redacted_thinking", "data": SEALED}, []


def call(number, name, *pieces):
    block = {"type": "tool_use", "id": f"toolu_{number}", "name": name, "input": {}}
    return block, [{"type": "input_json_delta", "partial_json": piece} for piece in pieces]


SCRIPTS = {
    "text": script([text("Hel", "lo ", ODD)]),
    "calls": script(
        [text("I look."), call(1, "get_weather", "", *PARIS), call(2, "get_time")], stop="tool_use"),
    "thought": script([thinking("Step ", ODD), redacted(), text("Done.")]),
    "thought call": script([thinking("Step"), call(1, "get_weather", *PARIS)], stop="tool_use"),
    "cited": script([text("It says ", "so.", citations=[CITATION, {**CITATION, "start_char_index": 3}]), text(" End.")]),
    "stopped": script([text("cut")], stop="stop_sequence", sequence="END\n\"x\""),
    "limited": script([text("cut")], stop="max_tokens"),
    "refused": script([text("No")], stop="refusal"),
    "nothing after a call": script([call(1, "get_time", "{}")], stop="tool_use"),
}


class Client:
    def __init__(self, gateway, upstream, nonce):
        self.gateway, self.upstream, self.nonce = gateway, upstream, nonce

    def prompt(self, name):
        self.upstream.scripts[name] = SCRIPTS[name]
        return f"{self.nonce}\nscript:{name}"

    def post(self, path, body):
        response = self.gateway.post(path, {"model": "sonnet", **body})
        assert response.status_code == 200, response.text[:300]
        self.upstream.only_turn(self.nonce)
        return response

    def message(self, name, stream=False, **fields):
        body = {"max_tokens": 9000, "messages": user(self.prompt(name)), "stream": stream, **fields}
        if "call" in name:
            body["tools"] = [WEATHER, TIME]
        return self.post("/v1/messages", body)

    def chat(self, name, stream=False, **fields):
        body = {"messages": user(self.prompt(name)), "stream": stream, **fields}
        if "call" in name:
            body["tools"] = [
                {"type": "function", "function": {"name": each["name"], "parameters": each["input_schema"]}}
                for each in (WEATHER, TIME)
            ]
        return self.post("/v1/chat/completions", body)

    def response(self, name, stream=False, **fields):
        body = {"input": self.prompt(name), "stream": stream, "store": False, **fields}
        if "call" in name:
            body["tools"] = [
                {"type": "function", "name": each["name"], "parameters": each["input_schema"]}
                for each in (WEATHER, TIME)
            ]
        return self.post("/v1/responses", body)


@pytest.fixture
def client(gateway, upstream, nonce):
    return Client(gateway, upstream, nonce)


# Messages


def scripted_blocks(name):
    """The content a script amounts to."""
    content = []
    for event in SCRIPTS[name]:
        if event["type"] == "content_block_start":
            content.append(dict(event["content_block"]))
            pieces = []
        elif event["type"] == "content_block_delta":
            block, delta = content[-1], event["delta"]
            if delta["type"] == "text_delta":
                block["text"] += delta["text"]
            elif delta["type"] == "thinking_delta":
                block["thinking"] += delta["thinking"]
            elif delta["type"] == "signature_delta":
                block["signature"] = delta["signature"]
            elif delta["type"] == "citations_delta":
                block["citations"] = [*(block.get("citations") or []), delta["citation"]]
            else:
                pieces.append(delta["partial_json"])
                block["input"] = pieces
    for block in content:
        if block["type"] == "tool_use":
            block["input"] = json.loads("".join(block["input"]) or "{}") if block["input"] else {}
        if block["type"] == "text":
            block.setdefault("citations", None)
    return content


def shown(name):
    return {"thinking": {"type": "adaptive"}} if "thought" in name else {}


def ending(name):
    return next(event["delta"] for event in SCRIPTS[name] if event["type"] == "message_delta")


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_whole_message_holds_all_that_was_said(client, name):
    body = client.message(name, **shown(name)).json()
    assert body["content"] == scripted_blocks(name)
    assert {key: body[key] for key in ("stop_reason", "stop_sequence")} == ending(name)
    assert {key: body["usage"][key] for key in USAGE} == USAGE
    assert body["id"] == "msg_scripted" and body["model"] == "claude-sonnet-5-5"


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_message_stream_passes_every_piece_on(client, name):
    found = message_events(client.message(name, stream=True, **shown(name)).text)
    found = [event for event in found if event["type"] != "ping"]
    wanted = SCRIPTS[name]
    assert [event["type"] for event in found] == [event["type"] for event in wanted]
    for got, asked in zip(found, wanted):
        if got["type"] == "message_delta":
            assert got["delta"] == asked["delta"]
            assert {key: got["usage"][key] for key in USAGE} == USAGE
        elif got["type"] != "message_start":
            assert got == asked


def test_thinking_that_was_not_asked_for_is_shown_in_the_vendors_own_dialect_alone(client):
    body = client.message("thought").json()
    assert "thinking" in [block["type"] for block in body["content"]]
    chat = client.gateway.ask_chat(client.nonce[::-1] + "\nscript:thought").json()
    assert "reasoning_content" not in chat["choices"][0]["message"]


@pytest.mark.parametrize("stream", [False, True])
def test_what_the_vendor_says_of_a_refusal_is_passed_on(client, stream):
    told = {"type": "refusal", "category": "cyber", "explanation": "It \"may\" harm."}
    explained = script([text("No")], stop="refusal")
    explained[-2]["delta"]["stop_details"] = told
    client.upstream.scripts["explained"] = explained
    body = {"max_tokens": 99, "messages": user(f"{client.nonce}\nscript:explained"), "stream": stream}
    response = client.post("/v1/messages", body)
    if stream:
        ends = [each["delta"] for each in message_events(response.text) if each["type"] == "message_delta"]
        assert [each["stop_details"] for each in ends] == [told]
    else:
        assert response.json()["stop_details"] == told


# Chat Completions

FINISH = {"end_turn": "stop", "stop_sequence": "stop", "max_tokens": "length", "refusal": "content_filter",
          "tool_use": "tool_calls"}
CHAT_USAGE = {"prompt_tokens": 23, "completion_tokens": 30, "total_tokens": 53}


def chat_content(name):
    blocks = scripted_blocks(name)
    calls = [(each["id"], each["name"], each["input"]) for each in blocks if each["type"] == "tool_use"]
    return "".join(each["text"] for each in blocks if each["type"] == "text"), calls


def effort(name):
    return {"reasoning_effort": "low"} if "thought" in name else {}


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_chat_completion_holds_all_that_was_said(client, name):
    body = client.chat(name, **effort(name)).json()
    choice = body["choices"][0]
    message = choice["message"]
    calls = [(each["id"], each["function"]["name"], json.loads(each["function"]["arguments"]))
             for each in message.get("tool_calls", [])]
    assert (message["content"] or "", calls) == chat_content(name)
    assert choice["finish_reason"] == FINISH[ending(name)["stop_reason"]]
    assert {key: body["usage"][key] for key in CHAT_USAGE} == CHAT_USAGE
    assert body["usage"]["prompt_tokens_details"]["cached_tokens"] == 7
    if name == "thought":
        assert message["reasoning_content"] == "Step " + ODD


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_chat_stream_passes_every_piece_on(client, name):
    chunks = chat_chunks(client.chat(name, stream=True, stream_options={"include_usage": True}, **effort(name)).text)
    content, calls, finish = "", {}, None
    for chunk in chunks:
        for choice in chunk["choices"]:
            delta = choice["delta"]
            content += delta.get("content") or ""
            for each in delta.get("tool_calls", []):
                known = calls.setdefault(each["index"], [each.get("id"), each["function"].get("name"), ""])
                known[2] += each["function"]["arguments"]
            finish = choice["finish_reason"] or finish
    assert list(calls) == list(range(len(calls)))
    assert (content, [(each[0], each[1], json.loads(each[2])) for each in calls.values()]) == chat_content(name)
    assert finish == FINISH[ending(name)["stop_reason"]]
    assert {key: chunks[-1]["usage"][key] for key in CHAT_USAGE} == CHAT_USAGE


# Responses


def reasoning(name):
    return {"reasoning": {"effort": "low"}, "include": ["reasoning.encrypted_content"]} if "thought" in name else {}


def check_output(name, output):
    said = "".join(part["text"] for item in output if item["type"] == "message" for part in item["content"])
    calls = [(each["call_id"], each["name"], json.loads(each["arguments"]))
             for each in output if each["type"] == "function_call"]
    assert (said, calls) == chat_content(name)
    sealed = [item["encrypted_content"] for item in output if item["type"] == "reasoning"]
    wanted = {"thinking": f"thinking:{SIGNATURE}", "redacted_thinking": f"redacted:{SEALED}"}
    assert sealed == [wanted[each["type"]] for each in scripted_blocks(name) if each["type"] in wanted]


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_response_holds_all_that_was_said(client, name):
    body = client.response(name, **reasoning(name)).json()
    check_output(name, body["output"])
    wanted = {"limited": "max_output_tokens", "refused": "content_filter"}.get(name)
    assert body["status"] == ("incomplete" if wanted else "completed")
    assert (body["incomplete_details"] or {}).get("reason") == wanted
    assert body["usage"]["input_tokens"] == 23 and body["usage"]["output_tokens"] == 30
    assert body["usage"]["input_tokens_details"] == {"cached_tokens": 7, "cache_write_tokens": 5}


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_response_stream_passes_every_piece_on(client, name):
    found = [json.loads(data) for _, data in events(client.response(name, stream=True, **reasoning(name)).text)]
    assert [event["sequence_number"] for event in found] == list(range(len(found)))
    items = {}
    for event in found:
        if event["type"] in ("response.output_text.delta", "response.function_call_arguments.delta"):
            items.setdefault(event["output_index"], []).append(event["delta"])
    done = [event["item"] for event in found if event["type"] == "response.output_item.done"]
    check_output(name, done)
    for index, pieces in items.items():
        item = done[index]
        whole = item["arguments"] if item["type"] == "function_call" else item["content"][0]["text"]
        assert "".join(pieces) == whole
    assert found[-1]["response"]["output"] == done
    is_whole = found[-1]["type"] == "response.completed"
    assert isinstance(found[-1]["response"]["completed_at"], int) == is_whole
    statuses = [item["status"] for item in done if "status" in item]
    assert statuses == ["completed"] * (len(statuses) - (not is_whole)) + ["incomplete"] * (not is_whole)


def test_what_was_sealed_can_be_given_back(client, upstream):
    """A reasoning item, sent back with the call's result, is the thinking block again that the model wrote.

    The model is one that takes thinking behind another history than it was made for.
    """
    asked = {"input": f"{client.nonce}\nthink:Step\ncall:get_weather:{{}}", "store": False, "tools": [FUNCTION]}
    model = {"model": "claude-opus-5"}
    first = client.post("/v1/responses", {**asked, **reasoning("thought"), **model}).json()["output"]
    wrote = upstream.only_turn(client.nonce).said[0]
    assert wrote["thinking"] == "Step"
    answered = {"type": "function_call_output", "call_id": first[-1]["call_id"], "output": "wet"}
    items = [*user("Weather?"), *first, answered, *user("again " + client.nonce[::-1])]
    again = {**model, "input": items, "store": False, "tools": [FUNCTION], "reasoning": {"effort": "low"}}
    client.gateway.post("/v1/responses", again).raise_for_status()
    row = upstream.only_turn(client.nonce[::-1]).body["messages"][1]
    assert row["role"] == "assistant"
    assert row["content"][0] == wrote
    assert row["content"][1]["type"] == "tool_use"
