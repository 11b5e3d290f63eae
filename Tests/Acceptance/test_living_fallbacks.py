"""What goes on in a kept process and what is told anew: both answer, and the vendor is asked what the client asked."""
import concurrent.futures
import copy
import json

import pytest

from fidelity import rules
from fidelity.samples import PNG
from harness import anthropic_error, descendants, eventually, user
from living import BOUND, CLIENTS, MODELS, TIME, WEATHER, call, normal, session, sessions, thought, thoughts

pytestmark = pytest.mark.core
BINDING = {"anthropic-beta": "thinking-binding-controls-2026-08-01"}


def text(value):
    return {"type": "text", "text": value}


class Held:
    """A conversation of two answers, the second to the result of a call, that waits in a process to go on."""

    def __init__(self, living, upstream, nonce, **fields):
        self.gateway, self.upstream, self.nonce = living, upstream, nonce
        question = text(f"{nonce} 1\nsay:  I look\n\n{call(city='Paris', unit='C')}")
        self.body = {
            "model": "sonnet", "max_tokens": 1000, "tools": [WEATHER, TIME], "system": [text("Be brief."), text(nonce)],
            "messages": [{"role": "user", "content": [question]}], **fields}
        self.post()
        number = self.body["messages"][1]["content"][-1]["id"]
        self.body["messages"].append({"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": number, "content": [text("sunny"), text("warm")]},
            text(f"{nonce} 2\nsay:Take a hat.")]})
        self.post()
        self.body["messages"].append({"role": "user", "content": f"{nonce} 3\nsay:Bye"})
        self.session = session(upstream.turns(nonce)[-1])

    def post(self):
        answer = self.gateway.post("/v1/messages", self.body)
        assert answer.status_code == 200, answer.text
        blocks = [{name: value for name, value in each.items() if value is not None} for each in answer.json()["content"]]
        if "thinking" not in self.body:
            blocks = [each for each in blocks if each["type"] != "thinking"]
        self.body["messages"].append({"role": "assistant", "content": blocks})

    def ask(self, body, **options):
        """The upstream request that this request comes to."""
        before = len(self.upstream.turns(self.nonce))
        answer = self.gateway.post("/v1/messages", body, **options)
        assert answer.status_code == 200, answer.text
        assert answer.json()["content"][-1]["text"] == "Bye"
        sent = self.upstream.turns(self.nonce)[before:]
        assert len(sent) == 1
        return sent[0]


# Changes of the third request, which leave it the same conversation


def of_sampling(body):
    body.update(max_tokens=77, stop_sequences=["x"], output_config={"effort": "low"}, tool_choice={"type": "none"})


def of_spelling(body):
    question = body["messages"][0]["content"]
    body["messages"][0]["content"] = question[0]["text"]
    body["messages"][-1]["content"] = [text(body["messages"][-1]["content"])]


def of_split_texts(body):
    whole = body["messages"][0]["content"]
    body["messages"][0]["content"] = [text(whole[:9]), text(whole[9:])]


def of_white_space(body):
    answer = body["messages"][1]["content"]
    answer[0]["text"] = answer[0]["text"].strip()
    body["messages"][3]["content"][0]["text"] += " \n"


def of_key_order(body):
    block = body["messages"][1]["content"][-1]
    block["input"] = dict(reversed(block["input"].items()))


def of_ids(body):
    body["messages"][1]["content"][-1]["id"] = body["messages"][2]["content"][0]["tool_use_id"] = "toolu_mine"


def of_marks(body):
    for block in (body["messages"][0]["content"][-1], body["system"][-1], body["tools"][-1]):
        block["cache_control"] = {"type": "ephemeral"}


def of_tool_order(body):
    body["tools"].reverse()


def of_user(body):
    body["metadata"] = {"user_id": "somebody"}


GOES_ON = [of_sampling, of_spelling, of_split_texts, of_white_space, of_key_order, of_ids, of_marks, of_tool_order, of_user]


# Changes that make it another conversation


def of_system_prompt(body):
    body["system"][0]["text"] = "Be long."


def of_system_prompt_order(body):
    body["system"].reverse()


def of_tool(body):
    body["tools"][0] = {**WEATHER, "description": "Looks it up."}


def of_schema(body):
    body["tools"][0] = {**WEATHER, "input_schema": {**WEATHER["input_schema"], "required": ["city"]}}


def of_tools(body):
    body["tools"].append({**TIME, "name": "other"})


def of_model(body):
    body["model"] = "opus"


def of_question(body):
    body["messages"][0]["content"][0]["text"] += "!"


def of_answer(body):
    body["messages"][3]["content"][0]["text"] = "Take no hat."


def of_input(body):
    body["messages"][1]["content"][-1]["input"]["city"] = "Rome"


def of_result(body):
    body["messages"][2]["content"][0]["content"] = "rainy"


def of_failure(body):
    body["messages"][2]["content"][0].update(content="sunnywarm", is_error=True)


