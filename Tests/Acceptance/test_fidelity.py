"""Nothing is lost on the way to the model: what the vendor is asked is what the client asked, field by field.

Each case is one request, sent streamed and whole at once. `fidelity.rules` works out from the request what must arrive;
the upstream's record of what the real CLI sent is compared with it, and there must be exactly one such record.
"""
import concurrent.futures
import difflib
import json

import pytest

from fidelity import chat_cases, messages_cases, responses_cases, rules
from harness import Gateway, eventually
from upstream import Upstream

PATHS = {"messages": "/v1/messages", "chat": "/v1/chat/completions", "responses": "/v1/responses"}
MODULES = {"messages": messages_cases, "chat": chat_cases, "responses": responses_cases}
CASES = [(dialect, name) for dialect, module in MODULES.items() for name in module.CASES]


class Bench:
    """A gateway with an upstream of its own, so that every request recorded belongs to the case at hand."""

    def __init__(self, gateway, upstream):
        self.gateway = gateway
        self.upstream = upstream

    def ask(self, path, *requests):
        """The responses to requests sent at once, and all that was asked upstream once nothing runs any more."""
        before = len(self.upstream.recorded())
        with concurrent.futures.ThreadPoolExecutor() as pool:
            responses = list(pool.map(lambda request: self.post(path, request), requests))
        eventually(lambda: self.gateway.health()["running_turns"] == 0, "the turn ends")
        return responses, [each for each in self.upstream.recorded()[before:] if each.method == "POST"]

    def post(self, path, request):
        # Written with escapes, so that lone surrogates can be sent as well.
        data = json.dumps(request).encode()
        headers = {"x-api-key": self.gateway.key, "content-type": "application/json"}
        with self.gateway.http() as http:
            return http.post(path, content=data, headers=headers)


@pytest.fixture(scope="module")
def bench(portcullis, claude, keys, tmp_path_factory):
    with Upstream() as upstream:
        login = {"ANTHROPIC_BASE_URL": upstream.url, "CLAUDE_CODE_OAUTH_TOKEN": "fake-login"}
        with Gateway(portcullis, tmp_path_factory.mktemp("fidelity"), keys, claude, login) as gateway:
            yield Bench(gateway, upstream)


@pytest.mark.parametrize("model", ["sonnet", "claude-sonnet-4-5"])
def test_the_prefix_that_was_cached_comes_again(bench, model):
    """What is marked to be cached at the end of one turn's history is in the next turn word for word."""
    rows = [*messages_cases.pairs(2), messages_cases.user("third")]
    longer = [*rows, messages_cases.assistant("done"), messages_cases.user("fourth")]
    bodies = []
    for messages in (rows, longer):
        responses, recorded = bench.ask(PATHS["messages"], messages_cases.ask(messages, model=model, system="Be brief."))
        assert responses[0].status_code == 200
        bodies.append(recorded[0].body)
        marks = rules.marks(recorded[0].body)
        assert marks == [{"type": "ephemeral", "ttl": "1h"}] * 4
    end = len(rows) - 1
    assert "cache_control" in bodies[0]["messages"][end - 1]["content"][-1]
    assert "cache_control" in bodies[1]["messages"][end + 1]["content"][-1]
    for field in ("system", "tools"):
        assert bodies[0][field] == bodies[1][field]
    assert rules.without_marks(bodies[0]["messages"][:end]) == rules.without_marks(bodies[1]["messages"][:end])


def test_with_an_api_key_marks_live_five_minutes(make_gateway, keys):
    with Upstream() as upstream:
        login = {"ANTHROPIC_BASE_URL": upstream.url, "ANTHROPIC_API_KEY": "fake-key"}
        gateway = make_gateway(cli_env=login).ready()
        request = messages_cases.ask([*messages_cases.pairs(1), messages_cases.user("last")], system="Be brief.")
        gateway.post("/v1/messages", request).raise_for_status()
        sent = [each for each in upstream.recorded() if each.method == "POST"]
    assert len(sent) == 1
    assert [each.get("ttl", "5m") for each in rules.marks(sent[0].body)] == ["5m"] * 4


def difference(wanted, found):
    """The lines in which two values differ; long ones cut."""
    both = [json.dumps(each, indent=1, sort_keys=True).splitlines() for each in (wanted, found)]
    lines = difflib.unified_diff(*both, "asked", "arrived", lineterm="", n=1)
    return "\n".join(line[:200] for line in list(lines)[:60])


@pytest.mark.parametrize("dialect, name", CASES, ids=[f"{dialect}: {name}" for dialect, name in CASES])
def test_what_was_asked_arrives(bench, dialect, name):
    request = MODULES[dialect].CASES[name]
    wanted = rules.expected(dialect, request)
    both = [{**request, "stream": streamed} for streamed in (False, True)]
    responses, recorded = bench.ask(PATHS[dialect], *both)
    assert [each.status_code for each in responses] == [200, 200], responses[0].text[:500]
    assert len(recorded) == 2, f"{len(recorded)} upstream requests for two requests of the client"
    for each in recorded:
        found = rules.observed(each.body, wanted)
        assert found == wanted, difference(wanted, found)
        assert len(rules.marks(each.body)) <= 4, "the vendor allows four cache marks"
