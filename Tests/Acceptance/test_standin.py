"""The stand-in `claude` takes the place of the real one: for demonstrations, and for tests of processes that are kept."""
import json
import subprocess

import pytest

from harness import user

pytestmark = pytest.mark.core

HOOKS = {"PreToolUse": [{"hookCallbackIds": ["p"]}]}


class Talk:
    """One stand-in process, written to and read from by hand."""

    def __init__(self, program, **environment):
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
        self.questions = []

    def write(self, **row):
        self.process.stdin.write(json.dumps(row).encode() + b"\n")
        self.process.stdin.flush()

    def lines(self):
        return map(json.loads, self.process.stdout)

    def until(self, kind):
        """All lines up to the first of this type."""
        found = []
        for line in self.lines():
            found.append(line)
            if line["type"] == kind:
                return found
        raise EOFError(found)

    def ask(self, subtype, **request):
        """What is answered to a control request."""
        self.write(type="control_request", request_id=subtype, request={"subtype": subtype, **request})
        return self.until("control_response")[-1]["response"]

    def initialize(self, *tools, server="c", **request):
        """Hands the tools over as the gateway does; each is a name or a pair of name and description."""
        pairs = [tool if isinstance(tool, tuple) else (tool, "") for tool in tools]
        listed = [{"name": name, "description": text, "inputSchema": {"type": "object"}} for name, text in pairs]
        manifests = {"sdkMcpServerManifests": {server: {"toolsListResult": {"tools": listed}}}} if tools else {}
        return self.ask("initialize", hooks=HOOKS, **manifests, **request)

    def send(self, content, uuid=None, **fields):
        uuid = uuid or f"row-{len(self.questions)}"
        self.questions.append(uuid)
        self.write(type="user", uuid=uuid, message={"role": "user", "content": content}, **fields)

    def turn(self, content, **fields):
        self.send(content, **fields)
        return self.until("result")

    def recall(self):
        return json.loads(self.turn("standin:recall")[-1]["result"])

    def rewind(self):
        target, self.seen = self.questions[0], self.questions[-1]
        answer = self.ask("rewind_conversation", target_message_uuid=target, last_seen_user_message_uuid=self.seen)
        return answer["response"]

    def defer(self):
        """Has a call put off; returns what was asked."""
        asked = self.until("control_request")[-1]
        decision = {"hookSpecificOutput": {"hookEventName": "PreToolUse", "permissionDecision": "defer"}}
        response = {"subtype": "success", "request_id": asked["request_id"], "response": decision}
        self.write(type="control_response", response=response)
        return asked["request"]


@pytest.fixture
def talk(standin):
    made = []

    def start(**environment):
        made.append(Talk(standin, **environment))
        return made[-1]

    yield start
    for each in made:
        each.process.kill()
        each.process.wait()
        each.process.stdout.close()


@pytest.fixture
def demonstration(make_gateway, standin):
    return make_gateway(cli=standin, cli_env=None).ready()


def test_both_dialects_get_an_answer(demonstration):
    message = demonstration.anthropic().messages.create(model="sonnet", max_tokens=100, messages=user("Hello"))
    assert message.content[0].text and message.stop_reason == "end_turn"
    stream = demonstration.openai().chat.completions.create(model="sonnet", messages=user("Hello"), stream=True)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in stream)


def test_a_block_of_a_kind_that_the_vendor_does_not_know_is_refused_as_there(demonstration):
    for content in [[{"type": "AAA", "text": "x"}], [{"type": "text", "text": "x"}, {"type": "", "text": "y"}]]:
        with demonstration.http() as http:
            body = {"model": "sonnet", "max_tokens": 9, "messages": [{"role": "user", "content": content}]}
            answer = http.post("/v1/messages", json=body, headers={"x-api-key": demonstration.key})
        assert (answer.status_code, answer.json()["error"]["type"]) == (400, "invalid_request_error"), content


