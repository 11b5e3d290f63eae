"""Conversations of clients that send only what is new: continued, reset, listed, deleted, and still there after a kill.

The upstream of these tests shows what reached the model, so every continued conversation is compared as a whole.
"""
import concurrent.futures
import contextlib
import json
import pathlib
import random
import signal
import sqlite3

import httpx2
import openai
import pytest

from harness import DIALECTS, Gateway, anthropic_error, eventually, openai_error, user
from living import WEATHER, call, sessions
from talks import DOORS, Talk, said

pytestmark = pytest.mark.core


@pytest.fixture
def talk(living, nonce):
    return Talk(living, f"talk {nonce}"[:60].replace(" ", "-"))


@pytest.fixture(params=[False, True], ids=["whole", "streamed"])
def streams(request):
    return request.param


def three(nonce):
    return [("user", f"say:one\n{nonce}a"), ("assistant", "one"), ("user", f"say:two\n{nonce}b"), ("assistant", "two"),
            ("user", f"say:three\n{nonce}c")]


def processes(gateway):
    """How turns got their processes, by the log."""
    lines = [line for line in gateway.log().splitlines() if "event=request" in line and "process=" in line]
    return [line.split("process=")[1].split()[0] for line in lines]


# Going on


@pytest.mark.parametrize("dialect, door", DOORS)
def test_new_messages_alone_go_on_in_one_process(living, upstream, talk, nonce, dialect, door, streams):
    before = len(processes(living))
    assert talk.say(f"say:one\n{nonce}a", dialect, door, streams) == ("one", "begun")
    assert talk.say(f"say:two\n{nonce}b", dialect, door, streams) == ("two", "continued")
    assert talk.say(f"say:three\n{nonce}c", dialect, door, streams) == ("three", "continued")
    assert said(upstream.only_turn(nonce + "c")) == three(nonce)
    assert len(set(sessions(upstream.turns(nonce)))) == 1
    # A turn's line is written behind its answer.
    eventually(lambda: processes(living)[before + 1:] == ["kept", "kept"], "both went on in a process that was kept")


@pytest.mark.parametrize("order", [
    ["chat", "messages", "responses"], ["messages", "responses", "chat"], ["responses", "chat", "messages"]])
def test_it_goes_on_in_another_dialect(living, upstream, talk, nonce, order, streams):
    for dialect, (word, letter) in zip(order, [("one", "a"), ("two", "b"), ("three", "c")]):
        assert talk.say(f"say:{word}\n{nonce}{letter}", dialect, streams=streams)[0] == word
    assert said(upstream.only_turn(nonce + "c")) == three(nonce)
    assert len(set(sessions(upstream.turns(nonce)))) == 1


def results(dialect, name, text):
    if dialect == "messages":
        return [{"role": "user", "content": [{"type": "tool_result", "tool_use_id": name, "content": text}]}]
    if dialect == "chat":
        return [{"role": "tool", "tool_call_id": name, "content": text}]
    return [{"type": "function_call_output", "call_id": name, "output": text}]


def tools(dialect):
    plain = {"name": WEATHER["name"], "description": WEATHER["description"]}
    schema = WEATHER["input_schema"]
    if dialect == "messages":
        return [WEATHER]
    function = {**plain, "parameters": schema}
    return [{"type": "function", "function": function}] if dialect == "chat" else [{"type": "function", **function}]


def call_id(dialect, body):
    if dialect == "messages":
        return body["content"][-1]["id"]
    if dialect == "chat":
        return body["choices"][0]["message"]["tool_calls"][0]["id"]
    return body["output"][-1]["call_id"]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_result_alone_answers_the_call_that_is_stored(living, upstream, talk, nonce, dialect):
    offered = tools(dialect)
    first = talk.ask(f"{call(city='Rome')}\n{nonce}", dialect, tools=offered)
    name = call_id(dialect, first.json())
    assert talk.say(dialect=dialect, messages=results(dialect, name, "sunny"), tools=offered)[1] == "continued"
    assert talk.say(f"say:thanks\n{nonce}c", dialect, tools=offered)[0] == "thanks"
    turns = upstream.turns(nonce)
    blocks = [block for row in turns[-1].body["messages"] if isinstance(row["content"], list) for block in row["content"]]
    kinds = [each["type"] for each in blocks if each["type"].startswith("tool_")]
    assert kinds == ["tool_use", "tool_result"] and len(set(sessions(turns))) == 1


