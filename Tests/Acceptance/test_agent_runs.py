"""Runs of the CLI's own tools in a workspace: what they come to, how they go on, and what is refused."""
import json
import os
import re
import signal
import subprocess

import pytest

from agents_at_work import made, steps
from harness import ROOT, eventually

pytestmark = pytest.mark.core


@pytest.fixture(scope="module")
def agents(portcullis, claude, cli_env, keys, tmp_path_factory):
    agents = made(portcullis, tmp_path_factory.mktemp("agents"), claude, cli_env, keys)
    with agents.gateway:
        yield agents


def test_a_run_writes_reads_and_runs_in_its_workspace_and_tells_what_it_did(agents, nonce):
    prompt = steps(
        [("Write", {"file_path": "notes.txt", "content": nonce})], [("Read", {"file_path": "notes.txt"})],
        [("Bash", {"command": "cat notes.txt; pwd"})], text=nonce)
    answer = agents.run(prompt)
    assert answer.status_code == 200, answer.text
    result = answer.json()
    assert result["success"] and result["text"] == "All steps are done."
    assert result["filesChanged"] == ["notes.txt"]
    assert (result["turns"], result["toolCalls"], result["deniedCalls"]) == (4, 3, [])
    assert result["usage"]["output_tokens"] > 0 and result["cost"] > 0
    assert result["id"].startswith("req_") and 0 < result["durationMs"] < 60_000
    assert (agents.lab / "notes.txt").read_text() == nonce


def test_a_run_on_the_default_model_is_counted_by_the_model_that_answers(agents, nonce):
    """`default` itself has no price, and is nobody's row in a report."""
    def rows():
        with agents.gateway.http(headers={"authorization": f"Bearer {agents.gateway.key}"}) as http:
            return {row["model"]: row for row in http.get("/v1/usage?by=model").json()["rows"]}

    before = rows()
    result = agents.run(steps([("Bash", {"command": "true"})], text=nonce)).json()
    after = rows()
    spent = {model: row["cost_usd"] - before.get(model, {"cost_usd": 0})["cost_usd"] for model, row in after.items()}
    assert {model: cost for model, cost in spent.items() if cost} == {result["model"]: pytest.approx(result["cost"], abs=1e-6)}


def test_a_streamed_run_tells_each_call_and_its_answer(agents, nonce):
    prompt = steps([("Bash", {"command": f"echo {nonce}"})], [("Read", {"file_path": "/etc/shadow"})], text=nonce)
    events = agents.events(prompt)
    assert [number for number, _, _ in events] == list(range(1, len(events) + 1))
    names = [name for _, name, _ in events]
    assert names[0] == "session" and names[-1] == "result"
    told = {name: data for _, name, data in events}
    calls = [data for _, name, data in events if name == "tool"]
    assert [call["name"] for call in calls] == ["Bash", "Read"]
    results = [data for _, name, data in events if name == "tool_result"]
    assert results[0]["isError"] is False and nonce in str(results[0]["content"])
    assert results[1]["isError"] is True and "outside of the workspace" in results[1]["denied"]
    assert [each["tool"] for each in told["result"]["deniedCalls"]] == ["Read"]


def changing(agents, nonce):
    """A folder of files in the workspace, a prompt by which a run changes some of them, and what it is to tell."""
    folder = agents.lab / nonce
    (folder / "below").mkdir(parents=True)
    for name in ("old", "gone", "moved", "kept"):
        (folder / name).write_text("x")
    command = f"cd {nonce} && echo more >> old && rm gone && mv moved below/moved && cp kept made && git init -q . && mkdir empty && cat kept"
    prompt = steps([("Write", {"file_path": f"{nonce}/written", "content": "x"})], [("Bash", {"command": command})], text=nonce)
    return prompt, [f"{nonce}/{name}" for name in ("written", "below/moved", "gone", "made", "moved", "old")]


def test_a_run_tells_what_its_commands_have_made_changed_renamed_and_removed(agents, nonce):
    prompt, wanted = changing(agents, nonce + "a")
    result = agents.run(prompt).json()
    assert (result["filesChanged"], result["filesChangedTruncated"]) == (wanted, False)
    prompt, wanted = changing(agents, nonce + "b")
    assert agents.events(prompt)[-1][2]["filesChanged"] == wanted
    # In a process that has served before, whose shell is where it was left; and only what this run has changed.
    again = steps([("Bash", {"command": f"rm -r {agents.lab}/{nonce}b/below"})], text=nonce + "c")
    assert agents.run(again, sessionId=result["sessionId"]).json()["filesChanged"] == [f"{nonce}b/below/moved"]


def test_of_many_files_some_are_told_and_that_there_are_more(agents, nonce):
    result = agents.run(steps([("Bash", {"command": f"mkdir {nonce}; cd {nonce}; touch $(seq 600); rm -f x"})], text=nonce)).json()
    assert (len(result["filesChanged"]), result["filesChangedTruncated"]) == (500, True)
    assert set(result["filesChanged"]) <= {f"{nonce}/{number}" for number in range(1, 601)}


def test_a_run_that_uses_up_a_share_of_its_key_ends_before_the_model_is_asked_again(portcullis, claude, cli_env, keys, upstream, tmp_path, nonce):
    limited = made(portcullis, tmp_path, claude, cli_env, keys)
    limited.gateway.private_file("api-keys", f"user0:{keys[0]} agent=lab output-tokens-per-day=24\n")
    rounds = [[("Bash", {"command": f"echo {number}"})] for number in range(20)]
    with limited.gateway:
        # Two tokens for each answer of these.
        answer = limited.run(steps(*rounds, text=nonce))
        assert answer.status_code == 429, answer.text
        assert answer.json()["error"]["message"].startswith("The run was ended. This key's "), answer.text
        # The CLI may just have asked again.
        assert len(upstream.turns(nonce)) in (12, 13)
        assert limited.run(f"say:never\n{nonce}late").status_code == 429
    assert upstream.turns(nonce + "late") == []


