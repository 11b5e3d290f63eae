"""A failure behind the CLI is told as what it is: a true status at first, an error event amid the words."""
import json
import time
from concurrent.futures import ThreadPoolExecutor

import anthropic
import openai
import pytest

from fault_matrix import fault_row
from harness import DIALECTS, anthropic_error, events, message_events, openai_error, seconds_until, user

streaming = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])


# What the upstream does -> status and error type of the Messages API; status, type and code of OpenAI's; whether
# the client shall retry; the most requests that the upstream may get for one of the client's (more than one where the
# CLI tries again).
FAILURES = {
    "status:400": ((400, "invalid_request_error"), (400, "invalid_request_error", None), False, 1),
    "status:401": ((503, "api_error"), (503, "server_error", None), False, 3),
    "status:402": ((402, "billing_error"), (402, "insufficient_quota", "insufficient_quota"), False, 1),
    "status:403": ((403, "permission_error"), (403, "permission_error", None), False, 1),
    "status:404": ((404, "not_found_error"), (404, "invalid_request_error", "model_not_found"), False, 2),
    "status:408": ((504, "timeout_error"), (504, "server_error", None), None, 3),
    "status:409": ((409, "conflict_error"), (409, "invalid_request_error", None), None, 3),
    "status:413": ((413, "request_too_large"), (413, "invalid_request_error", None), False, 1),
    "status:429": ((429, "rate_limit_error"), (429, "rate_limit_error", "rate_limit_exceeded"), None, 3),
    "status:429:100": ((429, "rate_limit_error"), (429, "rate_limit_error", "rate_limit_exceeded"), False, 1),
    "status:500": ((500, "api_error"), (500, "server_error", None), None, 3),
    "status:502": ((502, "api_error"), (502, "server_error", None), None, 3),
    "status:503": ((503, "api_error"), (503, "server_error", None), None, 3),
    "status:504": ((504, "timeout_error"), (504, "server_error", None), None, 3),
    "status:529": ((529, "overloaded_error"), (503, "server_error", "overloaded"), None, 3),
    "too-long": ((400, "invalid_request_error"), (400, "invalid_request_error", "context_length_exceeded"), False, 1),
    "no-credit": ((402, "billing_error"), (402, "insufficient_quota", "insufficient_quota"), False, 1),
}


@fault_row(
    25, injected="the vendor answers 400 to 529, a prompt too long, no credit; whole and as a stream, in three "
        "dialects",
    seen="the true status, type and code; Retry-After with 429, 503 and 529; three requests at most")
@pytest.mark.parametrize("failure", FAILURES)
def test_a_failure_is_told_as_what_it_is(gateway, upstream, nonce, failure):
    """In all dialects, streamed and whole: nothing has been promised yet, so the status is the true one."""
    anthropics, openais, retries, requests = FAILURES[failure]

    def ask(dialect, stream):
        word = f"{nonce}-{dialect}-{stream}-"
        return dialect, word, gateway.ask(dialect, f"{word}\n{failure}", stream=stream)

    with ThreadPoolExecutor(max_workers=3) as pool:
        answers = pool.map(lambda each: ask(*each), [(d, s) for s in (False, True) for d in DIALECTS])
    for dialect, word, response in answers:
        if dialect == "messages":
            assert anthropic_error(response, anthropics[0])["type"] == anthropics[1]
        else:
            error = openai_error(response, openais[0])
            assert (error["type"], error["code"]) == openais[1:]
        told = response.headers.get("x-should-retry")
        assert told == (None if retries is None else "true" if retries else "false")
        if response.status_code in (429, 503, 529):
            assert 0 < int(response.headers["retry-after"]) <= 300
        if response.status_code == 429:
            assert seconds_until(response.headers["x-ratelimit-reset"]) <= 300
        assert 1 <= len(upstream.turns(word)) <= requests


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_a_failure_that_passes_is_not_seen(gateway, upstream, nonce, stream):
    for dialect in DIALECTS:
        response = gateway.ask(dialect, f"{nonce}{dialect}\nflaky:529:1", stream=stream)
        assert response.status_code == 200 and "Hello" in response.text
        assert len(upstream.turns(nonce + dialect)) == 2


def test_a_refused_login_of_the_gateway_is_not_blamed_on_the_caller(gateway):
    """The caller's key was right: a 401 would send him looking for a fault in it, and SDKs would say the same."""
    response = gateway.ask_message("status:401")
    assert response.status_code in (401, 502, 503)
    assert "credential" in response.text.lower() and "operator must" in response.text


@pytest.mark.core
def test_the_sdks_raise_what_they_raise_for_the_real_service(make_gateway):
    gateway = make_gateway().ready()
    with pytest.raises(anthropic.RateLimitError):
        gateway.anthropic().messages.create(model="sonnet", max_tokens=100, messages=user("limit:60"))
    with pytest.raises(openai.RateLimitError):
        gateway.openai().chat.completions.create(model="sonnet", messages=user("limit:60"))
    # Known to be used up, the account is not asked any more.
    with pytest.raises(anthropic.InternalServerError):
        make_gateway().ready().anthropic().messages.create(model="sonnet", max_tokens=100, messages=user("status:500"))


