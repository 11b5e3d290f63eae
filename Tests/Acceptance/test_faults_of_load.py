"""Idle connections by the thousand, floods of requests, readers that do not read: bounded, and others do not notice."""
import concurrent.futures
import json
import resource
import socket
import statistics
import struct
import time

import pytest

from fault_matrix import fault_row
from harness import eventually, memory, message_body
from wire import Wire, get, post

MANY = {
    "MAX_CONNECTIONS": "12000", "MAX_CONNECTIONS_PER_ADDRESS": "12000", "MAX_UNAUTHENTICATED_PER_ADDRESS": "12000",
    "TLS_HANDSHAKE_SECONDS": "120", "KEEPALIVE_SECONDS": "120",
}
HEALTH = get("/health")


@pytest.fixture(scope="module", autouse=True)
def descriptors():
    """As many as the system gives, for this process and those that it starts."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def connect(gateway):
    return socket.create_connection(("127.0.0.1", gateway.port), 20)


def slowest_health(gateway, count=20):
    slowest = 0.0
    for _ in range(count):
        began = time.monotonic()
        assert gateway.health()["status"] == "ok"
        slowest = max(slowest, time.monotonic() - began)
    return slowest


@fault_row(
    28, injected="1000 idle connections over TLS, and 1000 that never begin their handshake",
    seen="`/health` takes less than two seconds on new connections, 64 KiB of memory for each at most")
def test_two_thousand_idle_connections_keep_nobody_waiting(make_gateway, standin, measured):
    gateway = make_gateway(cli=standin, cli_env=None, env=MANY).ready()
    pid = gateway.process.pid
    before = memory(pid, "VmRSS")
    context = gateway.verify()
    idle = [context.wrap_socket(connect(gateway), server_hostname="localhost") for _ in range(1000)]
    open_ones = [connect(gateway) for _ in range(1000)]
    slowest = slowest_health(gateway)
    grown = memory(pid, "VmRSS") - before
    measured(slowest_health_seconds=round(slowest, 3), bytes_of_each=grown // 2000)
    assert slowest < 2 and grown < 2000 * 65536
    for each in idle + open_ones:
        each.close()
    eventually(lambda: gateway.health()["status"] == "ok", "it answers")


@fault_row(
    28, injected="10,000 idle connections that have been answered once",
    seen="`/health` takes less than two seconds, less than 8 KiB of memory for each")
def test_ten_thousand_idle_connections_cost_little(make_gateway, standin, descriptors, measured):
    if descriptors < 10_500:
        pytest.skip(f"the system gives {descriptors} descriptors")
    gateway = make_gateway(cli=standin, cli_env=None, env=MANY, tls=False).ready()
    pid = gateway.process.pid
    before = memory(pid, "VmRSS")
    idle = []
    for _ in range(10_000):
        idle.append(connect(gateway))
        idle[-1].sendall(HEALTH)
    for each in idle:
        assert each.recv(4096).startswith(b"HTTP/1.1 200 ")
    slowest, grown = slowest_health(gateway), memory(pid, "VmRSS") - before
    measured(slowest_health_seconds=round(slowest, 3), bytes_of_each=grown // len(idle))
    assert slowest < 2 and grown < len(idle) * 8192
    for each in idle:
        each.close()


@fault_row(
    29, injected="10,000 requests for two places and a hundred to wait in, which are full",
    seen="all are refused with 529 and Retry-After, no more wait than may, memory grows by less than 8 MiB")
def test_ten_thousand_requests_at_once_are_refused_and_bounded(make_gateway, standin, measured):
    env = {"MAX_TURNS": "2", "MAX_WAITING_TURNS": "100", "TURN_WAIT_SECONDS": "60", **MANY}
    gateway = make_gateway(cli=standin, cli_env=None, env=env, tls=False, keys=["key-of-the-flood-0123456789"]).ready()
    waiting = []
    for _ in range(102):
        waiting.append(connect(gateway))
        waiting[-1].sendall(post("/v1/messages", json.dumps(message_body("standin:hang")).encode(), gateway.key))
    eventually(lambda: gateway.health()["waiting_turns"] == 100, "all places are taken")
    pid = gateway.process.pid
    request = post("/v1/messages", json.dumps(message_body("standin:echo no")).encode(), gateway.key)
    found = flood(gateway, request, 1000)  # What the first ones cost is there for good.
    before = memory(pid, "VmRSS")
    began = time.monotonic()
    found += flood(gateway, request, 10_000)
    seconds, grown = time.monotonic() - began, memory(pid, "VmRSS") - before
    measured(seconds=round(seconds, 2), grown_bytes=grown, retry_after=max(each[1] for each in found))
    assert len(found) == 11_000 and {status for status, _ in found} == {529}
    assert min(after for _, after in found) >= 1
    assert gateway.health()["waiting_turns"] == 100 and grown < 8 << 20
    for each in waiting:
        each.close()
    eventually(lambda: gateway.health()["running_turns"] + gateway.health()["waiting_turns"] == 0, "all have gone")
    assert gateway.ask_message("standin:echo after").status_code == 200


def flood(gateway, request, count, at_once=200):
    """Sends that many requests, each on a connection of its own, some at once; what they are answered."""
    found = []
    for _ in range(count // at_once):
        clients = [connect(gateway) for _ in range(at_once)]
        for each in clients:
            each.sendall(request)
        for each in clients:
            found.append(answer(each))
            each.close()
    return found


def answer(client):
    """(status, retry-after) of a response."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = client.recv(4096)
        assert more, "the connection ended without an answer"
        data += more
    head = data.partition(b"\r\n\r\n")[0].lower()
    fields = dict(line.split(b": ", 1) for line in head.split(b"\r\n")[1:])
    return int(head.split(b" ")[1]), int(fields.get(b"retry-after", 0))


