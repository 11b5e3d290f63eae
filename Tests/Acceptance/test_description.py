"""GET /openapi.json says what the service does: a program that reads it and tries to prove it wrong does not succeed."""
import json
import pathlib
import subprocess
import sys

import pytest

from wire import Wire, get


def test_everybody_may_read_it_and_it_tells_of_the_dialects(make_gateway, standin):
    gateway = make_gateway(cli=standin, cli_env=None).ready()
    with Wire(gateway) as wire:
        wire.send(get("/openapi.json"))
        status, fields, body = wire.response()[:3]
    document = json.loads(body)
    assert status == 200 and fields["content-type"] == "application/json"
    assert document["openapi"].startswith("3.1")
    for path in ["/v1/chat/completions", "/v1/responses", "/v1/messages"]:
        assert set(document["paths"][path]) == {"post"}, path


def with_workspace(gateway, folder):
    """Declares one, and gives the gateway's key the right to work there and to administer."""
    (folder / "work").mkdir()
    gateway.env |= {"WORKSPACE_DIR": str(folder / "work")}
    gateway.private_file("api-keys", f"tester:{gateway.keys[0]} role=admin agent=default\n")
    return gateway


def test_options_says_exactly_the_methods_that_are_described(make_gateway, standin, tmp_path):
    gateway = with_workspace(make_gateway(cli=standin, cli_env=None, env={"CONSOLE": "true"}), tmp_path).ready()
    with Wire(gateway) as wire:
        wire.send(get("/openapi.json"))
        paths = json.loads(wire.response()[2])["paths"]
        for path, operations in paths.items():
            path = path.replace("{", "").replace("}", "")
            wire.send(get(path).replace(b"GET ", b"OPTIONS ", 1))
            allowed = set(wire.response()[1]["allow"].split(", ")) - {"OPTIONS", "HEAD"}
            assert allowed == {method.upper() for method in operations}, path


@pytest.mark.parametrize("options,role,operations", [
    ({}, "user", 20), ({"CONSOLE": "true"}, "admin", 36), ({"workspace": "yes"}, "admin", 23),
], ids=["plain", "console", "workspaces"])
def test_schemathesis_finds_nothing_that_differs_from_it(make_gateway, standin, tmp_path, options, role, operations):
    options = dict(options)
    has_workspace = options.pop("workspace", None)
    gateway = make_gateway(cli=standin, cli_env=None, env=options)
    gateway.private_file("api-keys", f"tester:{gateway.keys[0]} role={role}\n")
    if has_workspace:
        with_workspace(gateway, tmp_path)
    gateway.ready()
    # With all its checks, and told no more than the key.
    ran = subprocess.run(
        [pathlib.Path(sys.executable).with_name("schemathesis"), "run", f"{gateway.url}/openapi.json",
         "-H", f"Authorization: Bearer {gateway.keys[0]}", "--tls-verify", gateway.folder / "tls/ca.pem",
         "--max-examples", "15", "--max-time", "60", "--seed", "1", "--continue-on-failure", "--no-color"],
        cwd=tmp_path, capture_output=True, text=True, timeout=150)
    assert ran.returncode == 0, ran.stdout[-12000:]
    assert f"Tested: {operations}" in ran.stdout, ran.stdout[-2000:]
