"""The real Codex against the gateway and the real CLI: what it is offered, runs, keeps, and is told."""
import json
import re
import time

import pytest

from codex import ALIASES, FALLBACK, LITE, OLDER, PACKAGES, Codex
from harness import Gateway, eventually

PATCH = r"*** Begin Patch\n*** Add File: made.txt\n+made by \"patch\"\n*** End Patch\n"


@pytest.fixture(scope="module")
def aliased(portcullis, claude, cli_env, keys, tmp_path_factory):
    """A gateway that knows models by Codex' names."""
    folder = tmp_path_factory.mktemp("codex")
    with Gateway(portcullis, folder, keys, claude, cli_env, env=ALIASES) as shared:
        yield shared


@pytest.fixture(params=PACKAGES)
def start(request, aliased, tmp_path):
    """Starts a Codex of each version."""
    return lambda model, gateway=aliased, **options: Codex(request.param, tmp_path, gateway, model, **options)


def asked(upstream, seen):
    """What came upstream since."""
    return [entry for entry in upstream.recorded()[seen:] if entry.method == "POST"]


def results(entry):
    """The texts of the tool results in the newest message."""
    blocks = [block for block in entry.body["messages"][-1]["content"] if block["type"] == "tool_result"]
    return [json.dumps(block["content"]) for block in blocks]


@pytest.mark.parametrize("model", [FALLBACK, OLDER, LITE])
def test_codex_gets_an_answer_for_each_form_of_its_requests(start, upstream, model):
    seen = len(upstream.recorded())
    turn = start(model).run("say:plain answer")
    assert turn.texts == ["plain answer"], turn
    assert len(asked(upstream, seen)) == 1


def test_a_command_runs_and_its_output_comes_back(start, upstream):
    turn = start(FALLBACK).run('call:exec_command:{"cmd":"printf mauve; exit 3"}')
    [command] = turn.items("command_execution")
    assert (command["aggregated_output"], command["exit_code"]) == ("mauve", 3), turn
    assert "mauve" in results(upstream.recorded()[-1])[0]


def test_a_tool_of_an_mcp_server_runs(start, upstream):
    turn = start(FALLBACK, servers=["cities"]).run('call:mcp__cities__lookup:{"q":"Oslo"}')
    [call] = turn.items("mcp_tool_call")
    assert (call["server"], call["tool"], call["status"]) == ("cities", "lookup", "completed"), turn
    newest = upstream.recorded()[-1]
    assert "lookup found Oslo" in results(newest)[0]
    # The history has the name that the model was offered.
    [used] = [b for b in newest.body["messages"][-2]["content"] if isinstance(b, dict) and b["type"] == "tool_use"]
    assert used["name"] == "mcp__cities__lookup"


def test_a_patch_is_written_to_the_disk(start, upstream):
    codex = start(OLDER)
    turn = codex.run(f'call:apply_patch:{{"input":"{PATCH}"}}')
    assert (codex.work / "made.txt").read_text() == 'made by "patch"\n', turn
    [tool] = [tool for tool in upstream.recorded()[-1].body["tools"] if tool["name"] == "apply_patch"]
    assert "begin_patch" in tool["description"] and tool["input_schema"]["required"] == ["input"]


def test_a_tool_that_was_found_by_a_search_is_offered_and_runs(start, upstream):
    codex = start(OLDER, servers=["cities"])
    codex.run('call:tool_search:{"query":"lookup cities","limit":3}')
    newest = upstream.recorded()[-1]
    assert "mcp__cities__lookup" in [tool["name"] for tool in newest.body["tools"]]
    assert "mcp__cities__lookup" in results(newest)[0]
    turn = codex.run('call:mcp__cities__lookup:{"q":"Oslo"}', resume=True)
    assert [call["status"] for call in turn.items("mcp_tool_call")] == ["completed"], turn


def test_a_sub_agents_tool_answers(start, upstream):
    start(LITE).run("call:collaboration__list_agents:{}")
    assert "/root" in results(upstream.recorded()[-1])[0]


