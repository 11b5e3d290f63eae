"""Responses that are stored: continued, fetched, listed, deleted, and still there after a kill.

The upstream of these tests shows what reached the model, so every continued conversation is compared as a whole.
"""
import json
import signal
import sqlite3
import stat

import openai
import pytest

from fault_matrix import fault_row
from harness import Gateway, eventually, openai_error
from upstream import Upstream

MODEL = "sonnet"
WEATHER = {
    "type": "function",
    "name": "get_weather",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
}


@pytest.fixture(scope="module")
def model():
    with Upstream() as server:
        yield server


@pytest.fixture(scope="module")
def login(model):
    return {"ANTHROPIC_BASE_URL": model.url, "CLAUDE_CODE_OAUTH_TOKEN": "fake-login"}


@pytest.fixture(scope="module")
def storing(portcullis, claude, login, keys, tmp_path_factory):
    with Gateway(portcullis, tmp_path_factory.mktemp("storing"), keys, claude, login) as shared:
        yield shared


@pytest.fixture(params=["whole", "streamed"])
def ask(request):
    """Asks through the SDK, both ways."""

    def whole(client, **fields):
        return client.responses.create(**{"model": MODEL, **fields})

    def streamed(client, **fields):
        with client.responses.stream(**{"model": MODEL, **fields}) as stream:
            return stream.get_final_response()

    return whole if request.param == "whole" else streamed


def conversation(turn):
    """What reached the model, without what the CLI adds: (role, kind, content) of every block."""
    found = []
    for message in turn.body["messages"]:
        content = message["content"]
        for block in [{"type": "text", "text": content}] if isinstance(content, str) else content:
            kind = block["type"]
            if kind == "text" and (block["text"].startswith("<system-reminder>") or message["role"] == "system"):
                continue
            value = {
                "text": lambda: block["text"],
                "tool_use": lambda: (block["name"], block["input"]),
                "tool_result": lambda: flat(block["content"]),
                "thinking": lambda: (block["thinking"], block["signature"]),
                "redacted_thinking": lambda: block["data"],
            }[kind]()
            found.append((message["role"], kind, value))
    return found


def flat(content):
    return content if isinstance(content, str) else "".join(part["text"] for part in content)


# Continuing


def test_a_conversation_goes_on_from_a_stored_response(storing, model, ask, nonce):
    client = storing.openai()
    first = ask(client, input=f"say:one\n{nonce}a", instructions="only for the first")
    second = ask(client, input=f"say:two\n{nonce}b", previous_response_id=first.id)
    third = ask(client, input=f"say:three\n{nonce}c", previous_response_id=second.id, instructions="for the third")
    assert first.store is True and third.previous_response_id == second.id and third.output_text == "three"
    turn = model.only_turn(nonce + "c")
    assert conversation(turn) == [
        ("user", "text", f"say:one\n{nonce}a"),
        ("assistant", "text", "one"),
        ("user", "text", f"say:two\n{nonce}b"),
        ("assistant", "text", "two"),
        ("user", "text", f"say:three\n{nonce}c"),
    ]
    system = " ".join(turn.system_texts())
    assert "for the third" in system and "only for the first" not in system


def test_a_tool_call_is_answered_by_its_result_alone(storing, model, ask, nonce):
    client = storing.openai()
    call = json.dumps({"city": nonce})
    first = ask(client, input=f"call:get_weather:{call}\ncall:get_weather:{{}}", tools=[WEATHER])
    calls = [item for item in first.output if item.type == "function_call"]
    outputs = [
        {"type": "function_call_output", "call_id": item.call_id, "output": text}
        for item, text in zip(calls, ["sunny", "rainy"], strict=True)
    ]
    second = ask(client, input=outputs, previous_response_id=first.id, tools=[WEATHER])
    assert second.status == "completed"
    assert conversation(model.turns(nonce)[-1])[1:] == [
        ("assistant", "tool_use", ("get_weather", {"city": nonce})),
        ("assistant", "tool_use", ("get_weather", {})),
        ("user", "tool_result", "sunny"),
        ("user", "tool_result", "rainy"),
    ]


