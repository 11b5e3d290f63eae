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
        gateway = Gateway(portcullis, tmp_path_factory.mktemp("fidelity"), keys, claude, login)
        try:
            yield Bench(gateway.ready(), upstream)
        finally:
            gateway.stop()


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