def roles(request):
    return [message["role"] for message in request.body["messages"] if message["role"] != "system"]


def test_a_session_goes_on_in_its_living_process_with_all_that_was_done(agents, upstream, nonce):
    first = agents.run(steps([("Write", {"file_path": f"{nonce}.txt", "content": "x"})], text=nonce + "a")).json()
    second = agents.run(f"say:again\n{nonce}b", sessionId=first["sessionId"]).json()
    assert second["text"] == "again" and second["sessionId"] == first["sessionId"]
    turn = upstream.only_turn(nonce + "b")
    assert roles(turn) == ["user", "assistant", "user", "assistant", "user"] and turn.mentions("tool_result")
    assert eventually(lambda: "process=kept" in last_line(agents.gateway), "it went on in the process", within=5)


def last_line(gateway):
    return gateway.log().splitlines()[-1]


def test_a_session_survives_the_end_of_its_process(agents, upstream, nonce):
    first = agents.run(steps([("Write", {"file_path": f"{nonce}.txt", "content": "x"})], text=nonce + "a")).json()
    for process in agents.gateway.children():
        os.kill(process, signal.SIGKILL)
    second = agents.run(f"say:again\n{nonce}b", sessionId=first["sessionId"])
    assert second.json()["text"] == "again", second.text
    turn = upstream.only_turn(nonce + "b")
    assert roles(turn) == ["user", "assistant", "user", "assistant", "user"] and turn.mentions("tool_result")


def test_a_session_of_another_key_and_one_that_never_was_are_not_found(agents, nonce):
    first = agents.run(f"say:one\n{nonce}").json()
    other = agents.run("say:two", key=agents.gateway.keys[1], sessionId=first["sessionId"])
    assert other.status_code == 404 and "not found" in other.json()["error"]["message"]
    assert agents.run("say:two", sessionId="run_neverwas").status_code == 404


def test_a_run_ends_when_it_has_asked_as_often_as_it_may(agents, upstream, nonce):
    result = agents.run(steps(*[[("Bash", {"command": f"echo {n}"})] for n in range(5)], text=nonce), maxTurns=3).json()
    assert (result["stopReason"], result["success"], result["turns"]) == ("max_turns", False, 3)
    assert len(upstream.turns(nonce)) == 3


@pytest.mark.parametrize("fields, status, param", [
    ({"workingDirectory": "/etc"}, 403, "workingDirectory"), ({"workingDirectory": "../other"}, 403, "workingDirectory"),
    ({"workingDirectory": "nowhere"}, 404, "workingDirectory"), ({"allowedTools": ["Agent"]}, 403, "allowedTools[0]"),
    ({"allowedTools": ["WebFetch"]}, 403, "allowedTools[0]"), ({"maxTurns": 0}, 400, "maxTurns"), ({"prompt": " "}, 400, "prompt"),
])
def test_what_a_workspace_does_not_allow_is_refused_by_its_field(agents, fields, status, param):
    answer = agents.run(**{"prompt": "say:never", **fields})
    assert (answer.status_code, answer.json()["error"]["param"]) == (status, param)


def test_a_run_has_the_tools_that_it_asks_for_alone_and_begins_where_it_says(agents, upstream, nonce):
    (agents.lab / "below").mkdir(exist_ok=True)
    prompt = steps([("Bash", {"command": "pwd"})], text=nonce)
    events = agents.events(prompt, allowedTools=["Bash"], workingDirectory="below")
    results = [data for _, name, data in events if name == "tool_result"]
    assert results[0]["content"] == str(agents.lab / "below")
    assert [tool["name"] for tool in upstream.turns(nonce)[0].body["tools"]] == ["Bash"]


def test_the_request_that_the_page_of_workspaces_shows_is_answered(agents):
    page = (ROOT / "deploy/docs/workspaces.md").read_text()
    command = re.search(r"```sh\n(curl .*?)```", page, re.DOTALL).group(1)
    environment = {"PATH": os.environ["PATH"], "KEY": agents.gateway.key, "CURL_CA_BUNDLE": str(agents.gateway.ca)}
    command = command.replace("https://localhost:8443", agents.gateway.url).replace("curl ", "curl -s ", 1)
    found = subprocess.run(["sh", "-c", command], env=environment, capture_output=True, text=True, timeout=60, check=True)
    assert json.loads(found.stdout)["success"] is True, found.stdout


def test_without_a_workspace_nothing_of_agents_exists(gateway):
    assert gateway.post("/api/run", {"prompt": "say:never"}).status_code == 404
    assert gateway.ask_chat("say:never", model="claude-code").status_code == 404
    with gateway.http() as http:
        assert "/api/run" not in http.get("/openapi.json").text + http.get("/").text


def test_a_key_without_a_workspace_is_told_what_its_operator_can_do(agents, portcullis):
    made = agents.gateway
    made.private_file("api-keys", f"user0:{made.keys[0]} agent=lab\nuser1:{made.keys[1]}\n")
    made.signal(signal.SIGHUP)
    eventually(lambda: agents.run("say:x", key=made.keys[1]).status_code == 403, "the new options are in force")
    assert "agent=NAME" in agents.run("say:x", key=made.keys[1]).json()["error"]["message"]
