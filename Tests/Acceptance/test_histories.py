"""Histories that the CLI would repair by itself, losing a part of them: they reach the model whole."""
import pytest

from harness import user

TOOL = {"name": "f", "input_schema": {"type": "object", "properties": {"n": {"type": "integer"}}}}
FUNCTION = {"type": "function", "function": {"name": "f", "parameters": TOOL["input_schema"]}}


def assistant(content, **fields):
    return {"role": "assistant", "content": content, **fields}


def call(name, n):
    return {"type": "tool_use", "id": name, "name": "f", "input": {"n": n}}


def result(name, text):
    return {"type": "tool_result", "tool_use_id": name, "content": text}


def function_call(name, n):
    return {"id": name, "type": "function", "function": {"name": "f", "arguments": f'{{"n": {n}}}'}}


def answered(name, text):
    return {"role": "tool", "tool_call_id": name, "content": text}


def rounds(turn):
    """Per message of the model the arguments of its calls, and what was answered to each, found by its id."""
    rows = [each for each in turn.body["messages"] if each["role"] != "system"]
    found, ids = [], []
    for asked, told in zip(rows, rows[1:]):
        calls = [each for each in asked["content"] if each["type"] == "tool_use"]
        results = {each["tool_use_id"]: each for each in told["content"] if each["type"] == "tool_result"}
        if asked["role"] == "assistant" and calls:
            ids += [each["id"] for each in calls]
            found.append([(each["input"]["n"], results[each["id"]]["content"][0]["text"]) for each in calls])
            assert all("is_error" not in each for each in results.values())
    assert len(set(ids)) == len(ids), "the vendor refuses ids that come again"
    assert all(each and each.replace("_", "a").replace("-", "a").isalnum() for each in ids)
    return found


def test_ids_that_come_again_do_not_lose_a_call(gateway, upstream, nonce):
    messages = [
        *user(nonce), assistant([call("c", 1), call("c", 2)]),
        {"role": "user", "content": [result("c", "one"), result("c", "two")]},
        assistant([call("c", 3)]), {"role": "user", "content": [result("c", "three")]},
    ]
    gateway.post(
        "/v1/messages", {"model": "sonnet", "max_tokens": 99, "messages": messages, "tools": [TOOL]}
    ).raise_for_status()
    assert rounds(upstream.only_turn(nonce)) == [[(1, "one"), (2, "two")], [(3, "three")]]


@pytest.mark.parametrize("ids", [("t", "t_2"), ("t_2", "t"), ("t_1", "t_2")], ids="-".join)
def test_ids_that_the_cli_takes_for_parts_of_another_lose_no_result(gateway, upstream, nonce, ids):
    messages = [
        *user(nonce), assistant([call(name, n) for n, name in enumerate(ids)]),
        {"role": "user", "content": [result(name, f"r{n}") for n, name in enumerate(ids)]},
    ]
    gateway.post(
        "/v1/messages", {"model": "sonnet", "max_tokens": 99, "messages": messages, "tools": [TOOL]}
    ).raise_for_status()
    assert rounds(upstream.only_turn(nonce)) == [[(0, "r0"), (1, "r1")]]


def test_ids_of_other_vendors_are_made_this_ones(gateway, upstream, nonce):
    messages = [*user(nonce)]
    for n in range(3):
        messages.append(assistant(None, tool_calls=[function_call("functions.f:0", n)]))
        messages.append(answered("functions.f:0", f"r{n}"))
    body = {"model": "sonnet", "messages": messages, "tools": [FUNCTION]}
    gateway.post("/v1/chat/completions", body).raise_for_status()
    assert rounds(upstream.only_turn(nonce)) == [[(0, "r0")], [(1, "r1")], [(2, "r2")]]


@pytest.mark.parametrize("between", [[], [{"role": "system", "content": "Be quick."}]], ids=["nothing", "system"])
def test_calls_of_one_round_in_several_messages_stay_together(gateway, upstream, nonce, between):
    messages = [
        *user(nonce), assistant(None, tool_calls=[function_call("a", 1)]), *between,
        assistant(None, tool_calls=[function_call("b", 2)]), answered("a", "one"), answered("b", "two"),
    ]
    body = {"model": "sonnet", "messages": messages, "tools": [FUNCTION]}
    gateway.post("/v1/chat/completions", body).raise_for_status()
    turn = upstream.only_turn(nonce)
    assert rounds(turn) == [[(1, "one"), (2, "two")]]
    assert turn.mentions("<system>\\nBe quick.\\n</system>") == bool(between)


def test_an_answer_that_only_thought_does_not_join_the_texts_around_it(gateway, upstream, nonce):
    messages = [*user(nonce), assistant([{"type": "thinking", "thinking": "hm", "signature": "c2ln"}]), *user("More")]
    gateway.post("/v1/messages", {"model": "sonnet", "max_tokens": 99, "messages": messages}).raise_for_status()
    assert upstream.only_turn(nonce).rows() == [("user", [nonce, "More"])]


@pytest.mark.parametrize("last", ["Said.", [call("c", 1)]], ids=["text", "call"])
def test_what_is_counted_may_end_with_the_assistant(gateway, last):
    body = {"model": "sonnet", "messages": [*user("Hi"), assistant(last)], "tools": [TOOL]}
    assert gateway.post("/v1/messages/count_tokens", body).json()["input_tokens"] > 0
