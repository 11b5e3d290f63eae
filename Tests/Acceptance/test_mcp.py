"""Registered MCP servers: who may switch them on, what the model sees of them, and what nobody sees."""
import json
import pathlib
import sys

import pytest

from conftest import FAKE_LOGIN
from harness import (
    anthropic_error,
    chat_body,
    chat_chunks,
    command_line,
    descendants,
    environment,
    eventually,
    events,
    message_body,
    message_events,
    openai_error,
    user,
)
from mcp_servers import HTTPServer

PROGRAM = str(pathlib.Path(__file__).with_name("mcp_servers.py"))
TOKEN = "token-of-the-notes-server"
HTTP_TOKEN = "token-of-the-web-server"
OTHER_LOGIN = "api-key-that-servers-must-not-see"
ROUND = ["Looking. ", "Hello from upstream."]


def program(starts="well", **variables):
    return {"command": sys.executable, "args": [PROGRAM], "env": {"TOKEN": TOKEN, "STARTS": starts, **variables}}


@pytest.fixture(scope="module")
def web():
    with HTTPServer(HTTP_TOKEN) as server:
        yield server


@pytest.fixture(scope="module")
def registry(web):
    return {
        "notes": program(),
        "web": {"type": "http", "url": web.url, "headers": {"Authorization": f"Bearer {HTTP_TOKEN}"}},
        "locked": {"type": "http", "url": web.url, "headers": {"Authorization": "Bearer not-the-right-token"}},
        "never": program("never"),
        "dying": program("dying"),
        "flooding": program("flooding"),
    }


class Site:
    """A gateway with the registry; its keys are granted `*`, `notes`, and nothing of their own."""

    def __init__(self, gateway, registry):
        self.gateway = gateway
        first, second = gateway.keys
        third = "a-third-key-that-is-long-enough-and-random-Zq8vKx2LmN4"
        lines = [f"all:{first} mcp=*", f"some:{second} mcp=notes", f"plain:{third}"]
        gateway.keys = [first, second, third]
        gateway.private_file("api-keys", "\n".join(lines) + "\n")
        self.path = gateway.private_file("mcp.json", json.dumps({"mcpServers": registry}))
        gateway.arguments += ["--proxy-mcp-config", self.path, "--mcp-start-timeout-ms", "6000"]
        gateway.arguments += ["--mcp-max-rounds", "3"]

    def ask(self, text, servers="notes", key=0, path="/v1/messages", headers=None, **fields):
        body = (message_body if path.startswith("/v1/messages") else chat_body)(text, **fields)
        if servers is not None:
            body["metadata"] = {"mcp_servers": servers}
        if path == "/v1/responses":
            body["input"] = body.pop("messages")
        return self.gateway.post(path, body, headers={"x-api-key": self.gateway.keys[key], **(headers or {})})


@pytest.fixture(scope="module")
def site(portcullis, claude, cli_env, keys, registry, tmp_path_factory):
    from harness import Gateway

    variables = {**cli_env, "GITHUB_TOKEN": OTHER_LOGIN}
    made = Site(Gateway(portcullis, tmp_path_factory.mktemp("mcp"), keys, claude, variables), registry)
    try:
        made.gateway.ready()
        yield made
    finally:
        made.gateway.stop()


def texts(message):
    return [block["text"] for block in message["content"] if block["type"] == "text"]


def tool_names(turn):
    return [tool["name"] for tool in turn.body.get("tools") or []]


def tool_results(turn):
    return [
        block
        for message in turn.body["messages"]
        if not isinstance(message["content"], str)
        for block in message["content"]
        if block["type"] == "tool_result"
    ]


def call(name, nonce, said="Looking. ", **arguments):
    return f"{nonce}\nsay:{said}\ncall:{name}:{json.dumps(arguments)}"


# The loop


@pytest.mark.core
@pytest.mark.parametrize("server", ["notes", "web"])
def test_the_model_calls_a_servers_tool_and_one_answer_comes_of_it(site, upstream, nonce, server):
    response = site.ask(call(f"mcp__{server}__lookup", nonce, q="the moon"), servers=server)
    assert response.status_code == 200, response.text
    message = response.json()
    assert texts(message) == ROUND
    assert [block["type"] for block in message["content"]] == ["text", "text"]
    assert message["stop_reason"] == "end_turn"
    first, second = upstream.turns(nonce)
    assert f"mcp__{server}__lookup" in tool_names(first)
    assert "lookup found the moon" in json.dumps(tool_results(second))
    usage = message["usage"]
    assert (usage["input_tokens"], usage["cache_creation_input_tokens"], usage["cache_read_input_tokens"]) == (22, 10, 14)


