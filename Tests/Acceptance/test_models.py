"""Model names go through as given, prefixes are stripped, strangers are refused."""
import openai
import pytest

from harness import anthropic_error, openai_error, user


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