def call_again(dialect, body):
    """The messages in which a client sends the answer's call back."""
    if dialect == "messages":
        return [{"role": "assistant", "content": body["content"]}]
    if dialect == "chat":
        return [body["choices"][0]["message"]]
    return body["output"]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_call_that_is_sent_again_with_its_result_goes_on(living, upstream, talk, nonce, dialect):
    offered = tools(dialect)
    talk.say(f"say:one\n{nonce}a", dialect, tools=offered)
    first = talk.ask(f"{call(city='Rome')}\n{nonce}b", dialect, tools=offered).json()
    new = call_again(dialect, first) + results(dialect, call_id(dialect, first), "sunny")
    assert talk.say(dialect=dialect, messages=new, tools=offered)[1] == "continued"
    assert talk.say(f"say:thanks\n{nonce}c", dialect, tools=offered) == ("thanks", "continued")
    turn = upstream.only_turn(nonce + "c")
    rows = [row for row in turn.body["messages"] if row["role"] != "system"]
    assert [row["role"] for row in rows] == ["user", "assistant"] * 3 + ["user"] and turn.mentions(nonce + "a")
    kinds = [block["type"] for row in rows if isinstance(row["content"], list) for block in row["content"]]
    assert (kinds.count("tool_use"), kinds.count("tool_result")) == (1, 1)
    assert len(set(sessions(upstream.turns(nonce)))) == 1


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_call_without_its_result_is_refused_and_changes_nothing(living, upstream, talk, nonce, dialect):
    talk.ask(f"{call(city='Rome')}\n{nonce}", dialect, tools=tools(dialect))
    assert talk.ask("say:no", dialect, tools=tools(dialect)).status_code == 400
    assert listed(talk)["messages"] == 2


def listed(talk):
    found = [each for each in talk.http("GET", "/v1/conversations").json()["data"] if each["id"] == talk.name]
    return found[0] if found else None


# The client's own history


def history(dialect, *texts):
    roles = ["user", "assistant"] * len(texts)
    return [{"role": role, "content": text} for role, text in zip(roles, texts)]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_history_that_holds_all_goes_on_without_doubling(living, upstream, talk, nonce, dialect, streams):
    talk.say(f"say:one\n{nonce}a", dialect, streams=streams)
    own = history(dialect, f"say:one\n{nonce}a", "one", f"say:two\n{nonce}b")
    assert talk.say(dialect=dialect, streams=streams, messages=own) == ("two", "continued")
    # And the next one need only bring what is new.
    assert talk.say(f"say:three\n{nonce}c", dialect, streams=streams) == ("three", "continued")
    assert said(upstream.only_turn(nonce + "c")) == three(nonce)
    assert len(set(sessions(upstream.turns(nonce)))) == 1


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("own", [
    pytest.param(["say:one\n{}a", "one", "say:new\n{}x"], id="shorter"),
    pytest.param(["say:one\n{}a", "another", "say:two\n{}b", "two", "say:new\n{}x"], id="differs")])
def test_a_history_that_is_shorter_or_differs_counts_from_then_on(living, upstream, talk, nonce, dialect, own, streams):
    for word, letter in [("one", "a"), ("two", "b")]:
        talk.say(f"say:{word}\n{nonce}{letter}", dialect, streams=streams)
    own = [text.format(nonce) for text in own]
    messages = history(dialect, *own)
    assert talk.say(dialect=dialect, streams=streams, messages=messages) == ("new", "reset")
    assert talk.say(f"say:on\n{nonce}z", dialect, streams=streams) == ("on", "continued")
    expected = [(each["role"], each["content"]) for each in messages]
    assert said(upstream.only_turn(nonce + "z")) == [*expected, ("assistant", "new"), ("user", f"say:on\n{nonce}z")]


