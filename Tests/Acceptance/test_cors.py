"""Pages of other origins: whom the browser lets read an answer, and what it may ask."""
import signal

import pytest

from harness import Gateway, eventually, message_body

PAGE, APP, STRANGER = "https://chat.example", "app://obsidian.md", "https://evil.example"
PRIVATE = {"access-control-request-private-network": "true"}
ALLOWED, NETWORK = "access-control-allow-origin", "access-control-allow-private-network"


@pytest.fixture(scope="module")
def listed(portcullis, claude, cli_env, keys, tmp_path_factory):
    """A gateway whose operator names two origins."""
    folder = tmp_path_factory.mktemp("cors")
    flags = ["--cors-origin", f"{PAGE},{APP}"]
    with Gateway(portcullis, folder, keys, claude, cli_env, flags=flags) as gateway:
        yield gateway


def every_kind_of_answer(gateway, headers, http2):
    """Preflight, health, errors with and without a key, a stored response, a whole answer, a count, a stream."""
    key = {"x-api-key": gateway.key, **headers}
    with gateway.http(http2=http2) as http:
        yield http.options("/v1/messages", headers={"access-control-request-method": "POST", **headers})
        yield http.get("/health", headers=headers)
        yield http.get("/health", headers=key)
        yield http.get("/", headers=headers)
        yield http.get("/v1/nothing", headers=headers)
        yield http.get("/v1/embeddings", headers=headers)
        yield http.get("/v1/messages", headers=headers)
        yield http.get("/v1/models", headers=headers)
        yield http.get("/v1/models", headers=key)
        yield http.get("/v1/quota", headers=key)
        yield http.get("/api/oauth/usage", headers=key)
        yield http.get("/v1/responses/resp_none", headers=key)
        yield http.post("/v1/messages", json={}, headers=key)
        yield http.post("/v1/messages", json=message_body("Hello"), headers=key)
        yield http.post("/v1/messages/count_tokens", json=message_body("Hello"), headers=key)
        yield http.post("/v1/messages", json=message_body("Hello", stream=True), headers=key)


def varies(response):
    return "origin" in response.headers.get("vary", "").split(", ")


@pytest.mark.parametrize("http2", [False, True], ids=["http1", "http2"])
@pytest.mark.parametrize("origin", [PAGE, APP, "HTTPS://CHAT.EXAMPLE"])
def test_each_listed_origin_is_named_in_every_answer(listed, origin, http2):
    for response in every_kind_of_answer(listed, {"origin": origin}, http2):
        assert response.headers.get_list(ALLOWED) == [origin], response.url
        assert varies(response), response.url


@pytest.mark.parametrize("headers", [{"origin": STRANGER}, {"origin": "null"}, {}], ids=["stranger", "null", "none"])
def test_others_get_nothing_but_the_word_that_it_depends(listed, headers):
    for response in every_kind_of_answer(listed, headers, False):
        assert not [name for name in response.headers if name.startswith("access-control-")], response.url
        assert varies(response), response.url


def test_anybody_may_ask_where_nobody_is_named(gateway):
    for response in every_kind_of_answer(gateway, {"origin": STRANGER}, False):
        assert response.headers.get_list(ALLOWED) == ["*"] and not varies(response)


def test_a_page_is_let_into_a_private_network_only_where_it_may_ask(listed, gateway):
    def asked(target, **headers):
        with target.http() as http:
            return http.options("/v1/messages", headers={"access-control-request-method": "POST", **headers}).headers

    assert asked(listed, origin=APP, **PRIVATE)[NETWORK] == "true"
    assert asked(gateway, origin=STRANGER, **PRIVATE)[NETWORK] == "true"
    assert NETWORK not in asked(listed, origin=APP)
    assert NETWORK not in asked(listed, origin=STRANGER, **PRIVATE)
    assert NETWORK not in asked(listed, **PRIVATE)
    assert NETWORK not in asked(listed, origin=APP, **{**PRIVATE, "access-control-request-private-network": "false"})


def test_a_reload_takes_another_list(make_gateway):
    gateway = make_gateway()
    settings = gateway.folder / "gate.conf"
    gateway.arguments += ["--config", str(settings)]

    def tells(headers, allowed, depends):
        with gateway.http() as http:
            answer = http.get("/health", headers=headers)
        return answer.headers.get(ALLOWED) == allowed and varies(answer) == depends

    settings.write_text(f"CORS_ORIGIN={PAGE}\n")
    gateway.ready()
    assert tells({"origin": PAGE}, PAGE, True) and tells({"origin": APP}, None, True) and tells({}, None, True)
    settings.write_text(f"CORS_ORIGIN={APP}\n")
    gateway.signal(signal.SIGHUP)
    eventually(lambda: tells({"origin": APP}, APP, True), "the new origin is allowed")
    assert tells({"origin": PAGE}, None, True)
    settings.write_text("CORS_ORIGIN=none\n")
    gateway.signal(signal.SIGHUP)
    eventually(lambda: tells({"origin": APP}, None, False), "no origin is allowed")
    assert tells({}, None, False)
