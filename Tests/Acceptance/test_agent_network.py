"""What a run reaches in the network: servers at public addresses, as far as its workspace goes, and none at private ones.

With the real CLI, in an internet of our own (`internet`).
"""
import json
import threading

import pytest

from agents_at_work import Agents, steps, task
from conftest import FAKE_LOGIN
from harness import Gateway
from internet import METADATA, NEIGHBOUR, NEIGHBOUR6, OTHER, OWN, SITE, SITE6, Internet, Server, obstacle
from upstream import Upstream

pytestmark = [pytest.mark.core, pytest.mark.skipif(obstacle() is not None, reason=f"no network namespaces can be made: {obstacle()}")]

WORKSPACES = {
    "listed": {"network": ["allowed.example", "*.allowed.example"], "tools": ["Bash", "WebFetch", "Agent"]},
    "open": {"network": "yes", "tools": ["Bash", "WebFetch"]},
    "closed": {"tools": ["Bash"]},
}


def unlisted(place):
    return f"{place} is not among the hosts of this workspace"


def private(host):
    return f"{host} is not in the internet: this machine, its neighbours and its cloud are closed"


@pytest.fixture(scope="module")
def internet(tmp_path_factory):
    with Internet(tmp_path_factory.mktemp("internet")).lived_in() as internet:
        yield internet


@pytest.fixture(scope="module")
def vendor(internet):
    with Upstream() as server:
        yield server


class Networks:
    """A gateway of which each key has a workspace of another network."""

    def __init__(self, internet, vendor, binary, cli, folder, login, **settings):
        self.internet, self.vendor = internet, vendor
        names = list(WORKSPACES)
        keys = [f"key-of-{name}-0123456789abcdef" for name in names]
        declared = {name: {"directory": str(folder / name), "shared": True, **each} for name, each in WORKSPACES.items()}
        variables = {"ANTHROPIC_BASE_URL": vendor.url, "NODE_EXTRA_CA_CERTS": str(internet.authority), **login}
        self.gateway = Gateway(binary, folder, keys, cli, variables, env=settings)
        self.agents = Agents(self.gateway, folder, declared, [f"agent={name}" for name in names])
        self.keys = dict(zip(names, keys))
        self.gateway.arguments = internet.knowing_names(self.gateway.arguments)
        for name in names:
            (folder / name).mkdir(mode=0o700)
            (folder / name / "ca.pem").write_bytes(internet.authority.read_bytes())

    def results(self, name, nonce, calls):
        """Of each of these calls of one run in that workspace what the model reads; and the run's result."""
        answer = self.agents.run(steps(*[[call] for call in calls], text=nonce), key=self.keys[name])
        assert answer.status_code == 200, answer.text
        result = answer.json()
        assert (result["success"], result["toolCalls"]) == (True, len(calls)), result
        turns = self.vendor.turns(nonce)
        assert len(turns) == len(calls) + 1
        return [behind_the_call(turn.body["messages"]) for turn in turns[1:]], result


def behind_the_call(messages):
    """All that stands behind the newest message of the model's."""
    last = max(place for place, each in enumerate(messages) if each["role"] == "assistant")
    return json.dumps([each["content"] for each in messages[last + 1:]], ensure_ascii=False)


@pytest.fixture(scope="module")
def networks(internet, vendor, portcullis, claude, tmp_path_factory):
    folder = tmp_path_factory.mktemp("networks")
    networks = Networks(internet, vendor, portcullis, claude, folder, {"CLAUDE_CODE_OAUTH_TOKEN": FAKE_LOGIN})
    with networks.gateway:
        yield networks


def curl(*urls):
    """One command that gets these pages, one after another."""
    return ("Bash", {"command": "; ".join(f"curl -sS -m 10 -L --cacert ca.pem {url}; echo" for url in urls)})


def fetch(url):
    return ("WebFetch", {"url": url, "prompt": "say:the page in short"})


def page(url):
    """What the server says of a URL."""
    host, _, path = url.partition("://")[2].partition("/")
    return f"This is /{path} of {host}."


