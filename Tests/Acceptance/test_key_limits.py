"""The limits of one key: kept to the last request and the last cent, and told in each client's own words."""
import collections
import time
from concurrent.futures import ThreadPoolExecutor

import anthropic
import openai
import pytest

from test_claude_code import answers, claude_code, limit_events
from test_codex import FALLBACK, aliased, start
from harness import DIALECTS, HELLO, anthropic_error, eventually, message_body, openai_error, user

UNIFIED = "anthropic-ratelimit-unified-"
# What the tests' upstream says of each answer, at the prices of claude-sonnet-4-5: 300 ¢ and 1500 ¢ for 100,000 tokens.
MODEL = "claude-sonnet-4-5"
# As many tokens as bytes, which is the most that any prompt comes to.
QUESTION = "x" * 10_000 + "\nusage:10000:0:0"
CENTS = 3.0


@pytest.fixture
def limited(make_gateway, tmp_path):
    """Makes a gateway whose first key has these options."""

    def make(*options, **settings):
        gateway = make_gateway(tls=False, **settings)
        path = gateway.folder / "api-keys"
        lines = path.read_text().splitlines()
        lines[0] += " " + " ".join(options)
        path.write_text("\n".join(lines) + "\n")
        return gateway.ready()

    return make


def ask(gateway, dialect="messages", text="say:yes", model=MODEL, **fields):
    return gateway.ask(dialect, text, model=model, max_tokens=64, **fields) if dialect != "responses" else gateway.ask(
        dialect, text, model=model, **fields)


def unified(response):
    return {name.removeprefix(UNIFIED): value for name, value in response.headers.items() if name.startswith(UNIFIED)}


def spent(response, dialect):
    """A refusal for a share that is used up, in the manners of the vendor's own gateway and of OpenAI."""
    assert response.status_code == 429 and response.headers["x-should-retry"] == "false"
    assert int(response.headers["retry-after"]) >= 1
    error = response.json()["error"]
    if dialect == "messages":
        assert error["type"] == "billing_error"
    else:
        assert (error["type"], error["code"]) == ("insufficient_quota", "insufficient_quota")
    fields = unified(response)
    assert fields["status"] == "rejected" and fields["overage-disabled-reason"] == "org_spend_cap_reached"
    assert fields["overage-surpassed-threshold"] == "1" and fields["reset"] == fields["overage-reset"]
    assert "representative-claim" not in fields and "overage-status" not in fields
    return error["message"]


@pytest.mark.core
def test_of_200_requests_at_once_ten_pass(limited, upstream, nonce):
    gateway = limited("requests-per-minute=10", env={"MAX_TURNS": "16", "MAX_WAITING_TURNS": "300"})
    with ThreadPoolExecutor(max_workers=100) as pool:
        answers = list(pool.map(lambda _: ask(gateway, text=f"{nonce}\nsay:yes"), range(200)))
    told = collections.Counter(answer.status_code for answer in answers)
    assert told == {200: 10, 429: 190}
    assert len(upstream.turns(nonce)) == 10
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert refused.json()["error"]["type"] == "rate_limit_error"
    assert 1 <= int(refused.headers["retry-after"]) <= 61
    assert refused.headers["x-ratelimit-remaining-requests"] == "0"


@pytest.mark.core
def test_no_cap_is_passed_by_turns_side_by_side(limited, upstream, nonce):
    cap = 60
    gateway = limited(f"spend-per-day={cap / 100}", env={"MAX_TURNS": "24", "MAX_WAITING_TURNS": "64"})

    def turn(number):
        while True:
            answer = ask(gateway, list(DIALECTS)[number % 3], f"{nonce}\n{QUESTION}", stream=number % 2 == 0)
            if answer.status_code != 429 or answer.headers.get("x-should-retry") == "false":
                return answer
            time.sleep(0.2)

    with ThreadPoolExecutor(max_workers=24) as pool:
        answers = list(pool.map(turn, range(24)))
    told = collections.Counter(answer.status_code for answer in answers)
    # Twenty whole turns fit; the last ones are alone, and what is not left for them is refused.
    assert len(upstream.turns(nonce)) == told[200] and told[200] * CENTS <= cap
    assert told[200] >= 15, told


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_spent_share_is_told_before_anybody_is_asked(limited, upstream, nonce, dialect):
    gateway = limited("spend-per-day=0.05", 'message="Ask for more at https://example.org/quota"')
    assert ask(gateway, text=f"{nonce}\nusage:20000:0:0").status_code == 200
    eventually(lambda: ask(gateway, text="say:yes").status_code == 429, "the share is spent")
    before = len(upstream.recorded())
    message = spent(ask(gateway, dialect, "say:yes"), dialect)
    assert "daily spend limit of $0.05" in message and message.endswith("Ask for more at https://example.org/quota")
    streamed = ask(gateway, dialect, "say:yes", stream=True)
    assert streamed.status_code == 429
    assert len(upstream.recorded()) == before
    counted = gateway.post(
        "/v1/messages/count_tokens", {"model": MODEL, "messages": HELLO}, headers={"x-api-key": gateway.key})
    assert counted.status_code == 200
    assert gateway.post("/v1/messages", message_body("say:yes"), headers={"x-api-key": gateway.keys[1]}).status_code == 200


