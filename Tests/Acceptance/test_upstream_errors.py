"""A failure behind the CLI is told as what it is: a true status at first, an error event amid the words."""
import json
import time

import anthropic
import openai
import pytest

from harness import anthropic_error, events, message_events, openai_error, user

streaming = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])


@streaming
@pytest.mark.parametrize(
    "status, told, kind",
    [
        (429, (429,), {"rate_limit_error"}),
        (500, (500, 502), {"api_error"}),
        (529, (529,), {"overloaded_error"}),
        (403, (403,), {"permission_error"}),
        (404, (404,), {"not_found_error"}),
        (413, (413,), {"request_too_large"}),
        (400, (400,), {"invalid_request_error"}),
    ],
)
def test_a_message_gets_the_status_of_the_upstream(gateway, status, told, kind, stream):
    response = gateway.ask_message(f"status:{status}", stream=stream)
    assert response.status_code in told, response.text
    assert anthropic_error(response, response.status_code)["type"] in kind
    if status in (429, 529):
        assert 0 < int(response.headers["retry-after"]) <= 120


@streaming
@pytest.mark.parametrize("status, told", [(429, (429,)), (500, (500, 502)), (529, (503, 529)), (403, (403,))])
def test_a_completion_gets_the_status_of_the_upstream(gateway, status, told, stream):
    response = gateway.ask_chat(f"status:{status}", stream=stream)
    assert response.status_code in told, response.text
    openai_error(response, response.status_code)
    if status in (429, 529):
        assert 0 < int(response.headers["retry-after"]) <= 120


def test_a_refused_login_of_the_gateway_is_not_blamed_on_the_caller(gateway):
    """The caller's key was right: a 401 would send him looking for a fault in it, and SDKs would say the same."""
    response = gateway.ask_message("status:401")
    assert response.status_code in (401, 502, 503)
    assert "login" in response.text.lower() or "authenticat" in response.text.lower()


@pytest.mark.core
def test_the_sdks_raise_what_they_raise_for_the_real_service(gateway):
    with pytest.raises(anthropic.RateLimitError):
        gateway.anthropic().messages.create(model="sonnet", max_tokens=10, messages=user("limit:60"))
    with pytest.raises(openai.RateLimitError):
        gateway.openai().chat.completions.create(model="sonnet", messages=user("limit:60"))
    with pytest.raises(anthropic.InternalServerError):
        gateway.anthropic().messages.create(model="sonnet", max_tokens=10, messages=user("status:500"))


@pytest.mark.core
@streaming
def test_a_usage_limit_tells_when_it_ends_and_not_to_retry(gateway, upstream, nonce, stream):
    """Without x-should-retry the SDK would sleep these two hours before it says anything."""
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
            model="sonnet", max_tokens=10, messages=user("midstream-error")
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


@streaming
def test_a_connection_that_breaks_upstream_never_looks_like_a_whole_answer(gateway, stream):
    response = gateway.ask_message("drop", stream=stream)
    if stream and response.status_code == 200:
        assert message_events(response.text)[-1]["type"] == "error"
    else:
        assert response.status_code >= 500


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


def test_an_answer_that_takes_too_long_is_a_timeout(make_gateway, upstream, nonce):
    gateway = make_gateway(env={"REQUEST_TIMEOUT_MS": "2000"}).ready()
    began = time.monotonic()
    error = anthropic_error(gateway.ask_message(f"{nonce}\nhang"), 504)
    assert error["type"] in ("timeout_error", "api_error") and time.monotonic() - began < 10