LISTED = ["https://allowed.example/a", "http://allowed.example/b", "https://six.allowed.example/c", "https://both.allowed.example/d"]
# Each with the reason of its denial.
UNLISTED = {
    "https://other.example/": unlisted("other.example:443"), f"https://{SITE}/": unlisted(f"{SITE}:443"),
    f"https://[{SITE6}]/": unlisted(f"[{SITE6}]:443"), f"http://{OTHER}/": unlisted(f"{OTHER}:80"),
    "https://allowed.example.evil.example/": unlisted("allowed.example.evil.example:443"), "http://127.0.0.1/": unlisted("127.0.0.1:80"),
    "https://allowed.example:8443/": unlisted("allowed.example:8443"), f"http://{METADATA}/latest/": unlisted(f"{METADATA}:80"),
}
PRIVATE = {
    f"https://{name}.allowed.example/": private(f"{name}.allowed.example")
    for name in ("loop", "loop6", "metadata", "inner", "inner6", "own", "own6", "hidden")
}
AWAY = {
    "https://allowed.example/to/https://other.example/": unlisted("other.example:443"),
    f"http://allowed.example/to/http://{METADATA}/": unlisted(f"{METADATA}:80"),
    "https://allowed.example/to/http://inner.allowed.example/": private("inner.allowed.example"),
    "https://allowed.example/to/https://www.allowed.example:8443/": unlisted("www.allowed.example:8443"),
}
CLOSED = {
    f"http://{METADATA}/": private(METADATA), f"https://{NEIGHBOUR}/": private(NEIGHBOUR), f"http://{OWN}/": private(OWN),
    "http://127.0.0.1/": private("127.0.0.1"), "https://allowed.example:8443/": "port 8443 is not open: only 80 and 443 are",
}
# What curl understands, but the CLI itself refuses to fetch or to follow.
CLOSED_TO_COMMANDS = {
    "http://localhost/": private("localhost"), "http://[::1]/": private("::1"), f"http://[{NEIGHBOUR6}]/": private(NEIGHBOUR6),
    f"http://[::ffff:{NEIGHBOUR}]/": private(f"::ffff:{NEIGHBOUR}"), f"https://{SITE}/to/http://{METADATA}/": private(METADATA),
}


def denied(networks, name, nonce, denials, call, at_once=1):
    """Has the workspace deny all these URLs, so many in a call, and the model read why; nobody may be asked for them."""
    asked = len(networks.internet.asked)
    urls = list(denials)
    parts = [urls[start:start + at_once] for start in range(0, len(urls), at_once)]
    told, result = networks.results(name, nonce, [call(*part) for part in parts])
    reasons = [each["reason"] for each in result["deniedCalls"]]
    assert len(reasons) == len(parts), reasons
    for part, text, reason in zip(parts, told, reasons):
        assert "This is" not in text, text
        for url in part:
            assert denials[url] in text and denials[url] in reason, (url, text, reason)
    found = {address for address, _, _ in networks.internet.asked[asked:]}
    assert found <= {SITE}, found


def test_a_subagent_gets_where_its_run_does_and_reads_why_it_gets_nowhere_else(networks, nonce):
    good, bad = LISTED[0], "https://other.example/"
    part = task([curl(good)], [curl(bad)], text=f"inner-{nonce}")
    result = networks.agents.run(steps([part], text=nonce), key=networks.keys["listed"]).json()
    inner = [turn for turn in networks.vendor.turns(nonce) if "x-claude-code-agent-id" in map(str.lower, turn.headers)]
    told = [behind_the_call(turn.body["messages"]) for turn in inner[1:]]
    assert page(good) in told[0] and UNLISTED[bad] in told[1] and "This is" not in told[1]
    [call] = result["deniedCalls"]
    assert UNLISTED[bad] in call["reason"] and bad in call["input"]["command"]


def test_commands_get_pages_of_listed_hosts_by_both_families_of_addresses(networks, nonce):
    (told,), result = networks.results("listed", nonce, [curl(*LISTED)])
    assert all(page(url) in told for url in LISTED), told
    assert result["deniedCalls"] == []


@pytest.mark.parametrize("denials", [UNLISTED, PRIVATE, AWAY], ids=["unlisted", "private", "redirected"])
def test_commands_get_nothing_from_elsewhere_and_the_model_reads_why(networks, nonce, denials):
    denied(networks, "listed", nonce, denials, curl, at_once=8)


def test_with_an_open_network_commands_get_any_public_page(networks, nonce):
    urls = [*LISTED, "https://other.example/e", f"https://{OTHER}/f", f"https://[{SITE6}]/g", f"http://{SITE}/h"]
    (told,), _ = networks.results("open", nonce, [curl(*urls)])
    assert all(page(url) in told for url in urls), told