def system(dialect, text):
    if dialect == "chat":
        return {"messages": [{"role": "system", "content": text}]}
    return {"system" if dialect == "messages" else "instructions": text}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_system_prompt_stays_until_another_comes(living, upstream, talk, nonce, dialect):
    def ask(text, prompt=None):
        if dialect == "chat" and prompt:
            return talk.say(messages=[{"role": "system", "content": prompt}, *user(text)])
        fields = system(dialect, prompt) if prompt else {}
        return talk.say(text, dialect, **fields)

    prompts = []
    for number, prompt in enumerate([f"First. {nonce}", None, f"Second. {nonce}", None]):
        ask(f"say:{number}\n{nonce}{number}", prompt)
        texts = upstream.only_turn(f"{nonce}{number}").system_texts()
        prompts.append([text for text in texts if nonce in text])
    first, second = f"First. {nonce}", f"Second. {nonce}"
    assert prompts == [[first], [first], [second], [second]]
    assert len(said(upstream.only_turn(nonce + "3"))) == 7


# What does not count


@pytest.mark.parametrize("dialect", DIALECTS)
def test_failed_and_abandoned_turns_leave_it_as_it_was(living, upstream, talk, nonce, dialect):
    talk.say(f"say:one\n{nonce}a", dialect)
    assert talk.ask(f"status:400\n{nonce}x", dialect).status_code == 400
    path, headers, body = talk.request(f"slow:50:200\n{nonce}y", dialect, streams=True)
    with living.http() as http, http.stream("POST", path, json=body, headers=headers) as response:
        # The next one is sent while the one before it is still being left.
        assert any("tick" in chunk for chunk in response.iter_text())
    assert talk.say(f"say:two\n{nonce}b", dialect) == ("two", "continued")
    assert said(upstream.only_turn(nonce + "b")) == three(nonce)[:3]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_an_answer_whose_end_its_client_has_not_had_is_taken_back(living, upstream, talk, nonce, dialect):
    talk.say(f"say:one\n{nonce}a", dialect)
    for question, words, left in [("b", "two", 2), ("c", "three", 4)]:
        path, headers, body = talk.request(f"say:{words}\n{nonce}{question}", dialect, streams=True)
        with contextlib.closing(sqlite3.connect(living.folder / "state/ledger.sqlite")) as ledger:
            # The answer cannot be stored, and so not be ended, before its client has lost patience.
            ledger.execute("BEGIN IMMEDIATE")
            with living.http(timeout=1.5) as http, http.stream("POST", path, json=body, headers=headers) as response:
                seen = ""
                with pytest.raises(httpx2.ReadTimeout):
                    for chunk in response.iter_text():
                        seen += chunk
                assert words in seen
            ledger.rollback()
        assert talk.say(f"say:{words}\n{nonce}{question}", dialect) == (words, "continued")
        assert listed(talk)["messages"] == left + 2
    assert said(upstream.turns(nonce + "c")[-1]) == three(nonce)


def test_who_waits_in_a_conversation_keeps_no_place_of_others(make_gateway, nonce):
    gateway = make_gateway(env={"MAX_TURNS": "2"}).ready()
    talk = Talk(gateway, "busy")
    path, headers, body = talk.request(f"slow:50:80\n{nonce}x", streams=True)
    with concurrent.futures.ThreadPoolExecutor(3) as pool, gateway.http() as http:
        with http.stream("POST", path, json=body, headers=headers) as response:
            chunks = response.iter_text()
            assert any("tick" in chunk for chunk in chunks)
            waiting = [pool.submit(talk.say, f"say:{number}\n{nonce}") for number in range(3)]
            for number in range(3):
                assert gateway.ask_chat(f"say:other{number}").status_code == 200
            assert not any(each.done() for each in waiting)
            rest = "".join(chunks)
        assert "tick79" in rest
        assert sorted(each.result()[0] for each in waiting) == ["0", "1", "2"]


