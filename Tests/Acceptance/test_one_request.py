"""One request of a client is one question to the model, whatever ends the answer, and the answer is told truly."""
import concurrent.futures
import json
import time

import pytest

from harness import DIALECTS, chat_chunks, events, eventually, message_body, message_events

STREAMS = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
DIALECT = pytest.mark.parametrize("dialect", sorted(DIALECTS))
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
TOOLS = {
    "messages": {"name": "weather", "input_schema": SCHEMA},
    "chat": {"type": "function", "function": {"name": "weather", "parameters": SCHEMA}},
    "responses": {"type": "function", "name": "weather", "parameters": SCHEMA},
}
WHOLE, CUT = '{"city": "Paris"}', '{"city": "Par'


def began():
    message = {
        "id": "msg_script", "type": "message", "role": "assistant", "model": "claude-sonnet-5-5", "content": [],
        "stop_reason": None, "stop_sequence": None, "usage": {"input_tokens": 3, "output_tokens": 1},
    }
    return {"type": "message_start", "message": message}


def block(index, content, kind, key, pieces, ends):
    deltas = [{"type": "content_block_delta", "index": index, "delta": {"type": kind, key: piece}} for piece in pieces]
    stop = [{"type": "content_block_stop", "index": index}] if ends else []
    return [{"type": "content_block_start", "index": index, "content_block": content}, *deltas, *stop]


def text(index, *pieces, ends=True):
    return block(index, {"type": "text", "text": ""}, "text_delta", "text", pieces, ends)


def call(index, arguments, ends=True):
    content = {"type": "tool_use", "id": f"toolu_{index}", "name": "weather", "input": {}}
    return block(index, content, "input_json_delta", "partial_json", [arguments[:4], arguments[4:]], ends)


def ended(word):
    delta = {"stop_reason": word, "stop_sequence": None}
    return [{"type": "message_delta", "delta": delta, "usage": {"output_tokens": 5}}, {"type": "message_stop"}]


def failed(kind="overloaded_error", words="Overloaded"):
    return [{"type": "error", "error": {"type": kind, "message": words}}]


SCRIPTS = {
    "one-call-cut": [began(), *call(0, CUT), *ended("max_tokens")],
    "one-text-cut": [began(), *text(0, "one ", "two"), *ended("max_tokens")],
    "one-refusal": [began(), *text(0, "one ", "two"), *ended("refusal")],
    "one-pause": [began(), *text(0, "one ", "two"), *ended("pause_turn")],
    "one-window": [began(), *text(0, "one ", "two"), *ended("model_context_window_exceeded")],
    "one-no-call": [began(), *text(0, "one ", "two"), *ended("tool_use")],
    "one-error-in-block": [began(), *text(0, "one ", "two", ends=False), *failed()],
    "one-error-behind-block": [began(), *text(0, "one ", "two"), *failed()],
    "one-error-in-second": [began(), *text(0, "one "), *text(1, "two", ends=False), *failed()],
    "one-error-in-call": [began(), *call(0, CUT, ends=False), *failed()],
    "one-error-behind-call": [began(), *text(0, "one "), *call(1, WHOLE), *failed()],
    "one-api-error": [began(), *text(0, "one ", ends=False), *failed("api_error", "Internal server error")],
    "one-breaks-off": [began(), *text(0, "one ", "two", ends=False)],
    "one-breaks-off-behind": [began(), *text(0, "one ", "two")],
    "one-unknown-tool": [began(), *[{**each, "content_block": {**each["content_block"], "name": "nosuch"}}
                                    if "content_block" in each else each for each in call(0, WHOLE)],
                         *ended("tool_use")],
    "one-call-end_turn": [began(), *call(0, WHOLE), *ended("end_turn")],
    "one-call-null": [began(), *call(0, WHOLE), *ended(None)],
    "one-call-novel": [began(), *call(0, WHOLE), *ended("novel")],
    "one-text-null": [began(), *text(0, "one ", "two"), *ended(None)],
    "one-text-novel": [began(), *text(0, "one ", "two"), *ended("novel")],
}
# Answers that end in a word, and those that do not.
CUTS = ["one-text-cut", "one-refusal", "one-pause", "one-window", "one-no-call", "one-unknown-tool"]
BREAKS = [name for name in SCRIPTS if "error" in name or "breaks-off" in name]


