"""A forced call of a tool on a model that refuses to be forced: the client gets its call or a clear failure."""
import json

import pytest

from harness import chat_chunks, events, openai_error

pytestmark = pytest.mark.core

MODEL = "claude-sonnet-5-5"
CITY = {"type": "object", "properties": {"city": {"type": "string", "minLength": 2}}, "required": ["city"]}
CLOCK = {"type": "object", "properties": {"zone": {"type": "string"}, "long": {"type": "boolean"}}}
OPEN = {"type": "object", "properties": {"any": {"type": "object"}}}
BOTH = pytest.mark.parametrize("dialect", ["chat", "responses"])
WAYS = pytest.mark.parametrize("streams", [False, True], ids=["whole", "streamed"])


def tools(dialect, **schemas):
    functions = [{"name": name, "parameters": schema} for name, schema in schemas.items()]
    if dialect == "chat":
        return [{"type": "function", "function": each} for each in functions]
    return [{"type": "function", **each} for each in functions]


def named(dialect, name):
    return {"type": "function", "function": {"name": name}} if dialect == "chat" else {"type": "function", "name": name}


def allowed(dialect, *names):
    listed = {"mode": "required", "tools": [named(dialect, name) for name in names]}
    return {"type": "allowed_tools", "allowed_tools": listed} if dialect == "chat" else {"type": "allowed_tools", **listed}


def ask(gateway, dialect, text, schemas, choice="required", **fields):
    return gateway.ask(dialect, text, MODEL, tools=tools(dialect, **schemas), tool_choice=choice, **fields)


def outcome(response, dialect, streams):
    """The calls as (name, arguments), the text and the end that the answer tells."""
    assert response.status_code == 200, response.text[:300]
    assert "tool_choice" in response.headers["x-portcullis-ignored"]
    if dialect == "chat" and streams:
        calls, text, end = {}, "", None
        for chunk in chat_chunks(response.text):
            choice = chunk["choices"][0]
            text += choice["delta"].get("content") or ""
            end = choice["finish_reason"] or end
            for piece in choice["delta"].get("tool_calls") or []:
                call = calls.setdefault(piece["index"], ["", ""])
                call[0] += piece["function"].get("name") or ""
                call[1] += piece["function"].get("arguments") or ""
        return [tuple(call) for call in calls.values()], text, end
    if dialect == "chat":
        choice = response.json()["choices"][0]
        found = [each["function"] for each in choice["message"].get("tool_calls") or []]
        return [(each["name"], each["arguments"]) for each in found], choice["message"]["content"] or "", choice["finish_reason"]
    whole = json.loads(events(response.text)[-1][1])["response"] if streams else response.json()
    calls = [(each["name"], each["arguments"]) for each in whole["output"] if each["type"] == "function_call"]
    text = "".join(part["text"] for each in whole["output"] if each["type"] == "message" for part in each["content"])
    reason = (whole.get("incomplete_details") or {}).get("reason")
    return calls, text, reason or ("tool_calls" if calls else "stop")


def script(upstream, nonce, *texts, end="end_turn"):
    """An answer of these text blocks that ends for that reason."""
    usage = {"input_tokens": 1, "output_tokens": 9}
    message = {
        "id": "msg_01" + nonce, "type": "message", "role": "assistant", "model": MODEL, "content": [],
        "stop_reason": None, "stop_sequence": None, "usage": usage,
    }  # fmt: skip
    steps = [{"type": "message_start", "message": message}]
    for index, text in enumerate(texts):
        steps.append({"type": "content_block_start", "index": index, "content_block": {"type": "text", "text": ""}})
        for start in range(0, len(text), 3):
            delta = {"type": "text_delta", "text": text[start : start + 3]}
            steps.append({"type": "content_block_delta", "index": index, "delta": delta})
        steps.append({"type": "content_block_stop", "index": index})
    steps.append({"type": "message_delta", "delta": {"stop_reason": end, "stop_sequence": None}, "usage": usage})
    steps.append({"type": "message_stop"})
    upstream.scripts[nonce] = steps
    return f"{nonce}\nscript:{nonce}"


def formats(turn):
    return (turn.body.get("output_config") or {}).get("format")


@BOTH
@WAYS
def test_a_call_is_handed_on_with_what_came_before_it(gateway, upstream, nonce, dialect, streams):
    text = f'{nonce}\nsay:Let me see.\ncall:weather:{{"city":"Köln"}}'
    answer = ask(gateway, dialect, text, {"weather": CITY}, stream=streams)
    calls, said, end = outcome(answer, dialect, streams)
    assert [(name, json.loads(arguments)) for name, arguments in calls] == [("weather", {"city": "Köln"})]
    assert (said, end) == ("Let me see.", "tool_calls")