def test_thinking_goes_back_with_its_seal_though_the_client_never_saw_it(storing, model, ask, nonce):
    client = storing.openai()
    fields = {"reasoning": {"effort": "low", "summary": "auto"}, "tools": [WEATHER], "model": "claude-sonnet-5-5"}
    first = ask(client, input=f"think:{nonce}\nseal:{nonce}\ncall:get_weather:{{}}", **fields)
    thought, sealed, _ = model.only_turn(nonce).said
    assert thought["signature"] not in first.model_dump_json() and sealed["data"] not in first.model_dump_json()
    output = {"type": "function_call_output", "call_id": first.output[-1].call_id, "output": "sunny"}
    ask(client, input=[output], previous_response_id=first.id, **fields)
    _, again = model.turns(nonce)
    assert [each for each in conversation(again) if "thinking" in each[1]] == [
        ("assistant", "thinking", (nonce, thought["signature"])),
        ("assistant", "redacted_thinking", sealed["data"]),
    ]


def test_one_response_may_be_continued_twice(storing, model, nonce):
    client = storing.openai()
    root = client.responses.create(model=MODEL, input=f"say:root\n{nonce}root")
    for branch in ("left", "right"):
        client.responses.create(model=MODEL, input=f"say:{branch}\n{nonce}{branch}", previous_response_id=root.id)
        texts = [text for _, _, text in conversation(model.only_turn(nonce + branch))]
        assert texts == [f"say:root\n{nonce}root", "root", f"say:{branch}\n{nonce}{branch}"]


def test_an_incomplete_response_can_be_continued(storing, model, nonce):
    client = storing.openai()
    first = client.responses.create(model=MODEL, input=f"stop:max_tokens\n{nonce}a")
    assert first.status == "incomplete" and client.responses.retrieve(first.id).status == "incomplete"
    client.responses.create(model=MODEL, input=f"say:on\n{nonce}b", previous_response_id=first.id)
    assert ("assistant", "text", "cut here") in conversation(model.only_turn(nonce + "b"))


def test_items_are_referred_to_by_their_ids(storing, model, nonce):
    client = storing.openai()
    first = client.responses.create(model=MODEL, input=f"say:answer\n{nonce}a")
    asked = client.responses.input_items.list(first.id).data[0]
    items = [
        {"type": "item_reference", "id": asked.id},
        {"id": first.output[0].id},
        {"role": "user", "content": f"say:next\n{nonce}b"},
    ]
    second = client.responses.create(model=MODEL, input=items)
    turn = model.only_turn(nonce + "b")
    assert [text for _, _, text in conversation(turn)] == [f"say:answer\n{nonce}a", "answer", f"say:next\n{nonce}b"]
    listed = client.responses.input_items.list(second.id, order="asc").data
    assert [item.id for item in listed[:2]] == [asked.id, first.output[0].id]


@pytest.mark.parametrize("name", ["msg_0000000000000000000000_0", "item_1"])
def test_an_unknown_item_is_refused(storing, name, nonce):
    items = [{"type": "item_reference", "id": name}, {"role": "user", "content": nonce}]
    response = storing.post("/v1/responses", {"model": MODEL, "input": items})
    error = openai_error(response, 400)
    assert error["param"] == "input[0].id" and name in error["message"]


def test_tokens_are_counted_with_the_conversation(storing, model, nonce):
    client = storing.openai()
    first = client.responses.create(model=MODEL, input=f"say:x\n{nonce}")
    rows = count(storing)
    client.responses.input_tokens.count(model=MODEL, input="next", previous_response_id=first.id)
    counted = [each for each in model.recorded() if "count_tokens" in each.path and each.mentions(nonce)]
    assert counted and "next" in json.dumps(counted[-1].body)
    assert count(storing) == rows


# What is not there


def test_another_key_finds_nothing(storing, model, nonce):
    mine, other = storing.openai(), storing.openai(key=storing.keys[1])
    kept = mine.responses.create(model=MODEL, input=f"say:mine\n{nonce}")
    for attempt in (other.responses.retrieve, other.responses.delete, other.responses.cancel):
        with pytest.raises(openai.NotFoundError):
            attempt(kept.id)
    with pytest.raises(openai.NotFoundError):
        other.responses.input_items.list(kept.id)
    with pytest.raises(openai.BadRequestError) as refused:
        other.responses.create(model=MODEL, input=nonce + "theirs", previous_response_id=kept.id)
    assert refused.value.code == "previous_response_not_found" and refused.value.param == "previous_response_id"
    with pytest.raises(openai.BadRequestError):
        reference = [{"type": "item_reference", "id": kept.output[0].id}]
        other.responses.create(model=MODEL, input=reference + [{"role": "user", "content": nonce + "theirs"}])
    assert not model.turns(nonce + "theirs")
    assert mine.responses.retrieve(kept.id).output_text == "mine"


