"""A kept process that dies, hangs, refuses or speaks out of turn costs nobody an answer.

The stand-in misbehaves when it is told to, and tells all that it holds.
"""
import concurrent.futures
import json
import os
import signal
import time

import pytest

from fault_matrix import fault_row
from harness import descendants, eventually, user

pytestmark = pytest.mark.core


@pytest.fixture(scope="module")
def bench(portcullis, standin, keys, tmp_path_factory):
    from harness import Gateway
    options = {"WARM_PROCESSES": "0"}
    with Gateway(portcullis, tmp_path_factory.mktemp("faults"), keys, standin, env=options) as shared:
        yield Bench(shared)


class Bench:
    def __init__(self, gateway):
        self.gateway = gateway

    def processes(self):
        return set(descendants(self.gateway.process.pid))

    def ask(self, messages, **fields):
        answer = self.gateway.post("/v1/messages", {"model": "sonnet", "max_tokens": 99, "messages": messages, **fields})
        assert answer.status_code == 200, answer.text
        return "".join(block["text"] for block in answer.json()["content"])

    def say(self, messages, text, **fields):
        messages += user(text)
        said = self.ask(messages, **fields)
        messages.append({"role": "assistant", "content": said})
        return said

    def recall(self, messages, **fields):
        return json.loads(self.say(messages, "standin:recall", **fields))


def spoken(messages):
    """What a process must hold of them."""
    return [f"{each['role']}: {each['content']}" for each in messages]


@pytest.mark.parametrize("deed", ["die", "refuse", "late"])
@pytest.mark.parametrize("event", ["user", "apply_flag_settings"])
def test_a_conversation_goes_on_though_its_process_does_not(bench, nonce, event, deed):
    messages = []
    bench.say(messages, f"{nonce}\nstandin:at {event} {deed}")
    asked = list(messages)
    # Another limit, so that there are settings to be changed.
    held = bench.recall(messages, max_tokens=77)
    assert held["messages"] == spoken([*asked, *user("standin:recall")])


def test_a_process_that_dies_behind_its_answer_is_replaced(bench, nonce):
    messages = []
    before = bench.processes()
    bench.say(messages, f"{nonce}\nstandin:at result die")
    eventually(lambda: not bench.processes() - before, "it is collected")
    assert bench.recall(messages)["messages"] == spoken([*messages[:2], *user("standin:recall")])


@pytest.mark.parametrize("deed", ["die", "refuse"])
@pytest.mark.parametrize("event", ["rewind_conversation", "apply_flag_settings", "mcp_set_servers", "set_model"])
def test_nothing_is_left_of_a_conversation_that_could_not_be_forgotten(bench, nonce, event, deed):
    tools = [{"name": f"tool_{nonce}", "description": "d", "input_schema": {"type": "object"}}]
    first, second = [], []
    bench.say(first, f"{nonce}\nstandin:at {event} {deed}", system=f"One {nonce}", tools=tools)
    held = bench.recall(second, system="Two")
    assert held["messages"] == spoken(user("standin:recall"))
    assert held["system"] == ["Two"] or held["system"] == "Two", held["system"]
    assert not held["tools"] and nonce not in json.dumps(held)
    assert bench.ask([*first, *user("Hello")], system=f"One {nonce}", tools=tools)


def kill(pid):
    os.kill(pid, signal.SIGKILL)


def test_an_idle_process_that_is_killed_is_noticed_and_costs_nothing(bench, nonce):
    messages = []
    before = bench.processes()
    bench.say(messages, f"standin:echo one {nonce}")
    mine = bench.processes() - before
    for pid in mine or before:
        kill(pid)
    eventually(lambda: not bench.processes() & (mine or before), "they are collected")
    assert bench.recall(messages)["messages"] == spoken([*messages[:2], *user("standin:recall")])


def test_a_process_that_is_killed_and_asked_at_once_costs_nothing(bench, nonce):
    for number in range(8):
        messages = []
        bench.say(messages, f"standin:echo one {nonce} {number}")
        for pid in bench.processes():
            kill(pid)
        assert bench.recall(messages)["messages"] == spoken([*messages[:2], *user("standin:recall")])


@fault_row(
    4, injected="SIGSTOP of kept processes before their next turn",
    seen="they are given up within their ten seconds; others answer the same conversations")
def test_a_process_that_hangs_or_is_stopped_is_given_up_in_time(bench, nonce):
    """All at once, since each takes the ten seconds that a process has to begin; a client waits no longer."""
    hangs, stops, forgets = [], [], []
    bench.say(hangs, f"standin:echo one {nonce}")
    bench.say(hangs, "standin:at user hang")
    before = bench.processes()
    bench.say(stops, f"standin:echo one more {nonce}")
    bench.say(stops, "standin:echo two")
    for pid in bench.processes() - before:
        os.kill(pid, signal.SIGSTOP)
    bench.say(forgets, "standin:at rewind_conversation hang")
    asked = [list(hangs), list(stops), []]
    start = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        found = list(pool.map(bench.recall, [hangs, stops, []]))
    assert time.monotonic() - start < 20
    for messages, held in zip(asked, found):
        assert held["messages"] == spoken([*messages, *user("standin:recall")])


def test_nothing_is_left_over(bench):
    assert bench.gateway.health()["running_turns"] == 0
    children = bench.processes()
    assert bench.gateway.stop() == 0
    assert not [pid for pid in children if os.path.exists(f"/proc/{pid}")]