def test_code_mode_runs_a_script(aliased, upstream, tmp_path):
    # Only the vendor's own package holds the host of such scripts.
    codex = Codex("0.163", tmp_path, aliased, LITE, servers=["cities"])
    turn = codex.run(r'call:exec:{"input":"text(await tools.mcp__cities__lookup({q: \"Oslo\"}))"}')
    assert [call["status"] for call in turn.items("mcp_tool_call")] == ["completed"], turn
    assert "lookup found Oslo" in results(upstream.recorded()[-1])[0]


@pytest.mark.parametrize("model", [OLDER, LITE])
def test_a_session_survives_its_compaction(start, upstream, model):
    codex = start(model, built_in=True, settings="model_auto_compact_token_limit = 30000")
    codex.run("usage:40000:0:0\nThe word is mauve.")
    seen = len(upstream.recorded())
    turn = codex.run("say:after it", resume=True)
    assert turn.texts == ["after it"], turn
    compaction, next_turn = asked(upstream, seen)
    assert compaction.body["tool_choice"]["type"] == "none"
    summary = "your own summary of all that was said and done before.\\n\\nHello from upstream."
    assert summary in json.dumps(next_turn.body["messages"])
    assert codex.run("say:still there", resume=True).texts == ["still there"]
    assert summary in json.dumps(upstream.recorded()[-1].body["messages"])


