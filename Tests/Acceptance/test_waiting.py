"""What the vendors' SDKs do by themselves, with the retries that they come with, when they have to wait.

They sleep as long as `retry-after` says and tell nobody: a few seconds are well slept, a limit is an error at once.
"""
import json
import re
import time
from concurrent.futures import ThreadPoolExecutor

import anthropic
import openai
import pytest

from harness import DIALECTS, eventually, events, message_body, user

pytestmark = pytest.mark.core
streaming = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
dialects = pytest.mark.parametrize("dialect", DIALECTS)

# The time and the length as people read them, or programs that look for seconds to sleep.
TIME = re.compile(r"It ends in 2 h, at \d\d:\d\d(:\d\d)? UTC on \d\d? [A-Z][a-z]+ \d{4}\.")
OBEYED = re.compile(r"try again in\s*\d+(\.\d+)?\s*(s|ms|seconds?)", re.IGNORECASE)


def ask(gateway, dialect, text, stream=False, key=None):
    """One question by the dialect's SDK, with the SDK's own number of retries; returns what was said."""
    if dialect == "messages":
        client = gateway.anthropic(key=key, max_retries=anthropic.DEFAULT_MAX_RETRIES)
        answer = client.messages.create(model="sonnet", max_tokens=100, messages=user(text), stream=stream)
    else:
        client = gateway.openai(key=key, max_retries=openai.DEFAULT_MAX_RETRIES)
        if dialect == "chat":
            answer = client.chat.completions.create(model="sonnet", messages=user(text), stream=stream)
        else:
            answer = client.responses.create(model="sonnet", input=text, store=False, stream=stream)
    return "".join(event.model_dump_json() for event in answer) if stream else answer.model_dump_json()


def raised(gateway, dialect, text, stream, key=None):
    """The error that the SDK raises, and after how many seconds."""
    began = time.monotonic()
    with pytest.raises((anthropic.APIStatusError, openai.APIStatusError)) as caught:
        ask(gateway, dialect, text, stream, key)
    return caught.value, time.monotonic() - began


def statuses(gateway, count):
    """What the gateway answered, in that many lines of its log."""

    def told():
        found = re.findall(r"event=request .* status=(\d+)", gateway.log())
        return [int(each) for each in found] if len(found) >= count else None

    return eventually(told, f"{count} requests are logged")


@streaming
@dialects
def test_a_reached_limit_is_raised_at_once_with_its_time(make_gateway, upstream, nonce, dialect, stream):
    """In the turn that meets it, and when it is known before."""
    gateway = make_gateway().ready()
    for text in (f"{nonce}\nlimit:7200", "say:no"):
        error, took = raised(gateway, dialect, text, stream)
        assert error.status_code == 429 and took < 5
        # What people see of it in a program that shows its errors.
        message = str(error)
        assert "The 5-hour usage limit of this gateway's account is reached." in message
        assert TIME.search(message) and not OBEYED.search(message)
    upstream.only_turn(nonce)
    assert statuses(gateway, 2) == [429, 429]


@dialects
def test_a_limit_that_ends_in_seconds_is_slept_through(make_gateway, dialect):
    gateway = make_gateway().ready()
    refused = gateway.ask(dialect, "limit:5")
    assert refused.status_code == 429 and "x-should-retry" not in refused.headers
    assert OBEYED.search(refused.json()["error"]["message"])
    assert 0 < int(refused.headers["retry-after"]) <= 5
    assert "at last" in ask(gateway, dialect, "say:at last")
    assert statuses(gateway, 3) == [429, 429, 200]


@streaming
@dialects
def test_a_wrong_key_is_not_asked_again(make_gateway, dialect, stream):
    gateway = make_gateway().ready()
    error, took = raised(gateway, dialect, "say:no", stream, key="a-key-that-was-mistyped")
    assert error.status_code == 401 and took < 2 and error.response.headers["x-should-retry"] == "false"
    assert statuses(gateway, 1) == [401]


@dialects
def test_an_overload_that_passes_is_asked_again(gateway, nonce, dialect):
    """The CLI asks three times itself."""
    assert "Hello" in ask(gateway, dialect, f"{nonce}\nflaky:529:4")


@dialects
def test_a_busy_gateway_is_asked_again(make_gateway, dialect):
    gateway = make_gateway(env={"MAX_TURNS": "1", "MAX_WAITING_TURNS": "0"}).ready()
    with ThreadPoolExecutor(max_workers=1) as pool:
        first = pool.submit(gateway.ask, dialect, "delay:3000")
        eventually(lambda: gateway.health()["running_turns"] == 1, "the first turn runs")
        refused = gateway.ask(dialect, "say:no")
        assert refused.status_code == (529 if dialect == "messages" else 503)
        assert "x-should-retry" not in refused.headers and int(refused.headers["retry-after"]) <= 20
        assert "in the end" in ask(gateway, dialect, "say:in the end")
        assert first.result().status_code == 200


@dialects
def test_a_long_limit_amid_a_stream_is_told_in_words(make_gateway, dialect):
    gateway = make_gateway(tls=False, env={"PING_SECONDS": "1"}).ready()
    text = gateway.ask(dialect, "late-limit:7201", stream=True).text
    told = json.loads([data for _, data in events(text) if data != "[DONE]"][-1])
    error = (told["response"] if dialect == "responses" else told)["error"]
    assert TIME.search(error["message"]) and not OBEYED.search(error["message"])


def test_nothing_is_asked_again_that_cannot_be_answered(gateway):
    """In both envelopes, and where no request can be read."""
    key = {"x-api-key": gateway.key}
    with gateway.http() as http:
        refused = [
            (400, http.post("/v1/messages", json={}, headers=key)),
            (400, http.post("/v1/chat/completions", content=b"{", headers=key)),
            (400, http.post("/v1/responses", json={"model": "sonnet", "input": 7}, headers=key)),
            (401, http.post("/v1/messages", json=message_body("Hello"))),
            (401, http.get("/v1/models")),
            (404, http.post("/v1/embeddings", json={}, headers=key)),
            (404, http.post("/v1/messages", json=message_body("Hello", model="gpt-4"), headers=key)),
            (405, http.delete("/v1/messages", headers=key)),
            (415, http.post("/v1/messages", content=b"a=b", headers={**key, "content-type": "text/plain"})),
            (417, http.post("/v1/messages", json={}, headers={**key, "expect": "wonders"})),
        ]
    for status, response in refused:
        assert response.status_code == status, response.text
        assert response.headers["x-should-retry"] == "false" and "retry-after" not in response.headers
