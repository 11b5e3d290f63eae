"""A conversation goes on in the process that holds it, and a process is emptied for another of the same key."""
import json

import pytest
from harness import DIALECTS, eventually, user

MODELS = ["claude-sonnet-5-5", "claude-haiku-4-5"]
TOOL = {"name": "get_weather", "description": "Looks the weather up.", "input_schema": {
    "type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}


@pytest.fixture(scope="module")
def living(make_module_gateway):
    return make_module_gateway(env={"SELF_TEST": "off", "WARM_PROCESSES": "0"})


@pytest.fixture(scope="module")
def make_module_gateway(portcullis, claude, cli_env, keys, tmp_path_factory):
    from harness import Gateway
    made = []

    def make(**options):
        gateway = Gateway(portcullis, tmp_path_factory.mktemp("living"), keys, claude, cli_env, **options)
        made.append(gateway)
        return gateway.ready()

    yield make
    for each in made:
        each.stop()


def pids(gateway):
    return {child for child in gateway.children()}


class Messages:
    """A client that keeps a conversation, in the Messages dialect."""

    def __init__(self, gateway, model, key=None, **fields):
        self.gateway, self.model, self.fields, self.key = gateway, model, fields, key or gateway.key
        self.messages = []

    def say(self, content, **fields):
        self.messages.append({"role": "user", "content": content})
        body = {"model": self.model, "max_tokens": 1000, "messages": self.messages, **self.fields, **fields}
        answer = self.gateway.post("/v1/messages", body, headers={"x-api-key": self.key})
        assert answer.status_code == 200, answer.text
        self.messages.append({"role": "assistant", "content": answer.json()["content"]})
        return answer.json()


@pytest.mark.parametrize("model", MODELS)
def test_a_chat_goes_on_in_its_process(living, upstream, nonce, model):
    chat = Messages(living, model, system=f"Be brief. {nonce}")
    before, processes = pids(living), set()
    for number in range(3):
        chat.say(f"say:answer {number} {nonce}")
        processes |= pids(living) - before
    assert len(upstream.turns(nonce)) == 3
    assert [len(turn.rows()) for turn in upstream.turns(nonce)] == [1, 3, 5]
    assert len(processes) == 1


@pytest.mark.parametrize("model", MODELS)
def test_a_call_is_answered_in_its_process(living, upstream, nonce, model):
    chat = Messages(living, model, tools=[TOOL], system=f"Use tools. {nonce}")
    question = f"{nonce}\ncall:get_weather:{json.dumps({'city': 'Rome'})}"
    before = pids(living)
    said = chat.say(question)
    process = pids(living) - before
    for _ in range(3):
        call = next(block for block in said["content"] if block["type"] == "tool_use")
        said = chat.say([{"type": "tool_result", "tool_use_id": call["id"], "content": "sunny"},
                         {"type": "text", "text": question}])
    assert len(upstream.turns(nonce)) == 4
    assert pids(living) - before == process and len(process) == 1