@pytest.mark.parametrize("dialect", ["messages", "responses"])
def test_tokens_are_counted_with_the_conversation(living, upstream, talk, nonce, dialect):
    talk.say(f"say:one\n{nonce}a", dialect)
    path, headers, body = talk.request(f"two {nonce}b", dialect)
    body.pop("max_tokens", None)
    with living.http() as http:
        leaf = "/count_tokens" if dialect == "messages" else "/input_tokens"
        assert http.post(path + leaf, json=body, headers=headers).status_code == 200
    counted = [each for each in upstream.recorded() if "count_tokens" in each.path and each.mentions(nonce + "b")]
    assert counted and counted[-1].mentions(nonce + "a") and listed(talk)["messages"] == 2


def test_what_an_app_asks_about_it_is_no_part_of_it(living, upstream, talk, nonce):
    talk.say(f"say:one\n{nonce}a")
    for door in ("field", "model"):
        path, headers, body = talk.request(f"say:title\n{nonce}t", door=door)
        with living.http() as http:
            answer = http.post(path, json=body, headers=headers | {"x-openwebui-task": "title_generation"})
        assert answer.status_code == 200 and "x-conversation-id" not in answer.headers
    assert all(len(turn.rows()) == 1 for turn in upstream.turns(nonce + "t"))
    assert talk.say(f"say:two\n{nonce}b") == ("two", "continued") and listed(talk)["messages"] == 4


def test_two_at_once_go_one_after_the_other(living, upstream, talk, nonce):
    talk.say(f"say:begin\n{nonce}a")
    ways = [(dialect, streams) for dialect in DIALECTS for streams in (False, True)][:4]
    with concurrent.futures.ThreadPoolExecutor(len(ways)) as pool:
        answers = list(pool.map(
            lambda way: talk.say(f"say:{way[0]}{way[1]}\n{nonce}", way[0], streams=way[1])[0], ways))
    assert answers == [f"{dialect}{streams}" for dialect, streams in ways]
    assert talk.say(f"say:end\n{nonce}z")[1] == "continued"
    rows = said(upstream.only_turn(nonce + "z"))
    assert [role for role, _ in rows] == ["user", "assistant"] * 5 + ["user"]
    for (_, asked), (_, answered) in zip(rows[::2], rows[1::2]):
        assert asked.split("\n")[0] == f"say:{answered}"


def test_too_many_at_once_are_told_to_wait(living, talk, nonce):
    """Each dialect has its words for it; five may wait in all."""
    ways = [dialect for dialect in DIALECTS for _ in range(3)]
    with concurrent.futures.ThreadPoolExecutor(len(ways)) as pool:
        responses = list(pool.map(lambda dialect: talk.ask(f"slow:100:10\n{nonce}", dialect), ways))
    refused = [(dialect, each) for dialect, each in zip(ways, responses) if each.status_code != 200]
    assert len(refused) == len(ways) - 5
    for dialect, response in refused:
        if dialect == "messages":
            assert anthropic_error(response, 409)["details"]["error_code"] == "conversation_locked"
        else:
            assert openai_error(response, 409)["code"] == "conversation_locked"
    assert listed(talk)["messages"] == 10


def test_who_leaves_while_waiting_holds_nobody_up(living, upstream, talk, nonce):
    path, headers, body = talk.request(f"slow:50:400\n{nonce}x", streams=True)
    with living.http() as http, http.stream("POST", path, json=body, headers=headers) as response:
        # An iterator that nobody holds would close the connection.
        chunks = response.iter_text()
        assert any("tick" in chunk for chunk in chunks)
        _, _, second = talk.request(f"say:never\n{nonce}y", "chat")
        with living.http(timeout=1) as impatient, pytest.raises(httpx2.ReadTimeout):
            impatient.post(path, json=second, headers=headers)
        eventually(lambda: living.health()["running_turns"] == 1, "the second has left")
    assert talk.say(f"say:one\n{nonce}a") == ("one", "begun")
    assert not upstream.turns(nonce + "y")