@BOTH
def test_the_model_is_asked_in_words_and_by_the_format(gateway, upstream, nonce, dialect):
    ask(gateway, dialect, f'{nonce}\ncall:weather:{{"city":"x"}}', {"weather": CITY, "clock": CLOCK}, named(dialect, "weather"))
    sent = upstream.only_turn(nonce)
    assert sent.body.get("tool_choice", {"type": "auto"})["type"] == "auto"
    assert {tool["name"] for tool in sent.body["tools"]} == {"weather", "clock"}
    role, texts = sent.rows()[-1]
    assert role == "user" and nonce in texts[0]
    assert texts[-1].startswith("<system>\nThis answer must be a call of the tool weather.")
    assert formats(sent) == {
        "type": "json_schema",
        "schema": {
            "type": "object",
            "properties": {"city": {"type": "string", "description": "{minLength: 2}"}},
            "required": ["city"],
            "additionalProperties": False,
        },
    }


@BOTH
@WAYS
@pytest.mark.parametrize("choice", ["required", named, allowed], ids=["required", "named", "allowed"])
def test_an_answer_in_the_format_is_the_call(gateway, upstream, nonce, dialect, streams, choice):
    said = '{"city": "Kö\\"ln \\ud83d\\ude00"}'
    choice = choice if choice == "required" else choice(dialect, "weather")
    answer = ask(gateway, dialect, f"{nonce}\nsay:{said}", {"weather": CITY}, choice, stream=streams)
    calls, text, end = outcome(answer, dialect, streams)
    assert [(name, json.loads(arguments)) for name, arguments in calls] == [("weather", json.loads(said))]
    assert (text, end) == ("", "tool_calls")
    upstream.only_turn(nonce)


@BOTH
@WAYS
def test_one_of_several_tools_is_called_by_the_format(gateway, upstream, nonce, dialect, streams):
    said = '{"call":{"tool":"clock","arguments":{"zone":"UTC"}}}'
    schemas = {"weather": CITY, "clock": CLOCK}
    answer = ask(gateway, dialect, f"{nonce}\nsay:{said}", schemas, parallel_tool_calls=False, stream=streams)
    assert outcome(answer, dialect, streams) == ([("clock", '{"zone":"UTC"}')], "", "tool_calls")
    sent = upstream.only_turn(nonce)
    assert sent.body["tool_choice"] == {"type": "auto", "disable_parallel_tool_use": True}
    branches = formats(sent)["schema"]["properties"]["call"]["anyOf"]
    assert [each["properties"]["tool"]["enum"] for each in branches] == [["weather"], ["clock"]]
    assert "one of the tools weather, clock" in sent.rows()[-1][1][-1]


@BOTH
@WAYS
def test_text_instead_of_the_call_is_a_failure(gateway, upstream, nonce, dialect, streams):
    for schemas in ({"weather": CITY}, {"f": OPEN}):
        answer = ask(gateway, dialect, f"{nonce}\nsay:I will not.", schemas, stream=streams)
        error = openai_error(answer, 502)
        assert "tool_choice" in error["message"] and "text" in error["message"]
        assert answer.headers["x-should-retry"] == "false"
    assert [formats(turn) is None for turn in upstream.turns(nonce)] == [False, True]


@BOTH
@WAYS
def test_a_call_of_another_tool_is_no_substitute(gateway, upstream, nonce, dialect, streams):
    other = f'{nonce}\ncall:clock:{{"zone":"UTC"}}'
    schemas = {"weather": CITY, "clock": CLOCK}
    openai_error(ask(gateway, dialect, other, schemas, named(dialect, "weather"), stream=streams), 502)
    both = other + '\ncall:weather:{"city":"Ulm"}'
    answer = ask(gateway, dialect, both, schemas, named(dialect, "weather"), stream=streams)
    calls, _, end = outcome(answer, dialect, streams)
    assert ([name for name, _ in calls], end) == (["weather"], "tool_calls")


@BOTH
@WAYS
def test_a_call_that_was_cut_off_ends_as_the_vendors_own(gateway, upstream, nonce, dialect, streams):
    text = script(upstream, nonce, '{"city":"Kö', end="max_tokens")
    answer = ask(gateway, dialect, text, {"weather": CITY}, stream=streams)
    calls, said, end = outcome(answer, dialect, streams)
    assert (calls, said) == ([("weather", '{"city":"Kö')], "")
    assert end == ("length" if dialect == "chat" else "max_output_tokens")


