"""SIGTERM: no new connections, running answers finish, then the end with status 0."""
import json
import signal
import subprocess

import httpx2
import pytest

from fault_matrix import fault_row
from harness import eventually, message_body


def refuses_connections(gateway):
    try:
        gateway.health()
    except httpx2.TransportError:
        return True
    return False


@fault_row(
    5, injected="SIGTERM amid a stream",
    seen="the stream ends whole, new connections are refused, exit status 0")
@pytest.mark.core
def test_a_running_answer_finishes(own_gateway):
    with own_gateway.streaming("slow:50:30") as chunks:
        own_gateway.signal(signal.SIGTERM)
        eventually(lambda: refuses_connections(own_gateway), "new connections are refused")
        text = "".join(chunks)
    assert "tick29" in text and "message_stop" in text
    assert own_gateway.process.wait(10) == 0


@fault_row(5, injected="SIGTERM amid a stream over HTTP/2", seen="the stream ends whole, new connections are refused, exit status 0")
@pytest.mark.core
def test_a_running_answer_over_http2_finishes(own_gateway):
    """With curl: Python's HTTP/2 library gives up every stream as soon as it hears that no new ones are taken."""
    head = own_gateway.private_file("curl", f'header = "x-api-key: {own_gateway.key}"\n')
    command = ["curl", "--silent", "--http2", "--no-buffer", "--cacert", own_gateway.ca, "--config", head]
    body = json.dumps(message_body("slow:50:30", stream=True))
    command += ["--json", body, own_gateway.url + "/v1/messages"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as curl:
        text = curl.stdout.readline()
        own_gateway.signal(signal.SIGTERM)
        eventually(lambda: refuses_connections(own_gateway), "new connections are refused")
        text += curl.stdout.read()
    assert curl.returncode == 0
    assert "tick29" in text and "message_stop" in text
    assert own_gateway.process.wait(10) == 0


@pytest.mark.core
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_idle_gateway_ends_at_once(own_gateway, number):
    own_gateway.signal(number)
    assert own_gateway.process.wait(5) == 0


def test_idle_connections_do_not_hold_it_up(own_gateway):
    with own_gateway.http() as http:
        http.get("/health").raise_for_status()
        own_gateway.signal(signal.SIGTERM)
        assert own_gateway.process.wait(5) == 0


@fault_row(6, injected="a second SIGTERM amid a stream", seen="it ends at once, and its children with it")
def test_a_second_sigterm_ends_it_at_once_and_leaves_no_child(own_gateway):
    with own_gateway.streaming("slow:100:6000"):
        children = own_gateway.children()
        own_gateway.signal(signal.SIGTERM)
        eventually(lambda: refuses_connections(own_gateway), "new connections are refused")
        own_gateway.signal(signal.SIGTERM)
        own_gateway.process.wait(10)
    eventually(lambda: not any(runs(pid) for pid in children), "the children are gone")


def runs(pid):
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