@pytest.mark.parametrize("dialect", DIALECTS)
def test_what_was_deleted_meanwhile_is_not_called_stored(living, talk, nonce, dialect):
    talk.say(f"say:one\n{nonce}a", dialect)
    path, headers, body = talk.request(f"slow:50:20\n{nonce}b", dialect, streams=True)
    with living.http() as http, http.stream("POST", path, json=body, headers=headers) as response:
        chunks = response.iter_text()
        assert any("tick" in chunk for chunk in chunks)
        assert talk.http("DELETE", f"/v1/conversations/{talk.name}").status_code == 200
        rest = "".join(chunks)
    assert "deleted or changed" in rest and "tick19" in rest
    assert all(end not in rest for end in ("message_stop", "[DONE]", "response.completed"))
    assert listed(talk) is None
    assert talk.say(f"say:anew\n{nonce}c", dialect) == ("anew", "begun")


# Names


@pytest.mark.parametrize("name", ["x", "a:b", "Ein/Weg?mit=allem#und %20 mehr", "y" * 128])
def test_any_printable_name_will_do(living, name, nonce):
    talk = Talk(living, name)
    talk.say(f"say:one\n{nonce}")
    path = "/v1/conversations/" + "".join(f"%{ord(letter):02X}" for letter in name)
    assert talk.http("GET", path).json()["id"] == name
    assert talk.http("DELETE", path).json() == {"id": name, "object": "conversation.deleted", "deleted": True}
    assert talk.http("GET", path).status_code == 404


@pytest.mark.parametrize("dialect", DIALECTS)
def test_names_that_are_none_are_refused(living, dialect):
    for talk, door in [(Talk(living, "y" * 129), "field"), (Talk(living, "\u00e4".encode()), "field")]:
        response = talk.ask("say:x", dialect, door)
        (anthropic_error if dialect == "messages" else openai_error)(response, 400)
    two = Talk(living, "one")
    path, headers, body = two.request("say:x", dialect, "model")
    with living.http() as http:
        response = http.post(path, json=body, headers=headers | {"x-conversation-id": "another"})
    assert response.status_code == 400 and "two conversations" in response.text


@pytest.mark.vendor_refuses("model.unknown")
def test_behind_what_is_a_model_itself_no_name_is_looked_for(living, upstream, nonce):
    # A client that writes `:latest` behind every name means no conversation by it.
    for name in ("sonnet:latest", "nobody:plans", "sonnet:"):
        openai_error(Talk(living, "x", model=name).ask("say:x", door="none"), 404)
    response = Talk(living, "x", model="claude-sonnet-5-5:0").ask(f"say:x\n{nonce}", door="none")
    assert "x-conversation-id" not in response.headers


def test_a_response_in_a_conversation_tells_it_and_is_stored_there_alone(living, talk, streams):
    response = talk.ask("say:one", "responses", "string", streams)
    assert '"conversation":{"id":"%s"}' % talk.name in response.text and '"store":false' in response.text
    body = {"model": "sonnet", "input": "x", "conversation": talk.name, "previous_response_id": "resp_1"}
    error = openai_error(talk.http("POST", "/v1/responses", json=body), 400)
    assert error["code"] == "mutually_exclusive_parameters"


# The endpoints


