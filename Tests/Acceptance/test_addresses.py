"""Addresses as apps make them out of a base URL, and endpoints that others have."""
import json
import os
import subprocess

import pytest

from harness import DIALECTS, anthropic_error, openai_error, request_body
from wire import Wire, get, post

SPELLINGS = ["{}", "/v1{}", "/v1/v1{}", "//v1{}", "/v1/{}", "/{}", "/v1{}/", "//v1///v1/{}//"]
MISSING = [
    "/completions", "/fim/completions", "/embeddings", "/audio/speech", "/audio/transcriptions",
    "/audio/translations", "/images/generations", "/images/edits", "/images/variations", "/moderations", "/files",
    "/files/file-1/content", "/batches", "/batches/b1/cancel", "/messages/batches", "/messages/batches/b1",
    "/assistants", "/threads/t1/runs", "/fine_tuning/jobs", "/vector_stores", "/realtime",
    "/responses/compact", "/organization/usage/completions", "/dashboard/billing/usage",
    "/dashboard/billing/subscription", "/model/info", "/openai/deployments/gpt-4o/chat/completions", "/api/tags",
]


@pytest.fixture
def wire(gateway):
    with Wire(gateway) as connection:
        yield connection


def requested(wire, request, to_head=False):
    wire.send(request)
    return wire.response(to_head)


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_an_endpoint_is_found_however_the_base_url_is_spelled(gateway, wire, dialect, spelling):
    path = spelling.format(DIALECTS[dialect].removeprefix("/v1"))
    status, _, text = requested(wire, post(path, b'{"model":"sonnet"}', gateway.key))
    assert status == 400, text
    missing = {"messages": "max_tokens", "chat": "messages", "responses": "input"}[dialect]
    assert missing in json.loads(text)["error"]["message"]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_turn_at_an_odd_address_is_answered(gateway, wire, nonce, dialect):
    body = json.dumps(request_body(dialect, f"{nonce}\nsay:found")).encode()
    status, _, text = requested(wire, post("//v1/" + DIALECTS[dialect] + "/?beta=true", body, gateway.key))
    assert status == 200 and b"found" in text


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_the_list_and_one_of_its_models_are_found_likewise(gateway, wire, spelling):
    key = f"x-api-key: {gateway.key}"
    status, _, text = requested(wire, get(spelling.format("/models"), key))
    assert status == 200 and json.loads(text)["object"] == "list"
    status, _, text = requested(wire, get(spelling.format("/models/sonnet"), key))
    assert status == 200 and json.loads(text)["id"] == "sonnet"


def test_a_stored_response_is_found_behind_a_slash_too(gateway, nonce):
    made = gateway.post("/v1/responses/", {"model": "sonnet", "input": nonce}).json()
    with gateway.http(headers={"x-api-key": gateway.key}) as http:
        found = http.get(f"/v1/v1/responses/{made['id']}/")
        items = http.get(f"/v1//responses/{made['id']}/input_items/?limit=1")
    assert found.json()["id"] == made["id"]
    assert len(items.json()["data"]) == 1


@pytest.mark.parametrize(
    "path",
    ["/v1/./messages", "/v1/../v1/messages", "/x/../v1/messages", "/v1%2Fmessages", "/%2Fv1/messages", "/v1/messages;a",
     "/v1/messages/x", "/v10/messages", "/v1messages", "/V1/messages", "/v1/messages\\"],
)
def test_no_other_spelling_is_read_into_a_path(gateway, wire, path):
    status, _, text = requested(wire, post(path, b"{}", gateway.key))
    assert status == 404, text


def test_the_log_shows_templates_and_never_what_was_asked(own_gateway):
    key = f"x-api-key: {own_gateway.key}"
    with Wire(own_gateway) as wire:
        for path in ("/v1/v1//models/secretmodel/", "/secretpath/v1/messages", "/v1/embeddings/secretname", "//v1//models/"):
            requested(wire, get(path, key))
    lines = [line for line in own_gateway.log().splitlines() if "event=request" in line]
    assert [line.partition(" path=")[2].split()[0].strip('"') for line in lines[-4:]] == [
        "/models/{id}", "other", "/embeddings", "/models"]
    assert "secret" not in own_gateway.log()


@pytest.mark.parametrize("path", ["/", "/v1", "/v1/", "//v1", "/v1/v1/"])
def test_the_bare_address_tells_what_this_is_and_where_to_post(gateway, wire, path):
    status, _, text = requested(wire, get(path))
    assert status == 200 and json.loads(text)["name"] == "portcullis"
    status, headers, text = requested(wire, post(path, b'{"messages":[]}', gateway.key))
    message = json.loads(text)["error"]["message"]
    assert status == 405 and headers["allow"] == "GET, HEAD, OPTIONS" and f"POST {path} " in message
    assert all(endpoint in message for endpoint in DIALECTS.values())
    status, headers, _ = requested(wire, get(path, method="DELETE"))
    assert status == 405 and headers["allow"] == "GET, HEAD, OPTIONS"


@pytest.mark.parametrize("path", MISSING)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_an_endpoint_of_others_is_refused_by_its_name(gateway, path, method):
    with gateway.http(headers={"authorization": f"Bearer {gateway.key}"}) as http:
        response = http.request(method, "/v1" + path)
    body = response.json()
    assert response.status_code == 404, body
    named = body["error"]["message"].split(" is not offered here. ")
    assert ("/v1" + path).startswith(named[0]) and len(named[1]) > 10
    if path.startswith("/messages"):
        anthropic_error(response, 404)
    else:
        openai_error(response, 404)