def test_what_is_not_to_be_stored_is_not(storing, nonce):
    client = storing.openai()
    passing = client.responses.create(model=MODEL, input=f"say:passing\n{nonce}", store=False)
    assert passing.store is False
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(passing.id)
    with pytest.raises(openai.BadRequestError):
        client.responses.create(model=MODEL, input="x", previous_response_id=passing.id)


def test_failed_and_abandoned_turns_are_not_stored(storing, nonce):
    client = storing.openai()
    rows = count(storing)
    with pytest.raises(openai.APIError):
        client.responses.create(model=MODEL, input=f"status:400\n{nonce}")
    stream = client.responses.create(model=MODEL, input=f"slow:50:100\n{nonce}", stream=True)
    for event in stream:
        if event.type == "response.output_text.delta":
            break
    stream.close()
    eventually(lambda: storing.health()["running_turns"] == 0, "the turn has ended")
    assert count(storing) == rows


def test_with_storing_off_nothing_is_kept(make_gateway, login, nonce):
    gateway = make_gateway(cli_env=login, env={"RESPONSES_STORE": "off"}).ready()
    response = gateway.post("/v1/responses", {"model": MODEL, "input": f"say:x\n{nonce}", "store": True})
    assert response.json()["store"] is False and response.headers["x-portcullis-ignored"] == "store"
    silent = gateway.post("/v1/responses", {"model": MODEL, "input": f"say:x\n{nonce}"})
    assert silent.json()["store"] is False and "x-portcullis-ignored" not in silent.headers
    client = gateway.openai()
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(response.json()["id"])
    with pytest.raises(openai.BadRequestError):
        client.responses.create(model=MODEL, input="x", previous_response_id=response.json()["id"])
    assert count(gateway) == 0


def test_a_reload_switches_storing_off_and_on_again(make_gateway, login):
    gateway = make_gateway(cli_env=login)
    settings = gateway.folder / "portcullis.conf"
    settings.write_text("RESPONSES_STORE=true\n")
    gateway.arguments += ["--config", str(settings)]
    gateway.ready()
    client = gateway.openai()
    answered = client.responses.create(model=MODEL, input="say:x")
    assert client.responses.retrieve(answered.id).id == answered.id

    def reload(word):
        before = gateway.log().count("reloaded")
        settings.write_text(f"RESPONSES_STORE={word}\n")
        gateway.signal(signal.SIGHUP)
        eventually(lambda: gateway.log().count("reloaded") > before, "the reload")

    reload("false")
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(answered.id)
    with pytest.raises(openai.NotFoundError):
        client.responses.delete(answered.id)
    assert client.responses.create(model=MODEL, input="say:x").status == "completed"
    assert count(gateway) == 1
    reload("true")
    assert client.responses.retrieve(answered.id).id == answered.id


@pytest.mark.parametrize(
    "field, value",
    [("background", True), ("prompt", {"id": "pmpt_1"})],
)
def test_what_cannot_be_had_is_refused(storing, field, value):
    error = openai_error(storing.post("/v1/responses", {"model": MODEL, "input": "x", field: value}), 400)
    assert error["param"] == field


# Fetching, listing, deleting


def test_a_stored_response_is_the_one_that_was_answered(storing, ask, nonce):
    client = storing.openai()
    fields = {"tools": [WEATHER], "metadata": {"a": nonce}, "instructions": "be brief", "text": {"verbosity": "medium"}}
    answered = ask(client, input=f"say:same\n{nonce}", **fields)
    fetched = client.responses.retrieve(answered.id)
    keep = {"exclude": {"output": {"__all__": {"parsed_arguments": True, "content": {"__all__": {"parsed"}}}}}}
    assert fetched.model_dump(**keep) == answered.model_dump(**keep) or fetched.to_dict() == answered.to_dict()
    assert fetched.store is True and fetched.completed_at and fetched.metadata == {"a": nonce}


