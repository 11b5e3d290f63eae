"""The CLI's own tools through the three dialects: what clients are shown, how conversations go on, what is refused."""
import json
import os
import signal
import statistics
import time

import pytest

from agents_at_work import made, steps
from harness import anthropic_error, descendants, eventually, openai_error, request_body, user, DIALECTS
from living import CLIENTS, WEATHER, Chat, Messages, sessions

pytestmark = pytest.mark.core

DONE = "All steps are done."
MODEL = "claude-code"
WHOLE = ["messages", "chat", "responses"]
each_client = pytest.mark.parametrize("dialect", CLIENTS)
each_dialect = pytest.mark.parametrize("dialect", DIALECTS)
streamed_or_whole = pytest.mark.parametrize("streams", [False, True], ids=["whole", "streamed"])


@pytest.fixture(scope="module")
def agents(portcullis, claude, cli_env, keys, tmp_path_factory):
    agents = made(portcullis, tmp_path_factory.mktemp("agents"), claude, cli_env, keys)
    # The second key has no workspace.
    agents.gateway.private_file("api-keys", f"user0:{keys[0]} agent=lab\nuser1:{keys[1]}\n")
    with agents.gateway:
        yield agents


def echo(nonce):
    """Two rounds: one call that is made, and one that is denied."""
    return steps([("Bash", {"command": f"echo told-{nonce}"})], [("Read", {"file_path": "/etc/shadow"})], text=nonce)


def shown(dialect, answer):
    """What a client is shown of the tools' activity, as (kind, text), in order."""
    if dialect == "messages":
        blocks = [block.model_dump(exclude_none=True) for block in answer.content]
        return [(block["type"], json.dumps(block)) for block in blocks if block["type"] not in ("text", "thinking")]
    if dialect == "chat":
        message = answer.choices[0].message
        return [("reasoning", getattr(message, "reasoning_content", None) or "")]
    return [(item.type, item.model_dump_json()) for item in answer.output if item.type != "message"]


@each_client
@streamed_or_whole
def test_the_tools_activity_is_shown_and_the_answer_is_text(agents, upstream, nonce, dialect, streams):
    client = CLIENTS[dialect](agents.gateway, MODEL, streams=streams)
    answer = client.say(echo(nonce))
    assert client.text.endswith(DONE) and "step 1. " in client.text and "told-" not in client.text
    activity = shown("responses" if dialect.startswith("responses") else dialect, answer)
    text = "\n".join(text for _, text in activity)
    assert f"echo told-{nonce}" in text and f"told-{nonce}" in text.replace(f"echo told-{nonce}", "")
    assert "/etc/shadow" in text and "outside of the workspace" in text
    assert not client.calls, "a client must not be asked to run what was run"
    if dialect == "messages":
        assert [kind for kind, _ in activity] == ["server_tool_use", "mcp_tool_result"] * 2
    elif dialect == "chat":
        assert "failed: " in text and "done: " in text
    else:
        assert [kind for kind, _ in activity] == ["mcp_call"] * 2
    turns = upstream.turns(nonce)
    assert len(turns) == 3 and {tool["name"] for tool in turns[0].body["tools"]} >= {"Read", "Bash"}


def test_a_denied_call_is_an_error_with_its_reason_and_belongs_to_its_call(agents, nonce):
    content = [block.model_dump(exclude_none=True) for block in Messages(agents.gateway, MODEL).say(echo(nonce)).content]
    calls = [block for block in content if block["type"] == "server_tool_use"]
    results = [block for block in content if block["type"] == "mcp_tool_result"]
    assert [call["name"] for call in calls] == ["Bash", "Read"]
    assert [call["input"] for call in calls] == [{"command": f"echo told-{nonce}"}, {"file_path": "/etc/shadow"}]
    assert [result["tool_use_id"] for result in results] == [call["id"] for call in calls]
    assert [result["is_error"] for result in results] == [False, True]
    assert "outside of the workspace" in results[1]["content"][0]["text"]