def test_with_an_open_network_commands_get_nothing_from_private_addresses(networks, nonce):
    for number, denials in enumerate([CLOSED, CLOSED_TO_COMMANDS, PRIVATE]):
        denied(networks, "open", f"{nonce}{number}", denials, curl, at_once=8)


def test_the_cli_fetches_pages_of_listed_hosts_and_has_the_model_read_them(networks, vendor, nonce):
    urls = [f"{url}{nonce[-8:]}" for url in LISTED]
    told, result = networks.results("listed", nonce, [fetch(url) for url in urls])
    assert all("the page in short" in text for text in told), told
    assert result["deniedCalls"] == []
    assert all(vendor.turns(page(url)) for url in urls), "the model was given each page"


def test_the_cli_fetches_nothing_from_elsewhere_and_the_model_reads_why(networks, nonce):
    denied(networks, "listed", nonce, PRIVATE | {url: reason for url, reason in UNLISTED.items() if ":8443" in url}, fetch)
    refused = {url: "is none of the hosts that this workspace may reach" for url in UNLISTED if ":8443" not in url}
    denied(networks, "listed", nonce + "refused", refused, fetch)


def test_the_cli_leaves_it_to_the_model_to_follow_a_page_elsewhere(networks, nonce):
    asked = len(networks.internet.asked)
    urls = ["https://allowed.example/to//x", "https://allowed.example/to/https://www.allowed.example/y", *AWAY]
    told, _ = networks.results("listed", nonce, [fetch(url) for url in urls])
    assert ["REDIRECT DETECTED" in text for text in told] == [False, False] + [True] * len(AWAY), told
    assert {address for address, _, _ in networks.internet.asked[asked:]} == {SITE}


def test_with_an_open_network_the_cli_fetches_from_public_addresses_alone(networks, nonce):
    urls = ["https://other.example/e", f"https://{OTHER}/f", "http://six.allowed.example/g"]
    told, _ = networks.results("open", nonce, [fetch(url) for url in urls])
    assert all("the page in short" in text for text in told), told
    others = {"https://127.1/": private("127.0.0.1"), "https://2130706433/": private("127.0.0.1")}
    denied(networks, "open", nonce + "closed", CLOSED | others, fetch)


def test_what_nobody_answers_for_is_told_and_is_no_denial(networks, nonce):
    told, result = networks.results("open", nonce, [curl("https://nowhere.invalid/"), fetch("https://nowhere.invalid/")])
    assert all("nowhere.invalid cannot be looked up" in text for text in told) and result["deniedCalls"] == []


def test_without_a_network_a_command_gets_nothing(networks, nonce):
    (told,), _ = networks.results("closed", nonce, [curl(f"http://{SITE}/", f"http://[{SITE6}]/", "http://allowed.example/")])
    assert told.count("curl: (7) Failed to connect") == 3 and "This is" not in told, told


def test_no_page_of_the_gateways_own_machine_is_fetched_by_the_way_to_its_vendor(networks, internet, nonce):
    """The vendor of these tests is at 127.0.0.1, and asked without the proxy."""
    asked = len(internet.asked)
    server = Server("127.0.0.1", 443, internet)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        denied(networks, "open", nonce, {url: private("127.0.0.1") for url in ("https://127.0.0.1/", "https://127.1/")}, fetch)
    finally:
        server.shutdown()
        server.server_close()
    assert internet.asked[asked:] == []


def test_beside_a_relay_for_the_vendor_the_way_is_the_same(internet, vendor, portcullis, claude, tmp_path, nonce):
    networks = Networks(internet, vendor, portcullis, claude, tmp_path, {"ANTHROPIC_API_KEY": "key-of-the-operator"}, CREDENTIAL_RELAY="true")
    with networks.gateway:
        calls = [curl("https://allowed.example/a"), fetch("https://allowed.example/b"), curl("https://other.example/"), fetch("https://inner.allowed.example/")]
        told, _ = networks.results("listed", nonce, calls)
    assert page("https://allowed.example/a") in told[0] and "the page in short" in told[1]
    assert unlisted("other.example:443") in told[2] and private("inner.allowed.example") in told[3]


def test_the_servers_of_these_tests_are_there_for_who_is_not_kept_from_them(internet):
    """So that nothing above fails for another reason."""
    for address in (SITE, SITE6, OTHER, NEIGHBOUR, NEIGHBOUR6, METADATA):
        for port in (80, 443, 8443):
            assert "This is / of" in internet.page(address, port)