def test_the_whole_body_is_repeated_byte_for_byte(storing, nonce):
    answered = storing.post("/v1/responses", {"model": MODEL, "input": f"say:bytes \u00e9\n{nonce}"})
    path = f"/v1/responses/{answered.json()['id']}"
    with storing.http(headers={"authorization": f"Bearer {storing.key}"}) as http:
        assert http.get(path).content == answered.content
        head = http.head(path)
        assert head.status_code == 200 and head.content == b""
        assert int(head.headers["content-length"]) == len(answered.content)
        for wrong in ("PUT", "PATCH", "POST"):
            refused = http.request(wrong, path)
            assert refused.status_code == 405 and refused.headers["allow"] == "GET, HEAD, DELETE, OPTIONS"
        assert http.delete(path + "/input_items").headers["allow"] == "GET, HEAD, OPTIONS"
        assert http.get(path + "/cancel").headers["allow"] == "POST, OPTIONS"
        openai_error(http.get(path + "/elsewhere"), 404)
        assert openai_error(http.get(path + "?stream=true"), 400)["param"] == "stream"
        openai_error(http.post(path + "/cancel"), 400)
        openai_error(http.post("/v1/responses/resp_none/cancel"), 404)
    with storing.http() as http:
        openai_error(http.get(path), 401)