@pytest.mark.parametrize("dialect", ["responses", "responses by id"])
@streamed_or_whole
def test_responses_has_an_item_for_each_call_between_the_texts(agents, nonce, dialect, streams):
    client = CLIENTS[dialect](agents.gateway, MODEL, streams=streams)
    response = client.say(echo(nonce))
    assert [item.type for item in response.output] == ["message", "mcp_call", "message", "mcp_call", "message"]
    made, denied = (item for item in response.output if item.type == "mcp_call")
    assert (made.status, made.server_label, made.name) == ("completed", "lab", "Bash")
    assert json.loads(made.arguments) == {"command": f"echo told-{nonce}"}
    assert made.output.strip() == f"told-{nonce}" and made.error is None
    assert (denied.status, denied.name, denied.output) == ("failed", "Read", None)
    assert denied.error.type == "mcp_tool_execution_error"
    assert "outside of the workspace" in denied.error.content[0]["text"]
    if dialect == "responses by id":
        stored = client.connect().responses.retrieve(response.id)
        assert stored.output[1:4:2] == [made, denied] and [item.id for item in stored.output] == [
            item.id for item in response.output]


def response_events(agents, text, **fields):
    with agents.gateway.openai() as library, library.responses.create(
        model=MODEL, input=text, stream=True, store=False, **fields
    ) as stream:
        return list(stream)


def test_a_stream_tells_a_call_when_it_is_made_and_its_answer_when_it_comes(agents, nonce):
    events = response_events(agents, echo(nonce))
    assert [event.sequence_number for event in events] == list(range(len(events)))
    whole = events[-1].response
    for index, item in enumerate(whole.output):
        own = [event for event in events if getattr(event, "output_index", None) == index]
        kinds = [event.type for event in own if not event.type.endswith(".delta")]
        assert kinds[0] == "response.output_item.added" and kinds[-1] == "response.output_item.done"
        assert own[-1].item == item
        if item.type == "message":
            continue
        assert own[0].item.status == "in_progress" and own[0].item.arguments == ""
        assert kinds[1:-1] == ["response.mcp_call.in_progress", "response.mcp_call_arguments.done",
                               f"response.mcp_call.{item.status}"]
        pieces = "".join(event.delta for event in own if event.type == "response.mcp_call_arguments.delta")
        assert pieces == item.arguments == own[-3].arguments
        assert {event.item_id for event in own[1:-1]} == {item.id}


def test_calls_of_one_message_are_open_together_and_each_gets_its_answer(agents, nonce):
    calls = [("Bash", {"command": f"echo {number}-{nonce}"}) for number in range(3)]
    events = response_events(agents, steps(calls, text=nonce))
    outputs = [item.output.strip() for item in events[-1].response.output if item.type == "mcp_call"]
    assert outputs == [f"{number}-{nonce}" for number in range(3)]


def test_a_call_beyond_the_most_turns_ends_the_answer_and_has_no_item(agents, nonce):
    response = response_events(agents, steps(*[[("Bash", {"command": "true"})]] * 60, text=nonce))[-1].response
    calls = [item for item in response.output if item.type == "mcp_call"]
    assert response.status == "incomplete" and {call.status for call in calls} == {"completed"} and len(calls) == 49


def test_a_large_answer_of_a_tool_is_cut_and_said_to_be(agents, nonce):
    client = CLIENTS["responses"](agents.gateway, MODEL)
    response = client.say(steps([("Bash", {"command": "yes | head -c 20000"})], text=nonce))
    [call] = [item for item in response.output if item.type == "mcp_call"]
    assert len(call.output) == 2001 and call.output.endswith("…")


@pytest.mark.parametrize("dialect", ["responses", "responses by id"])
@streamed_or_whole
def test_items_of_calls_tell_a_new_process_what_was_done(agents, upstream, nonce, dialect, streams):
    client = CLIENTS[dialect](agents.gateway, MODEL, streams=streams)
    client.say(echo(nonce))
    end_processes(agents)
    client.say(f"say:again\nnext {nonce}")
    assert client.text == "again"
    turn = upstream.only_turn(f"next {nonce}")
    knows_what_was_done(turn, nonce)
    assert turn.outcome == "answered" and turn.mentions("outside of the workspace")
    client.say(f"say:and again\nlast {nonce}")
    assert client.text == "and again"


