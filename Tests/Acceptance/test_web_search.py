"""The vendor's search of the web, which a key must be allowed: in three dialects, by the vendors' own SDKs.

The real CLI is behind the gateway. The upstream searches where the tool is offered, and refuses what the vendor refuses of
the blocks that come back.
"""
import pytest

from harness import Gateway, anthropic_error, eventually, openai_error, user
from vendor_search import cited, pages

pytestmark = pytest.mark.core

TOOL = {"type": "web_search_20250305", "name": "web_search"}
PLACE = {"type": "approximate", "city": "Bonn", "country": "DE", "timezone": "Europe/Berlin", "region": "NRW"}
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = {"name": "get_weather", "description": "Tells it.", "input_schema": SCHEMA}
FUNCTION = {"type": "function", "function": {"name": "get_weather", "parameters": SCHEMA}}
FLAT = {"type": "function", "name": "get_weather", "parameters": SCHEMA}
# One part of its own and two that cite; a letter beyond the first plane counts once, as in Python.
PARTS = ["Größe 👍: ", "Shannon was born in 1916", ' and "died" in 2001']
TEXT = "".join(PARTS)
FIRST = "I look it up."


@pytest.fixture(scope="module")
def searcher(portcullis, claude, cli_env, keys, tmp_path_factory):
    """A gateway whose first key may search five times, while its second may not."""
    shared = Gateway(portcullis, tmp_path_factory.mktemp("searcher"), keys, claude, cli_env)
    path = shared.folder / "api-keys"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0] + " web-search=yes", *lines[1:]]) + "\n")
    with shared:
        yield shared


def question(nonce, *queries):
    return "\n".join([nonce, *(f"search:{each}" for each in queries or ["shannon"]), "say:" + "|".join(PARTS)])


def offered(upstream, nonce):
    """The search as the vendor was offered it."""
    return [each for each in upstream.only_turn(nonce).body["tools"] if each.get("type", "custom") != "custom"]


def bearer(gateway, number=0):
    return {"authorization": f"Bearer {gateway.keys[number]}"}


# Messages


@pytest.mark.parametrize("streams", [False, True], ids=["whole", "streamed"])
def test_messages_bring_the_blocks_as_they_are(searcher, upstream, nonce, streams):
    client = searcher.anthropic()
    request = {"model": "claude-sonnet-5-5", "max_tokens": 500, "messages": user(question(nonce)), "tools": [TOOL]}
    if streams:
        with client.messages.stream(**request) as stream:
            message = stream.get_final_message()
    else:
        message = client.messages.create(**request)
    first, call, found, own, *citing = [each for each in message.content if each.type != "thinking"]
    assert (first.type, first.text) == ("text", FIRST)
    assert (call.type, call.name, call.input) == ("server_tool_use", "web_search", {"query": "shannon"})
    assert found.type == "web_search_tool_result" and found.tool_use_id == call.id
    assert [each.model_dump(exclude_none=True) for each in found.content] == pages("shannon")
    assert own.text == PARTS[0] and not own.citations
    assert [each.text for each in citing] == PARTS[1:]
    assert [each.citations[0].model_dump() for each in citing] == [cited(page) for page in pages("shannon")]
    assert message.stop_reason == "end_turn" and message.usage.server_tool_use.web_search_requests == 1
    assert offered(upstream, nonce) == [{**TOOL, "max_uses": 5}]


def test_what_came_goes_back_whole(searcher, upstream, nonce):
    client = searcher.anthropic()
    first = client.messages.create(
        model="claude-sonnet-5-5", max_tokens=500, messages=user(question(nonce + "a", "shannon", "fail")), tools=[TOOL])
    said = [each.model_dump(exclude_none=True) for each in first.content]
    messages = [*user(question(nonce + "a", "shannon", "fail")), {"role": "assistant", "content": said}, *user(f"say:so\n{nonce}b")]
    second = client.messages.create(model="claude-sonnet-5-5", max_tokens=500, messages=messages, tools=[TOOL])
    assert second.content[-1].text == "so"
    sent = [each for each in upstream.only_turn(nonce + "b").body["messages"] if each["role"] == "assistant"]
    kinds = ("server_tool_use", "web_search_tool_result")
    assert [each for each in sent[0]["content"] if each["type"] in kinds] == [each for each in said if each["type"] in kinds]
    assert [each.get("citations") for each in sent[0]["content"] if each["type"] == "text"] == [
        None, None, [cited(pages("shannon")[0])], [cited(pages("shannon")[1])]]