@fault_row(
    30, injected="64 clients of one key, each with one turn of a second after the other, for four places",
    seen="another key's answers take as long as before, within half a second")
def test_a_flood_of_one_key_does_not_slow_another(make_gateway, standin, keys, measured):
    gateway = make_gateway(
        cli=standin, cli_env=None, env={**MANY, "MAX_TURNS": "4", "MAX_WAITING_TURNS": "64"}, tls=False).ready()

    def seconds(http):
        began = time.monotonic()
        body = message_body("standin:echo other")
        assert http.post("/v1/messages", json=body, headers={"x-api-key": keys[1]}).status_code == 200
        return time.monotonic() - began

    over = []

    def flooding(_):
        with gateway.http() as http:
            while not over:
                body = message_body("standin:delay 1000")
                http.post("/v1/messages", json=body, headers={"x-api-key": keys[0]})

    with gateway.http() as http, concurrent.futures.ThreadPoolExecutor(64) as pool:
        alone = statistics.median(seconds(http) for _ in range(7))
        clients = [pool.submit(flooding, number) for number in range(64)]
        try:
            eventually(lambda: gateway.health()["waiting_turns"] >= 40, "the flood waits")
            beside = statistics.median(seconds(http) for _ in range(7))
        finally:
            over.append(True)
        for each in clients:
            each.result()
    measured(alone_seconds=round(alone, 3), beside_seconds=round(beside, 3))
    assert beside < alone + 0.5


@fault_row(
    26, injected="a client with a small receive buffer that reads nothing of a stream without end, over TLS",
    seen="the turn and its process end after WRITE_STALL_SECONDS, memory grows by less than 8 MiB")
def test_a_reader_that_stops_is_given_up(make_gateway, standin, measured):
    gateway = make_gateway(cli=standin, cli_env=None, env={"WRITE_STALL_SECONDS": "2"}).ready()
    pid = gateway.process.pid
    assert gateway.ask_message("standin:echo before").status_code == 200
    before = memory(pid, "VmRSS")
    with Wire(gateway) as wire:
        wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        body = json.dumps(message_body("standin:events 1000000 0", stream=True)).encode()
        wire.send(post("/v1/messages", body, gateway.key))
        eventually(lambda: gateway.health()["running_turns"] == 1, "it runs")
        began = time.monotonic()
        eventually(lambda: gateway.health()["running_turns"] == 0, "it was given up")
        grown = memory(pid, "VmRSS") - before
        measured(seconds=round(time.monotonic() - began, 2), grown_bytes=grown)
        assert grown < 8 << 20
    eventually(lambda: len(gateway.children()) <= 1, "no child but the one that is kept")


@fault_row(
    27, injected="a client that resets its connection amid a stream",
    seen="its process is gone within a second, no turn is left")
def test_a_reset_ends_the_turn_at_once(make_gateway, standin, measured):
    gateway = make_gateway(cli=standin, cli_env=None, env={"REUSE_PROCESSES": "off"}).ready()
    with Wire(gateway) as wire:
        body = json.dumps(message_body("standin:events 1000 20000", stream=True)).encode()
        wire.send(post("/v1/messages", body, gateway.key))
        wire.until(b"message_start")
        assert gateway.children()
        wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    began = time.monotonic()
    eventually(lambda: gateway.children() == [], "no child is left")
    seconds = time.monotonic() - began
    measured(seconds=round(seconds, 3))
    assert seconds < 1
    assert gateway.health()["running_turns"] == 0
