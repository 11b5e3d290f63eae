"""The usage limits of the account: told with every answer, kept to without asking the vendor again."""
import json
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness import DIALECTS, anthropic_error, events, eventually, message_body, openai_error, seconds_until
from upstream_answers import DAY, HOUR

UNIFIED = "anthropic-ratelimit-unified-"
TOOLS = [{"name": "look_up", "input_schema": {"type": "object"}}]


def limits(response):
    """The plain fields: window, what is left, and the seconds until it begins anew."""
    fields = response.headers
    if "x-ratelimit-reset" not in fields:
        assert not any("ratelimit" in name for name in fields)
        return None
    assert fields["x-ratelimit-limit"] == "100" and fields["x-ratelimit-unit"] == "percent"
    return fields["x-ratelimit-window"], int(fields["x-ratelimit-remaining"]), seconds_until(fields["x-ratelimit-reset"])


def unified(response):
    return {name.removeprefix(UNIFIED): value for name, value in response.headers.items() if name.startswith(UNIFIED)}


def quota(gateway):
    return gateway.http().get("/v1/quota", headers={"x-api-key": gateway.key}).json()


def reload(gateway):
    before = gateway.log().count("reloaded")
    gateway.signal(signal.SIGHUP)
    eventually(lambda: gateway.log().count("reloaded") > before, "the reload is done")


@pytest.fixture
def fresh(make_gateway):
    """A gateway that knows nothing of its account yet."""
    return make_gateway(tls=False).ready()


# State of the account -> window, what is left, seconds to its reset, and some of the vendor's fields.
ANSWERED = {
    "allowed": ("five_hour", 58, HOUR, {"status": "allowed", "5h-utilization": "0.42", "7d-utilization": "0.11"}),
    "warning-5h": (
        "five_hour", 8, HOUR,
        {"status": "allowed_warning", "representative-claim": "five_hour", "5h-surpassed-threshold": "0.9"},
    ),
    "warning-7d": (
        "seven_day", 19, 3 * DAY,
        {"status": "allowed_warning", "representative-claim": "seven_day", "7d-status": "allowed_warning"},
    ),
    # The CLI tells of these two windows when they end, and nothing else.
    "warning-opus": ("five_hour", 58, HOUR, {"status": "allowed", "representative-claim": "seven_day_opus"}),
    "warning-sonnet": ("five_hour", 58, HOUR, {"status": "allowed", "representative-claim": "seven_day_sonnet"}),
    "paid": (
        "five_hour", 0, HOUR,
        {"status": "rejected", "5h-status": "rejected", "overage-status": "allowed", "overage-in-use": "true"},
    ),
}


@pytest.mark.core
@pytest.mark.parametrize("state", ANSWERED)
def test_an_answer_tells_the_limits(fresh, upstream, nonce, state):
    """A whole answer tells its own; the head of a stream what was known before it."""
    window, left, reset, fields = ANSWERED[state]
    assert limits(fresh.ask("messages", f"{nonce}\nsay:first", stream=True)) is None

    def ask(dialect, stream):
        word = f"{nonce}-{dialect}-{stream}-"
        return word, fresh.ask(dialect, f"{word}\naccount:{state}", stream=stream)

    answers = [ask("messages", False)]
    with ThreadPoolExecutor(max_workers=3) as pool:
        others = [("chat", False), ("responses", False), *((dialect, True) for dialect in DIALECTS)]
        answers += pool.map(lambda each: ask(*each), others)
    for word, response in answers:
        assert response.status_code == 200
        told_window, told_left, told_reset = limits(response)
        assert (told_window, told_left) == (window, left)
        assert reset - 60 < told_reset <= reset
        assert unified(response).items() >= fields.items()
        assert 0 < int(unified(response)["5h-reset"]) - time.time() <= HOUR
        upstream.only_turn(word)


# State of the account -> window, seconds to its reset.
REFUSED = {
    "rejected-5h": ("five_hour", 1800),
    "rejected-7d": ("seven_day", DAY),
    "rejected-opus": ("seven_day_opus", DAY),
    "rejected-unpaid": ("five_hour", HOUR),
}