def test_a_search_stands_beside_the_clients_tools(searcher, upstream, nonce):
    client = searcher.anthropic()
    tools = [WEATHER, TOOL, {**WEATHER, "name": "another"}]
    messages = user(f'{nonce}a\nsearch:shannon\ncall:get_weather:{{"city":"Bonn"}}')
    first = client.messages.create(model="claude-sonnet-5-5", max_tokens=500, messages=messages, tools=tools)
    kinds = [each.type for each in first.content if each.type != "thinking"]
    assert kinds == ["text", "server_tool_use", "web_search_tool_result", "text", "tool_use"]
    assert first.stop_reason == "tool_use" and first.content[-1].input == {"city": "Bonn"}
    body = upstream.only_turn(nonce + "a").body
    assert body["tools"] == [{**WEATHER, "name": "another"}, WEATHER, {**TOOL, "max_uses": 5}]
    said = [each.model_dump(exclude_none=True) for each in first.content]
    result = {"type": "tool_result", "tool_use_id": first.content[-1].id, "content": f"sunny {nonce}b"}
    messages += [{"role": "assistant", "content": said}, {"role": "user", "content": [result]}]
    second = client.messages.create(model="claude-sonnet-5-5", max_tokens=500, messages=messages, tools=tools)
    assert second.stop_reason == "end_turn"
    rows = [each for each in upstream.turns(nonce + "b")[-1].body["messages"] if each["role"] == "assistant"]
    assert [each["type"] for each in rows[0]["content"] if each["type"] != "thinking"] == kinds


@pytest.mark.parametrize("asked, uses", [(1, 1), (5, 5), (50, 5), (None, 5)])
def test_the_keys_bound_holds_and_a_smaller_one_of_the_request(searcher, upstream, nonce, asked, uses):
    tool = {**TOOL, **({"max_uses": asked} if asked else {}), "allowed_domains": ["a.example"], "user_location": PLACE}
    tool["cache_control"] = {"type": "ephemeral"}
    searcher.anthropic().messages.create(
        model="claude-sonnet-5-5", max_tokens=500, messages=user(f"{nonce}\nsay:x"), tools=[tool])
    assert offered(upstream, nonce) == [
        {**TOOL, "max_uses": uses, "allowed_domains": ["a.example"], "user_location": PLACE}]


@pytest.mark.parametrize("version", ["web_search_20260209", "web_search_20260318"])
def test_later_versions_go_through(searcher, upstream, nonce, version):
    tool = {"type": version, "name": "web_search", "blocked_domains": ["b.example"], "allowed_callers": ["direct"]}
    searcher.anthropic().messages.create(
        model="claude-sonnet-5-5", max_tokens=500, messages=user(f"{nonce}\nsearch:x\nsay:x"), tools=[tool])
    assert offered(upstream, nonce) == [{**tool, "max_uses": 5}]


@pytest.mark.parametrize("tool, param", [
    ({**TOOL, "name": "search"}, "tools[0].name"), ({**TOOL, "max_uses": 0}, "tools[0].max_uses"),
    ({**TOOL, "allowed_domains": ["a"], "blocked_domains": ["b"]}, "tools[0].blocked_domains"),
    ({**TOOL, "user_location": {"type": "exact"}}, "tools[0].user_location.type"),
    ({**TOOL, "allowed_domains": "a"}, "tools[0].allowed_domains"),
])
def test_a_wrong_tool_is_refused_by_its_field(searcher, tool, param):
    error = anthropic_error(searcher.ask_message("Hi", tools=[tool]), 400)
    assert error["message"].startswith(param)


