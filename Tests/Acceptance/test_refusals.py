"""Bad requests get a clear answer in the caller's dialect that names the field, and never reach the CLI."""
import anthropic
import openai
import pytest

from harness import HELLO, anthropic_error, chat_body, message_body, openai_error, user

CHAT = "/v1/chat/completions"
MESSAGES = "/v1/messages"


@pytest.mark.parametrize(
    "field, change",
    [
        ("model", {"model": None}),
        ("max_tokens", {"max_tokens": None}),
        ("max_tokens", {"max_tokens": "many"}),
        ("messages", {"messages": None}),
        ("messages", {"messages": []}),
        ("messages", {"messages": "Hello"}),
        ("role", {"messages": [{"role": "robot", "content": "Hello"}]}),
        ("content", {"messages": [{"role": "user"}]}),
        ("content", {"messages": [{"role": "user", "content": 5}]}),
        ("stream", {"stream": "yes"}),
        ("system", {"system": 7}),
    ],
)
def test_a_bad_message_request_is_told_which_field(gateway, field, change):
    body = {name: value for name, value in {**message_body("Hello"), **change}.items() if value is not None}
    error = anthropic_error(gateway.post(MESSAGES, body), 400)
    assert error["type"] == "invalid_request_error" and field in error["message"]


@pytest.mark.parametrize(
    "field, change",
    [
        ("messages", {"messages": None}),
        ("messages", {"messages": []}),
        ("messages", {"messages": "Hello"}),
        ("role", {"messages": [{"role": "robot", "content": "Hello"}]}),
        ("content", {"messages": [{"role": "user", "content": 5}]}),
        ("stream", {"stream": "yes"}),
        ("stream_options", {"stream": True, "stream_options": 3}),
    ],
)
def test_a_bad_chat_request_is_told_which_field(gateway, field, change):
    body = {name: value for name, value in {**chat_body("Hello"), **change}.items() if value is not None}
    error = openai_error(gateway.post(CHAT, body), 400)
    assert error["type"] == "invalid_request_error" and field in f"{error['param']} {error['message']}"


@pytest.mark.core
@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"', b"null", b"\xff\xfe", b'{"a":1,}'])
def test_a_body_that_is_no_json_object_is_refused(gateway, body):
    headers = {"x-api-key": gateway.key, "content-type": "application/json"}
    with gateway.http() as http:
        anthropic_error(http.post(MESSAGES, content=body, headers=headers), 400)
        openai_error(http.post(CHAT, content=body, headers=headers), 400)


def test_json_nested_without_end_is_refused(gateway):
    headers = {"x-api-key": gateway.key, "content-type": "application/json"}
    with gateway.http() as http:
        anthropic_error(http.post(MESSAGES, content=b"[" * 100_000, headers=headers), 400)


@pytest.mark.core
def test_an_unknown_path_is_not_found_in_the_dialect_it_looks_like(gateway):
    anthropic_error(gateway.post("/v1/messages/nope", {}), 404)
    with gateway.http() as http:
        bearer = {"authorization": f"Bearer {gateway.key}"}
        openai_error(http.post("/v1/nope", json={}, headers=bearer), 404)
        openai_error(http.post("/v1/chat/nope", json={}, headers=bearer), 404)


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
@pytest.mark.parametrize("path, check", [(MESSAGES, anthropic_error), (CHAT, openai_error)])
def test_a_wrong_method_is_told_the_right_one(gateway, method, path, check):
    with gateway.http() as http:
        response = http.request(method, path, headers={"x-api-key": gateway.key})
    check(response, 405)
    assert "POST" in response.headers["allow"]


def test_a_wrong_method_on_health_is_told_the_right_one(gateway):
    with gateway.http() as http:
        response = http.post("/health", json={})
    assert response.status_code == 405 and "GET" in response.headers["allow"]


@pytest.mark.parametrize("path, check", [(MESSAGES, anthropic_error), (CHAT, openai_error)])
def test_a_body_of_another_type_is_refused(gateway, path, check):
    headers = {"x-api-key": gateway.key, "content-type": "text/plain"}
    with gateway.http() as http:
        check(http.post(path, content=b"Hello", headers=headers), 415)


@pytest.mark.parametrize("path, check", [(MESSAGES, anthropic_error), (CHAT, openai_error)])
@pytest.mark.parametrize("http2", [False, True], ids=["http1", "http2"])
def test_a_body_above_the_limit_is_refused(make_gateway, path, check, http2):
    gateway = make_gateway(flags=["--max-body-bytes", 65536]).ready()
    headers = {"x-api-key": gateway.key}
    with gateway.http(http2=http2) as http:
        check(http.post(path, json=message_body("x" * 65536), headers=headers), 413)
        assert http.post(path, json=message_body("x" * 60000), headers=headers).status_code == 200


def test_the_sdks_raise_their_own_errors(gateway):
    with pytest.raises(anthropic.BadRequestError):
        gateway.anthropic().messages.create(model="sonnet", max_tokens=10, messages=[])
    with pytest.raises(openai.BadRequestError):
        gateway.openai().chat.completions.create(model="sonnet", messages=[])
    with pytest.raises(anthropic.NotFoundError):
        gateway.anthropic().messages.create(model="gpt-4o", max_tokens=10, messages=HELLO)
    with pytest.raises(openai.NotFoundError):
        gateway.openai().chat.completions.create(model="gpt-4o", messages=HELLO)


def test_a_blank_prompt_is_refused_or_answered_but_never_invented(gateway, upstream, nonce):
    response = gateway.ask_message("   ", system=nonce)
    if response.status_code == 200:
        upstream.only_turn(nonce)
    else:
        anthropic_error(response, 400)


def test_fields_of_other_clients_are_tolerated(gateway):
    completion = gateway.openai().chat.completions.create(
        model="sonnet", messages=user("Hello"), temperature=0.2, seed=1, user="u", metadata={"a": "b"}, store=False
    )
    assert completion.choices[0].message.content == "Hello from upstream."