def test_a_process_answers_any_number_of_rows(talk):
    cli = talk()
    cli.initialize(systemPrompt=["Be brief."])
    for number in range(3):
        kinds = [(line["type"], line.get("subtype")) for line in cli.turn(f"standin:echo answer {number}")]
        assert ("system", "init") in kinds and kinds[-1] == ("result", "success")
    held = cli.recall()
    assert held["messages"][:2] == ["user: standin:echo answer 0", "assistant: answer 0"]
    assert (len(held["messages"]), held["turns"], held["rewinds"], held["system"]) == (7, 4, 0, ["Be brief."])


def test_history_rows_are_held_too(talk):
    cli = talk()
    cli.turn("first", shouldQuery=False)
    cli.write(type="assistant", message={"role": "assistant", "content": [{"type": "text", "text": "second"}]})
    assert cli.recall()["messages"] == ["user: first", "assistant: second", "user: standin:recall"]


def test_a_deferred_call_ends_the_turn_and_the_next_row_brings_its_result(talk):
    cli = talk(CLAUDE_CODE_MAX_TURNS="1")
    cli.initialize("weather")
    cli.send('standin:calls 1 weather {"city": "Rome"}')
    request = cli.defer()
    assert (request["subtype"], request["callback_id"]) == ("hook_callback", "p")
    assert request["input"].items() >= {"tool_name": "weather", "tool_input": {"city": "Rome"}}.items()
    result = cli.until("result")[-1]
    assert (result["subtype"], result["is_error"], result["terminal_reason"]) == ("success", False, "tool_deferred")
    block = {"type": "tool_result", "tool_use_id": request["tool_use_id"], "content": [{"type": "text", "text": "sunny"}]}
    assert "sunny" in cli.turn([block])[-1]["result"]


def test_parallel_calls_are_all_asked_about_before_the_answer_ends(talk):
    cli = talk(CLAUDE_CODE_MAX_TURNS="1")
    cli.initialize("weather")
    cli.send("standin:calls 2 weather")
    assert len({cli.defer()["tool_use_id"] for _ in range(2)}) == 2
    kinds = [line.get("event", line)["type"] for line in cli.until("result")]
    assert [kind for kind in kinds if kind.startswith("message_")] == ["message_delta", "message_stop"]


def test_without_a_hook_the_call_itself_waits_for_its_result(talk):
    cli = talk(CLAUDE_CODE_MAX_TURNS="1")
    listed = {"tools": [{"name": "weather", "inputSchema": {}}]}
    cli.ask("initialize", sdkMcpServerManifests={"c": {"toolsListResult": listed}})
    cli.send("standin:calls 1 weather")
    asked = cli.until("control_request")[-1]
    assert (asked["request"]["server_name"], asked["request"]["message"]["method"]) == ("c", "tools/call")
    cli.write(type="control_response", response={"subtype": "success", "request_id": asked["request_id"]})
    assert cli.until("result")[-1]["subtype"] == "error_max_turns"


def test_a_call_of_an_unknown_tool_is_nobodys(talk):
    cli = talk(CLAUDE_CODE_MAX_TURNS="1")
    cli.initialize("weather")
    lines = cli.turn("standin:calls 1 whether")
    assert lines[-1]["subtype"] == "error_max_turns"
    assert "control_request" not in {line["type"] for line in lines}


def test_a_settings_row_changes_what_it_names_and_clears_by_null_and_by_nothing(talk):
    cli = talk()
    names = "CLAUDE_CODE_EXTRA_BODY", "CLAUDE_CODE_DISABLE_THINKING", "ANTHROPIC_BETAS"
    cli.ask("apply_flag_settings", settings={"effortLevel": "high", "env": dict.fromkeys(names, "1")})
    cli.turn("Hello")
    cli.ask("apply_flag_settings", settings={"model": "opus", "env": None})
    assert cli.recall().items() >= {"effort": "high", "env": dict.fromkeys(names, "1")}.items()
    cli.ask("apply_flag_settings", settings={"effortLevel": None, "env": {names[0]: "", names[1]: None, names[2]: "2"}})
    held = cli.recall()
    assert "effort" not in held
    assert held["env"] == {"ANTHROPIC_BETAS": "1"}, "a process's betas are those of its first request"