def test_a_tool_of_the_same_name_is_refused(searcher):
    error = anthropic_error(searcher.ask_message("Hi", tools=[TOOL, {**WEATHER, "name": "web_search"}]), 400)
    assert "unique" in error["message"]


def test_a_conversation_kept_by_name_keeps_the_blocks(searcher, upstream, nonce):
    client = searcher.anthropic(default_headers={"x-conversation-id": f"search {nonce}"})
    request = {"model": "claude-sonnet-5-5", "max_tokens": 500, "tools": [TOOL]}
    client.messages.create(messages=user(question(nonce + "a")), **request)
    client.messages.create(messages=user(f"say:so\n{nonce}b"), **request)
    sent = [each for each in upstream.only_turn(nonce + "b").body["messages"] if each["role"] == "assistant"]
    assert [each["type"] for each in sent[0]["content"] if each["type"] != "thinking"] == [
        "text", "server_tool_use", "web_search_tool_result", "text", "text", "text"]
    assert sent[0]["content"][-1]["citations"] == [cited(pages("shannon")[1])]


def test_an_answer_that_paused_goes_on(searcher, upstream, nonce):
    client = searcher.anthropic()
    request = {"model": "claude-sonnet-5-5", "max_tokens": 500, "tools": [TOOL]}
    first = client.messages.create(messages=user(f"{nonce}a\nsearch:shannon\npause"), **request)
    assert first.stop_reason == "pause_turn"
    said = [each.model_dump(exclude_none=True) for each in first.content]
    second = client.messages.create(messages=[*user(f"{nonce}a\nsearch:shannon\npause"), {"role": "assistant", "content": said}],
                                    **request)
    assert second.stop_reason == "end_turn"
    rows = upstream.turns(nonce + "a")[-1].rows()
    assert [role for role, _ in rows] == ["user", "assistant", "user"] and "Go on with the answer." in rows[-1][1][-1]


@pytest.mark.parametrize("dialect, choice", [
    ("messages", {"type": "tool", "name": "web_search"}), ("messages", {"type": "any"}), ("chat", "required"),
    ("responses", {"type": "web_search"}), ("responses", "required"),
    ("responses", {"type": "allowed_tools", "mode": "required", "tools": [{"type": "web_search"}]})])
def test_a_search_that_must_be_is_asked_for_in_words(searcher, upstream, nonce, dialect, choice):
    tool = TOOL if dialect == "messages" else {"type": "web_search"}
    response = searcher.ask(dialect, f"{nonce}\nsearch:shannon\nsay:x", model="claude-sonnet-5-5", tools=[tool], tool_choice=choice)
    assert response.status_code == 200 and response.headers["x-portcullis-ignored"] == "tool_choice"
    turn = upstream.only_turn(nonce)
    assert "Search the web before you answer." in turn.rows()[-1][1][-1] and turn.body.get("tool_choice") is None


def test_a_process_that_lives_on_searches_only_when_it_may(searcher, upstream, nonce):
    """The same conversation with and without the search, and with other tools; and then another one."""
    client = searcher.anthropic()
    asked = [[TOOL], None, [WEATHER], [WEATHER, TOOL], [WEATHER], [TOOL]]
    messages = []
    for number, tools in enumerate(asked):
        messages += user(f"say:a{number}\n{nonce}{number}x")
        answer = client.messages.create(
            model="claude-sonnet-5-5", max_tokens=500, messages=messages, **({"tools": tools} if tools else {}))
        messages.append({"role": "assistant", "content": answer.content[-1].text})
        bounded = [{**each, "max_uses": 5} if each is TOOL else each for each in tools or []]
        assert upstream.only_turn(f"{nonce}{number}x").body.get("tools", []) == bounded
    client.messages.create(model="claude-sonnet-5-5", max_tokens=500, messages=user(f"say:b\nother{nonce}"))
    assert upstream.only_turn(f"other{nonce}").body.get("tools", []) == []