@BOTH
@WAYS
def test_a_refusal_stays_one(gateway, upstream, nonce, dialect, streams):
    text = script(upstream, nonce, "I would rather not.", end="refusal")
    calls, said, _ = outcome(ask(gateway, dialect, text, {"weather": CITY}, stream=streams), dialect, streams)
    assert (calls, said) == ([], "I would rather not.")


@BOTH
def test_instruction_and_results_go_together(gateway, upstream, nonce, dialect):
    """After the results of a round the model is told behind them."""
    if dialect == "chat":
        call = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city":"x"}'}}
        history = {
            "messages": [
                {"role": "user", "content": "go"},
                {"role": "assistant", "content": None, "tool_calls": [call]},
                {"role": "tool", "tool_call_id": "c1", "content": nonce},
            ]
        }
        path = "/v1/chat/completions"
    else:
        call = {"type": "function_call", "call_id": "c1", "name": "weather", "arguments": '{"city":"x"}'}
        output = {"type": "function_call_output", "call_id": "c1", "output": nonce}
        history = {"input": [{"role": "user", "content": "go"}, call, output], "store": False}
        path = "/v1/responses"
    body = {"model": MODEL, **history, "tools": tools(dialect, weather=CITY), "tool_choice": "required"}
    gateway.post(path, body).raise_for_status()
    last = [each for each in upstream.only_turn(nonce).body["messages"] if each["role"] == "user"][-1]["content"]
    assert last[0]["type"] == "tool_result"
    assert any("must be a call of the tool weather" in each.get("text", "") for each in last[1:])


def test_a_stored_response_holds_the_call(gateway, upstream, nonce):
    body = {"model": MODEL, "input": f'{nonce}\nsay:{{"city":"Ulm"}}', "tools": tools("responses", weather=CITY)}
    first = gateway.post("/v1/responses", {**body, "tool_choice": "required", "store": True}).json()
    kept = gateway.http().get(f"/v1/responses/{first['id']}", headers={"x-api-key": gateway.key}).json()
    assert [(each["type"], each["arguments"]) for each in kept["output"]] == [("function_call", '{"city":"Ulm"}')]
    result = {"type": "function_call_output", "call_id": kept["output"][0]["call_id"], "output": "rain"}
    again = {"model": MODEL, "previous_response_id": first["id"], "input": [result], "tools": body["tools"]}
    assert gateway.post("/v1/responses", again).status_code == 200
    rows = upstream.turns(nonce)[-1].body["messages"]
    assert [block["type"] for block in rows[1]["content"]] == ["tool_use"]
    assert rows[1]["content"][0]["input"] == {"city": "Ulm"}
    assert "must be a call" not in json.dumps(rows)


@WAYS
def test_names_that_the_model_has_for_tools_are_used_throughout(gateway, upstream, nonce, streams):
    path = {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]}
    headers = {"x-portcullis-client": "openclaw"}
    body = {"model": MODEL, "tools": tools("chat", read=path, exec=CLOCK), "tool_choice": "required", "stream": streams}
    said = '{"call":{"tool":"Read","arguments":{"file_path":"/a"}}}'
    body["messages"] = [{"role": "user", "content": f"{nonce}\nsay:{said}"}]
    answer = gateway.post("/v1/chat/completions", body, headers=headers)
    assert outcome(answer, "chat", streams) == ([("read", '{"path":"/a"}')], "", "tool_calls")
    sent = upstream.only_turn(nonce)
    assert "one of the tools Read, Bash" in sent.rows()[-1][1][-1]
    first = formats(sent)["schema"]["properties"]["call"]["anyOf"][0]["properties"]
    assert first["tool"]["enum"] == ["Read"] and list(first["arguments"]["properties"]) == ["file_path"]


def test_a_registered_servers_tool_meets_a_demand_that_names_none(mcp_site, upstream, nonce):
    fields = {"path": "/v1/chat/completions", "model": MODEL, "tools": tools("chat", mine=CITY)}
    text = f"{nonce}\nagain:1:mcp__notes__lookup"
    answer = mcp_site.ask(text, tool_choice="required", **fields)
    assert answer.status_code == 200, answer.text
    assert "Hello from upstream." in answer.json()["choices"][0]["message"]["content"]
    turns = upstream.turns(nonce)
    assert len(turns) == 2 and all(formats(turn) is None for turn in turns)
    openai_error(mcp_site.ask(f"{nonce} silent\nsay:No.", tool_choice="required", **fields), 502)
    openai_error(mcp_site.ask(text + "\n", tool_choice=named("chat", "mine"), **fields), 502)
