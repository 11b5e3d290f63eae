"""HTTP/1.1 as raw bytes: pipelining, Expect, chunks, HEAD, slow and broken senders."""
import json

import pytest

from harness import message_body
from wire import Wire, get, post

BODY = json.dumps(message_body("say:over the wire")).encode()
pytestmark = pytest.mark.core


@pytest.fixture
def wire(gateway):
    with Wire(gateway) as connection:
        yield connection


def test_pipelined_requests_are_answered_in_order(wire, gateway):
    wire.send(post("/v1/messages", BODY, gateway.key) + get("/health") + get("/nope") + get("/"))
    assert [wire.response()[0] for _ in range(4)] == [200, 200, 404, 200]


def test_a_slow_answer_is_not_overtaken_by_a_quick_one(wire, gateway):
    slow = json.dumps(message_body("delay:700")).encode()
    wire.send(post("/v1/messages", slow, gateway.key) + get("/health"))
    assert b"delayed" in wire.response()[2]
    assert json.loads(wire.response()[2])["status"] == "ok"


def test_expect_gets_100_before_the_body(wire, gateway):
    request = post("/v1/messages", BODY, gateway.key, "Expect: 100-continue")
    head, _, body = request.partition(b"\r\n\r\n")
    wire.send(head + b"\r\n\r\n")
    assert wire.response()[0] == 100
    wire.send(body)
    assert wire.response()[0] == 200


def test_a_stranger_who_expects_gets_401_and_no_100(wire):
    request = post("/v1/messages", BODY, "wrong", "Expect: 100-continue")
    wire.send(request.partition(b"\r\n\r\n")[0] + b"\r\n\r\n")
    assert wire.response()[0] == 401


def test_a_chunked_body_is_read(wire, gateway):
    half = len(BODY) // 2
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (BODY[:half], BODY[half:]))
    request = post("/v1/messages", b"", gateway.key, "Transfer-Encoding: chunked")
    wire.send(request + chunks + b"0\r\n\r\n" + get("/health"))
    assert wire.response()[0] == 200
    assert wire.response()[0] == 200


def test_a_stream_is_chunked_and_the_connection_goes_on(wire, gateway):
    body = json.dumps(message_body("say:stream", stream=True)).encode()
    wire.send(post("/v1/messages", body, gateway.key))
    status, headers, text = wire.response()
    assert status == 200 and headers["transfer-encoding"] == "chunked"
    assert b"message_stop" in text
    wire.send(get("/health"))
    assert wire.response()[0] == 200


def test_head_has_the_headers_of_get_and_no_body(wire):
    wire.send(get("/health", method="HEAD") + get("/health"))
    status, headers, _ = wire.response(to_head=True)
    assert status == 200 and int(headers["content-length"]) > 0
    assert json.loads(wire.response()[2])["status"] == "ok"


def test_one_byte_at_a_time_is_read(wire, gateway):
    for byte in post("/v1/messages", BODY, gateway.key):
        wire.send(bytes([byte]))
    assert wire.response()[0] == 200


def test_connection_close_is_obeyed(wire):
    wire.send(get("/health", "Connection: close"))
    assert wire.response()[0] == 200
    assert wire.ended()


def test_http_1_0_is_answered_and_closed(wire):
    wire.send(b"GET /health HTTP/1.0\r\nHost: localhost\r\n\r\n")
    assert wire.until(b"\r\n").split(b" ")[1] == b"200"


@pytest.mark.parametrize(
    "request_bytes, status",
    [
        (b"GET /health HTTP/1.1\r\n\r\n", 400),
        (b"GET /health HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        (b"GET /health HTTP/1.1\r\nHost: localhost\r\nNo colon\r\n\r\n", 400),
        (b"GET /health HTTP/1.1\r\nHost: localhost\r\nX : y\r\n\r\n", 400),
        (b"POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx", 400),
        (
            b"POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            400,
        ),
        (b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", 414),
        (b"GET /health HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 60_000 + b"\r\n\r\n", 431),
        (b"GET /health HTTP/1.1\r\nHost: localhost\r\n" + b"X: y\r\n" * 500 + b"\r\n", 431),
    ],
    ids=[
        "no host", "two hosts", "no colon", "blank before colon", "two lengths", "length and chunks",
        "long line", "long header", "many headers",
    ],
)
def test_a_broken_request_is_refused_and_the_connection_closed(wire, request_bytes, status):
    wire.send(request_bytes)
    found, headers, body = wire.response()
    assert found == status, body
    assert wire.ended()
