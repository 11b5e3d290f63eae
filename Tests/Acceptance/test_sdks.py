"""The vendors' SDKs, unmodified: both dialects, streaming and not, sync and async, HTTP/1.1 and HTTP/2."""
import asyncio

import pytest

from harness import user

both_versions = pytest.mark.parametrize("http2", [False, True], ids=["http1", "http2"])
pytestmark = pytest.mark.core

PROMPT = "say:The quick brown fox, “quoted” — ünïcödé 🦊"
TEXT = PROMPT.removeprefix("say:")


@both_versions
def test_anthropic_message(gateway, upstream, nonce, http2):
    message = gateway.anthropic(http2).messages.create(
        model="sonnet", max_tokens=100, messages=user(f"{nonce}\n{PROMPT}")
    )
    assert message.type == "message" and message.role == "assistant"
    assert [block.text for block in message.content] == [TEXT]
    assert message.stop_reason == "end_turn"
    assert upstream.only_turn(nonce).body["stream"] is True


@both_versions
def test_anthropic_stream(gateway, upstream, nonce, http2):
    with gateway.anthropic(http2).messages.stream(
        model="sonnet", max_tokens=100, messages=user(f"{nonce}\n{PROMPT}")
    ) as stream:
        pieces = list(stream.text_stream)
        final = stream.get_final_message()
    assert "".join(pieces) == TEXT and len(pieces) > 1
    assert final.content[0].text == TEXT and final.stop_reason == "end_turn"
    upstream.only_turn(nonce)


@both_versions
def test_openai_completion(gateway, upstream, nonce, http2):
    completion = gateway.openai(http2).chat.completions.create(model="sonnet", messages=user(f"{nonce}\n{PROMPT}"))
    assert completion.object == "chat.completion"
    assert completion.choices[0].message.content == TEXT
    assert completion.choices[0].finish_reason == "stop"
    upstream.only_turn(nonce)


@both_versions
def test_openai_stream(gateway, upstream, nonce, http2):
    chunks = list(
        gateway.openai(http2).chat.completions.create(
            model="sonnet", messages=user(f"{nonce}\n{PROMPT}"), stream=True
        )
    )
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == TEXT
    assert chunks[0].choices[0].delta.role == "assistant"
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert len({chunk.id for chunk in chunks}) == 1
    assert all(chunk.usage is None for chunk in chunks)
    upstream.only_turn(nonce)


@both_versions
def test_openai_stream_with_usage(gateway, http2):
    chunks = list(
        gateway.openai(http2).chat.completions.create(
            model="sonnet", messages=user(PROMPT), stream=True, stream_options={"include_usage": True}
        )
    )
    assert chunks[-1].choices == [] and chunks[-1].usage.total_tokens > 0
    assert all(chunk.choices and chunk.usage is None for chunk in chunks[:-1])


@both_versions
def test_four_async_anthropic_streams_at_once(gateway, http2):
    async def one(client, number):
        async with client.messages.stream(
            model="sonnet", max_tokens=100, messages=user(f"say:answer number {number}")
        ) as stream:
            return await stream.get_final_text()

    async def all_of_them():
        async with gateway.async_anthropic(http2) as client:
            return await asyncio.gather(*(one(client, number) for number in range(4)))

    assert asyncio.run(all_of_them()) == [f"answer number {number}" for number in range(4)]


@both_versions
def test_four_async_openai_completions_at_once(gateway, http2):
    async def one(client, number):
        completion = await client.chat.completions.create(
            model="sonnet", messages=user(f"say:answer number {number}")
        )
        return completion.choices[0].message.content

    async def all_of_them():
        async with gateway.async_openai(http2) as client:
            return await asyncio.gather(*(one(client, number) for number in range(4)))

    assert asyncio.run(all_of_them()) == [f"answer number {number}" for number in range(4)]


@both_versions
def test_async_openai_stream(gateway, http2):
    async def text():
        async with gateway.async_openai(http2) as client:
            stream = await client.chat.completions.create(model="sonnet", messages=user(PROMPT), stream=True)
            return "".join([chunk.choices[0].delta.content or "" async for chunk in stream])

    assert asyncio.run(text()) == TEXT


def test_the_client_really_speaks_http2(gateway):
    with gateway.http(http2=True) as http:
        assert http.get("/health").http_version == "HTTP/2"
    with gateway.http() as http:
        assert http.get("/health").http_version == "HTTP/1.1"


def test_a_long_answer_arrives_whole(gateway):
    message = gateway.ask_message("long:20000").json()
    assert message["content"][0]["text"] == "".join(f"word{number} " for number in range(20000))