@pytest.fixture(autouse=True)
def scripts(upstream):
    upstream.scripts.update(SCRIPTS)


def ask(gateway, dialect, script, nonce, stream):
    return gateway.ask(dialect, f"{nonce}\nscript:{script}", stream=stream, tools=[TOOLS[dialect]])


def last_word(dialect, response, stream):
    """The word by which the answer ends, and the arguments of its calls."""
    if dialect == "messages":
        if stream:
            found = message_events(response.text)
            assert found[-1]["type"] == "message_stop"
            pieces = [each["delta"].get("partial_json", "") for each in found if each["type"] == "content_block_delta"]
            calls = [each for each in found if each.get("content_block", {}).get("type") == "tool_use"]
            return found[-2]["delta"]["stop_reason"], ["".join(pieces)] if calls else []
        message = response.json()
        calls = [json.dumps(each["input"]) for each in message["content"] if each["type"] == "tool_use"]
        return message["stop_reason"], calls
    if dialect == "chat":
        if stream:
            found = [each["choices"][0] for each in chat_chunks(response.text)]
            calls = [each["delta"]["tool_calls"][0] for each in found if each["delta"].get("tool_calls")]
            arguments = "".join(each["function"]["arguments"] for each in calls)
            return found[-1]["finish_reason"], [arguments] if calls else []
        choice = response.json()["choices"][0]
        return choice["finish_reason"], [
            each["function"]["arguments"] for each in choice["message"].get("tool_calls", [])
        ]
    answer = json.loads(events(response.text)[-1][1])["response"] if stream else response.json()
    items = [each for each in answer["output"] if each["type"] == "function_call"]
    assert all(each["status"] == "completed" for each in items)
    return answer["status"], [each["arguments"] for each in items]


@pytest.mark.core
def test_a_call_that_was_cut_off_is_not_asked_for_again(gateway, upstream, nonce):
    """More at a time than there are processors: the process must not need to be killed in time."""

    def one(number):
        dialect = ("messages", "chat")[number % 2]
        response = ask(gateway, dialect, "one-call-cut", f"{nonce}x{number}x", stream=number % 4 < 2)
        assert response.status_code == 200, response.text
        return response.text

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        texts = list(pool.map(one, range(30)))
    assert all("max_tokens" in each or '"length"' in each for each in texts)
    eventually(lambda: gateway.health()["running_turns"] == 0, "all turns have ended")
    asked = [len(upstream.turns(f"{nonce}x{number}x")) for number in range(30)]
    assert asked == [1] * 30


@STREAMS
@pytest.mark.parametrize("script", CUTS)
def test_an_answer_that_ends_early_is_not_asked_for_again(gateway, upstream, nonce, script, stream):
    for dialect in DIALECTS:
        assert ask(gateway, dialect, script, nonce + dialect, stream).status_code == 200
        upstream.only_turn(nonce + dialect)


@pytest.mark.core
@STREAMS
@pytest.mark.parametrize("script", BREAKS)
def test_the_rest_of_an_answer_that_breaks_off_is_not_asked_for(gateway, upstream, nonce, script, stream):
    for dialect in DIALECTS:
        began = time.monotonic()
        response = ask(gateway, dialect, script, nonce + dialect, stream)
        assert time.monotonic() - began < 20
        if stream:
            assert response.status_code == 200
            told = [json.loads(data) for _, data in events(response.text) if data != "[DONE]"]
            assert told[-1].get("type") == {"messages": "error", "responses": "response.failed"}.get(dialect)
            assert "error" in json.dumps(told[-1])
        else:
            assert response.status_code >= 500
        if script in ("one-error-in-block", "one-error-in-call"):
            assert "overloaded" in response.text
        if script == "one-api-error":
            assert "internal error" in response.text
        eventually(lambda: gateway.health()["running_turns"] == 0, "the turn has ended")
        upstream.only_turn(nonce + dialect)