@pytest.mark.core
@streaming
def test_a_usage_limit_tells_when_it_ends_and_not_to_retry(make_gateway, upstream, nonce, stream):
    """Without x-should-retry the SDK would sleep these two hours before it says anything."""
    gateway = make_gateway().ready()
    began = time.monotonic()
    response = gateway.ask_message(f"{nonce}\nlimit:7200", stream=stream)
    assert time.monotonic() - began < 10
    assert anthropic_error(response, 429)["type"] == "rate_limit_error"
    assert 7000 <= int(response.headers["retry-after"]) <= 7200
    assert response.headers["x-should-retry"] == "false"
    upstream.only_turn(nonce)


def test_retries_are_bounded(gateway, upstream, nonce):
    gateway.ask_message(f"{nonce}\nstatus:500")
    assert 1 <= len(upstream.turns(nonce)) <= 3


@fault_row(
    25, injected="the vendor sends an error event amid its stream",
    seen="one error event at the end, nothing that looks like a whole answer")
@pytest.mark.core
def test_an_error_amid_a_message_stream_ends_in_an_error_event(gateway, upstream, nonce):
    response = gateway.ask_message(f"{nonce}\nmidstream-error", stream=True)
    assert response.status_code == 200
    found = [each for each in message_events(response.text) if each["type"] != "ping"]
    assert found[0]["type"] == "message_start"
    assert found[-1]["type"] == "error" and found[-1]["error"]["message"]
    assert not any(each["type"] in ("message_delta", "message_stop") for each in found)
    upstream.only_turn(nonce)
    with pytest.raises(anthropic.APIStatusError):
        gateway.anthropic().messages.stream(
            model="sonnet", max_tokens=100, messages=user("midstream-error")
        ).__enter__().get_final_message()


@pytest.mark.core
def test_an_error_amid_a_chat_stream_ends_in_an_error_object(gateway):
    found = [data for _, data in events(gateway.ask_chat("midstream-error", stream=True).text) if data != "[DONE]"]
    last = json.loads(found[-1])
    assert last["error"]["message"] and last["error"]["type"]
    for data in found[:-1]:
        assert json.loads(data)["choices"][0]["finish_reason"] is None
    with pytest.raises(openai.APIError):
        prompt = user("midstream-error")
        list(gateway.openai().chat.completions.create(model="sonnet", messages=prompt, stream=True))


def test_an_error_amid_a_whole_answer_is_an_error(gateway):
    assert gateway.ask_message("midstream-error").status_code >= 500
    assert gateway.ask_chat("midstream-error").status_code >= 500


@fault_row(25, injected="the vendor's connection breaks amid its answer", seen="an error, whole or in the stream")
@streaming
def test_a_connection_that_breaks_upstream_never_looks_like_a_whole_answer(gateway, stream):
    response = gateway.ask_message("drop", stream=stream)
    if stream and response.status_code == 200:
        assert message_events(response.text)[-1]["type"] == "error"
    else:
        assert response.status_code >= 500


@fault_row(25, injected="nobody listens where the vendor should be", seen="an error within seconds")
def test_an_upstream_that_refuses_connections_is_an_error_within_seconds(make_gateway):
    gateway = make_gateway(cli_env={"ANTHROPIC_BASE_URL": "http://127.0.0.1:9", "CLAUDE_CODE_OAUTH_TOKEN": "fake"})
    began = time.monotonic()
    response = gateway.ready().ask_message("Hello")
    assert response.status_code in (500, 502, 503, 504) and time.monotonic() - began < 30


@pytest.mark.core
@streaming
def test_a_cli_without_login_tells_the_operator_what_to_do(make_gateway, upstream, stream):
    gateway = make_gateway(cli_env={"ANTHROPIC_BASE_URL": upstream.url}).ready()
    message = anthropic_error(gateway.ask_message("Hello", stream=stream), 503)["message"]
    assert "claude" in message.lower() and "log" in message.lower()
    openai_error(gateway.ask_chat("Hello", stream=stream), 503)


@fault_row(25, injected="the vendor says nothing at all", seen="504 at the request's deadline")
def test_an_answer_that_takes_too_long_is_a_timeout(make_gateway, upstream, nonce):
    gateway = make_gateway(env={"REQUEST_TIMEOUT_MS": "2000"}).ready()
    began = time.monotonic()
    error = anthropic_error(gateway.ask_message(f"{nonce}\nhang"), 504)
    assert error["type"] in ("timeout_error", "api_error") and time.monotonic() - began < 10


def test_without_a_login_the_operator_is_told_what_to_do(make_gateway, upstream, cli_env, nonce):
    """The caller can do nothing about it, and the vendor is not asked."""
    env = {"ANTHROPIC_BASE_URL": cli_env["ANTHROPIC_BASE_URL"]}
    gateway = make_gateway(cli_env=env).ready()
    error = anthropic_error(gateway.ask_message(f"{nonce} say:hello"), 503)
    assert "claude auth login`, or set CLAUDE_CODE_OAUTH_TOKEN" in error["message"]
    assert not upstream.turns(nonce)
