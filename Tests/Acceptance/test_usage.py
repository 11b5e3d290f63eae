"""Token counts are the CLI's own, never invented."""
import pytest

from harness import chat_chunks, message_events


@pytest.mark.core
def test_a_message_tells_the_counts_of_the_upstream(gateway):
    usage = gateway.ask_message("nothink\nusage:1000:200:34").json()["usage"]
    assert usage["input_tokens"] == 1000
    assert usage["cache_creation_input_tokens"] == 200
    assert usage["cache_read_input_tokens"] == 34
    assert usage["output_tokens"] == 3


def test_a_message_stream_tells_the_counts_of_the_upstream(gateway):
    found = message_events(gateway.ask_message("nothink\nusage:1000:200:34", stream=True).text)
    start = next(each for each in found if each["type"] == "message_start")["message"]["usage"]
    final = next(each for each in found if each["type"] == "message_delta")["usage"]
    assert (start["input_tokens"], start["cache_read_input_tokens"]) == (1000, 34)
    assert final["output_tokens"] == 3


def test_prompt_tokens_are_the_sum_of_all_input(gateway):
    usage = gateway.ask_chat("nothink\nusage:1000:200:34").json()["usage"]
    assert usage["prompt_tokens"] == 1234
    assert usage["completion_tokens"] == 3
    assert usage["total_tokens"] == 1237
    assert usage["prompt_tokens_details"]["cached_tokens"] == 34


def test_a_chat_stream_tells_usage_in_its_last_chunk(gateway):
    response = gateway.ask_chat("nothink\nusage:1000:200:34", stream=True, stream_options={"include_usage": True})
    assert chat_chunks(response.text)[-1]["usage"]["prompt_tokens"] == 1234