def test_many_large_tools_stand_beside_it_unchanged(searcher, upstream, nonce):
    tools = [{"name": f"tool{number:02}", "description": f'{number} "ü" \\ ' + "x" * 8000, "input_schema": SCHEMA} for number in range(60)]
    searcher.anthropic().messages.create(
        model="claude-sonnet-5-5", max_tokens=500, messages=user(f"say:x\n{nonce}"), tools=[*tools, TOOL])
    assert upstream.only_turn(nonce).body["tools"] == [*tools, {**TOOL, "max_uses": 5}]


# Chat Completions


def chat_annotations(start):
    first, second = start + len(PARTS[0]), start + len(PARTS[0] + PARTS[1])
    one, two = pages("shannon")
    return [
        {"type": "url_citation", "url_citation": {
            "start_index": first, "end_index": second, "url": one["url"], "title": one["title"]}},
        {"type": "url_citation", "url_citation": {
            "start_index": second, "end_index": second + len(PARTS[2]), "url": two["url"], "title": two["title"]}},
    ]


@pytest.mark.parametrize("asking", [
    {"web_search_options": {}}, {"tools": [{"type": "web_search"}]}, {"tools": [FUNCTION, {"type": "web_search_preview"}]}])
def test_chat_tells_which_part_rests_on_which_page(searcher, upstream, nonce, asking):
    answer = searcher.openai().chat.completions.create(model="claude-sonnet-5-5", messages=user(question(nonce)), **asking)
    message = answer.choices[0].message
    assert message.content == FIRST + TEXT and answer.choices[0].finish_reason == "stop"
    assert [each.model_dump() for each in message.annotations] == chat_annotations(len(FIRST))
    one = message.annotations[0].url_citation
    assert message.content[one.start_index:one.end_index] == PARTS[1]
    assert offered(upstream, nonce) == [{**TOOL, "max_uses": 5}]


def test_chat_streams_the_same(searcher, nonce):
    text, annotations = "", []
    for chunk in searcher.openai().chat.completions.create(
            model="claude-sonnet-5-5", messages=user(question(nonce)), web_search_options={}, stream=True):
        delta = chunk.choices[0].delta
        text += delta.content or ""
        for each in getattr(delta, "annotations", None) or []:
            annotations.append(each)
            # What it speaks of has come by then.
            assert each["url_citation"]["end_index"] == len(text)
    assert text == FIRST + TEXT and annotations == chat_annotations(len(FIRST))


def test_chats_options_become_the_vendors(searcher, upstream, nonce):
    place = {"type": "approximate", "approximate": {"city": "Bonn", "country": "DE", "timezone": "Europe/Berlin", "region": "NRW"}}
    response = searcher.openai().chat.completions.with_raw_response.create(
        model="claude-sonnet-5-5", messages=user(f"{nonce}\nsay:x"),
        web_search_options={"user_location": place, "search_context_size": "high"})
    assert response.headers["x-portcullis-ignored"] == "web_search_options.search_context_size"
    assert offered(upstream, nonce) == [{**TOOL, "max_uses": 5, "user_location": PLACE}]


def test_a_chat_that_goes_on_sends_what_it_was_told(searcher, upstream, nonce):
    client = searcher.openai()
    first = client.chat.completions.create(
        model="claude-sonnet-5-5", messages=user(question(nonce + "a")), web_search_options={})
    messages = [*user(question(nonce + "a")), first.choices[0].message.model_dump(exclude_none=True), *user(f"say:so\n{nonce}b")]
    second = client.chat.completions.create(model="claude-sonnet-5-5", messages=messages, web_search_options={})
    assert second.choices[0].message.content == "so"
    assert [role for role, _ in upstream.only_turn(nonce + "b").rows()] == ["user", "assistant", "user"]


# Responses


