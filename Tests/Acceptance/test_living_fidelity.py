"""What the vendor is asked by a process that goes on equals what it is asked by one that is told the whole history.

Each conversation goes through a gateway that keeps processes; each of its requests is then sent, as it is, to a gateway
that keeps none. The two upstream requests may differ in what `living.normal` leaves out.
"""
import copy

import pytest

from fidelity.rules import without_marks
from fidelity.samples import PNG
from living import CLIENTS, MODELS, TIME, WEATHER, call, normal, session, sessions, surroundings, thoughts

pytestmark = pytest.mark.core
IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}
FORCEABLE = ["claude-haiku-5-5", "claude-sonnet-4-5", "claude-opus-4-6"]


def text(value):
    return {"type": "text", "text": value}


def result(number, content, **fields):
    return {"type": "tool_result", "tool_use_id": number, "content": content, **fields}


class Pair:
    """A conversation in a gateway that keeps processes, each request asked again of one that keeps none."""

    def __init__(self, living, replaying, upstream, nonce, model, **fields):
        self.living, self.replaying, self.upstream, self.nonce = living, replaying, upstream, nonce
        self.fields = {"model": model, "max_tokens": 1000, **fields}
        self.messages, self.turns = [], []

    def send(self, gateway, body):
        before = len(self.upstream.turns(self.nonce))
        answer = gateway.post("/v1/messages", body)
        assert answer.status_code == 200, answer.text
        sent = self.upstream.turns(self.nonce)[before:]
        assert len(sent) == 1, f"{len(sent)} upstream requests for one request of the client"
        return answer.json(), sent[0]

    def places(self, turn, gateway):
        return [each.replace(str(gateway.folder), "FOLDER") for each in surroundings(turn.body)]

    def say(self, *content, **fields):
        """The answer without its thinking, which this client does not keep."""
        self.messages.append({"role": "user", "content": content[0] if isinstance(content[0], str) else list(content)})
        body = {**self.fields, **fields, "messages": copy.deepcopy(self.messages)}
        answer, kept = self.send(self.living, body)
        again, told = self.send(self.replaying, body)
        assert normal(kept.body) == normal(told.body)
        assert self.places(kept, self.living) == self.places(told, self.replaying) != []
        assert session(kept) != session(told)
        assert kept.headers["anthropic-beta"] == told.headers["anthropic-beta"]
        self.turns.append(kept)
        assert (answer["stop_reason"], answer["usage"]) == (again["stop_reason"], again["usage"])
        blocks = [each for each in answer["content"] if each["type"] not in ("thinking", "redacted_thinking")]
        self.messages.append({"role": "assistant", "content": blocks})
        self.calls = [each["id"] for each in blocks if each["type"] == "tool_use"]


def varied(model):
    """Settings that the model takes, for one turn after another."""
    if model in ("claude-sonnet-4-5", "claude-opus-4-6"):
        return [{"temperature": 0.5}, {"max_tokens": 333, "top_p": 0.9}, {"stop_sequences": ["END"]}, {"top_k": 4}, {}]
    return [{"output_config": {"effort": "high"}}, {"max_tokens": 333}, {"stop_sequences": ["END", " x"]},
            {"output_config": {"effort": "low"}, "service_tier": "standard_only"}, {}]


@pytest.mark.parametrize("model", MODELS)
def test_every_form_of_a_result_arrives(living, replaying, upstream, nonce, model):
    settings = varied(model)
    pair = Pair(living, replaying, upstream, nonce, model, tools=[WEATHER, TIME], system=[text("Be brief."), text(nonce)])
    pair.say(f"Both.\nsay:I look.\n{call(city='Paris', unit='C')}\n{call('get_time')}", **settings[0])
    pair.say(result(pair.calls[1], "noon"), result(pair.calls[0], [text(" wet "), IMAGE, text("cold\n")]),
             text(f"  And now?\n{call(city='Rome')}"), **settings[1])
    pair.say(result(pair.calls[0], "no such city", is_error=True), tool_choice={"type": "auto"}, **settings[2])
    pair.say("In plain words: \u2028 🦊 /help @file !ls", tool_choice={"type": "none"}, **settings[3])
    pair.say(IMAGE, text(call(city="Oslo") + "\n" + call(city="Bern")), **settings[4])
    pair.say(result(pair.calls[0], []), result(pair.calls[1], [text("a"), text("b")], is_error=True))
    assert len(set(sessions(pair.turns))) == 1


