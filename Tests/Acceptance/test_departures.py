"""Whoever leaves stops the work done for him: the CLI ends, the upstream notices, nothing stays behind."""
import time

import pytest

from fault_matrix import fault_row
from harness import eventually, memory, open_files, user
from wire import Wire, post


def leave_after_the_first_words(gateway, text, http2=False):
    with gateway.streaming(text, until="tick", http2=http2):
        pass


@fault_row(
    27, injected="a client that closes its connection amid a stream, over both versions of HTTP",
    seen="the vendor's connection and the CLI end, no turn is left")
@pytest.mark.core
@pytest.mark.parametrize("http2", [False, True], ids=["http1", "http2"])
def test_a_departed_reader_ends_the_cli(own_gateway, upstream, nonce, http2):
    leave_after_the_first_words(own_gateway, f"{nonce}\nslow:50:2000", http2)
    eventually(lambda: upstream.only_turn(nonce).outcome == "abandoned", "the upstream sees the connection end")
    eventually(lambda: own_gateway.children() == [], "no child is left")
    eventually(lambda: own_gateway.health()["running_turns"] == 0, "no turn is running")


def test_a_client_that_leaves_before_the_first_word_ends_the_cli(own_gateway, upstream, nonce):
    with Wire(own_gateway) as wire:
        body = f'{{"model":"sonnet","max_tokens":99,"messages":[{{"role":"user","content":"{nonce}\\nhang"}}]}}'
        wire.send(post("/v1/messages", body.encode(), own_gateway.key))
        eventually(lambda: upstream.turns(nonce), "the upstream is asked")
    eventually(lambda: upstream.only_turn(nonce).outcome == "abandoned", "the upstream sees the connection end")
    eventually(lambda: own_gateway.children() == [], "no child is left")


def test_a_whole_answer_nobody_waits_for_is_stopped(own_gateway, upstream, nonce):
    with Wire(own_gateway) as wire:
        body = f'{{"model":"sonnet","messages":[{{"role":"user","content":"{nonce}\\nslow:50:2000"}}]}}'
        wire.send(post("/v1/chat/completions", body.encode(), own_gateway.key))
        eventually(lambda: upstream.turns(nonce), "the upstream is asked")
    eventually(lambda: upstream.only_turn(nonce).outcome == "abandoned", "the upstream sees the connection end")


@fault_row(27, injected="twenty such clients", seen="no descriptor and no child is left")
def test_twenty_departures_leave_nothing(own_gateway, nonce):
    leave_after_the_first_words(own_gateway, f"{nonce}\nslow:50:2000")
    eventually(lambda: own_gateway.children() == [], "no child is left")
    before = open_files(own_gateway.process.pid)
    for _ in range(20):
        leave_after_the_first_words(own_gateway, f"{nonce}\nslow:50:2000")
    eventually(lambda: own_gateway.children() == [], "no child is left")
    eventually(lambda: open_files(own_gateway.process.pid) <= before, "no descriptor is left open")
    assert own_gateway.ask_message("Hello").status_code == 200


def test_a_finished_answer_leaves_nothing(make_gateway):
    gateway = make_gateway(env={"REUSE_PROCESSES": "off"}).ready()
    gateway.anthropic().messages.create(model="sonnet", max_tokens=100, messages=user("Hello"))
    eventually(lambda: gateway.children() == [], "no child is left")


@fault_row(
    26, injected="a client that reads nothing of megabytes",
    seen="the vendor is not read either; memory grows by less than 16 MiB")
def test_a_reader_that_stops_reading_stops_the_reading_of_the_cli(own_gateway, upstream, nonce):
    """Megabytes for a client that reads none: they wait upstream, not in our memory."""
    pid = own_gateway.process.pid
    before = memory(pid, "VmRSS")
    with Wire(own_gateway) as wire:
        body = (
            f'{{"model":"sonnet","max_tokens":99,"stream":true,'
            f'"messages":[{{"role":"user","content":"{nonce}\\nlong:400000"}}]}}'
        )
        wire.send(post("/v1/messages", body.encode(), own_gateway.key))
        eventually(lambda: upstream.turns(nonce), "the upstream is asked")
        highest = max(memory(pid, "VmRSS") for _ in stays_running(upstream, nonce))
        assert highest - before < 16 << 20, f"grew by {highest - before} bytes"
    eventually(lambda: own_gateway.children() == [], "no child is left")


def stays_running(upstream, nonce, seconds=3):
    """Yields often for some seconds, for as long as the upstream still talks."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and upstream.only_turn(nonce).outcome == "running":
        yield