def test_a_rewound_process_has_forgotten_its_conversation(talk):
    cli = talk()
    cli.initialize(systemPrompt=["Former."])
    cli.turn("a secret")
    cli.turn("another")
    assert cli.rewind() == {"rewound": True}
    cli.ask("set_model", model="opus", system_prompt="Later.", only_if_model_is_current=True)
    held = cli.recall()
    assert held["messages"] == ["user: standin:recall"]
    assert (held["rewinds"], held["turns"], held["system"]) == (1, 3, ["Later."])


@pytest.mark.parametrize("target, last, reason", [
    ("none", "row-1", "target_not_found"),
    ("row-0", None, "stale_target"),
    ("row-0", "row-0", "stale_target"),
])
def test_a_rewind_that_does_not_name_the_conversation_is_refused(talk, target, last, reason):
    cli = talk()
    for text in "a secret", "another":
        cli.turn(text)
    answer = cli.ask("rewind_conversation", target_message_uuid=target, last_seen_user_message_uuid=last)
    assert answer["response"] == {"rewound": False, "reason": reason}
    assert "user: a secret" in cli.recall()["messages"]


def test_a_row_whose_name_was_used_before_is_swallowed(talk):
    cli = talk()
    cli.turn("first", uuid="one")
    assert cli.rewind()["rewound"]
    cli.send("second", uuid="one")
    assert cli.recall()["messages"] == ["user: standin:recall"]


def test_a_second_initialize_brings_tools_and_leaves_the_prompt_and_the_hooks(talk):
    cli = talk()
    cli.initialize(("former", "one"), systemPrompt=["Stays."])
    cli.turn("Hello")
    cli.rewind()
    cli.ask("mcp_set_servers", servers={})
    cli.ask("initialize", systemPrompt=["Ignored."], sdkMcpServerManifests={
        "c2": {"toolsListResult": {"tools": [{"name": "later", "description": "two", "inputSchema": {}}]}}})
    held = cli.recall()
    assert (held["tools"], held["system"]) == (["later: two"], ["Stays."])
    cli.send("standin:calls 1 later")
    assert cli.defer()["input"]["tool_name"] == "later"


def test_the_leaks_of_the_real_program_are_there_to_be_avoided(talk):
    cli = talk()
    cli.initialize(("tool", "one"))
    cli.turn("Hello")
    cli.rewind()
    cli.ask("mcp_set_servers", servers={})
    cli.initialize(("tool", "two"), server="c")
    assert cli.recall()["tools"] == ["tool: one", "tool: one"], "the server's name and the description are the former's"


def test_it_dies_behind_its_answer(talk):
    cli = talk()
    assert cli.turn("standin:at result die")[-1]["result"] == "noted"
    assert cli.process.wait(5) == 1


@pytest.mark.parametrize("event", ["user", "rewind_conversation", "apply_flag_settings"])
def test_it_dies_at_what_it_was_told_to(talk, event):
    cli = talk()
    cli.turn(f"standin:at {event} die")
    with pytest.raises(EOFError):
        cli.turn("Hello") if event == "user" else cli.ask(event)
    assert cli.process.wait(5) == 1


def test_it_hangs_in_mid_rewind(talk):
    cli = talk()
    cli.turn("standin:at rewind_conversation hang")
    cli.write(type="control_request", request_id="w", request={"subtype": "rewind_conversation"})
    cli.process.stdin.close()
    with pytest.raises(subprocess.TimeoutExpired):
        cli.process.wait(0.5)


def test_it_refuses_what_it_was_told_to_once(talk):
    cli = talk()
    cli.turn("standin:at rewind_conversation refuse")
    assert cli.rewind() == {"rewound": False, "reason": "state_changed"}
    cli.turn("standin:at mcp_set_servers refuse")
    assert [cli.ask("mcp_set_servers", servers={})["subtype"] for _ in range(2)] == ["error", "success"]


def test_late_lines_come_before_the_next_turn_begins(talk):
    cli = talk()
    cli.turn("standin:at user late")
    assert cli.until("command_lifecycle")[-1]["state"] == "completed"
    lines = cli.turn("Hello")
    assert [line["type"] for line in lines[:4]] == ["stream_event", "assistant", "rate_limit_event", "command_lifecycle"]
    assert "late" not in lines[-1]["result"]
