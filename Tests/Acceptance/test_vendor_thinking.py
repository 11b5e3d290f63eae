"""Thinking that comes back to the vendor: where it may stand, and what becomes of it elsewhere."""
import copy
import json

import pytest

import vendor_rules
import vendor_thinking
from vendor_bodies import (
    ADAPTIVE, BUDGET, DROP, HEADERS, OLD, TOOL, assistant, body, broken, call, mark, result, say, user,
)
from vendor_fields import BINDING_BETA
from vendor_request import Request

pytestmark = pytest.mark.core


def answered(request, betas=(), text="Step.", redacted=None):
    """The request and the thinking of its answer, as the next request would hold it."""
    read = Request(request, {"anthropic-beta": ",".join(betas)})
    blocks = vendor_thinking.written(read, text, vendor_thinking.history(read).read, redacted)
    return {**request, "messages": [*request["messages"], assistant(*blocks, say("Done.")), user("More")]}


def edit(request, change):
    changed = copy.deepcopy(request)
    change(changed)
    return changed


def first_thought(request):
    return next(block for message in request["messages"] if message["role"] == "assistant"
                for block in message["content"])


@pytest.fixture
def twice():
    """A conversation with two answers that thought."""
    thinking = {**ADAPTIVE, "display": "summarized"}
    shown = body(system="Be brief.", tools=[TOOL, {**TOOL, "name": "g"}], thinking=thinking)
    return answered(answered(shown, redacted="hm"))


def drop_first(request):
    del request["messages"][1]["content"][:2]


def drop_second(request):
    del request["messages"][3]["content"][0]


def drop_between(request):
    del request["messages"][1]["content"][1]


def respell(request):
    """What is no edit: marks, white space, one text as a string, other parameters, the order of tools."""
    request["messages"][0]["content"] = [say("Hi\n", cache_control=mark("5m"))]
    request["system"] = [say("Be brief. ")]
    request["tools"].reverse()
    request.update(max_tokens=99, output_config={"effort": "low"})


@pytest.mark.parametrize("change", [lambda _: None, drop_first, drop_second, respell],
                         ids=["intact", "without the oldest", "without the newest", "spelled otherwise"])
def test_thinking_comes_back_behind_the_prefix_it_was_written_after(twice, change):
    assert broken(edit(twice, change)) == []


def reword(request):
    request["messages"][0]["content"] = "Ho"


CHANGES = {
    "another system prompt": lambda request: request.update(system="Be long."),
    "another tool": lambda request: request["tools"].pop(),
    "another first message": reword,
    "a message more": lambda request: request["messages"].insert(0, user("Before")),
    "a block between left out": drop_between,
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_thinking_behind_another_prefix_is_refused_or_dropped(twice, change):
    changed = edit(twice, change)
    assert set(broken(changed)) == {"thinking.prefix"}
    told = vendor_rules.refusals(changed, HEADERS)[0].message
    assert told.startswith("messages.") and "bound to a different conversation" in told and BINDING_BETA in told
    dropping = {**changed, "thinking": DROP}
    _, refusals, history = vendor_rules.judged(dropping, {**HEADERS, "anthropic-beta": BINDING_BETA})
    assert not refusals and {reason for _, reason in history.dropped} == {"prefix_binding_mismatch"}
    assert history.dropped[-1][0] == "messages.3.content.0" or "Before" in json.dumps(changed)
    assert broken(dropping) != []


def test_a_block_put_back_is_one_that_was_not_there(twice):
    once = {**twice, "messages": twice["messages"][:3]}
    without = answered(edit(once, lambda request: request["messages"][1]["content"].pop(0)))
    assert broken(without) == []
    without["messages"][1] = twice["messages"][1]
    assert "thinking.prefix" in broken(without)


def test_older_models_read_their_thinking_anywhere():
    spoken = answered(body(model=OLD, thinking=BUDGET))
    assert broken(edit(spoken, reword)) == []


def test_thinking_of_a_model_that_this_one_cannot_read_is_left_out(twice):
    def dropped(model):
        _, refusals, history = vendor_rules.judged({**edit(twice, reword), "model": model}, HEADERS)
        return {each.rule for each in refusals}, {reason for _, reason in history.dropped}

    assert dropped("claude-haiku-5-5") == (set(), {"model_binding_mismatch"})
    assert dropped("claude-opus-5-5") == ({"thinking.prefix"}, set())


def tamper(request):
    first_thought(request)["thinking"] = "Other."


def test_a_block_that_was_not_written_here_is_refused(twice):
    assert "thinking.signature" in broken(edit(twice, tamper))
    once = answered(body(thinking={**ADAPTIVE, "display": "summarized"}))
    assert broken(edit(once, tamper)) == ["thinking.modified"]
    assert broken(edit(answered(body()), tamper)) == [], "text put into an omitted block is ignored"
    foreign = edit(once, lambda request: first_thought(request).update(signature="c2ln"))
    assert broken(foreign) == ["thinking.signature"]
    assert broken(edit(once, lambda request: first_thought(request).pop("signature"))) == ["thinking.signature.missing"]
    marked = edit(once, lambda request: first_thought(request).update(cache_control=mark("5m")))
    assert broken(marked) == ["cache.thinking"]


def test_thinking_of_two_answers_does_not_stand_in_one():
    once = answered(body(model=OLD, thinking=BUDGET))
    other = first_thought(answered(body(model=OLD, thinking=BUDGET)))
    assert set(broken(edit(once, lambda request: request["messages"][1]["content"].insert(0, other)))) == {
        "thinking.modified"}


def test_thinking_has_its_place_in_an_answer():
    once = answered(body())
    assert broken(edit(once, lambda request: request["messages"][1]["content"].pop())) == ["thinking.final"]
    open_round = body(user("Go"), assistant(call()), user(result()), model=OLD, tools=[TOOL], thinking=BUDGET)
    assert broken(open_round) == ["thinking.required"]
    thought = {"type": "thinking", "thinking": "", "signature": vendor_thinking.seal(OLD)}
    assert broken(edit(open_round, lambda request: request["messages"][1]["content"].insert(0, thought))) == []


@pytest.mark.parametrize("asked, wanted", [
    (body(), True), (body(output_config={"effort": "low"}), False), (body(thinking={"type": "between_tools"}), False),
    (body(user("Go"), assistant(call()), user(result()), thinking={"type": "between_tools"}), True),
    (body(model=OLD), False), (body(model=OLD, thinking=BUDGET), True), (body(model="claude-opus-4-8"), False),
    (body(model="claude-opus-4-8", thinking=ADAPTIVE), True), (body(model="claude-haiku-5-5"), True),
    (body(model="claude-haiku-5-5", thinking={"type": "disabled"}), False),
    (body(model="claude-haiku-5-5", tools=[TOOL], tool_choice={"type": "any"}), False),
])
def test_a_model_thinks_when_the_vendors_would(asked, wanted):
    assert broken(asked) == [] and vendor_thinking.thinks(Request(asked, HEADERS)) is wanted
