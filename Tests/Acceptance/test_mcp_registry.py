"""The registry of MCP servers: who may switch on which, what nobody sees of them, and the file itself."""
import contextlib
import json
import os
import pathlib
import signal
import subprocess

import pytest

from conftest import FAKE_LOGIN
from harness import anthropic_error, command_line, descendants, environment, eventually, openai_error
from mcp_site import HTTP_TOKEN, OTHER_LOGIN, TOKEN, Site, call, program, tool_names

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
def test_what_a_request_switches_on(mcp_site, upstream, nonce, servers, headers, active):
    assert mcp_site.ask(nonce, servers=servers, headers=headers).status_code == 200
    names = tool_names(upstream.only_turn(nonce))
    assert sorted({name.split("__")[1] for name in names}) == active


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/responses"])
def test_the_other_dialects_switch_them_on_alike(mcp_site, upstream, nonce, path):
    assert mcp_site.ask(nonce, servers="notes,web", path=path).status_code == 200
    assert {name.split("__")[1] for name in tool_names(upstream.only_turn(nonce))} == {"notes", "web"}


@pytest.mark.core
@pytest.mark.parametrize(
    ("key", "servers", "listed"),
    [
        (0, "unknown", "notes, web, locked, never, dying, flooding, silent"),
        (0, "notes,*", "notes, web, locked, never, dying, flooding, silent"),
        (1, "web", "one is allowed: notes"),
        (1, ["notes", "web"], "one is allowed: notes"),
        (1, "c", "one is allowed: notes"),
        (2, "notes", "none is allowed"),
    ],
)
def test_names_that_are_not_allowed_are_refused(mcp_site, upstream, nonce, key, servers, listed):
    message = anthropic_error(mcp_site.ask(nonce, servers=servers, key=key), 400)["message"]
    assert message.startswith("metadata.mcp_servers:") and message.endswith(listed)
    header = servers if isinstance(servers, str) else ",".join(servers)
    response = mcp_site.ask(nonce, None, key, "/v1/chat/completions", {"x-mcp-servers": header})
    error = openai_error(response, 400)
    assert error["param"] == "x-mcp-servers" and error["message"].endswith(listed)
    assert key == 0 or "locked" not in response.text
    assert not upstream.turns(nonce)


def test_what_is_no_list_of_names_is_refused(mcp_site):
    for wrong in (7, True, {"notes": True}, ["notes", 7]):
        assert "metadata.mcp_servers" in anthropic_error(mcp_site.ask("x", servers=wrong), 400)["message"]


def test_a_gateway_without_a_registry_knows_no_server(gateway):
    response = gateway.ask_message("x", metadata={"mcp_servers": "notes"})
    assert anthropic_error(response, 400)["message"].endswith("none is allowed")


def test_the_default_is_for_keys_that_say_nothing(make_gateway, mcp_registry, upstream, nonce):
    own = Site(make_gateway(), {"notes": mcp_registry["notes"], "web": mcp_registry["web"]})
    own.gateway.arguments += ["--mcp-default-allowed", "web"]
    own.gateway.ready()
    assert own.ask(nonce, servers="web", key=2).status_code == 200
    assert anthropic_error(own.ask("x", key=2), 400)["message"].endswith("one is allowed: web")
    assert anthropic_error(own.ask("x", servers="web", key=1), 400)["message"].endswith("one is allowed: notes")


# What nobody sees


@pytest.mark.core
def test_the_secrets_of_servers_are_nowhere(mcp_site, upstream, nonce):
    text = call("mcp__notes__slow", nonce, q="1.5")
    gateway = mcp_site.gateway
    with gateway.streaming(text, until="Looking", metadata={"mcp_servers": "notes,web"}) as chunks:
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
    eventually(lambda: servers[0] not in descendants(gateway.process.pid), "the turn's processes are gone")
    eventually(lambda: TOKEN.encode() not in content_below(gateway.folder / "state"), "its files are gone")


def content_below(folder):
    """What all files hold that are there while one looks."""
    found = b""
    for place, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                found += (pathlib.Path(place) / name).read_bytes()
    return found


def test_without_servers_no_program_is_started(mcp_site, upstream, nonce):
    gateway = mcp_site.gateway
    with gateway.streaming(f"{nonce}\nslow:50:20", until="tick"):
        assert not any(b"mcp_servers.py" in command_line(pid) for pid in gateway.children())
    assert tool_names(upstream.only_turn(nonce)) == []


# The file


def test_check_lists_the_servers(make_gateway, mcp_registry):
    own = Site(make_gateway(), mcp_registry)
    lines = checked(own)
    assert "7 MCP servers: notes, web, locked, never, dying, flooding, silent" in lines
    assert "MCP server web is reached without TLS" in lines
    assert TOKEN not in lines and HTTP_TOKEN not in lines


def checked(site, status=0):
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
def test_a_wrong_file_stops_the_start(make_gateway, mcp_registry, content, complaint):
    own = Site(make_gateway(), {"notes": mcp_registry["notes"]})
    own.gateway.private_file("mcp.json", json.dumps(content))
    own.gateway.arguments += ["--mcp-default-allowed", "web"]
    lines = checked(own, status=78)
    assert complaint in lines
    assert TOKEN not in lines


def test_a_file_that_others_can_read_stops_the_start(make_gateway, mcp_registry):
    own = Site(make_gateway(), {"notes": mcp_registry["notes"]})
    pathlib.Path(own.path).chmod(0o644)
    assert "may be read by others" in checked(own, status=78)


def test_a_reload_takes_the_file_anew(make_gateway, mcp_registry, upstream, nonce):
    own = Site(make_gateway(), {"notes": mcp_registry["notes"]})
    own.gateway.ready()
    assert own.ask("x", servers="web").status_code == 400
    two = {name: mcp_registry[name] for name in ("notes", "web")}
    own.gateway.private_file("mcp.json", json.dumps({"mcpServers": two}))
    own.gateway.signal(signal.SIGHUP)
    eventually(lambda: "reloaded" in own.gateway.log(), "the reload")
    assert own.ask(call("mcp__web__lookup", nonce), servers="web").status_code == 200
    own.gateway.private_file("mcp.json", "{")
    own.gateway.signal(signal.SIGHUP)
    eventually(lambda: "reload refused" in own.gateway.log(), "the refusal")
    assert own.ask(nonce, servers="web").status_code == 200