def url_citations(start):
    return [{"type": "url_citation", **each["url_citation"]} for each in chat_annotations(start)]


def test_a_response_has_the_search_as_an_item(searcher, upstream, nonce):
    response = searcher.openai().responses.create(
        model="claude-sonnet-5-5", input=question(nonce, "shannon", "fail"), tools=[{"type": "web_search"}], store=False,
        include=["web_search_call.action.sources"])
    first, one, two, message = [each for each in response.output if each.type != "reasoning"]
    assert first.content[0].text == FIRST and response.status == "completed"
    assert (one.type, one.status, one.action.type, one.action.query) == ("web_search_call", "completed", "search", "shannon")
    assert one.action.queries == ["shannon"]
    assert [each.url for each in one.action.sources] == [each["url"] for each in pages("shannon")]
    assert (two.status, two.action.query, two.action.sources) == ("failed", "fail", [])
    part = message.content[0]
    assert len(message.content) == 1 and part.text == TEXT
    assert [each.model_dump() for each in part.annotations] == url_citations(0)
    assert part.text[part.annotations[0].start_index:part.annotations[0].end_index] == PARTS[1]
    assert response.output_text == FIRST + TEXT


def test_a_response_streams_the_search_and_what_rests_on_it(searcher, nonce):
    with searcher.openai().responses.stream(
            model="claude-sonnet-5-5", input=question(nonce), tools=[{"type": "web_search_preview"}], store=False) as stream:
        events = list(stream)
        final = stream.get_final_response()
    assert [each.sequence_number for each in events] == list(range(len(events)))
    kinds = [each.type for each in events]
    at = kinds.index("response.web_search_call.in_progress")
    assert kinds[at - 1:at + 4] == [
        "response.output_item.added", "response.web_search_call.in_progress", "response.web_search_call.searching",
        "response.web_search_call.completed", "response.output_item.done"]
    assert len({each.output_index for each in events[at - 1:at + 4]}) == 1
    item = events[at + 3].item
    assert (item.type, item.status, item.action.query, item.id) == ("web_search_call", "completed", "shannon", events[at].item_id)
    added = [each for each in events if each.type == "response.output_text.annotation.added"]
    assert [(each.annotation_index, each.annotation.model_dump()) for each in added] == list(enumerate(url_citations(0)))
    text = [each for each in final.output if each.type == "message"][-1]
    assert {each.item_id for each in added} == {text.id}
    assert [each.model_dump() for each in text.content[0].annotations] == url_citations(0)
    done = [each for each in events if each.type == "response.output_text.done"][-1]
    assert done.text == text.content[0].text == TEXT


def test_a_responses_options_become_the_vendors(searcher, upstream, nonce):
    tool = {"type": "web_search", "filters": {"allowed_domains": ["a.example"]}, "search_context_size": "low", "user_location": PLACE}
    response = searcher.openai().responses.with_raw_response.create(
        model="claude-sonnet-5-5", input=f"{nonce}\nsay:x", tools=[FLAT, tool], store=False)
    assert response.headers["x-portcullis-ignored"] == "tools[1].search_context_size"
    assert offered(upstream, nonce) == [{**TOOL, "max_uses": 5, "allowed_domains": ["a.example"], "user_location": PLACE}]


def test_a_search_that_shall_fetch_nothing_is_left_out(searcher, upstream, nonce):
    response = searcher.openai().responses.with_raw_response.create(
        model="claude-sonnet-5-5", input=f"{nonce}\nsay:x", tools=[FLAT, {"type": "web_search", "external_web_access": False}],
        store=False)
    assert response.headers["x-portcullis-ignored"] == "tools[1]" and offered(upstream, nonce) == []