@pytest.mark.core
def test_a_messages_stream_shows_no_trace_of_the_calls(site, nonce):
    response = site.ask(call("mcp__notes__lookup", nonce), stream=True)
    found = message_events(response.text)
    assert [each["type"] for each in found if each["type"] != "ping"] == [
        "message_start",
        *(["content_block_start"] + ["content_block_delta"] * 2 + ["content_block_stop"]),
        *(["content_block_start"] + ["content_block_delta"] * 3 + ["content_block_stop"]),
        "message_delta",
        "message_stop",
    ]
    assert [each["index"] for each in found if "index" in each] == [0] * 4 + [1] * 5
    assert "tool_use" not in response.text and "mcp__" not in response.text
    assert found[-2]["delta"]["stop_reason"] == "end_turn"


def test_a_chat_completion_is_one_message(site, nonce):
    response = site.ask(call("mcp__notes__lookup", nonce), path="/v1/chat/completions")
    choice = response.json()["choices"][0]
    assert choice["message"]["content"] == "".join(ROUND)
    assert choice["finish_reason"] == "stop" and not choice["message"].get("tool_calls")
    assert response.json()["usage"]["prompt_tokens"] == 46


def test_a_chat_stream_is_one_message(site, nonce):
    response = site.ask(call("mcp__notes__lookup", nonce), path="/v1/chat/completions", stream=True)
    chunks = chat_chunks(response.text)
    deltas = [choice["delta"] for chunk in chunks for choice in chunk["choices"]]
    assert "".join(delta.get("content") or "" for delta in deltas) == "".join(ROUND)
    assert not any(delta.get("tool_calls") for delta in deltas)


@pytest.mark.parametrize("streams", [False, True])
def test_a_response_is_one_answer(site, nonce, streams):
    response = site.ask(call("mcp__notes__lookup", nonce), path="/v1/responses", stream=streams)
    assert response.status_code == 200, response.text
    whole = response.json() if not streams else json.loads(events(response.text)[-1][1])["response"]
    assert whole["status"] == "completed"
    said = [part["text"] for item in whole["output"] for part in item.get("content", [])]
    assert "".join(said) == "".join(ROUND)
    assert not any(item["type"] == "function_call" for item in whole["output"])


def test_a_call_without_a_word_before_it_shows_nothing(site, nonce):
    message = site.ask(f"{nonce}\ncall:mcp__notes__lookup").json()
    assert texts(message) == ROUND[1:]


def test_several_calls_at_once_are_one_round(site, upstream, nonce):
    lines = "\n".join(f"call:mcp__notes__lookup:{json.dumps({'q': word})}" for word in ("sun", "moon"))
    assert texts(site.ask(f"{nonce}\n{lines}").json()) == ROUND[1:]
    _, second = upstream.turns(nonce)
    assert [("sun" in json.dumps(each), "moon" in json.dumps(each)) for each in tool_results(second)] == [
        (True, False),
        (False, True),
    ]


def test_rounds_up_to_the_bound_are_one_answer(site, upstream, nonce):
    message = site.ask(f"{nonce}\nagain:3:mcp__notes__lookup").json()
    assert texts(message)[:3] == ["round 1. ", "round 2. ", "round 3. "]
    assert len(upstream.turns(nonce)) == 4


def test_rounds_beyond_the_bound_end_the_answer_clearly(site, upstream, nonce):
    response = site.ask(f"{nonce}\nagain:9:mcp__notes__lookup")
    assert "MCP_MAX_ROUNDS" in anthropic_error(response, 502)["message"]
    assert response.headers["x-should-retry"] == "false"
    assert len(upstream.turns(nonce)) == 4
    found = message_events(site.ask(f"{nonce}\nagain:9:mcp__notes__lookup", stream=True).text)
    assert found[-1]["type"] == "error" and "MCP_MAX_ROUNDS" in found[-1]["error"]["message"]


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/chat/completions"])
def test_a_forced_call_is_forced_once(site, upstream, nonce, path):
    choice = {"type": "any"} if path == "/v1/messages" else "required"
    tools = {"tools": [own_tool(path)], "tool_choice": choice}
    assert site.ask(call("mcp__notes__lookup", nonce), path=path, **tools).status_code == 200
    first, second = upstream.turns(nonce)
    assert first.body["tool_choice"]["type"] == "any"
    assert second.body.get("tool_choice", {"type": "auto"})["type"] == "auto"


