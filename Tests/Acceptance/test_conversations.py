"""What the model sees is what the client sent: rows stay rows, blocks stay blocks, text stays text."""
import pathlib

import pytest

from harness import user


@pytest.mark.core
def test_history_reaches_the_model_as_rows(gateway, upstream, nonce):
    messages = [
        {"role": "user", "content": "first question"},
        {"role": "assistant", "content": "first answer"},
        {"role": "user", "content": [{"type": "text", "text": "second"}, {"type": "text", "text": "question"}]},
        {"role": "assistant", "content": [{"type": "text", "text": "second answer"}]},
        {"role": "user", "content": f"third question {nonce}"},
    ]
    gateway.anthropic().messages.create(model="sonnet", max_tokens=100, messages=messages)
    assert upstream.only_turn(nonce).rows() == [
        ("user", ["first question"]),
        ("assistant", ["first answer"]),
        ("user", ["second", "question"]),
        ("assistant", ["second answer"]),
        ("user", [f"third question {nonce}"]),
    ]


def test_chat_history_reaches_the_model_as_rows(gateway, upstream, nonce):
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "first question"},
        {"role": "assistant", "content": "first answer"},
        {"role": "user", "content": [{"type": "text", "text": f"second question {nonce}"}]},
    ]
    gateway.openai().chat.completions.create(model="sonnet", messages=messages)
    turn = upstream.only_turn(nonce)
    assert turn.rows() == [
        ("user", ["first question"]),
        ("assistant", ["first answer"]),
        ("user", [f"second question {nonce}"]),
    ]
    assert "Be brief." in turn.system_texts()


def test_twenty_turns_keep_their_order(gateway, upstream, nonce):
    messages = []
    for number in range(20):
        messages += [
            {"role": "user", "content": f"question {number}"},
            {"role": "assistant", "content": f"answer {number}"},
        ]
    messages += user(f"last question {nonce}")
    gateway.anthropic().messages.create(model="sonnet", max_tokens=100, messages=messages)
    expected = [(each["role"], [each["content"]]) for each in messages]
    assert upstream.only_turn(nonce).rows() == expected


@pytest.mark.parametrize(
    "system",
    ["You are a bell.", [{"type": "text", "text": "You are a bell."}]],
    ids=["text", "blocks"],
)
def test_the_system_prompt_arrives_word_for_word(gateway, upstream, nonce, system):
    gateway.anthropic().messages.create(model="sonnet", max_tokens=100, system=system, messages=user(nonce))
    assert "You are a bell." in upstream.only_turn(nonce).system_texts()


@pytest.mark.parametrize("role", ["system", "developer"])
def test_system_and_developer_messages_are_the_system_prompt(gateway, upstream, nonce, role):
    messages = [{"role": role, "content": f"Ring like a bell, {role}."}, *user(nonce)]
    gateway.openai().chat.completions.create(model="sonnet", messages=messages)
    turn = upstream.only_turn(nonce)
    assert any(f"Ring like a bell, {role}." in text for text in turn.system_texts())
    assert turn.rows() == [("user", [nonce])]


@pytest.mark.parametrize("dialect", ["chat", "responses"])
def test_openai_clients_may_ask_with_instructions_alone(gateway, upstream, nonce, dialect):
    messages = [{"role": "system", "content": "Be brief."}, {"role": "system", "content": f"Who is next? {nonce}"}]
    if dialect == "chat":
        gateway.openai().chat.completions.create(model="sonnet", messages=messages)
    else:
        gateway.openai().responses.create(model="sonnet", input=messages)
    turn = upstream.only_turn(nonce)
    assert turn.rows() == [("user", [f"Who is next? {nonce}"])]
    assert "Be brief." in turn.system_texts()


@pytest.mark.parametrize("dialect", ["chat", "responses"])
def test_an_agents_last_words_can_be_put_in_a_schema(gateway, upstream, nonce, dialect):
    """LangGraph's prebuilt agent ends with the assistant, and leaves objects open."""
    messages = [*user(nonce), {"role": "assistant", "content": "Paris, I think."}]
    city = {"type": "string", "minLength": 2}
    described = {"name": "n", "schema": {"type": "object", "properties": {"city": city}, "required": ["city"]}}
    if dialect == "chat":
        format = {"type": "json_schema", "json_schema": described}
        asked = gateway.openai().chat.completions.with_raw_response
        answer = asked.create(model="sonnet", messages=messages, response_format=format)
    else:
        asked = gateway.openai().responses.with_raw_response
        answer = asked.create(model="sonnet", input=messages, text={"format": {"type": "json_schema", **described}})
    turn = upstream.only_turn(nonce)
    assert turn.rows() == [
        ("user", [nonce]),
        ("assistant", ["Paris, I think."]),
        ("user", ["<system>\nContinue.\n</system>"]),
    ]
    assert turn.body["output_config"]["format"]["schema"] == {
        "type": "object",
        "properties": {"city": {"type": "string", "description": "{minLength: 2}"}},
        "required": ["city"],
        "additionalProperties": False,
    }
    assert answer.headers["x-portcullis-ignored"] == "schema.minLength"


@pytest.mark.core
def test_an_at_path_in_a_prompt_is_not_read(gateway, upstream, nonce):
    text = f"{nonce} what is in @/etc/hostname and @/etc/os-release ?"
    gateway.ask_message(text).raise_for_status()
    turn = upstream.only_turn(nonce)
    assert turn.rows() == [("user", [text])]
    assert not turn.mentions(pathlib.Path("/etc/os-release").read_text().splitlines()[0].strip('"'))


@pytest.mark.parametrize("command", ["/cost", "/clear", "/help me", "!ls", "# remember this"])
def test_a_prompt_that_looks_like_a_command_is_text(gateway, upstream, nonce, command):
    text = f"{command} {nonce}"
    gateway.ask_chat(text).raise_for_status()
    assert upstream.only_turn(nonce).rows() == [("user", [text])]


def test_odd_text_arrives_unchanged(gateway, upstream, nonce):
    text = f"  {nonce} \t tabs, \"quotes\", \\backslashes\\, \u2028 separators, 🦊 and \u0000 nul\n\nlast line  "
    gateway.ask_message(text).raise_for_status()
    assert upstream.only_turn(nonce).rows() == [("user", [text])]


def test_a_megabyte_of_prompt_arrives_whole(gateway, upstream, nonce):
    text = nonce + " lorem ipsum" * 90_000
    gateway.ask_message(text).raise_for_status()
    assert upstream.only_turn(nonce).rows() == [("user", [text])]


def test_no_tools_of_the_cli_reach_the_model(gateway, upstream, nonce):
    gateway.ask_message(nonce).raise_for_status()
    assert not upstream.only_turn(nonce).body.get("tools")