def of_earlier_pair(body):
    del body["messages"][2:4]
    body["messages"][1]["content"].pop()


def of_image(body):
    source = {"type": "base64", "media_type": "image/png", "data": PNG}
    body["messages"][0]["content"].append({"type": "image", "source": source})


def of_length(body):
    body["messages"][3]["content"].append(text("More."))


FALLS_BACK = [
    of_system_prompt, of_system_prompt_order, of_tool, of_schema, of_tools, of_model, of_question, of_answer, of_input, of_result,
    of_failure, of_earlier_pair, of_image, of_length]


def test_it_goes_on_through_every_change_of_what_it_is_not(living, upstream, nonce):
    held = Held(living, upstream, nonce)
    for number, change in enumerate(GOES_ON):
        change(held.body)
        assert session(held.ask(held.body)) == held.session, change.__name__
        held.body["messages"] += [{"role": "assistant", "content": "Bye"}, *user(f"{nonce} {number}\nsay:Bye")]


@pytest.mark.parametrize("changes", [FALLS_BACK[number::3] for number in range(3)], ids=["some", "more", "others"])
def test_it_is_told_anew_after_a_change_and_the_process_stays(living, upstream, nonce, changes):
    held = Held(living, upstream, nonce)
    for change in changes:
        body = copy.deepcopy(held.body)
        change(body)
        sent = held.ask(body)
        assert session(sent) != held.session, change.__name__
        wanted = rules.expected("messages", body)
        assert rules.observed(sent.body, wanted) == wanted, change.__name__
    assert session(held.ask(held.body)) == held.session, "who goes on unchanged still can"


def test_another_keys_conversation_is_not_found(living, upstream, nonce):
    held = Held(living, upstream, nonce)
    assert session(held.ask(held.body, headers={"x-api-key": living.keys[1]})) != held.session
    assert session(held.ask(held.body)) == held.session


def test_a_result_that_is_missing_is_refused_and_the_call_stays_open(living, upstream, nonce):
    client = CLIENTS["messages"](living, MODELS[0], tools=[WEATHER], system=nonce)
    client.say(f"{call(city='Rome')}\n{call(city='Bern')}")
    part = [{"role": "user", "content": [{"type": "tool_result", "tool_use_id": client.calls[0], "content": "wet"}]}]
    body = {"model": client.model, "max_tokens": 1000, **client.fields, "messages": client.history + part}
    anthropic_error(living.post("/v1/messages", body), 400)
    client.answer(["wet", "dry"])
    assert len(set(sessions(upstream.turns(nonce)))) == 1 and len(upstream.turns(nonce)) == 2


def test_of_two_that_continue_the_same_point_one_goes_on_and_both_are_right(living, replaying, upstream, nonce):
    held = Held(living, upstream, nonce)
    bodies = [copy.deepcopy(held.body) for _ in range(3)]
    for number, body in enumerate(bodies):
        body["messages"][-1]["content"] = f"{nonce} branch{number}\ndelay:300"
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        answers = list(pool.map(lambda body: living.post("/v1/messages", body), bodies))
    assert [answer.json()["content"][-1]["text"] for answer in answers] == ["delayed"] * 3
    turns = [upstream.only_turn(f"{nonce} branch{number}") for number in range(3)]
    assert sessions(turns).count(held.session) == 1 and len(set(sessions(turns))) == 3
    for body, turn in zip(bodies, turns):
        replaying.post("/v1/messages", body)
        assert normal(turn.body) == normal(upstream.turns(nonce)[-1].body)
    for number, (body, answer, turn) in enumerate(zip(bodies, answers, turns)):
        body["messages"] += [{"role": "assistant", "content": answer.json()["content"]},
                             {"role": "user", "content": f"{nonce} leaf{number}\nsay:Bye"}]
        assert session(held.ask(body)) == session(turn), "each branch goes on where it was"


def test_a_retry_of_an_answered_request_is_answered_anew(living, upstream, nonce):
    """The process holds the answer by then, which is not what the request continues."""
    held = Held(living, upstream, nonce)
    turns = [held.ask(held.body) for _ in range(2)]
    assert session(turns[0]) == held.session != session(turns[1])


def test_a_request_beside_a_running_answer_does_not_touch_it(living, upstream, nonce):
    held = Held(living, upstream, nonce)
    slow = copy.deepcopy(held.body)
    slow["messages"][-1]["content"] = f"{nonce} slow\nslow:50:16"
    with living.http() as http, http.stream(
        "POST", "/v1/messages", json={**slow, "stream": True}, headers={"x-api-key": living.key}
    ) as response:
        chunks = response.iter_text()
        assert any("tick1" in chunk for chunk in chunks)
        assert session(held.ask(held.body)) != held.session
        rest = "".join(chunks)
    assert "tick15" in rest and "message_stop" in rest
    assert session(upstream.only_turn(f"{nonce} slow")) == held.session