# Beside the client's own tools


def own_tool(path="/v1/messages", name="mine"):
    schema = {"type": "object", "properties": {}}
    if path == "/v1/messages":
        return {"name": name, "input_schema": schema}
    return {"type": "function", "function": {"name": name, "parameters": schema}}


def test_a_call_of_the_clients_tool_ends_the_answer(site, upstream, nonce):
    message = site.ask(call("mine", nonce), tools=[own_tool()]).json()
    assert message["stop_reason"] == "tool_use"
    assert [block["type"] for block in message["content"]] == ["text", "tool_use"]
    turn = upstream.only_turn(nonce)
    assert {"mine", "mcp__notes__lookup"} <= set(tool_names(turn))


def test_the_clients_call_may_come_rounds_later(site, upstream, nonce):
    response = site.ask(f"{nonce}\ncall:mcp__notes__slow:{json.dumps({'q': '0'})}", tools=[own_tool()])
    assert texts(response.json()) == ROUND[1:]
    assert "mine" in tool_names(upstream.turns(nonce)[1])


@pytest.mark.parametrize("streams", [False, True])
def test_of_mixed_calls_the_client_sees_its_own(site, upstream, nonce, streams):
    text = call("mcp__notes__lookup", nonce) + "\ncall:mine:{}\ncall:mcp__notes__lookup:{}"
    response = site.ask(text, tools=[own_tool()], stream=streams)
    if streams:
        found = message_events(response.text)
        starts = [(each["index"], each["content_block"]["type"]) for each in found if "content_block" in each]
        assert starts == [(0, "text"), (1, "tool_use")]
        assert found[-2]["delta"]["stop_reason"] == "tool_use"
    else:
        message = response.json()
        assert [block.get("name") for block in message["content"]] == [None, "mine"]
        assert message["stop_reason"] == "tool_use"
    upstream.only_turn(nonce)


def test_a_client_tool_must_not_pass_for_a_servers(site):
    response = site.ask("x", tools=[own_tool(name="mcp__notes__lookup")])
    assert "tools[0].name" in anthropic_error(response, 400)["message"]
    assert site.ask("x", servers="web", tools=[own_tool(name="mcp__notes__lookup")]).status_code == 200


# Who may switch on what


@pytest.mark.parametrize(
    ("servers", "headers", "active"),
    [
        (None, {}, []),
        ("", {}, []),
        ([], {}, []),
        ("notes", {}, ["notes"]),
        ("web, notes", {}, ["notes", "web"]),
        (["web"], {}, ["web"]),
        (None, {"x-mcp-servers": "notes ,web"}, ["notes", "web"]),
        ("notes", {"x-mcp-servers": "web"}, ["notes", "web"]),
        ("notes", {"x-mcp-servers": "notes"}, ["notes"]),
    ],
)
def test_what_a_request_switches_on(site, upstream, nonce, servers, headers, active):
    assert site.ask(nonce, servers=servers, headers=headers).status_code == 200
    names = tool_names(upstream.only_turn(nonce))
    assert sorted({name.split("__")[1] for name in names}) == active


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/responses"])
def test_the_other_dialects_switch_them_on_alike(site, upstream, nonce, path):
    assert site.ask(nonce, servers="notes,web", path=path).status_code == 200
    assert {name.split("__")[1] for name in tool_names(upstream.only_turn(nonce))} == {"notes", "web"}


@pytest.mark.core
@pytest.mark.parametrize(
    ("key", "servers", "listed"),
    [
        (0, "unknown", "notes, web, locked, never, dying, flooding"),
        (0, "notes,*", "notes, web, locked, never, dying, flooding"),
        (1, "web", "one is allowed: notes"),
        (1, ["notes", "web"], "one is allowed: notes"),
        (1, "c", "one is allowed: notes"),
        (2, "notes", "none is allowed"),
    ],
)
def test_names_that_are_not_allowed_are_refused(site, upstream, nonce, key, servers, listed):
    message = anthropic_error(site.ask(nonce, servers=servers, key=key), 400)["message"]
    assert message.startswith("metadata.mcp_servers:") and message.endswith(listed)
    header = servers if isinstance(servers, str) else ",".join(servers)
    response = site.ask(nonce, None, key, "/v1/chat/completions", {"x-mcp-servers": header})
    error = openai_error(response, 400)
    assert error["param"] == "x-mcp-servers" and error["message"].endswith(listed)
    assert key == 0 or "locked" not in response.text
    assert not upstream.turns(nonce)


