"""What keys have used: told to themselves, to an administrator, and on the operator's terminal."""
import csv
import datetime
import io
import json
import subprocess

import pytest

from harness import eventually, message_body

TODAY = datetime.datetime.now(datetime.timezone.utc).date().isoformat()


@pytest.fixture
def counted(make_gateway, keys, portcullis):
    """A gateway on the real CLI, whose second key is an administrator's."""
    made = make_gateway(
        tls=False, keys=[keys[0], f"{keys[1]} role=admin spend-per-day=2"], flags=["--log-client-ids"]
    ).ready()
    made.admin = keys[1]
    made.binary = portcullis
    return made


def ask(gateway, nonce, key=None, model="sonnet", **headers):
    body = message_body(f"{nonce}\nnothink\nusage:1000:200:34", model=model)
    response = gateway.post("/v1/messages", body, headers={"x-api-key": key or gateway.key, **headers})
    assert response.status_code == 200
    return response


def usage(gateway, key=None, **query):
    with gateway.http() as http:
        return http.get("/v1/usage", params=query, headers={"x-api-key": key or gateway.key})


def rows(gateway, key=None, **query):
    """The rows of a report by their names, once what was used has come to the disk."""
    report = usage(gateway, key, **query).json()
    return {row[report["by"]]: row for row in report["rows"]}


def command(gateway, *arguments):
    words = [gateway.arguments[0], "usage", *gateway.arguments[2:], *arguments]
    return subprocess.run(words, env=gateway.env, capture_output=True, text=True, timeout=60)


@pytest.mark.core
def test_a_turn_is_counted_as_the_cli_tells_it(counted, nonce):
    ask(counted, nonce, **{"user-agent": "Anthropic/Python 0.70"})
    eventually(lambda: rows(counted), "the turn is on the disk")
    report = usage(counted).json()
    assert report["key"] == "user0" and report["limits"] == []
    row = rows(counted)[TODAY]
    assert (row["requests"], row["failures"], row["refusals"]) == (1, 0, {})
    assert (row["input_tokens"], row["cache_write_tokens"], row["cache_read_tokens"]) == (1000, 200, 34)
    assert row["output_tokens"] == report["today"]["output_tokens"] == 3
    assert report["today"]["input_tokens"] == 1200 and report["this_month"]["cached_tokens"] == 34
    assert row["cost_usd"] == report["today"]["cost_usd"] > 0
    assert list(rows(counted, by="client")) == ["anthropic-sdk"]
    assert list(rows(counted, by="model")) == ["claude-sonnet-5-5"]
    line = next(line for line in counted.log().splitlines() if "path=/messages " in line)
    assert " input_tokens=1234 cache_read=34 cache_write=200 output_tokens=3 " in line
    assert f" cost={row['cost_usd']:.6f} " in line and " client=anthropic-sdk " in line


def test_a_key_sees_itself_alone_and_an_administrator_everybody(counted, nonce):
    ask(counted, nonce + "a")
    ask(counted, nonce + "b", key=counted.admin, model="opus")
    eventually(lambda: len(rows(counted, counted.admin, by="key")) == 2, "both turns are on the disk")
    assert list(rows(counted, by="key")) == ["user0"]
    with counted.http() as http:
        foreign = http.get("/v1/usage?key=user1", headers={"x-api-key": counted.key})
        named = http.get("/v1/usage?key=user1&by=model", headers={"x-api-key": counted.admin}).json()
    assert foreign.status_code == 403
    assert [row["model"] for row in named["rows"]] == ["claude-opus-5-5"]
    limit = next(each for each in named["limits"] if each["name"] == "spend-per-day")
    assert limit["unit"] == "usd" and limit["limit"] == 2 and 0 < limit["used"] < 2
    assert limit["remaining"] == pytest.approx(limit["limit"] - limit["used"])
    assert limit["resets_at"].endswith("T00:00:00Z")


@pytest.mark.core
def test_the_terminal_tells_it_beside_the_running_service_and_after_its_end(counted, nonce):
    ask(counted, nonce)
    eventually(lambda: rows(counted), "the turn is on the disk")
    table = command(counted, "--by", "key")
    assert table.returncode == 0, table.stderr
    head, row = table.stdout.splitlines()
    assert head.split() == ["key", "requests", "failed", "refused", "input", "cache", "write", "cache", "read", "output", "cost"]
    assert row.split()[:8] == ["user0", "1", "0", "0", "1000", "200", "34", "3"] and row.split()[8].startswith("$")
    told = json.loads(command(counted, "--json", "--key", "user0").stdout)
    assert told["total"]["output_tokens"] == 3 and told["rows"][0]["day"] == TODAY
    assert counted.stop() == 0
    sheet = list(csv.DictReader(io.StringIO(command(counted, "--csv", "--by=model").stdout)))
    assert [(each["model"], each["output_tokens"]) for each in sheet] == [("claude-sonnet-5-5", "3")]
    assert command(counted, "--since", "yesterday", "--until", "yesterday").stdout == "nothing was used\n"


@pytest.mark.parametrize(
    "words, said", [(["--by", "hour"], "none of day"), (["--since", "never"], "no day"), (["--key"], "needs a value")]
)
def test_a_question_that_is_none_is_refused_in_words(portcullis, words, said):
    told = subprocess.run([portcullis, "usage", *words], capture_output=True, text=True)
    assert told.returncode == 64 and said in told.stderr


def test_failed_and_refused_turns_are_counted_with_their_reasons(counted, nonce):
    body = message_body(f"{nonce}\nstatus:400", model="sonnet")
    assert counted.post("/v1/messages", body).status_code >= 400
    assert counted.post("/v1/messages", message_body(nonce, model="no-such-model")).status_code == 404
    row = eventually(lambda: rows(counted).get(TODAY), "the turns are on the disk")
    assert row["failures"] >= 1 and row["refusals"] == {"not_found": 1}


def test_what_clients_call_themselves_is_logged_where_the_operator_wants_it(counted, make_gateway, nonce):
    ids = {"x-claude-code-session-id": f"session-{nonce}", "x-openwebui-chat-id": f"chat-{nonce}"}
    ask(counted, nonce, **ids)
    line = eventually(
        lambda: next((each for each in counted.log().splitlines() if "path=/messages " in each), None), "the line is there")
    assert f" session=session-{nonce}" in line and f" chat=chat-{nonce}" in line
    silent = make_gateway(tls=False).ready()
    ask(silent, nonce, **ids)
    assert nonce not in silent.log()


def test_claude_codes_question_is_answered_with_the_keys_own_money(counted, nonce):
    with counted.http() as http:
        own = http.get("/api/oauth/usage", headers={"x-api-key": counted.key}).json()
        capped = http.get("/api/oauth/usage", headers={"x-api-key": counted.admin}).json()
    assert own["extra_usage"]["monthly_limit"] is None and own["limits"] == []
    assert own["extra_usage"]["daily"] == {"limit": None, "used_credits": 0, "utilization": None}
    assert capped["extra_usage"]["monthly_limit"] == 200 and capped["extra_usage"]["currency"] == "USD"
    assert [(each["kind"], each["group"], each["is_active"]) for each in capped["limits"]] == [("spend", "daily", True)]
    assert capped["five_hour"] is None
