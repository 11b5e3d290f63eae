"""What the upstream of these tests answers: refusals as the vendor words them, thinking, calls and shapes."""
import json

import httpx2
import pytest

from upstream import Upstream
from vendor_bodies import ADAPTIVE, CLOSED, DROP, HEADERS, TOOL, assistant, body, form, mark, result, say, user
from vendor_fields import BINDING_BETA
from vendor_tools import made_from

pytestmark = pytest.mark.core


@pytest.fixture(scope="module")
def vendor():
    with Upstream() as server:
        yield server


@pytest.fixture
def send(vendor):
    def post(request, betas=()):
        headers = {**HEADERS, **({"anthropic-beta": ",".join(betas)} if betas else {})}
        with httpx2.Client(base_url=vendor.url, trust_env=False) as http:
            return http.post("/v1/messages", json=request, headers=headers)

    return post


@pytest.mark.vendor_refuses("sampling.temperature")
def test_a_refused_request_is_answered_as_the_vendor_answers_it(send):
    response = send(body(temperature=0))
    assert response.status_code == 400
    assert response.json()["error"] == {
        "type": "invalid_request_error", "message": "`temperature` is deprecated for this model."}


def test_a_test_may_take_the_rules_it_broke(send, vendor):
    send(body(user("nothing else"), top_k=1))
    assert vendor.rules_broken("nothing else") == ["sampling.top_k"]
    assert vendor.rules_broken("nothing else") == []


@pytest.mark.parametrize("display, text", [(None, ""), ("omitted", ""), ("summarized", "why")])
def test_an_answer_shows_its_thinking_as_it_was_asked_to(send, display, text):
    thinking = {**ADAPTIVE, "display": display} if display else ADAPTIVE
    said = send(body(user("think:why\nsay:so"), thinking=thinking)).json()
    assert [block["type"] for block in said["content"]] == ["thinking", "text"]
    assert said["content"][0]["thinking"] == text and said["content"][0]["signature"]
    assert said["stop_reason"] == "end_turn" and said["usage"]["output_tokens"] > 30


def test_thinking_may_use_up_the_limit(send):
    said = send(body(user("say:so"), max_tokens=20)).json()
    assert [block["type"] for block in said["content"]] == ["thinking"]
    assert (said["stop_reason"], said["usage"]["output_tokens"]) == ("max_tokens", 21)
    assert send(body(user("nothink\nsay:so"), max_tokens=20)).json()["content"] == [say("so")]


def test_an_answer_in_a_tool_loop_shows_how_far_it_is(send):
    asked = [user("progress:2:f")]
    for number in (1, 2):
        said = send(body(*asked, tools=[TOOL])).json()["content"]
        assert [block["type"] for block in said] == ["thinking", "text", "tool_use"]
        assert said[0]["thinking"] == said[1]["text"] == f"round {number}. "
        asked += [assistant(*said), user(result(said[2]["id"]))]
    assert send(body(*asked, tools=[TOOL])).json()["content"][-1] == say("Hello from upstream.")


def test_what_was_dropped_is_told(send):
    first = send(body(user("seal:hm\nsay:so"))).json()["content"]
    assert [block["type"] for block in first] == ["thinking", "redacted_thinking", "text"]
    replayed = [assistant(*first), user("nothink")]
    dropped = send(body(user("Else"), *replayed, thinking=DROP), [BINDING_BETA]).json()
    assert dropped["input_transformations"] == [
        {"type": "thinking_dropped", "path": f"messages.1.content.{n}", "reason": "prefix_binding_mismatch"}
        for n in (0, 1)
    ]
    intact = send(body(user("seal:hm\nsay:so"), *replayed, thinking=DROP), [BINDING_BETA]).json()
    assert intact["input_transformations"] == []
    assert "input_transformations" not in send(body(user("seal:hm\nsay:so"), *replayed)).json()


def test_a_question_without_a_marker_is_answered_by_the_forced_call_or_in_the_asked_shape(send):
    forced = send(body(model="claude-haiku-5-5", tools=[TOOL], tool_choice={"type": "any"})).json()
    assert forced["stop_reason"] == "tool_use" and [each["type"] for each in forced["content"]] == ["tool_use"]
    assert (forced["content"][0]["name"], forced["content"][0]["input"]) == ("f", {"n": 1})
    shaped = send(body(**form(CLOSED))).json()
    assert json.loads(shaped["content"][-1]["text"]) == {"n": 1}


def test_a_value_is_made_from_any_schema():
    schema = {"type": "object", "$defs": {"a": {"enum": ["x", "y"]}}, "properties": {
        "a": {"$ref": "#/$defs/a"}, "b": {"type": "array", "items": {"type": ["null", "string"]}},
        "c": {"anyOf": [{"type": "boolean"}]}, "d": {"const": 4}, "e": {"type": "string", "format": "date"}}}
    assert made_from(schema) == {"a": "x", "b": [None], "c": True, "d": 4, "e": "2026-11-28"}
