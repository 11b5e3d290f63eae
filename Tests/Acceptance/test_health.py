"""The pages that need no key, and the headers every answer carries."""
import pytest

from harness import ROOT, eventually, message_body, user

ORIGIN = {"origin": "https://chat.example"}


@pytest.mark.core
def test_health_tells_what_runs(gateway):
    health = gateway.health()
    assert health["status"] == "ok" and health["version"]
    assert health["uptime_seconds"] >= 0
    assert health["cli_version"].startswith("2.")
    assert health["running_turns"] >= 0 and health["waiting_turns"] >= 0


def test_the_page_of_health_shows_the_version_of_the_cli_that_is_tested(gateway):
    shown = f'"cli_version":"{gateway.health()["cli_version"]}"'
    assert shown in (ROOT / "deploy/docs/health.md").read_text()


def test_health_counts_the_running_turn(make_gateway, upstream, nonce):
    gateway = make_gateway().ready()
    assert gateway.health()["running_turns"] == 0
    with gateway.anthropic().messages.stream(
        model="sonnet", max_tokens=100, messages=user(f"{nonce}\nslow:100:600")
    ) as stream:
        next(iter(stream))
        assert gateway.health()["running_turns"] == 1
    eventually(lambda: gateway.health()["running_turns"] == 0, "the turn is over")


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/chat/completions", "/v1/models"])
def test_a_preflight_is_answered_without_a_key(gateway, path):
    asked = {
        **ORIGIN,
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,content-type,x-api-key,anthropic-version",
    }
    with gateway.http() as http:
        response = http.options(path, headers=asked)
    assert response.status_code in (200, 204)
    assert response.headers["access-control-allow-origin"] in ("*", ORIGIN["origin"])
    assert "POST" in response.headers["access-control-allow-methods"]
    allowed = response.headers["access-control-allow-headers"].lower()
    assert allowed == "*" or all(name in allowed for name in ("authorization", "content-type", "x-api-key"))


def test_answers_and_errors_carry_the_cross_origin_header(gateway):
    good = gateway.post("/v1/messages", message_body("Hello"), headers=ORIGIN)
    bad = gateway.post("/v1/messages", {}, headers=ORIGIN)
    with gateway.http() as http:
        stranger = http.post("/v1/chat/completions", json={}, headers=ORIGIN)
    assert [good.status_code, bad.status_code, stranger.status_code] == [200, 400, 401]
    for response in (good, bad, stranger):
        assert response.headers["access-control-allow-origin"] in ("*", ORIGIN["origin"])


@pytest.mark.core
def test_every_answer_has_its_own_id_under_both_names(gateway):
    responses = [
        gateway.ask_message("Hello"),
        gateway.ask_chat("Hello"),
        gateway.ask_chat("Hello", stream=True),
        gateway.post("/v1/messages", {}),
    ]
    ids = [response.headers["request-id"] for response in responses]
    assert ids == [response.headers["x-request-id"] for response in responses]
    assert len(set(ids)) == len(ids)


def test_the_sdks_find_the_request_id(gateway):
    message = gateway.anthropic().messages.create(model="sonnet", max_tokens=100, messages=user("Hello"))
    completion = gateway.openai().chat.completions.create(model="sonnet", messages=user("Hello"))
    assert message._request_id and completion._request_id