def test_anthropics_clients_are_told_of_missing_endpoints_in_their_words(gateway):
    assert anthropic_error(gateway.post("/v1/files", {}), 404)["type"] == "not_found_error"


@pytest.mark.parametrize(
    "path, hint",
    [
        ("/v1/chat/complete", "base URL"),
        ("/api/v1/chat/completions", "/v1/chat/completions is probably meant"),
        ("/v1/chat/completions/chat/completions", "/v1/chat/completions is probably meant"),
        ("/anthropic/v1/messages/", "/v1/messages is probably meant"),
        ("/foo", "base URL"),
    ],
)
def test_a_path_that_leads_nowhere_is_named_with_the_right_one(gateway, path, hint):
    with gateway.http(headers={"authorization": f"Bearer {gateway.key}"}) as http:
        response = http.post(path, json={})
    error = anthropic_error(response, 404) if "messages" in path else openai_error(response, 404)
    assert f"POST {path}" in error["message"] and hint in error["message"]


def test_of_a_long_or_wild_path_little_is_repeated(gateway, wire):
    path = "/<script>alert(1)</script>'" + "a" * 3000
    status, _, text = requested(wire, get(path, f"authorization: Bearer {gateway.key}"))
    message = json.loads(text)["error"]["message"]
    assert status == 404 and len(message) < 400 and "<" not in message and "script>'" not in message
    assert message.isascii() and message.isprintable()


@pytest.mark.parametrize("path", ["/v1/responses", "/responses", "/v1/v1/responses/"])
def test_a_web_socket_is_refused_so_that_its_client_goes_on_at_once(gateway, wire, path):
    upgrade = ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
               "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", f"Authorization: Bearer {gateway.key}"]
    status, headers, text = requested(wire, get(path, *upgrade))
    assert status == 426 and json.loads(text)["error"]["message"]
    assert headers["upgrade"] == "HTTP/1.1" and headers["connection"] == "upgrade" and headers["x-request-id"]
    status, headers, _ = requested(wire, get(path, f"Authorization: Bearer {gateway.key}"))
    assert status == 405 and "upgrade" not in headers
    assert requested(wire, get("/health"))[0] == 200


def test_a_web_socket_elsewhere_and_in_an_older_version_is_no_upgrade(wire):
    upgrade = ["Connection: Upgrade", "Upgrade: websocket"]
    assert requested(wire, get("/v1/messages", *upgrade))[0] == 405
    wire.send(get("/v1/responses", *upgrade).replace(b"HTTP/1.1", b"HTTP/1.0"))
    assert wire.until(b"\r\n").split(b" ")[1] == b"405"


def test_over_http_2_a_question_for_responses_is_405_without_an_upgrade(gateway):
    with gateway.http(http2=True) as http:
        response = http.get("/v1/responses", headers={"authorization": f"Bearer {gateway.key}"})
    assert response.http_version == "HTTP/2" and response.status_code == 405
    assert "upgrade" not in response.headers


def test_what_claude_code_asks_by_itself_is_answered_and_makes_no_noise(own_gateway):
    before = own_gateway.log()
    with own_gateway.http() as http:
        hello = http.head("/api/hello")
        stranger = http.get("/api/oauth/usage")
        usage = http.get("/api/oauth/usage?skip_spend=1", headers={"authorization": f"Bearer {own_gateway.key}"})
    assert hello.status_code == 200 and hello.content == b""
    anthropic_or_openai = stranger.json()["error"]
    assert stranger.status_code == 401 and anthropic_or_openai["message"]
    assert usage.headers["cache-control"] == "no-store"
    told = usage.json()
    assert (told["five_hour"], told["seven_day"], told["limits"]) == (None, None, [])
    assert told["extra_usage"]["monthly_limit"] is None and told["extra_usage"]["used_credits"] == 0
    with Wire(own_gateway) as wire:
        assert requested(wire, get("/v1/responses", "Connection: upgrade", "Upgrade: websocket"))[0] == 426
    new = own_gateway.log().removeprefix(before)
    assert new.count("event=request") == 1 and "status=401" in new


def test_claude_code_warms_its_connection_up_without_a_warning(make_gateway, claude, tmp_path):
    gateway = make_gateway(flags=["--log-level", "debug"]).ready()
    env = {
        "PATH": os.environ["PATH"], "HOME": str(tmp_path), "LANG": "C.UTF-8", "ANTHROPIC_BASE_URL": gateway.url,
        "ANTHROPIC_API_KEY": gateway.key, "NODE_EXTRA_CA_CERTS": str(gateway.ca),
    }
    arguments = [claude, "-p", "--model", "sonnet"]
    done = subprocess.run(arguments, input="say:warm", env=env, cwd=tmp_path, capture_output=True, text=True, timeout=90)
    assert done.stdout.strip() == "warm", done.stderr
    asked = [line for line in gateway.log().splitlines() if "path=/api/hello" in line]
    assert len(asked) == 1 and "level=debug" in asked[0] and "status=200" in asked[0]
    assert "level=warning" not in gateway.log()