@pytest.mark.core
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("state", REFUSED)
def test_a_limit_that_is_reached_refuses_this_and_the_next_requests(make_gateway, upstream, nonce, state, stream):
    window, reset = REFUSED[state]
    for dialect in DIALECTS:
        gateway = make_gateway(tls=False).ready()
        first = gateway.ask(dialect, f"{nonce}{dialect}\naccount:{state}", model="opus", stream=stream)
        again = gateway.ask(dialect, f"{nonce}again\nsay:no", model="opus", stream=not stream)
        for response in (first, again):
            check = anthropic_error if dialect == "messages" else openai_error
            error = check(response, 429)
            assert error["type"] == "rate_limit_error"
            told_window, left, told_reset = limits(response)
            assert (told_window, left) == (window, 0)
            assert reset - 60 < told_reset <= reset
            assert reset - 60 < int(response.headers["retry-after"]) <= reset
            assert response.headers["x-should-retry"] == "false"
            assert error["reset_at"] == response.headers["x-ratelimit-reset"]
            assert unified(response)["status"] == "rejected"
        upstream.only_turn(nonce + dialect)
    assert not upstream.turns(nonce + "again")


def test_a_limit_of_one_family_of_models_refuses_no_other(fresh, upstream, nonce):
    assert fresh.ask("messages", "account:rejected-opus", model="opus").status_code == 429
    other = fresh.ask("messages", f"{nonce}\naccount:allowed", model="sonnet")
    assert other.status_code == 200 and limits(other)[:2] == ("five_hour", 58)
    assert fresh.ask("chat", f"{nonce}b\nsay:no", model="claude-opus-5-5").status_code == 429
    assert not upstream.turns(nonce + "b")


def test_tokens_are_counted_whatever_the_limits_say(fresh):
    assert fresh.ask("messages", "account:rejected-5h").status_code == 429
    counted = fresh.post("/v1/messages/count_tokens", {"model": "sonnet", "messages": message_body("Hello")["messages"]})
    assert counted.status_code == 200 and limits(counted)[:2] == ("five_hour", 0)


def test_a_limit_ends(fresh, upstream, nonce):
    assert fresh.ask("messages", "limit:3").status_code == 429
    answer = eventually(
        lambda: (found := fresh.ask("messages", f"{nonce}\nsay:again")).status_code == 200 and found, "the limit ends")
    assert "again" in answer.text
    upstream.only_turn(nonce)


def test_paid_usage_goes_on_unless_the_operator_refuses_it(make_gateway, upstream, nonce):
    for policy, status in (("allow", 200), ("refuse", 429)):
        gateway = make_gateway(tls=False, env={"OVERAGE": policy}).ready()
        assert gateway.ask("messages", "account:paid").status_code == 200
        assert gateway.ask("chat", f"{nonce}{policy}\nsay:more").status_code == status
        assert quota(gateway)["overage_policy"] == policy
    assert len(upstream.turns(nonce + "allow")) == 1 and not upstream.turns(nonce + "refuse")


def test_every_answer_to_a_caller_with_a_key_tells_the_limits_and_none_to_strangers(fresh):
    fresh.ask("messages", "account:allowed")
    with fresh.http() as http:
        for method, path in (
            ("GET", "/v1/models"), ("GET", "/v1/models/sonnet"), ("GET", "/v1/quota"), ("GET", "/v1/nothing"),
            ("DELETE", "/v1/messages"), ("POST", "/v1/messages"), ("GET", "/health"), ("HEAD", "/v1/models"),
        ):
            told = http.request(method, path, headers={"authorization": f"Bearer {fresh.key}"})
            assert limits(told)[:2] == ("five_hour", 58), f"{method} {path}"
            for headers in ({}, {"x-api-key": "wrong"}):
                assert limits(http.request(method, path, headers=headers)) is None, f"{method} {path}"
        shown = http.get("/v1/models", headers={"x-api-key": fresh.key, "origin": "https://page.example"})
        exposed = shown.headers["access-control-expose-headers"].split(", ")
        assert {name for name in shown.headers if "ratelimit" in name} <= set(exposed)


