"""Memory is short, and the service manager says so: what can be spared goes first, what runs is left alone."""
import os
import time

import pytest

from fault_matrix import fault_row
from harness import anthropic_error, eventually, openai_error


@pytest.fixture
def pressed(make_gateway, standin, tmp_path):
    """(a gateway with a kept and a waiting process, how to tell it that memory is short)."""
    path = tmp_path / "pressure"
    os.mkfifo(path)
    pipe = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    gateway = make_gateway(
        cli=standin, cli_env=None,
        env={"MEMORY_PRESSURE_WATCH": str(path), "MEMORY_PRESSURE_WRITE": "", "WARM_PROCESSES": "1"}).ready()
    assert gateway.ask_message("standin:echo kept").status_code == 200
    eventually(lambda: len(gateway.children()) >= 2, "one is kept and one waits", within=20)
    yield gateway, lambda: os.write(pipe, b"x")
    os.close(pipe)


def problems(gateway):
    return [problem["text"] for problem in gateway.health()["problems"] if problem["about"] == "memory"]


@fault_row(
    18, injected="the service manager tells of memory pressure (MEMORY_PRESSURE_WATCH), once and again",
    seen="idle processes end and none is started in advance; at the second sign new turns get 529 with Retry-After for "
        "seconds, a running stream ends whole; told in `/health`")
def test_what_can_be_spared_goes_while_memory_is_short(pressed):
    gateway, press = pressed
    with gateway.streaming("standin:events 100 50000", until="message_start") as chunks:
        press()
        # One of the two that were there serves, or a third does.
        eventually(lambda: len(gateway.children()) == 1, "idle processes end")
        eventually(lambda: problems(gateway), "it is told")
        began = time.monotonic()
        assert gateway.ask_message("standin:echo first").status_code == 200
        press()
        refused = eventually(lambda: gateway.ask_message("standin:echo no").status_code == 529, "turns are refused")
        response = gateway.ask_message("standin:echo no")
        assert refused and anthropic_error(response, 529) and 1 <= int(response.headers["retry-after"]) <= 5
        openai_error(gateway.ask_chat("standin:echo no"), 503)
        assert gateway.health()["status"] == "ok"
        assert "message_stop" in "".join(chunks)
    eventually(lambda: gateway.ask_message("standin:echo after").status_code == 200, "turns are let in again")
    assert time.monotonic() - began < 20
    assert "memory is short" in gateway.log()