@pytest.mark.parametrize("dialect", ["responses", "responses by id"])
def test_items_of_calls_are_understood_by_a_model_without_tools(agents, upstream, nonce, dialect):
    client = CLIENTS[dialect](agents.gateway, MODEL)
    client.say(echo(nonce))
    client.model = "sonnet"
    client.say(f"say:again\nnext {nonce}")
    turn = upstream.only_turn(f"next {nonce}")
    assert client.text == "again" and turn.outcome == "answered" and turn.mentions(f"told-{nonce}")


def test_another_providers_mcp_items_are_left_out_and_named(agents, upstream, nonce):
    item = {"type": "mcp_call", "id": "mcp_682d437d90a88191bf88cd03aae0c3e5", "server_label": "deepwiki",
            "name": "ask", "arguments": "{}", "output": "an answer", "error": None}
    with agents.gateway.openai() as library:
        answer = library.responses.with_raw_response.create(
            model="sonnet", input=[*user("hello"), item, *user(f"say:fine\n{nonce}")], store=False)
    assert answer.headers["x-portcullis-ignored"] == "input.mcp_call" and answer.parse().output_text == "fine"


@each_client
@streamed_or_whole
def test_usage_is_that_of_all_rounds_together(agents, upstream, nonce, dialect, streams):
    client = CLIENTS[dialect](agents.gateway, MODEL, streams=streams)
    client.say(steps([("Bash", {"command": "true"})], [("Bash", {"command": "true"})], text=nonce))
    turns = upstream.turns(nonce)
    plain, written, read = 11, 5, 7
    said = sum(upstream_output(turn) for turn in turns)
    taken = plain if dialect == "messages" else plain + written + read
    assert client.usage == (3 * taken, said)