@pytest.mark.parametrize("script", ["one-error-in-block", "one-error-behind-block", "one-error-in-second"])
def test_torn_text_is_not_told_to_be_whole(gateway, nonce, script):
    found = message_events(ask(gateway, "messages", script, nonce, True).text)
    kinds = [each["type"] for each in found if each["type"] != "ping"]
    assert kinds[-2:] == ["content_block_delta", "error"]
    assert kinds.count("content_block_stop") == kinds.count("content_block_start") - 1
    told = [json.loads(data) for _, data in events(ask(gateway, "responses", script, nonce, True).text)]
    done = [each["item"]["status"] for each in told if each["type"] == "response.output_item.done"]
    assert done == ["completed"] * (len(done) - 1) + ["incomplete"]
    assert told[-1]["response"]["output"][-1]["status"] == "incomplete"


@pytest.mark.parametrize("script", ["one-error-in-call", "one-error-behind-call"])
def test_a_torn_call_is_not_handed_out(gateway, nonce, script):
    told = [json.loads(data) for _, data in events(ask(gateway, "responses", script, nonce, True).text)]
    done = [each["item"]["type"] for each in told if each["type"] == "response.output_item.done"]
    assert "function_call" not in done
    assert not any(each["type"] == "response.function_call_arguments.done" for each in told)


@pytest.mark.core
@DIALECT
@STREAMS
@pytest.mark.parametrize("word", ["end_turn", "null", "novel"])
def test_a_call_ends_the_turn_whatever_the_word(gateway, upstream, nonce, dialect, stream, word):
    began = time.monotonic()
    response = ask(gateway, dialect, f"one-call-{word}", nonce, stream)
    assert response.status_code == 200 and time.monotonic() - began < 20
    said, calls = last_word(dialect, response, stream)
    told = {"null": "tool_use"}.get(word, word)
    assert said == {"messages": told, "chat": "tool_calls", "responses": "completed"}[dialect]
    assert [json.loads(each) for each in calls] == [json.loads(WHOLE)]
    upstream.only_turn(nonce)


@DIALECT
@STREAMS
@pytest.mark.parametrize("word", ["null", "novel"])
def test_a_text_ends_in_its_own_word(gateway, upstream, nonce, dialect, stream, word):
    response = ask(gateway, dialect, f"one-text-{word}", nonce, stream)
    assert response.status_code == 200 and "two" in response.text
    said, calls = last_word(dialect, response, stream)
    told = {"null": "end_turn"}.get(word, word)
    assert said == {"messages": told, "chat": "stop", "responses": "completed"}[dialect] and calls == []
    upstream.only_turn(nonce)


def test_a_long_history_is_still_one_question(gateway, upstream, nonce):
    """The CLI's bound is on the answers it asks for, and not on the rows of a conversation."""
    rows = [
        {"role": role, "content": f"{role} {number} of {nonce}"}
        for number in range(20)
        for role in ("user", "assistant")
    ]
    body = {**message_body("say:Here."), "messages": [*rows, {"role": "user", "content": "say:Here."}]}
    response = gateway.post("/v1/messages", body)
    assert response.status_code == 200 and response.json()["stop_reason"] == "end_turn"
    assert len(upstream.only_turn(nonce).rows()) == 41


def test_the_log_counts_what_a_client_that_leaves_was_sent(gateway, nonce):
    with gateway.http() as http:
        body = message_body(f"{nonce}\nslow:20:2000", stream=True)
        with http.stream("POST", "/v1/messages", json=body, headers={"x-api-key": gateway.key}) as response:
            mark = f"id={response.headers['request-id']} "
            received = 0
            for chunk in response.iter_raw():
                received += len(chunk)
                if received > 3000:
                    break
    line = eventually(lambda: [each for each in gateway.log().splitlines() if mark in each], "the log line")[0]
    sent = next(int(field.removeprefix("out=")) for field in line.split() if field.startswith("out="))
    assert " status=499 " in line and sent > 2000, line