def test_the_windows_are_shown(fresh):
    assert quota(fresh) == {"object": "quota", "known": False, "overage_policy": "allow"}
    fresh.ask("messages", "account:warning-5h")
    shown = quota(fresh)
    assert shown["known"] and shown["status"] == "allowed_warning" and shown["representative_claim"] == "five_hour"
    assert shown["windows"]["five_hour"]["utilization"] == 0.92
    assert shown["windows"]["five_hour"]["surpassed_threshold"] == 0.9
    assert HOUR - 60 < seconds_until(shown["windows"]["five_hour"]["resets_at"]) <= HOUR
    assert -60 < seconds_until(shown["observed_at"]) <= 0
    assert shown["refused"] == []
    fresh.ask("messages", "account:rejected-opus", model="opus")
    assert [each["models"] for each in quota(fresh)["refused"]] == ["opus"]


@pytest.mark.core
def test_the_limits_are_heard_behind_a_tool_call(make_gateway, upstream, nonce):
    """The CLI tells them when the client has its answer; nothing more is asked of the vendor meanwhile."""
    for stream in (False, True):
        gateway = make_gateway(tls=False, env={"REUSE_PROCESSES": "off"}).ready()
        body = message_body(f"{nonce}{stream}\naccount:allowed\ncall:look_up", stream=stream, tools=TOOLS)
        response = gateway.post("/v1/messages", body)
        assert response.status_code == 200 and "look_up" in response.text and limits(response) is None
        eventually(lambda: quota(gateway)["known"], "the limits are known")
        eventually(lambda: not gateway.children(), "the process ends")
        upstream.only_turn(f"{nonce}{stream}")


def test_with_an_api_key_there_are_no_limits_to_tell(make_gateway, upstream):
    gateway = make_gateway(
        tls=False, cli_env={"ANTHROPIC_BASE_URL": upstream.url, "ANTHROPIC_API_KEY": "no-key"}).ready()
    assert limits(gateway.ask("messages", "account:allowed")) is None
    assert limits(gateway.ask("messages", "say:hello", stream=True)) is None
    assert not quota(gateway)["known"]


def test_what_is_known_survives_a_reload_of_the_same_account(make_gateway, upstream):
    gateway = make_gateway(tls=False).ready()
    gateway.ask("messages", "account:rejected-5h")
    reload(gateway)
    assert quota(gateway)["known"]
    lines = f"ANTHROPIC_BASE_URL={upstream.url}\nCLAUDE_CODE_OAUTH_TOKEN=another-fake-login\n"
    gateway.private_file("cli.env", lines)
    reload(gateway)
    assert not quota(gateway)["known"]
    assert gateway.ask("messages", "say:hello").status_code == 200


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_limit_reached_behind_a_promised_stream_is_told_in_its_error_event(make_gateway, dialect):
    """The sign of life came first, so the status is 200 and the event says when to come back."""
    gateway = make_gateway(tls=False, env={"PING_SECONDS": "1"}).ready()
    response = gateway.ask(dialect, "late-limit:7200", stream=True)
    assert response.status_code == 200
    told = [data for _, data in events(response.text) if data != "[DONE]"][-1]
    error = json.loads(told)
    error = error["response"]["error"] if dialect == "responses" else error["error"]
    assert "rate_limit" in (error.get("type") or error["code"])
    assert 7000 < seconds_until(error["reset_at"]) <= 7200


def test_the_limits_are_told_over_http2_as_well(make_gateway):
    gateway = make_gateway().ready()
    with gateway.http(http2=True) as http:
        headers = {"x-api-key": gateway.key}
        for stream in (False, True):
            body = message_body("account:allowed", stream=stream)
            response = http.post("/v1/messages", json=body, headers=headers)
            assert response.http_version == "HTTP/2" and limits(response)[:2] == ("five_hour", 58)
        assert limits(http.get("/v1/nothing", headers=headers))[:2] == ("five_hour", 58)
        assert limits(http.get("/health")) is None