def test_who_leaves_in_mid_answer_leaves_no_process(living, upstream, nonce):
    held = Held(living, upstream, nonce)
    before = set(descendants(living.process.pid))
    held.body["messages"][-1]["content"] = f"{nonce} slow\nslow:50:100"
    with living.http() as http, http.stream(
        "POST", "/v1/messages", json={**held.body, "stream": True}, headers={"x-api-key": living.key}
    ) as response:
        assert any("tick1" in chunk for chunk in response.iter_text())
    eventually(lambda: upstream.turns(f"{nonce} slow")[-1].outcome == "abandoned", "the vendor is not asked on")
    eventually(lambda: len(before - set(descendants(living.process.pid))) == 1, "its process has ended")
    held.body["messages"][-1]["content"] = f"{nonce} again\nsay:Bye"
    assert session(held.ask(held.body)) != held.session


@pytest.mark.parametrize("marker", ["stop:max_tokens", "stop:refusal", "stop:pause_turn", "empty", "status:400", "midstream-error"])
def test_after_another_end_than_an_answer_it_is_told_anew(living, upstream, nonce, marker):
    held = Held(living, upstream, nonce)
    ended = copy.deepcopy(held.body)
    ended["messages"][-1]["content"] = f"{nonce} ended\n{marker}"
    living.post("/v1/messages", ended)
    assert len(upstream.turns(f"{nonce} ended")) == 1
    ended["messages"] += [{"role": "assistant", "content": "cut here"}, {"role": "user", "content": f"{nonce} 5\nsay:Bye"}]
    assert session(held.ask(ended)) != held.session


# Thinking


@pytest.mark.parametrize("model", BOUND)
@pytest.mark.parametrize("drops", [False, True], ids=["sent back", "left out"])
def test_a_loop_keeps_its_thinking(living, upstream, nonce, model, drops):
    """The vendor of these tests takes a block only behind the very prefix that it was made in."""
    client = CLIENTS["messages"](
        living, model, stays=True, tools=[WEATHER], system=nonce, thinking={"type": "adaptive"}, max_tokens=2000)
    for number in range(4):
        client.say(f"{nonce} {number}\nthink:step {number}\n{call(city='Rome')}")
        if drops:
            client.history[-1]["content"] = [each for each in client.history[-1]["content"] if each["type"] != "thinking"]
        client.answer(["wet"])
        if drops:
            client.history[-1]["content"] = [each for each in client.history[-1]["content"] if each["type"] != "thinking"]
    turns = upstream.turns(nonce)
    assert len(set(sessions(turns))) == 1 and len(turns) == 8
    made = [seal for turn in turns[:-1] for seal in thought(turn)]
    assert len(made) == 7 and thoughts(turns[-1]) == made


@pytest.mark.parametrize("model", BOUND)
def test_who_asks_is_told_that_nothing_was_dropped(living, upstream, nonce, model):
    client = CLIENTS["messages"](
        living, model, stays=True, tools=[WEATHER], system=nonce, thinking={"type": "adaptive"}, max_tokens=2000,
        extra_headers=BINDING)
    for number in range(3):
        message = client.say(f"{nonce} {number}\n{call(city='Rome')}")
        assert message.model_dump().get("input_transformations") == []
        client.answer(["wet"])
    assert len(set(sessions(upstream.turns(nonce)))) == 1
    assert len(thoughts(upstream.turns(nonce)[-1])) == 5


@pytest.mark.parametrize("told", [{}, BINDING], ids=["silent", "who asks"])
@pytest.mark.parametrize("model", BOUND)
def test_thinking_that_was_lost_with_a_process_does_not_stop_the_conversation(living, upstream, nonce, model, told):
    """It cannot come back behind its prefix; what is thought from then on stays."""
    client = CLIENTS["messages"](
        living, model, stays=True, tools=[WEATHER], system=nonce, thinking={"type": "adaptive"}, max_tokens=2000,
        extra_headers=told)
    client.say(f"{nonce} 1\n{call(city='Rome')}")
    client.answer(["wet"])
    client.fields["system"] = f"{nonce} changed"
    for number in range(2, 5):
        client.say(f"{nonce} {number}\n{call(city='Rome')}")
        client.answer(["wet"])
    turns = upstream.turns(nonce)
    # The process of before may be the same one, emptied.
    assert len(set(sessions(turns[2:]))) == 1
    made = [seal for turn in turns[2:-1] for seal in thought(turn)]
    assert len(made) == 5 and thoughts(turns[-1])[-5:] == made


def test_a_thought_text_that_is_edited_is_not_sent(living, upstream, nonce):
    held = Held(living, upstream, nonce, thinking={"type": "adaptive", "display": "summarized"}, max_tokens=2000)
    first = held.body["messages"][1]["content"][0]
    assert first["type"] == "thinking"
    first["thinking"] = "Something else."
    turn = held.ask(held.body)
    assert session(turn) == held.session and "Something else." not in json.dumps(turn.body)