def test_the_library_makes_fetches_and_deletes_them(living, upstream, nonce):
    client = living.openai()
    items = [{"role": "developer", "content": f"Be brief. {nonce}"}, {"role": "user", "content": f"say:one\n{nonce}a"},
             {"role": "assistant", "content": "one"}]
    made = client.conversations.create(items=items, metadata={"topic": nonce})
    assert made.id.startswith("conv_") and made.object == "conversation" and made.metadata == {"topic": nonce}
    answer = client.responses.create(model="sonnet", input=f"say:two\n{nonce}b", conversation=made.id)
    assert answer.output_text == "two" and answer.conversation.id == made.id
    with client.responses.stream(model="sonnet", input=f"say:three\n{nonce}c", conversation={"id": made.id}) as stream:
        assert stream.get_final_response().output_text == "three"
    turn = upstream.only_turn(nonce + "c")
    assert said(turn) == three(nonce) and f"Be brief. {nonce}" in turn.system_texts()
    found = client.conversations.retrieve(made.id)
    assert (found.id, found.created_at, found.metadata) == (made.id, made.created_at, {"topic": nonce})
    gone = client.conversations.delete(made.id)
    assert gone.deleted and gone.id == made.id and gone.object == "conversation.deleted"
    for attempt in (client.conversations.retrieve, client.conversations.delete):
        with pytest.raises(openai.NotFoundError):
            attempt(made.id)
    # It was the gateway's name: to begin anew under it would be an answer without what came before.
    with pytest.raises(openai.NotFoundError):
        client.responses.create(model="sonnet", input="say:x", conversation=made.id)
    assert client.conversations.create().metadata == {}


@pytest.mark.parametrize("version", ["", "/v1"])
def test_they_are_listed_and_deleted_by_every_path(living, nonce, version):
    names = [f"{nonce}-{number}{version[1:]}" for number in range(3)]
    for name in names:
        Talk(living, name).say(f"say:{name}")
    talk = Talk(living, names[0])
    for path in ("/conversations", "/api/sessions"):
        data = talk.http("GET", version + path).json()["data"]
        mine = [each for each in data if each["id"] in names]
        assert {each["id"] for each in mine} == set(names)
        first = mine[0]
        assert first["model"] == "sonnet" and first["messages"] == 2 and first["bytes"] > 100
        assert 0 <= first["last_used_at"] - first["created_at"] < 60
    page = talk.http("GET", version + "/conversations?limit=2").json()
    assert len(page["data"]) == 2 and page["has_more"] and page["last_id"] == page["data"][1]["id"]
    rest = talk.http("GET", f"{version}/conversations?after={page['last_id']}").json()
    assert page["data"][0]["id"] not in [each["id"] for each in rest["data"]]
    for name, path in zip(names, ["/conversations/", "/api/sessions/", "/sessions/"]):
        assert talk.http("GET", version + path + name).json()["id"] == name
        assert talk.http("DELETE", version + path + name).json()["deleted"] is True
        assert talk.http("DELETE", version + path + name).status_code == 404
    assert talk.http("PUT", version + "/conversations").headers["allow"] == "GET, HEAD, POST, OPTIONS"
    assert talk.http("POST", version + "/api/sessions").headers["allow"] == "GET, HEAD, OPTIONS"
    for method in ("GET", "POST", "DELETE"):
        openai_error(talk.http(method, version + "/conversations/x/items"), 404)
    openai_error(talk.http("GET", version + "/conversations?limit=501"), 400)
    assert talk.http("POST", version + "/sessions/x").headers["allow"] == "GET, HEAD, DELETE, OPTIONS"
    with living.http() as http:
        assert http.get(version + "/conversations").status_code == 401


@pytest.mark.parametrize("dialect", DIALECTS)
def test_another_keys_does_not_exist(living, upstream, talk, nonce, dialect):
    talk.say(f"say:mine\n{nonce}a", dialect)
    other = Talk(living, talk.name, key=living.keys[1])
    missing = other.http("GET", f"/v1/conversations/{talk.name}x")
    for method in ("GET", "DELETE"):
        response = other.http(method, f"/v1/conversations/{talk.name}")
        assert response.status_code == 404
        assert response.text == missing.text.replace(talk.name + "x", talk.name)
    assert listed(other) is None
    assert other.say(f"say:theirs\n{nonce}b", dialect) == ("theirs", "begun")
    assert not upstream.only_turn(nonce + "b").mentions(nonce + "a")
    assert talk.say(f"say:on\n{nonce}c", dialect) == ("on", "continued")
    assert not upstream.only_turn(nonce + "c").mentions(nonce + "b")