@pytest.mark.parametrize("streams", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize("model", ["claude-sonnet-5-5", "claude-opus-5-5", "claude-fable-5-2", "claude-haiku-4-5"])
def test_every_model_makes_one_summary_and_reads_it(aliased, upstream, nonce, model, streams):
    tools = [{"type": "function", "name": "f"}, {"type": "custom", "name": "g"}]
    request = {"model": model, "store": False, "tools": tools, "reasoning": {"effort": "low"}, "include": ["reasoning.encrypted_content"]}
    began = {"role": "user", "content": nonce}
    client = aliased.openai()
    question = {**request, "input": [began, {"type": "compaction_trigger"}]}
    if streams:
        events = list(client.responses.create(**question, stream=True))
        [item] = [event.item for event in events if event.type == "response.output_item.done"]
        assert events[-1].type == "response.completed"
    else:
        [item] = client.responses.create(**question).output
    assert item.type == "compaction" and nonce not in item.encrypted_content
    answer = client.responses.create(**request, input=[began, item.to_dict(), {"role": "user", "content": "say:on"}])
    assert answer.output_text == "on"
    assert "Hello from upstream." in json.dumps(upstream.recorded()[-1].body["messages"])


def test_a_summary_of_another_key_is_left_out(aliased, keys, nonce):
    [item] = aliased.openai().responses.create(
        model="haiku", input=[{"role": "user", "content": nonce}, {"type": "compaction_trigger"}]).output
    answer = aliased.openai(key=keys[1]).responses.with_raw_response.create(
        model="haiku", input=[item.to_dict(), {"role": "user", "content": "say:on"}])
    assert answer.headers["x-portcullis-ignored"] == "input.compaction"
    assert answer.parse().output_text == "on"


def test_no_time_is_lost_with_web_sockets(start, aliased):
    turn = start(OLDER, built_in=True).run("say:at once")
    assert turn.texts == ["at once"]
    assert not [text for text in turn.errors if "econnecting" in text], turn


def test_a_reached_limit_is_shown_with_its_time_at_once(start, make_gateway, upstream):
    gateway = make_gateway(env=ALIASES).ready()
    codex = start(OLDER, gateway)
    for number in (1, 2):
        began = time.monotonic()
        turn = codex.run("limit:5400")
        assert re.search(r"hit your usage limit.*[Tt]ry again at \d", turn.errors[-1]), turn
        assert time.monotonic() - began < 5
        eventually(lambda: gateway.log().count("path=/responses") == number, "one request was made")


@pytest.mark.parametrize(
    ("prompt", "words", "upstreams"),
    [
        ("stop:refusal", "The model refused to answer", 1),
        ("stop:max_tokens", "it reached the most tokens", 1),
        ("too-long", "ran out of room in the model's context window", 1),
        ("no-credit", "Quota exceeded", 1),
        ("status:500", "internal error", 3),
        ("status:529", "at capacity", 3),
        ("status:403", "may not do that", 1),
    ],
)
def test_what_would_come_out_the_same_is_not_asked_again(start, upstream, prompt, words, upstreams):
    codex = start(OLDER)
    seen = len(upstream.recorded())
    turn = codex.run(prompt)
    assert words in turn.errors[-1], turn
    # The CLI's own repeats, and no more.
    assert len(asked(upstream, seen)) == upstreams


def test_the_log_tells_of_a_stream_that_codex_was_told_has_failed(make_gateway):
    gateway = make_gateway(env=ALIASES).ready()
    with gateway.http() as http:
        answer = http.post(
            "/v1/responses", json={"model": "haiku", "stream": True, "store": False, "input": "stop:refusal"},
            headers={"authorization": f"Bearer {gateway.key}", "originator": "codex_exec"})
    assert "response.failed" in answer.text
    eventually(lambda: 'fault="forbidden, told to the client"' in gateway.log(), "the log tells it")


def test_an_unknown_model_is_told_in_one_sentence(start):
    turn = start("gpt-nonsense").run("hi")
    assert turn.errors[-1] == "The model 'gpt-nonsense' does not exist or you do not have access to it.", turn


def test_a_torn_text_does_not_stay_in_the_history(start, upstream):
    start(OLDER).run("midstream-error")
    assert "delta" not in json.dumps(upstream.recorded()[-1].body["messages"][:-1]), upstream.recorded()[-1].body


def test_the_catalogue_takes_the_warning_of_missing_metadata_away(start, aliased, tmp_path):
    with aliased.http() as http:
        answer = http.get("/v1/models?client_version=0.163.0", headers={"authorization": f"Bearer {aliased.key}"}).json()
    assert [model["id"] for model in answer["data"]] == [model["slug"] for model in answer["models"]]
    catalogue = tmp_path / "catalogue.json"
    catalogue.write_text(json.dumps({"models": answer["models"]}))
    turn = start("haiku", settings=f"model_catalog_json = {json.dumps(str(catalogue))}").run("say:known")
    assert turn.texts == ["known"]
    assert not turn.items("error"), turn


def test_a_codex_that_asks_for_the_models_itself_knows_them(start):
    turn = start("sonnet", by_command=True).run("say:known")
    assert turn.texts == ["known"]
    assert not turn.items("error") and "decode" not in turn.complaints, turn


def test_a_history_of_every_kind_of_item_is_answered(aliased, upstream, nonce):
    """What a session that began with another provider sends again and again."""
    call = {"type": "custom_tool_call", "call_id": "c1", "name": "apply_patch", "input": "*** Begin Patch"}
    items = [
        {"role": "user", "content": "begin"},
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAAA"},
        {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search", "query": "q"}},
        {"type": "local_shell_call", "call_id": "c0", "status": "completed", "action": {"type": "exec", "command": ["ls"]}},
        {"type": "local_shell_call_output", "call_id": "c0", "output": "file"},
        call, {"type": "custom_tool_call_output", "call_id": "c1", "output": "ok"},
        {"type": "tool_search_call", "call_id": "c2", "execution": "client", "arguments": {"query": "q"}},
        {"type": "tool_search_output", "call_id": "c2", "execution": "client", "status": "completed", "tools": []},
        {"type": "image_generation_call", "id": "ig_1", "status": "completed", "result": "aGk="},
        {"type": "compaction", "encrypted_content": "gAAAA"}, {"type": "context_compaction"},
        {"type": "agent_message", "author": "/root/a", "recipient": "/root", "content": [{"type": "input_text", "text": "hello"}]},
        {"type": "configuration_update"}, {"type": "invented_tomorrow", "id": "x"},
        {"role": "user", "content": f"say:{nonce}"},
    ]
    with aliased.http() as http:
        answer = http.post(
            "/v1/responses", json={"model": "haiku", "store": False, "input": items},
            headers={"authorization": f"Bearer {aliased.key}"})
    assert answer.status_code == 200, answer.text
    ignored = answer.headers["x-portcullis-ignored"].split(", ")
    assert set(ignored) == {
        "input.reasoning", "input.web_search_call", "input.image_generation_call", "input.compaction",
        "input.context_compaction", "input.configuration_update", "input.invented_tomorrow",
    }
    [entry] = [each for each in upstream.recorded() if each.mentions(nonce)]
    names = [b["name"] for m in entry.body["messages"] for b in m["content"] if isinstance(b, dict) and b["type"] == "tool_use"]
    assert names == ["local_shell", "apply_patch", "tool_search"]