def test_what_is_no_list_of_names_is_refused(site):
    for wrong in (7, True, {"notes": True}, ["notes", 7]):
        assert "metadata.mcp_servers" in anthropic_error(site.ask("x", servers=wrong), 400)["message"]


def test_a_gateway_without_a_registry_knows_no_server(gateway):
    response = gateway.ask_message("x", metadata={"mcp_servers": "notes"})
    assert anthropic_error(response, 400)["message"].endswith("none is allowed")


def test_the_default_is_for_keys_that_say_nothing(make_gateway, registry, upstream, nonce):
    own = Site(make_gateway(), {"notes": registry["notes"], "web": registry["web"]})
    own.gateway.arguments += ["--mcp-default-allowed", "web"]
    own.gateway.ready()
    assert own.ask(nonce, servers="web", key=2).status_code == 200
    assert anthropic_error(own.ask("x", key=2), 400)["message"].endswith("one is allowed: web")
    assert anthropic_error(own.ask("x", servers="web", key=1), 400)["message"].endswith("one is allowed: notes")


# What nobody sees


@pytest.mark.core
def test_the_secrets_of_servers_are_nowhere(site, upstream, nonce):
    text = call("mcp__notes__slow", nonce, q="1.5")
    body = message_body(text, stream=True, metadata={"mcp_servers": "notes,web"})
    gateway = site.gateway
    with gateway.http() as http, http.stream(
        "POST", "/v1/messages", json=body, headers={"x-api-key": gateway.key}
    ) as response:
        chunks = response.iter_text()
        while "Looking" not in next(chunks):
            pass
        below = descendants(gateway.process.pid)
        servers = [pid for pid in below if b"mcp_servers.py" in command_line(pid)]
        assert len(servers) == 1
        for pid in [gateway.process.pid, *below]:
            for secret in (TOKEN, HTTP_TOKEN, FAKE_LOGIN, OTHER_LOGIN):
                assert secret.encode() not in command_line(pid)
            if pid not in servers:
                assert TOKEN.encode() not in environment(pid)
        theirs = environment(servers[0])
        assert TOKEN.encode() in theirs
        assert FAKE_LOGIN.encode() not in theirs and OTHER_LOGIN.encode() not in theirs
        assert b"ANTHROPIC_API_KEY=" not in theirs or b"ANTHROPIC_API_KEY=\0" in theirs
        answer = "".join(chunks)
    assert TOKEN not in answer and HTTP_TOKEN not in answer
    for turn in upstream.turns(nonce):
        assert not turn.mentions(TOKEN) and not turn.mentions(HTTP_TOKEN)
    assert TOKEN not in gateway.log() and HTTP_TOKEN not in gateway.log()
    eventually(lambda: not gateway.children(), "the turn's processes are gone")
    left = [path for path in (gateway.folder / "state").rglob("*") if path.is_file()]
    assert not any(TOKEN.encode() in path.read_bytes() for path in left)


def test_without_servers_no_program_is_started(site, upstream, nonce):
    body = message_body(f"{nonce}\nslow:50:20", stream=True)
    gateway = site.gateway
    with gateway.http() as http, http.stream(
        "POST", "/v1/messages", json=body, headers={"x-api-key": gateway.key}
    ) as response:
        chunks = response.iter_text()
        while "tick" not in next(chunks):
            pass
        assert not any(b"mcp_servers.py" in command_line(pid) for pid in gateway.children())
    assert tool_names(upstream.only_turn(nonce)) == []


# Servers that fail


@pytest.mark.core
@pytest.mark.parametrize("server", ["never", "dying", "flooding", "locked"])
def test_a_server_that_does_not_start_fails_the_request(site, upstream, nonce, server):
    response = site.ask(nonce, servers=["notes", server])
    message = anthropic_error(response, 502)["message"]
    assert f"'{server}'" in message
    assert TOKEN not in response.text and "not-the-right-token" not in response.text
    assert not upstream.turns(nonce)
    assert TOKEN not in site.gateway.log() and "not-the-right-token" not in site.gateway.log()
    eventually(lambda: not site.gateway.children(), "the turn's processes are gone")


def test_a_stream_for_a_server_that_does_not_start_is_a_true_status(site, nonce):
    assert "'dying'" in anthropic_error(site.ask(nonce, servers="dying", stream=True), 502)["message"]


def test_a_server_that_dies_in_a_call_is_the_models_concern(site, upstream, nonce):
    assert texts(site.ask(call("mcp__notes__crash", nonce)).json()) == ROUND
    assert tool_results(upstream.turns(nonce)[1])[0]["is_error"] is True


