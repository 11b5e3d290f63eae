"""Model names go through as given, prefixes are stripped, strangers are refused."""
import json

import openai
import pytest

from harness import DIALECTS, Gateway, anthropic_error, openai_error, request_body, user
from wire import Wire


@pytest.mark.core
def test_the_openai_sdk_lists_and_retrieves_models(gateway):
    client = gateway.openai()
    listed = [model.id for model in client.models.list()]
    assert listed
    assert client.models.retrieve(listed[0]).id == listed[0]


def test_the_anthropic_sdk_lists_and_retrieves_models(gateway):
    client = gateway.anthropic()
    listed = list(client.models.list())
    assert listed and all(model.type == "model" and model.display_name for model in listed)
    assert client.models.retrieve(listed[0].id).id == listed[0].id


@pytest.mark.parametrize("name", ["claude-haiku-4-5-20251001", "claude-opus-4-1", "claude-sonnet-5-5"])
def test_a_full_name_reaches_the_model_as_given(gateway, upstream, nonce, name):
    answer = gateway.ask_message(nonce, model=name).json()
    assert upstream.only_turn(nonce).body["model"] == name
    assert answer["model"] == name


@pytest.mark.parametrize("alias", ["sonnet", "opus", "haiku"])
def test_an_alias_is_resolved_by_the_cli(gateway, upstream, nonce, alias):
    gateway.ask_chat(nonce, model=alias).raise_for_status()
    assert upstream.only_turn(nonce).body["model"].startswith(f"claude-{alias}")


@pytest.mark.parametrize("prefix", ["claude-code-cli/", "openai/", "anthropic/"])
def test_a_prefix_is_stripped(gateway, upstream, nonce, prefix):
    gateway.ask_chat(nonce, model=prefix + "claude-haiku-4-5-20251001").raise_for_status()
    assert upstream.only_turn(nonce).body["model"] == "claude-haiku-4-5-20251001"


def test_the_operators_alias_map_is_used(make_gateway, upstream, nonce):
    gateway = make_gateway(env={"MODEL_ALIASES": "gpt-4o=haiku,fast=claude-haiku-4-5-20251001"}).ready()
    gateway.ask_chat(f"{nonce} a", model="gpt-4o").raise_for_status()
    gateway.ask_chat(f"{nonce} b", model="fast").raise_for_status()
    assert upstream.only_turn(f"{nonce} a").body["model"].startswith("claude-haiku")
    assert upstream.only_turn(f"{nonce} b").body["model"] == "claude-haiku-4-5-20251001"


def test_an_unknown_model_is_refused_without_asking_upstream(gateway, upstream, nonce):
    error = openai_error(gateway.ask_chat(nonce, model="gpt-4o"), 404)
    assert error["code"] == "model_not_found" and error["param"] == "model" and "gpt-4o" in error["message"]
    refused = anthropic_error(gateway.ask_message(nonce, model="gpt-4o"), 404)
    assert refused["type"] == "not_found_error" and "gpt-4o" in refused["message"]
    assert upstream.turns(nonce) == []


def test_retrieving_an_unknown_model_is_not_found(gateway):
    with pytest.raises(openai.NotFoundError) as caught:
        gateway.openai().models.retrieve("no-such-model")
    assert caught.value.code == "model_not_found"


def test_a_model_with_a_prefix_in_its_name_is_found(gateway):
    client = gateway.openai()
    name = next(iter(client.models.list())).id
    completion = client.chat.completions.create(model="openai/" + name, messages=user("Hello"))
    assert completion.choices[0].message.content == "Hello from upstream."


@pytest.fixture(scope="module")
def defaulted(portcullis, claude, cli_env, keys, tmp_path_factory):
    """A gateway whose operator has chosen a model for those who name none."""
    folder = tmp_path_factory.mktemp("default-model")
    with Gateway(portcullis, folder, keys, claude, cli_env, env={"DEFAULT_MODEL": "claude-haiku-4-5-20251001"}) as gateway:
        yield gateway


@pytest.mark.parametrize("named", [{}, {"model": None}, {"model": ""}], ids=["missing", "null", "empty"])
@pytest.mark.parametrize("streams", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_who_names_no_model_gets_the_default_one_and_is_told_so(defaulted, upstream, nonce, dialect, streams, named):
    body = {**request_body(dialect, nonce), **named, "stream": streams}
    if not named:
        del body["model"]
    response = defaulted.post(DIALECTS[dialect], body)
    response.raise_for_status()
    assert upstream.only_turn(nonce).body["model"] == "claude-haiku-4-5-20251001"
    assert response.text.count('"model":"claude-haiku-4-5-20251001"') >= 1
    assert response.text.count('"model":') == response.text.count('"model":"claude-haiku-4-5-20251001"')


@pytest.mark.parametrize("path", ["/v1/messages/count_tokens", "/v1/responses/input_tokens"])
def test_tokens_are_counted_for_the_default_model_too(defaulted, gateway, path):
    body = {"input": "Hello"} if "responses" in path else {"messages": user("Hello")}
    assert defaulted.post(path, body).json()["input_tokens"] > 0
    refused = gateway.post(path, body)
    assert refused.status_code == 400 and "model: Field required" in refused.text


@pytest.mark.parametrize("dialect", DIALECTS)
def test_without_a_default_a_model_is_required(gateway, dialect):
    body = request_body(dialect, "Hello")
    del body["model"]
    refused = gateway.post(DIALECTS[dialect], body)
    assert refused.status_code == 400 and refused.json()["error"]["message"] == "model: Field required"


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_byte_order_mark_and_fields_without_a_value_are_passed_over(gateway, dialect):
    text = b"\xef\xbb\xbf" + json.dumps(request_body(dialect, "say:marked")).encode()
    empty = [f"content-length: {len(text)}", "Content-Type: ", "Content-Encoding: "]
    head = ["POST " + DIALECTS[dialect] + " HTTP/1.1", "Host: localhost", f"x-api-key: {gateway.key}", *empty]
    with Wire(gateway) as wire:
        wire.send("\r\n".join(head).encode() + b"\r\n\r\n" + text)
        status, _, answer = wire.response()
    assert status == 200 and b"marked" in answer


def test_the_list_tells_limits_in_every_spelling_that_apps_read(gateway):
    with gateway.http(headers={"authorization": f"Bearer {gateway.key}"}) as http:
        listed = http.get("/v1/models").json()["data"]
        one = http.get("/v1/models/claude-haiku-4-5").json()
    assert len(listed) > 5
    for model in listed:
        assert model["name"] == model["display_name"]
        if context := model.get("max_input_tokens"):
            assert model["context_length"] == model["top_provider"]["context_length"] == context
            assert model["top_provider"]["max_completion_tokens"] == model["max_tokens"]
            assert model["architecture"]["input_modalities"][:2] == ["text", "image"]
            assert {"tools", "max_tokens"} < set(model["supported_parameters"])
        else:
            assert not {"context_length", "top_provider", "architecture", "supported_parameters"} & set(model)
    assert (one["context_length"], one["max_tokens"]) == (200_000, 64_000)
    assert "temperature" in one["supported_parameters"]
    youngest = next(model for model in listed if model["id"] == "claude-opus-5-5")
    assert "temperature" not in youngest["supported_parameters"] and youngest["context_length"] == 1_000_000


def test_the_sdks_read_the_limits_from_the_typed_list(gateway):
    for model in gateway.anthropic().models.list():
        assert model.max_input_tokens is None or model.max_input_tokens >= 200_000
    assert gateway.openai().models.retrieve("sonnet").model_dump()["name"] == "Claude Sonnet (latest)"
