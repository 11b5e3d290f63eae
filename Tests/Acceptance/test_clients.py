"""Addresses as people enter them: with or without what is too much."""
import anthropic
import openai
import pytest

from harness import HELLO


@pytest.mark.parametrize("address", ["", "/", "/v1", "/v1/", "/v1/v1"])
def test_sdks_take_the_address_with_or_without_what_is_too_much(gateway, address):
    chat = openai.OpenAI(base_url=gateway.url + address, api_key=gateway.key, max_retries=0,
                         http_client=gateway.openai()._client)
    assert chat.chat.completions.create(model="sonnet", messages=HELLO).choices[0].message.content
    assert any(model.id == "sonnet" for model in chat.models.list())
    messages = anthropic.Anthropic(base_url=gateway.url + address, api_key=gateway.key, max_retries=0,
                                   http_client=gateway.anthropic()._client)
    assert messages.messages.create(model="sonnet", max_tokens=64, messages=HELLO).content