def test_a_flood_of_a_result_is_cut_and_not_put_into_a_file(site, upstream, nonce):
    assert texts(site.ask(call("mcp__notes__flood", nonce)).json()) == ROUND
    result = json.dumps(tool_results(upstream.turns(nonce)[1]))
    assert "flood flood" in result and "TRUNCATED" in result
    assert len(result) < 60_000 and "saved to" not in result


def test_a_server_that_asks_the_user_is_told_there_is_none(site, upstream, nonce):
    assert texts(site.ask(call("mcp__notes__ask", nonce)).json()) == ROUND
    assert "cancel" in json.dumps(tool_results(upstream.turns(nonce)[1]))


def test_servers_end_with_a_client_that_leaves(site, nonce):
    body = message_body(call("mcp__notes__slow", nonce, q="60"), stream=True, metadata={"mcp_servers": "notes"})
    gateway = site.gateway
    with gateway.http() as http, http.stream(
        "POST", "/v1/messages", json=body, headers={"x-api-key": gateway.key}
    ) as response:
        chunks = response.iter_text()
        while "Looking" not in next(chunks):
            pass
        servers = [pid for pid in gateway.children() if b"mcp_servers.py" in command_line(pid)]
        assert servers
    eventually(lambda: not any(command_line(pid) for pid in servers), "the server is gone")


def test_tokens_are_counted_with_the_servers(site):
    response = site.gateway.post(
        "/v1/messages/count_tokens",
        {"model": "sonnet", "messages": user("x"), "metadata": {"mcp_servers": "notes"}},
    )
    assert response.status_code == 200 and response.json()["input_tokens"] > 0, response.text


# The file


def test_check_lists_the_servers(make_gateway, registry):
    own = Site(make_gateway(), registry)
    lines = checked(own)
    assert "6 MCP servers: notes, web, locked, never, dying, flooding" in lines
    assert "MCP server web is reached without TLS" in lines
    assert TOKEN not in lines and HTTP_TOKEN not in lines


def checked(site, status=0):
    import subprocess

    arguments = [site.gateway.arguments[0], "check", *site.gateway.arguments[2:]]
    done = subprocess.run(
        arguments, env=site.gateway.env, cwd=site.gateway.folder, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.core
@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ({"mcpServers": {"c": program()}}, "server c: this name is reserved"),
        ({"mcpServers": {"notes": {**program(), "command": "bin/x"}}}, "server notes: command must be"),
        ({"mcpServers": {"notes": {**program(), "command": "/no/such"}}}, "server notes: command is no program"),
        ({"mcpServers": {"notes": program(STARTS="${HOME}")}}, "server notes: env holds ${"),
        ({"mcpServers": {"notes": program(), "x": {"type": "ws"}}}, "server x: type is none of"),
        ({"mcpServers": {"x": {"type": "http", "url": "ftp://x"}}}, "server x: url is no http"),
        ({"servers": {}}, "is not an object with the one key mcpServers"),
        ({"mcpServers": {"notes": program()}}, "'web' is no server"),
    ],
)
def test_a_wrong_file_stops_the_start(make_gateway, registry, content, complaint):
    own = Site(make_gateway(), {"notes": registry["notes"]})
    own.gateway.private_file("mcp.json", json.dumps(content))
    own.gateway.arguments += ["--mcp-default-allowed", "web"]
    lines = checked(own, status=78)
    assert complaint in lines
    assert TOKEN not in lines


def test_a_file_that_others_can_read_stops_the_start(make_gateway, registry):
    own = Site(make_gateway(), {"notes": registry["notes"]})
    pathlib.Path(own.path).chmod(0o644)
    assert "may be read by others" in checked(own, status=78)


def test_a_reload_takes_the_file_anew(make_gateway, registry, upstream, nonce):
    import signal

    own = Site(make_gateway(), {"notes": registry["notes"]})
    own.gateway.ready()
    assert own.ask("x", servers="web").status_code == 400
    own.gateway.private_file("mcp.json", json.dumps({"mcpServers": {n: registry[n] for n in ("notes", "web")}}))
    own.gateway.signal(signal.SIGHUP)
    eventually(lambda: "reloaded" in own.gateway.log(), "the reload")
    assert own.ask(call("mcp__web__lookup", nonce), servers="web").status_code == 200
    own.gateway.private_file("mcp.json", "{")
    own.gateway.signal(signal.SIGHUP)
    eventually(lambda: "reload refused" in own.gateway.log(), "the refusal")
    assert own.ask(nonce, servers="web").status_code == 200