# Keeping


def ledger(gateway, statement, *values):
    with sqlite3.connect(gateway.folder / "state/ledger.sqlite") as database:
        return database.execute(statement, values).fetchall()


def test_what_was_answered_survives_a_kill_at_that_moment(make_gateway, upstream, nonce):
    gateway = make_gateway().ready()
    for number, dialect in enumerate([*DIALECTS, *DIALECTS]):
        talk = Talk(gateway, nonce)
        path, headers, body = talk.request(f"say:{number}\n{nonce}{number}", dialect, streams=number < 3)
        with gateway.http() as http, http.stream("POST", path, json=body, headers=headers) as response:
            last = {"messages": "message_stop", "chat": "[DONE]", "responses": "response.completed"}[dialect]
            seen = ""
            for chunk in response.iter_text():
                seen += chunk
                if number < 3 and last in seen:
                    break
            assert response.status_code == 200, seen
            gateway.signal(signal.SIGKILL)
        gateway.process.wait()
        gateway.ready()
    Talk(gateway, nonce).say(f"say:end\n{nonce}end")
    rows = said(upstream.only_turn(nonce + "end"))
    assert [text for role, text in rows if role == "assistant"] == [str(number) for number in range(6)]


def test_nobody_goes_on_with_it_and_it_expires(make_gateway, nonce):
    gateway = make_gateway(env={"CONVERSATION_KEEP_DAYS": "2"}).ready()
    talk, other = Talk(gateway, nonce), Talk(gateway, nonce + "other")
    talk.say("say:one")
    other.say("say:one")
    ledger(gateway, "UPDATE conversations SET used = used - 2 * 86400 - 5, created = created - 3 * 86400")
    assert listed(talk) is None and talk.http("GET", f"/v1/conversations/{nonce}").status_code == 404
    assert talk.http("DELETE", f"/v1/conversations/{nonce}").status_code == 404
    assert talk.say("say:two") == ("two", "begun")
    assert listed(talk)["messages"] == 2
    assert gateway.stop() == 0
    gateway.ready()
    eventually(lambda: ledger(gateway, "SELECT id FROM conversations") == [(nonce,)], "the other one is removed")
    assert len(ledger(gateway, "SELECT * FROM conversation_turns")) == 3


def test_what_nobody_used_for_longest_goes_first(make_gateway, nonce):
    gateway = make_gateway(env={"CONVERSATIONS_MAX_BYTES_PER_KEY": "1MiB", "MAX_BODY_BYTES": "2MiB"}).ready()
    large = "x" * (400 << 10)
    for number in range(3):
        Talk(gateway, f"{nonce}{number}").say(f"say:x\n{large}")
        ledger(gateway, "UPDATE conversations SET used = used - 10")
    assert {name for name, in ledger(gateway, "SELECT id FROM conversations")} == {nonce + "1", nonce + "2"}
    full = Talk(gateway, nonce + "full")
    refused = full.ask("say:x\n" + "y" * (1100 << 10), "messages")
    assert "no room" in anthropic_error(refused, 500)["message"]
    streamed = full.ask("say:x\n" + "y" * (1100 << 10), "chat", streams=True)
    assert "no room" in streamed.text and "[DONE]" not in streamed.text
    assert listed(full) is None and len(ledger(gateway, "SELECT id FROM conversations")) == 2


def test_it_may_be_as_long_as_a_request(make_gateway, nonce):
    gateway = make_gateway(env={"MAX_BODY_BYTES": "1MiB"}).ready()
    talk = Talk(gateway, nonce)
    talk.say("say:x\n" + "x" * (700 << 10))
    for dialect in DIALECTS:
        assert "too large" in talk.ask("say:x\n" + "x" * (400 << 10), dialect).json()["error"]["message"]
    assert talk.say("say:small") == ("small", "continued")


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_request_that_names_one_is_refused_where_none_are_kept(make_gateway, dialect):
    gateway = make_gateway(env={"CONVERSATIONS": "false"}).ready()
    talk = Talk(gateway, "x")
    assert "CONVERSATIONS=false" in talk.ask("say:x", dialect).json()["error"]["message"]
    assert talk.ask("say:x", dialect, "model").status_code == 404
    if dialect == "responses":
        assert openai_error(talk.ask("say:x", dialect, "string"), 400)["param"] == "conversation"
    assert talk.http("GET", "/conversations").json()["data"] == []
    assert talk.http("GET", "/conversations/x").status_code == 404
    assert talk.http("POST", "/conversations", json={}).status_code == 400
    assert ledger(gateway, "SELECT * FROM conversations") == []