def test_a_key_sees_how_far_its_share_is_used(limited, nonce):
    gateway = limited("spend-per-day=0.10")
    seen = []
    for _ in range(3):
        answer = ask(gateway, text=f"{nonce}\n{QUESTION}")
        assert answer.status_code == 200
        eventually(lambda: float(unified(ask_models(gateway))["overage-utilization"]) > len(seen) * 0.3, "it is settled")
        seen.append(unified(ask_models(gateway)))
    assert [float(fields["overage-utilization"]) for fields in seen] == pytest.approx([0.3, 0.6, 0.9], abs=0.02)
    assert [fields.get("overage-surpassed-threshold") for fields in seen] == [None, None, "0.75"]
    assert [fields["status"] for fields in seen] == ["allowed", "allowed", "allowed_warning"]
    assert not any(name.startswith(("5h", "7d")) for fields in seen for name in fields)
    other = gateway.http().get("/v1/models", headers={"x-api-key": gateway.keys[1]})
    assert not any("overage" in name for name in other.headers)


def ask_models(gateway):
    return gateway.http().get("/v1/models", headers={"x-api-key": gateway.key})


def test_an_answer_is_cut_short_rather_than_refused_at_the_end_of_a_share(limited, upstream, nonce):
    gateway = limited("output-tokens-per-day=1000")
    assert gateway.ask("messages", f"{nonce}\nsay:yes", model=MODEL, max_tokens=4000).status_code == 200
    assert upstream.only_turn(nonce).body["max_tokens"] <= 1000


def test_models_and_dialects_that_a_key_may_not_use_are_refused_by_403(limited, upstream, nonce):
    gateway = limited("models=haiku,claude-haiku-*", "dialects=messages,chat", "effort=low", "body=2kB")
    assert ask(gateway, model="haiku").status_code == 200
    assert ask(gateway, "chat", model="claude-haiku-4-5").status_code == 200
    refused = ask(gateway, model="sonnet")
    assert anthropic_error(refused, 403)["type"] == "permission_error" and refused.headers["x-should-retry"] == "false"
    assert openai_error(ask(gateway, "chat", model="opus"), 403)["code"] == "model_not_allowed"
    assert openai_error(ask(gateway, "responses", model="haiku"), 403)["type"] == "permission_error"
    assert ask(gateway, text="x" * 4000, model="haiku").status_code == 413
    listed = [entry["id"] for entry in ask_models(gateway).json()["data"]]
    assert listed and all("haiku" in name for name in listed)


def test_background_tasks_go_to_their_own_model(limited, upstream, nonce):
    gateway = limited("task-model=claude-haiku-4-5")
    body = {"model": MODEL, "max_tokens": 64, "messages": user(f"{nonce}\nsay:yes")}
    fields = {"authorization": f"Bearer {gateway.key}", "x-openwebui-task": "title_generation"}
    assert gateway.post("/v1/chat/completions", body, headers=fields).status_code == 200
    assert upstream.only_turn(nonce).body["model"] == "claude-haiku-4-5"


def spend(gateway, dollars):
    """Has the first key spend so much, in an answer that the tests' upstream says is dear."""
    before = float(unified(ask_models(gateway))["overage-utilization"])
    assert ask(gateway, text=f"usage:{round(dollars / 3 * 1_000_000)}:0:0").status_code == 200
    eventually(lambda: float(unified(ask_models(gateway))["overage-utilization"]) > before, "it is settled")


def test_claude_code_shows_the_share_warns_twice_and_stops_with_the_operators_words(limited, claude_code, upstream):
    """With the recipe of deploy/clients.md; its own prompt has more than 100,000 bytes."""
    gateway = limited("spend-per-day=10", 'message="Ask for more at https://example.org/quota"', env={"WARM_PROCESSES": "0"})
    for dollars, utilization, threshold in (8.0, 0.8, 0.75), (1.65, 0.97, 0.95):
        spend(gateway, dollars)
        lines, _ = claude_code(gateway, "say:fine")
        assert (lines[-1]["is_error"], lines[-1]["result"]) == (False, "fine")
        told = limit_events(lines)[-1]
        assert (told["status"], told["rateLimitType"]) == ("allowed_warning", "overage")
        assert told["utilization"] == pytest.approx(utilization, abs=0.02) and told["surpassedThreshold"] == threshold
    spend(gateway, 0.5)
    before, seen = len(upstream.recorded()), len(answers(gateway, 5))
    lines, took = claude_code(gateway, "say:never")
    assert answers(gateway, seen + 1)[seen:] == [429] and took < 20
    assert lines[-1]["is_error"] and lines[-1]["result"].endswith("Ask for more at https://example.org/quota")
    assert "daily spend limit of $10.00" in lines[-1]["result"]
    assert len(upstream.recorded()) == before