@pytest.mark.parametrize("choice, uses", [
    ({"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "get_weather"}]}, 0),
    ({"type": "allowed_tools", "mode": "auto", "tools": [{"type": "web_search"}]}, 1), ("auto", 1)])
def test_only_what_may_be_called_is_offered(searcher, upstream, nonce, choice, uses):
    searcher.openai().responses.create(
        model="claude-sonnet-5-5", input=f"{nonce}\nsay:x", tools=[FLAT, {"type": "web_search"}], tool_choice=choice, store=False)
    assert len(offered(upstream, nonce)) == uses


def test_a_response_that_goes_on_from_another_is_answered(searcher, upstream, nonce):
    client = searcher.openai()
    tools = [{"type": "web_search"}]
    first = client.responses.create(model="claude-sonnet-5-5", input=question(nonce + "a"), tools=tools)
    second = client.responses.create(
        model="claude-sonnet-5-5", input=f"say:so\n{nonce}b", tools=tools, previous_response_id=first.id)
    assert second.output_text == "so"
    assert [role for role, _ in upstream.only_turn(nonce + "b").rows()] == ["user", "assistant", "user"]
    own = [each.model_dump(exclude_none=True) for each in first.output]
    third = client.responses.create(
        model="claude-sonnet-5-5", input=[*user(question(nonce + "a")), *own, *user(f"say:so\n{nonce}c")], tools=tools, store=False)
    assert third.output_text == "so"


# Keys that may not


def test_a_key_that_may_not_is_told_what_its_owner_can_do(searcher, upstream, nonce):
    with searcher.http(headers=bearer(searcher, 1)) as http:
        for path, body, param in [
            ("/v1/messages", {"max_tokens": 9, "messages": user(nonce), "tools": [TOOL]}, "tools[0]"),
            ("/v1/messages", {"max_tokens": 9, "messages": user(nonce), "tools": [WEATHER, TOOL]}, "tools[1]"),
            ("/v1/chat/completions", {"messages": user(nonce), "web_search_options": {}}, "web_search_options"),
            ("/v1/chat/completions", {"messages": user(nonce), "tools": [{"type": "web_search"}]}, "tools[0]"),
            ("/v1/responses", {"input": nonce, "tools": [{"type": "web_search_preview"}]}, "tools[0]"),
            ("/v1/responses", {"input": nonce, "tools": [FLAT, {"type": "web_search"}], "tool_choice": {"type": "web_search"}},
             "tool_choice"),
        ]:
            response = http.post(path, json={"model": "sonnet", **body})
            error = anthropic_error(response, 400) if "messages" in path else openai_error(response, 400)
            assert error["message"].startswith(f"{param}: this key may not search the web") and "web-search=yes" in error["message"]
            assert "MCP" in error["message"]
            if "messages" not in path:
                assert (error["param"], error["code"]) == (param, "web_search_not_allowed")
    assert upstream.turns(nonce) == []


@pytest.mark.parametrize("headers, tools", [
    ({}, [FLAT, {"type": "web_search"}]), ({"user-agent": "codex_exec/0.163.0"}, [{"type": "web_search", "external_web_access": True}])])
def test_an_agent_that_always_sends_it_is_answered_without(searcher, upstream, nonce, headers, tools):
    with searcher.http(headers={**bearer(searcher, 1), **headers}) as http:
        response = http.post("/v1/responses", json={"model": "sonnet", "input": f"{nonce}\nsay:x", "tools": tools, "store": False})
    assert response.status_code == 200 and response.headers["x-portcullis-ignored"] == f"tools[{len(tools) - 1}]"
    assert offered(upstream, nonce) == []


def test_what_it_costs_is_counted(searcher, nonce):
    before = usage(searcher)
    searcher.anthropic().messages.create(
        model="claude-sonnet-4-5", max_tokens=500, messages=user(question(nonce, "a", "b")), tools=[TOOL])
    # Two searches are two cents, beside a few tokens. A turn is counted behind its answer.
    eventually(lambda: 0.02 <= usage(searcher) - before < 0.03, "both searches are counted")


def usage(gateway):
    with gateway.http(headers=bearer(gateway)) as http:
        return http.get("/v1/usage").json()["total"]["cost_usd"]