def test_names_and_words_are_in_no_log(living, talk, nonce):
    talk.say(f"say:{nonce}")
    assert nonce not in living.log()
    assert nonce not in json.dumps([path.name for path in pathlib.Path(living.folder).rglob("*")])


# Never mixed


def mixed(gateway, count, chat):
    """Conversations of all keys, the same names under each key, at random and with clients that leave."""
    jobs = [(key, number) for number in range(count) for key in gateway.keys]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert all(pool.map(lambda job: chat(gateway, *job), jobs))
    return jobs


def test_no_conversation_hears_a_word_of_another(make_gateway, standin, nonce):
    """50 conversations of 5 keys: in the end each process tells all that it holds, word by word."""
    keys = [f"key-{number}-{nonce}" for number in range(5)]
    gateway = make_gateway(cli=standin, cli_env={}, keys=keys).ready()

    def chat(gateway, key, number):
        dice = random.Random(f"{keys.index(key)} {number}")
        secret, talk = f"{nonce}k{keys.index(key)}n{number}e", Talk(gateway, f"chat-{number}", key=key)
        held = []
        for step in range(4):
            dialect, streams = dice.choice(list(DIALECTS)), dice.random() < 0.5
            if dice.random() < 0.3:
                path, headers, body = talk.request(f"standin:events 200 20000\n{secret}", dialect, streams=True)
                with gateway.http() as http, http.stream("POST", path, json=body, headers=headers) as response:
                    assert any("data:" in chunk for chunk in response.iter_text())
            told = talk.say(f"standin:echo {secret} {step}", dialect, streams=streams)
            assert told == (f"{secret} {step}", "continued" if step else "begun")
            held += [f"user: standin:echo {secret} {step}", f"assistant: {secret} {step}"]
        recalled = json.loads(talk.say("standin:recall")[0])["messages"]
        return recalled == [*held, "user: standin:recall"]

    mixed(gateway, 10, chat)
    # Many went on in the process that held them: that is where words could mix.
    assert processes(gateway).count("kept") > 50


def test_no_conversation_of_the_real_cli_hears_a_word_of_another(portcullis, claude, cli_env, upstream, nonce, tmp_path):
    keys = [f"key-{number}-{nonce}" for number in range(3)]
    with Gateway(portcullis, tmp_path, keys, claude, cli_env, env={"WARM_PROCESSES": "0"}) as gateway:

        def chat(gateway, key, number):
            secret, talk = f"{nonce}k{keys.index(key)}n{number}e", Talk(gateway, f"chat-{number}", key=key)
            dialect = list(DIALECTS)[keys.index(key)]
            for step in range(2):
                if step == number:
                    path, headers, body = talk.request(f"slow:20:50\n{secret}", dialect, streams=True)
                    with gateway.http() as http, http.stream("POST", path, json=body, headers=headers) as response:
                        assert any("tick" in chunk for chunk in response.iter_text())
                text, state = talk.say(f"say:{secret} {step}\n", dialect, streams=number == 0)
                assert text == f"{secret} {step}" and state == ("continued" if step else "begun")
            return True

        jobs = mixed(gateway, 2, chat)
    secrets = {f"{nonce}k{keys.index(key)}n{number}e" for key, number in jobs}
    for turn in upstream.turns(nonce):
        text = json.dumps(turn.body)
        assert sum(secret in text for secret in secrets) == 1
