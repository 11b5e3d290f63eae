"""The shape of a stream, how soon it flows, and what keeps a slow one alive."""
import time

import pytest

from harness import chat_body, chat_chunks, message_body, message_events


@pytest.mark.core
def test_a_message_stream_has_the_vendors_sequence(gateway):
    response = gateway.ask_message("say:one two three", stream=True)
    assert response.headers["content-type"].startswith("text/event-stream")
    assert "no-cache" in response.headers["cache-control"] or "no-store" in response.headers["cache-control"]
    names = [each["type"] for each in message_events(response.text) if each["type"] != "ping"]
    assert names == [
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]


@pytest.mark.core
def test_a_chat_stream_has_the_vendors_sequence(gateway):
    chunks = chat_chunks(gateway.ask_chat("say:one two three", stream=True).text)
    assert chunks[0]["choices"][0]["delta"]["role"] == "assistant"
    assert "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks) == "one two three"
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks][-2:] == [None, "stop"]
    assert len({(chunk["id"], chunk["created"], chunk["model"]) for chunk in chunks}) == 1


@pytest.mark.parametrize("http2", [False, True], ids=["http1", "http2"])
def test_deltas_flow_as_they_come(gateway, http2):
    arrivals = []
    with gateway.http(http2=http2) as http, http.stream(
        "POST", "/v1/messages", json=message_body("slow:100:8", stream=True), headers={"x-api-key": gateway.key}
    ) as response:
        for text in response.iter_text():
            if "text_delta" in text:
                arrivals.append(time.monotonic())
    assert len(arrivals) >= 6 and arrivals[-1] - arrivals[0] > 0.5


@pytest.mark.parametrize(
    "path, body, sign",
    [
        ("/v1/messages", message_body("slow:2500:2", stream=True), "event: ping"),
        ("/v1/chat/completions", chat_body("slow:2500:2", stream=True), "\n:"),
    ],
    ids=["message", "chat"],
)
def test_a_silent_stream_is_kept_alive(make_gateway, path, body, sign):
    gateway = make_gateway(env={"PING_SECONDS": "1"}).ready()
    with gateway.http() as http:
        text = http.post(path, json=body, headers={"x-api-key": gateway.key}).text
    before, _, after = text.partition("tick0")
    assert sign in "\n" + after.partition("tick1")[0], "no sign of life within 2.5 s of silence"


@pytest.mark.parametrize(
    "reason, finish", [("max_tokens", "length"), ("refusal", "content_filter"), ("end_turn", "stop")]
)
def test_a_stop_reason_is_told_and_asks_nothing_more(gateway, upstream, nonce, reason, finish):
    message = gateway.ask_message(f"{nonce} a\nstop:{reason}").json()
    completion = gateway.ask_chat(f"{nonce} b\nstop:{reason}").json()
    assert message["stop_reason"] == reason
    assert completion["choices"][0]["finish_reason"] == finish
    if reason != "refusal":
        assert message["content"][0]["text"] == "cut here"
    upstream.only_turn(f"{nonce} a")
    upstream.only_turn(f"{nonce} b")


@pytest.mark.parametrize("reason", ["max_tokens", "refusal"])
def test_a_streamed_stop_reason_asks_nothing_more(gateway, upstream, nonce, reason):
    found = message_events(gateway.ask_message(f"{nonce}\nstop:{reason}", stream=True).text)
    assert found[-1]["type"] == "message_stop"
    assert [each["delta"]["stop_reason"] for each in found if each["type"] == "message_delta"] == [reason]
    upstream.only_turn(nonce)


def test_an_empty_answer_is_told_as_empty_and_asks_nothing_more(gateway, upstream, nonce):
    message = gateway.ask_message(f"{nonce}\nempty").json()
    assert message["stop_reason"] == "end_turn" and message["content"] in ([], [{"type": "text", "text": ""}])
    upstream.only_turn(nonce)