def upstream_output(turn):
    """The tokens of an answer by the upstream's count: one for each piece of its text, and those of thinking."""
    text = "".join(block["text"] for block in turn.said if block["type"] == "text")
    thinks = any(block["type"] in ("thinking", "redacted_thinking") for block in turn.said)
    return -(-len(text) // 7) + (30 if thinks else 0)


# Going on


def goes_on_in_the_process(agents, upstream, nonce):
    turns = upstream.turns(nonce)
    assert len(set(sessions(turns))) == 1, "the conversation went on in another process"
    return eventually(lambda: "process=kept" in agents.gateway.log().splitlines()[-1], "it went on in its process", 5)


def knows_what_was_done(turn, nonce):
    """The vendor gets the calls and results as they were, and nothing of the gateway's own."""
    assert turn.mentions(f"told-{nonce}") and turn.mentions("tool_result")
    assert not turn.mentions("srvtoolu_agent_") and not turn.mentions("mcp_tool_result")


@each_client
@streamed_or_whole
def test_a_client_that_sends_everything_goes_on_in_the_living_process(agents, upstream, nonce, dialect, streams):
    client = CLIENTS[dialect](agents.gateway, MODEL, streams=streams)
    client.say(echo(nonce))
    client.say(f"say:again\nnext {nonce}")
    assert client.text == "again"
    client.say(f"say:and again\nlast {nonce}")
    assert client.text == "and again"
    knows_what_was_done(upstream.only_turn(f"last {nonce}"), nonce)
    goes_on_in_the_process(agents, upstream, nonce)


THINKING = {
    "messages": {"thinking": {"type": "adaptive"}}, "chat": {"reasoning_effort": "high"},
    "responses": {"reasoning": {"effort": "high", "summary": "auto"}, "include": ["reasoning.encrypted_content"]},
}


@pytest.mark.parametrize("thinks", [False, True], ids=["", "with thinking"])
@pytest.mark.parametrize("dialect", WHOLE)
def test_a_clients_history_is_accepted_by_the_vendor_without_the_process(agents, upstream, nonce, dialect, thinks):
    client = CLIENTS[dialect](agents.gateway, MODEL, **(THINKING[dialect] if thinks else {}))
    client.say(echo(nonce))
    assert not thinks or any(block["type"] == "thinking" for block in upstream.turns(nonce)[0].said)
    end_processes(agents)
    client.say(f"say:again\nnext {nonce}")
    turn = upstream.only_turn(f"next {nonce}")
    assert client.text == "again" and turn.outcome == "answered"
    said = "".join("".join(texts) for role, texts in turn.rows() if role == "assistant")
    assert "step 1. " in said and said.endswith(DONE)
    assert not turn.mentions("srvtoolu_agent_") and not turn.mentions("mcp_tool_result")


def end_processes(agents):
    """Ends the gateway's CLI processes, as an upgrade or a lack of memory would."""
    pids = agents.gateway.children()
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    eventually(lambda: not set(pids) & set(descendants(agents.gateway.process.pid)), "its processes are gone")


NAMED = {
    "by the model": lambda nonce: {"model": f"{MODEL}:{nonce}"},
    "by a field": lambda nonce: {"model": MODEL, "extra_headers": {"x-conversation-id": nonce}},
}


@pytest.mark.parametrize("way", NAMED)
@pytest.mark.parametrize("dialect", WHOLE)
def test_a_named_conversation_goes_on_in_the_living_process(agents, upstream, nonce, dialect, way):
    named = NAMED[way](nonce)
    first, second = (CLIENTS[dialect](agents.gateway, **{"model": MODEL, **named}) for _ in range(2))
    first.say(echo(nonce))
    second.say(f"say:again\nnext {nonce}")
    assert second.text == "again"
    knows_what_was_done(upstream.only_turn(f"next {nonce}"), nonce)
    goes_on_in_the_process(agents, upstream, nonce)


@pytest.mark.parametrize("dialect", WHOLE)
def test_a_named_conversation_survives_its_process_with_all_that_was_done(agents, upstream, nonce, dialect):
    for text in (echo(nonce), f"say:again\nnext {nonce}"):
        client = CLIENTS[dialect](agents.gateway, f"{MODEL}:{nonce}")
        client.say(text)
        end_processes(agents)
    assert client.text == "again"
    knows_what_was_done(upstream.only_turn(f"next {nonce}"), nonce)


@pytest.mark.parametrize("lives", [True, False], ids=["in its process", "in a new one"])
@pytest.mark.parametrize("dialect", WHOLE)
def test_a_client_may_name_a_conversation_and_send_all_of_it(agents, upstream, nonce, dialect, lives):
    client = CLIENTS[dialect](agents.gateway, f"{MODEL}:{nonce}")
    client.say(echo(nonce))
    if not lives:
        end_processes(agents)
    client.say(f"say:again\nnext {nonce}")
    assert client.text == "again"
    knows_what_was_done(upstream.only_turn(f"next {nonce}"), nonce)
    if lives:
        goes_on_in_the_process(agents, upstream, nonce)


def test_a_conversation_may_change_its_dialect(agents, upstream, nonce):
    for dialect, text in [("chat", echo(nonce)), ("messages", f"say:a\nb {nonce}"), ("responses", f"say:a\nc {nonce}")]:
        CLIENTS[dialect](agents.gateway, f"{MODEL}:{nonce}").say(text)
    knows_what_was_done(upstream.only_turn(f"c {nonce}"), nonce)
    goes_on_in_the_process(agents, upstream, nonce)


def test_reasoning_that_a_chat_client_sends_back_is_no_part_of_the_conversation(agents, upstream, nonce):
    client = Chat(agents.gateway, MODEL)
    answer = client.say(echo(nonce))
    client.history[-1]["reasoning_content"] = answer.choices[0].message.reasoning_content
    client.say(f"say:again\nnext {nonce}")
    assert client.text == "again"
    goes_on_in_the_process(agents, upstream, nonce)


def first_byte(agents, history):
    """Seconds to the first event of a streamed answer, and the message."""
    with agents.gateway.anthropic() as library:
        began = time.monotonic()
        with library.messages.stream(model=MODEL, max_tokens=1000, messages=history) as stream:
            next(iter(stream))
            taken = time.monotonic() - began
            return taken, stream.get_final_message()


def test_the_first_byte_of_a_continued_turn_comes_in_a_fraction_of_a_cold_ones_time(agents, nonce):
    cold, continued = [], []
    for number in range(3):
        history = user(steps([("Bash", {"command": "true"})], text=f"{nonce}-{number}"))
        taken, message = first_byte(agents, history)
        cold.append(taken)
        for _ in range(3):
            blocks = [block.model_dump(exclude_none=True) for block in message.content]
            history += [{"role": "assistant", "content": blocks}, *user("say:again")]
            taken, message = first_byte(agents, history)
            continued.append(taken)
    assert statistics.median(continued) <= 0.15 * statistics.median(cold), (cold, continued)


# What is refused, and what needs no tools


@each_dialect
def test_tools_of_the_clients_own_are_refused_beside_it(agents, upstream, nonce, dialect):
    tool = WEATHER if dialect == "messages" else {"type": "function", "name": "a", "parameters": {"type": "object"}}
    if dialect == "chat":
        tool = {"type": "function", "function": {"name": "a", "parameters": {"type": "object"}}}
    answer = agents.gateway.ask(dialect, f"say:never\n{nonce}", MODEL, tools=[tool])
    error = refused(dialect, answer, 400)
    assert error["type"] == "invalid_request_error" and "tools" in error["message"]
    assert dialect == "messages" or error["param"] == "tools"
    assert not upstream.turns(nonce)


def refused(dialect, answer, status):
    return (anthropic_error if dialect == "messages" else openai_error)(answer, status)


@each_dialect
def test_a_chat_apps_background_task_uses_no_tools_and_no_workspace(agents, upstream, nonce, dialect):
    body = request_body(dialect, f"say:A title\n{nonce}", MODEL)
    answer = agents.gateway.post(DIALECTS[dialect], body, {"x-openwebui-task": "title_generation"})
    assert answer.status_code == 200 and "A title" in answer.text
    turn = upstream.only_turn(nonce)
    assert not turn.body.get("tools") and not turn.mentions(str(agents.lab))


@pytest.mark.parametrize("path, body", [
    ("/v1/messages/count_tokens", {"messages": user("Count this.")}),
    ("/v1/responses/input_tokens", {"input": "Count this."}),
])
def test_tokens_are_counted_for_it(agents, path, body):
    answer = agents.gateway.post(path, {"model": MODEL, **body})
    assert answer.status_code == 200 and answer.json()["input_tokens"] > 0


def test_tokens_of_a_history_with_its_blocks_are_counted(agents, upstream, nonce):
    client = Messages(agents.gateway, MODEL)
    client.say(echo(nonce))
    with agents.gateway.anthropic() as library:
        counted = library.messages.count_tokens(model=MODEL, messages=[*client.history, *user("More?")])
    assert counted.input_tokens > 0
    assert not any(each.mentions("srvtoolu_agent_") for each in upstream.recorded() if each.mentions(nonce))


@each_dialect
def test_a_key_without_a_workspace_is_refused_in_the_dialects_words(agents, upstream, nonce, dialect):
    body = request_body(dialect, f"say:never\n{nonce}", MODEL)
    with agents.gateway.http() as http:
        answer = http.post(DIALECTS[dialect], json=body, headers={"authorization": f"Bearer {agents.gateway.keys[1]}"})
    error = refused(dialect, answer, 403)
    assert "agent=NAME" in error["message"]
    assert dialect != "messages" or error["type"] == "permission_error"
    assert not upstream.turns(nonce)
