"""What fails before the client was told anything is tried again, within one budget for the CLI and the gateway."""
import time

import pytest

from harness import DIALECTS, eventually

streaming = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])


def lines_of(gateway, word):
    return [line for line in gateway.log().splitlines() if word in line]


@pytest.fixture
def dying(make_gateway, claude, tmp_path):
    """Makes a gateway whose CLI is the real one, but dies at its first start for each prompt that says so."""

    def make(deaths, **options):
        count, script = tmp_path / "starts", tmp_path / "claude"
        count.write_text("")
        # `--version` is asked once, at the start of the service.
        script.write_text(
            f"#!/bin/sh\ncase $1 in --version) exec '{claude}' \"$@\";; esac\n"
            f"printf x >> '{count}'\n"
            f"if [ $(wc -c < '{count}') -le {deaths} ]; then kill -KILL $$; fi\nexec '{claude}' \"$@\"\n")
        script.chmod(0o755)
        # Each start is a turn's.
        alone = {"SELF_TEST": "off", "WARM_PROCESSES": "0", "REUSE_PROCESSES": "off"}
        gateway = make_gateway(cli=script, env={**alone, **options}).ready()
        return gateway, count

    return make


@pytest.mark.core
@streaming
@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_cli_that_dies_at_once_is_started_again(dying, upstream, nonce, dialect, stream):
    gateway, count = dying(1)
    response = gateway.ask(dialect, f"{nonce}\nsay:Hello", stream=stream)
    assert response.status_code == 200 and "Hello" in response.text
    upstream.only_turn(nonce)
    assert len(count.read_text()) == 2
    eventually(lambda: lines_of(gateway, " retries=1 "), "the retry is in the log")
    assert "fault=" not in lines_of(gateway, " retries=1 ")[-1]
    eventually(lambda: gateway.children() == [], "no child is left")


def test_a_count_is_tried_again(dying):
    gateway, count = dying(1)
    body = {"model": "sonnet", "messages": [{"role": "user", "content": "Hello"}]}
    response = gateway.post("/v1/messages/count_tokens", body)
    assert response.status_code == 200 and response.json()["input_tokens"] > 0
    assert len(count.read_text()) == 2


def test_a_cli_that_always_dies_is_given_up(dying):
    gateway, count = dying(100)
    began = time.monotonic()
    assert gateway.ask_message("Hello").status_code == 502
    assert len(count.read_text()) == 3 and time.monotonic() - began < 10
    gateway, count = dying(100, CLAUDE_CODE_MAX_RETRIES="0")
    assert gateway.ask_message("Hello").status_code == 502
    assert len(count.read_text()) == 1


@pytest.mark.core
@streaming
def test_the_vendor_is_asked_no_more_often_than_the_budget_allows(own_gateway, upstream, nonce, stream):
    """A stream that breaks before its first word the CLI asks for again without telling so."""
    for dialect in DIALECTS:
        word = f"{nonce}{dialect}"
        response = own_gateway.ask(dialect, f"{word}\ntorn:1", stream=stream)
        assert response.status_code == 200 and "Hello" in response.text, response.text
        assert len(upstream.turns(word)) == 2
        word = f"{nonce}{dialect}again"
        response = own_gateway.ask(dialect, f"{word}\ntorn:9", stream=stream)
        assert response.status_code in (503, 529) and int(response.headers["retry-after"]) >= 1
        assert len(upstream.turns(word)) == 3
    eventually(lambda: len(lines_of(own_gateway, " cli_retries=2 ")) == 3, "the CLI's retries are in the log")
    assert len(lines_of(own_gateway, " cli_retries=1 ")) == 3 and not lines_of(own_gateway, " retries=")


@streaming
def test_both_kinds_of_retries_are_one_budget(dying, upstream, nonce, stream):
    """One of three requests went with the CLI that died, as far as anybody knows."""
    for dialect in DIALECTS:
        for failure in ("torn:9", "status:529"):
            gateway, count = dying(1)
            word = f"{nonce}{dialect}{failure.split(':')[0]}"
            assert gateway.ask(dialect, f"{word}\n{failure}", stream=stream).status_code >= 500
            assert len(upstream.turns(word)) == 2