def test_codex_is_told_of_a_spent_share_with_its_time_and_asks_once(limited, start, upstream):
    gateway = limited("spend-per-day=1", "client=codex", env={"MODEL_ALIASES": "gpt-5.5=sonnet,gpt-5.4=sonnet"})
    assert ask(gateway, text="usage:500000:0:0").status_code == 200
    eventually(lambda: ask_models(gateway).headers.get(UNIFIED + "overage-utilization") not in (None, "0.00"), "it is settled")
    before = len(upstream.recorded())
    turn = start(FALLBACK, gateway).run("say:never")
    assert any("daily spend limit of $1.00" in error or "usage limit" in error for error in turn.errors), turn
    assert len(upstream.recorded()) == before


def test_sdks_sleep_no_longer_than_a_rate_lasts_and_not_at_all_for_a_share(limited):
    gateway = limited("requests-per-minute=1")
    assert ask(gateway).status_code == 200
    for client, error in (gateway.anthropic(), anthropic.RateLimitError), (gateway.openai(), openai.RateLimitError):
        began = time.monotonic()
        with pytest.raises(error):
            if error is anthropic.RateLimitError:
                client.messages.create(model=MODEL, max_tokens=8, messages=HELLO)
            else:
                client.chat.completions.create(model=MODEL, max_tokens=8, messages=HELLO)
        assert time.monotonic() - began < 65


def test_a_conversation_is_begun_within_the_limits_on_requests_and_bodies(limited):
    gateway = limited("requests-per-minute=2", "body=200", "tokens-per-day=1")
    bearer = {"authorization": f"Bearer {gateway.key}"}
    with gateway.http() as http:
        def begin(text="hello"):
            return http.post("/v1/conversations", headers=bearer, json={"items": [{"role": "user", "content": text}]})

        large = begin("x" * 300)
        assert large.status_code == 413 and "200 bytes" in large.json()["error"]["message"]
        sent = (part for part in (b'{"items":[{"role":"user","content":"', b"x" * 300, b'"}]}'))
        chunked = http.post("/v1/conversations", headers=bearer | {"content-type": "application/json"}, content=sent)
        assert chunked.status_code == 413
        assert begin().status_code == 200
        refused = begin()
        assert refused.status_code == 429 and 1 <= int(refused.headers["retry-after"]) <= 61
        assert openai_error(refused, 429)["code"] == "rate_limit_exceeded"
        usage = http.get("/v1/usage", headers=bearer).json()
    assert usage["today"]["requests"] == 2


def test_refusals_are_counted_by_what_they_are_for(make_gateway, keys):
    """A limit on turns at once is the key's, and so is its part of the account: neither is the account's own limit."""
    gateway = make_gateway(
        keys=[f"{keys[0]} turns=1", f"{keys[1]} role=admin reserve=yes"], env={"RESERVE": "60%", "TURN_WAIT_SECONDS": "1"})
    gateway.keys = keys
    gateway.ready()
    with gateway.streaming("slow:100:60", until="tick"):
        busy = gateway.ask_message("say:two at once")
    assert busy.status_code == 429 and "1 requests at once" in busy.json()["error"]["message"]
    # The upstream says that 42 % of a window are used, of which 60 % are kept for others.
    eventually(lambda: gateway.health()["running_turns"] == 0, "the first has ended")
    assert gateway.post("/v1/messages", message_body("account:allowed"), headers={"x-api-key": keys[1]}).status_code == 200
    spent = gateway.ask_message("say:more")
    assert spent.status_code == 429 and "kept for others" in spent.json()["error"]["message"]
    with gateway.http(headers={"x-api-key": keys[1]}) as http:
        told = http.get("/metrics").text
        assert 'portcullis_refusals_total{reason="key_rate"} 1\n' in told
        assert 'portcullis_refusals_total{reason="account_share"} 1\n' in told
        assert 'portcullis_refusals_total{reason="account_limit"} 0\n' in told
        report = http.get("/v1/usage?key=user0&by=key").json()
        assert [row["refusals"] for row in report["rows"]] == [{"turns": 1, "account_share": 1}]
        of_all = http.get("/v1/usage?by=key").json()["rows"]
    assert {row["key"]: row["refusals"] for row in of_all} == {"user0": {"turns": 1, "account_share": 1}, "user1": {}}