def test_items_are_listed_in_pages(storing, nonce):
    client = storing.openai()
    items = []
    for number in range(23):
        items.append({"role": "user", "content": f"{nonce} question {number}"})
        items.append({"role": "assistant", "content": f"answer {number}"})
    items.append({"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "be brief"}]})
    items.append({"role": "user", "content": [{"type": "input_text", "text": "say:listed"}]})
    response = client.responses.create(model=MODEL, input=items)
    newest = client.responses.input_items.list(response.id)
    assert len(newest.data) == 20 and newest.has_more and newest.data[0].content[0].text == "say:listed"
    assert (newest.first_id, newest.last_id) == (newest.data[0].id, newest.data[-1].id)
    everything = list(client.responses.input_items.list(response.id, order="asc", limit=7))
    assert [each.role for each in everything] == [each["role"] for each in items]
    assert all(each.id.startswith("msg_") and each.status == "completed" for each in everything)
    assert len({each.id for each in everything}) == len(items)
    assert everything[0].content[0].type == "input_text" and everything[1].content[0].type == "output_text"
    assert everything == list(reversed(list(client.responses.input_items.list(response.id, limit=100))))
    with storing.http(headers={"authorization": f"Bearer {storing.key}"}) as http:
        path = f"/v1/responses/{response.id}/input_items"
        before = http.get(path, params={"order": "asc", "before": everything[5].id, "limit": 2}).json()
        assert [each["id"] for each in before["data"]] == [each.id for each in everything[3:5]]
        for name, value in (("limit", "0"), ("limit", "101"), ("order", "up"), ("after", "msg_none")):
            assert openai_error(http.get(path, params={name: value}), 400)["param"] == name


def test_every_kind_of_item_is_listed_as_the_sdk_reads_it(storing, nonce):
    client = storing.openai()
    call = {"type": "function_call", "call_id": "call_1", "name": "get_weather", "arguments": "{}"}
    image = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
    parts = [{"type": "input_text", "text": nonce}, {"type": "input_image", "image_url": image}]
    items = [
        {"role": "user", "content": parts},
        call,
        {"type": "function_call_output", "call_id": "call_1", "output": "sunny"},
        {"role": "user", "content": "say:kinds"},
    ]
    response = client.responses.create(model=MODEL, input=items, tools=[WEATHER])
    listed = client.responses.input_items.list(response.id, order="asc").data
    assert [each.type for each in listed] == ["message", "function_call", "function_call_output", "message"]
    assert listed[0].content[1].detail == "auto" and listed[0].content[1].image_url == image
    assert listed[1].call_id == listed[2].call_id == "call_1" and listed[2].output == "sunny"
    assert all(each.id and each.status == "completed" for each in listed)


def test_a_deleted_response_is_gone_and_its_descendants_lose_nothing(storing, model, nonce):
    client = storing.openai()
    first = client.responses.create(model=MODEL, input=f"say:one\n{nonce}a")
    second = client.responses.create(model=MODEL, input=f"say:two\n{nonce}b", previous_response_id=first.id)
    with storing.http(headers={"authorization": f"Bearer {storing.key}"}) as http:
        gone = http.delete(f"/v1/responses/{first.id}")
        assert gone.json() == {"id": first.id, "object": "response", "deleted": True}
        openai_error(http.delete(f"/v1/responses/{first.id}"), 404)
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(first.id)
    with pytest.raises(openai.BadRequestError):
        client.responses.create(model=MODEL, input="x", previous_response_id=first.id)
    client.responses.create(model=MODEL, input=f"say:three\n{nonce}c", previous_response_id=second.id)
    texts = [text for _, _, text in conversation(model.only_turn(nonce + "c"))]
    assert texts == [f"say:one\n{nonce}a", "one", f"say:two\n{nonce}b", "two", f"say:three\n{nonce}c"]


def test_a_large_answer_is_fetched_whole(storing, nonce):
    client = storing.openai()
    text = nonce + "x" * 1_500_000
    response = client.responses.create(model=MODEL, input=[{"role": "user", "content": text}], instructions="y" * 400_000)
    assert client.responses.input_items.list(response.id).data[0].content[0].text == text
    assert len(client.responses.retrieve(response.id).instructions) == 400_000
    assert storing.openai(http2=True).responses.input_items.list(response.id).data[0].content[0].text == text


# Surviving


def test_it_is_all_there_after_a_restart(make_gateway, login, model, ask, nonce):
    gateway = make_gateway(cli_env=login).ready()
    first = ask(gateway.openai(), input=f"say:before\n{nonce}a")
    assert gateway.stop() == 0
    gateway.ready()
    client = gateway.openai()
    assert client.responses.retrieve(first.id).output_text == "before"
    ask(client, input=f"say:after\n{nonce}b", previous_response_id=first.id)
    texts = [text for _, _, text in conversation(model.only_turn(nonce + "b"))]
    assert texts == [f"say:before\n{nonce}a", "before", f"say:after\n{nonce}b"]


def test_what_was_answered_survives_a_kill_at_that_moment(make_gateway, login, nonce):
    gateway = make_gateway(cli_env=login).ready()
    previous = None
    for number in range(4):
        client = gateway.openai()
        fields = {"model": MODEL, "input": f"say:{number}\n{nonce}", "previous_response_id": previous}
        if number % 2:
            previous = client.responses.create(**fields).id
        else:
            for event in client.responses.create(stream=True, **fields):
                if event.type == "response.completed":
                    previous = event.response.id
                    break
        gateway.signal(signal.SIGKILL)
        gateway.process.wait()
        gateway.ready()
        assert gateway.openai().responses.retrieve(previous).output_text == str(number)


def test_only_its_owner_can_read_the_file(storing):
    storing.openai().responses.create(model=MODEL, input="say:x")
    files = list((storing.folder / "state").glob("ledger.sqlite*"))
    assert len(files) == 3
    assert {stat.S_IMODE(each.stat().st_mode) for each in files} == {0o600}


@fault_row(
    20, injected="a ledger that is no database, at the start",
    seen="exit 78, the file is named and left as it is")
def test_a_damaged_file_stops_the_start_and_stays_as_it_is(make_gateway):
    gateway = make_gateway()
    ledger = gateway.folder / "state/ledger.sqlite"
    ledger.write_bytes(b"not a database " * 1000)
    gateway.start()
    assert gateway.process.wait(20) == 78
    assert "ledger.sqlite" in gateway.log() and ledger.read_bytes() == b"not a database " * 1000


def test_what_cannot_be_stored_is_no_success(make_gateway, login, model, nonce):
    gateway = make_gateway(cli_env=login, flags=["--responses-max-bytes", "1MiB"]).ready()
    client = gateway.openai()
    text = nonce + "x" * (1 << 20)
    with pytest.raises(openai.InternalServerError) as refused:
        client.responses.create(model=MODEL, input=text)
    assert "store" in str(refused.value)
    events = list(client.responses.create(model=MODEL, input=text, stream=True))
    assert events[-1].type == "response.failed" and events[-1].response.status == "failed"
    assert [each.sequence_number for each in events] == list(range(len(events)))
    assert client.responses.create(model=MODEL, input=text, store=False).status == "completed"
    assert len(model.turns(nonce)) == 3
    assert "fits" in gateway.log() or "fit within" in gateway.log()


def count(gateway):
    with sqlite3.connect(f"file:{gateway.folder}/state/ledger.sqlite?mode=ro", uri=True) as database:
        return database.execute("SELECT count(*) FROM responses").fetchone()[0]