@pytest.mark.parametrize("model", FORCEABLE)
def test_a_forced_call_comes_and_goes(living, replaying, upstream, nonce, model):
    pair = Pair(living, replaying, upstream, nonce, model, tools=[WEATHER, TIME], system=nonce)
    pair.say("say:Hello")
    pair.say("Go", tool_choice={"type": "tool", "name": "get_weather"})
    pair.say(result(pair.calls[0], "wet"), tool_choice={"type": "any", "disable_parallel_tool_use": True})
    pair.say(result(pair.calls[0], "noon"))
    assert len(set(sessions(pair.turns))) == 1


@pytest.mark.parametrize("model", ["claude-sonnet-5-5", "claude-opus-5-5", "claude-sonnet-4-5"])
def test_thinking_is_switched_on_and_off(living, replaying, upstream, nonce, model):
    on = {"type": "enabled", "budget_tokens": 1024} if model.endswith("4-5") else {"type": "adaptive"}
    pair = Pair(living, replaying, upstream, nonce, model, system=nonce, max_tokens=3000)
    pair.say("say:one", thinking=on)
    pair.say("say:two")
    pair.say("say:three", thinking={**on, "display": "summarized"})
    assert len(set(sessions(pair.turns))) == 1 and thoughts(pair.turns[-1])


def test_a_format_is_asked_for_in_one_turn_alone(living, replaying, upstream, nonce):
    schema = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": False}
    pair = Pair(living, replaying, upstream, nonce, MODELS[0], system=nonce)
    pair.say("say:one")
    pair.say("Now as JSON.", output_config={"format": {"type": "json_schema", "schema": schema}})
    pair.say("say:three")
    assert len(set(sessions(pair.turns))) == 1


@pytest.mark.parametrize("model", ["claude-sonnet-5-5", "claude-sonnet-4-5"])
def test_an_emptied_process_is_as_a_new_one(living, replaying, upstream, nonce, model):
    """With other tools, another prompt, a history and other settings than it had; then it goes on."""
    first = Pair(living, replaying, upstream, nonce, model, tools=[WEATHER], system=f"{nonce} one", max_tokens=777)
    first.say("say:Hello")
    second = Pair(living, replaying, upstream, nonce, model, tools=[{**TIME, "name": f"t_{nonce}"}], system=f"{nonce} two")
    second.messages = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Ho"}]
    second.say(call(f"t_{nonce}"))
    second.say(result(second.calls[0], "noon"))
    third = Pair(living, replaying, upstream, nonce, model, system=f"{nonce} three", stop_sequences=["x"])
    third.say("say:Bye")
    assert len(set(sessions(second.turns))) == 1
    assert sessions(first.turns)[0] in sessions(second.turns + third.turns), "it was not emptied"


def test_what_is_sent_only_grows(living, upstream, nonce):
    """So the vendor's cache is met: each request is the beginning of the next, marks aside."""
    client = CLIENTS["chat"](living, "claude-sonnet-4-5").tools(WEATHER)
    client.loop(f"{nonce}\nagain:4:get_weather")
    client.say(f"{nonce}\nsay:Bye")
    rows = [turn.body["messages"] for turn in upstream.turns(nonce)]
    for before, after in zip(rows, rows[1:]):
        assert without_marks(after)[:len(before)] == without_marks(before)


@pytest.mark.parametrize("model", MODELS)
def test_long_loops_hold_nothing_of_the_clis_own(living, upstream, nonce, model):
    client = CLIENTS["messages"](living, model, stays=True, system=nonce).tools(WEATHER, {**TIME, "name": "TodoWrite"})
    assert client.loop("again:14:TodoWrite") == 15
    last = upstream.turns(nonce)[-1]
    rows = normal(last.body)["messages"]
    assert [role for role, _ in rows] == ["user"] + ["assistant", "user"] * 14
    for number, (role, blocks) in enumerate(rows[1:]):
        kinds = [each["type"] for each in blocks]
        assert kinds == (["tool_result"] if role == "user" else ["text", "tool_use"]), number
        assert role != "user" or blocks[0]["content"] == [text("sunny")]
    assert len(surroundings(last.body)) == len(surroundings(upstream.turns(nonce)[0].body))
