"""What each model takes: what OpenAI's clients ask is fitted to it, what Messages asks goes as it stands or is refused.

The upstream refuses what the vendor refuses, so that each answer here is one that the vendor would have given.
"""
import json

import pytest

from harness import user

MODELS = [
    "claude-fable-5-2", "claude-opus-5-5", "claude-sonnet-5-5", "claude-haiku-5-5", "claude-opus-5", "claude-sonnet-5",
    "claude-opus-4-8", "claude-opus-4-6", "claude-haiku-4-5",
]
TAKES_TEMPERATURE = {"claude-opus-4-6", "claude-haiku-4-5"}
OFF = {
    "claude-sonnet-5-5": {"type": "between_tools"}, "claude-haiku-5-5": {"type": "disabled"},
    "claude-opus-5": {"type": "disabled"}, "claude-sonnet-5": {"type": "disabled"},
}
ALWAYS_THINKS = {"claude-fable-5-2", "claude-opus-5-5"}
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
FUNCTION = {"type": "function", "function": {"name": "weather", "parameters": SCHEMA}}
TOOL = {"name": "weather", "input_schema": SCHEMA}


def ignored(response):
    value = response.headers.get("x-portcullis-ignored", "")
    return value.split(", ") if value else []


@pytest.mark.parametrize("model", MODELS)
def test_sampling_of_openai_clients_is_what_the_model_takes(gateway, upstream, nonce, model):
    response = gateway.ask_chat(nonce, model, temperature=0.2, top_p=0.9, max_tokens=200).raise_for_status()
    body = upstream.only_turn(nonce).body
    assert response.json()["choices"][0]["message"]["content"]
    assert body.get("temperature") == (0.2 if model in TAKES_TEMPERATURE else None)
    assert "top_p" not in body
    assert ignored(response) == (["top_p"] if model in TAKES_TEMPERATURE else ["temperature", "top_p"])


@pytest.mark.parametrize("dialect", ["chat", "responses", "messages"])
@pytest.mark.parametrize("model", ["claude-opus-4-6", "claude-haiku-4-5"])
def test_a_top_p_alone_reaches_models_that_take_one_of_the_two(gateway, upstream, nonce, model, dialect):
    response = gateway.ask(dialect, nonce, model, top_p=0.9).raise_for_status()
    body = upstream.only_turn(nonce).body
    assert body["top_p"] == 0.9 and "temperature" not in body
    assert ignored(response) == []


@pytest.mark.parametrize("dialect", ["chat", "responses", "messages"])
@pytest.mark.parametrize("model", MODELS)
def test_a_model_does_not_think_unasked(gateway, upstream, nonce, model, dialect):
    gateway.ask(dialect, nonce, model).raise_for_status()
    body = upstream.only_turn(nonce).body
    assert body.get("thinking") == OFF.get(model)
    if model in ALWAYS_THINKS:
        assert body["output_config"]["effort"] == "low"


@pytest.mark.parametrize("model", MODELS)
def test_a_few_tokens_are_enough_for_a_title(gateway, nonce, model):
    answer = gateway.ask_chat(f"{nonce}\nsay:A title", model, max_tokens=20, temperature=0).raise_for_status().json()
    assert answer["choices"][0]["message"]["content"] == "A title"


@pytest.mark.parametrize("model", ["claude-opus-5-5", "claude-sonnet-5-5", "claude-opus-4-6", "claude-haiku-4-5"])
def test_every_word_of_effort_is_answered(gateway, upstream, nonce, model):
    for word in ["none", "minimal", "xhigh", "max"]:
        gateway.ask_chat(f"{nonce}{word}", model, reasoning_effort=word).raise_for_status()
        body = upstream.only_turn(nonce + word).body
        thinks = body.get("thinking", {}).get("type") in ("adaptive", "enabled")
        assert thinks == (word != "none")


@pytest.mark.parametrize(
    "model, thinking, sent, lost",
    [
        ("claude-opus-4-6", {"type": "enabled", "budget_tokens": 2000}, {"type": "enabled", "budget_tokens": 2000}, []),
        (
            "claude-sonnet-5-5", {"type": "enabled", "budget_tokens": 2000},
            {"type": "adaptive", "display": "summarized"}, ["thinking.budget_tokens"],
        ),
        ("claude-opus-5", {"type": "disabled"}, {"type": "disabled"}, []),
        ("claude-sonnet-5-5", {"type": "disabled"}, {"type": "between_tools"}, []),
        ("claude-opus-5-5", {"type": "disabled"}, None, ["thinking"]),
        ("claude-haiku-4-5", {"type": "adaptive"}, {"type": "enabled", "budget_tokens": 2500}, []),
    ],
)
def test_a_chat_body_may_speak_of_thinking_in_the_vendors_words(gateway, upstream, nonce, model, thinking, sent, lost):
    response = gateway.ask_chat(nonce, model, thinking=thinking, max_tokens=5000).raise_for_status()
    body = upstream.only_turn(nonce).body
    assert {key: value for key, value in (body.get("thinking") or {}).items() if key != "display"} == {
        key: value for key, value in (sent or {}).items() if key != "display"
    }
    assert ignored(response) == lost


@pytest.mark.parametrize(
    "model, fields, message",
    [
        ("claude-sonnet-5-5", {"temperature": 0.2}, "`temperature` is deprecated for this model."),
        ("claude-opus-4-7", {"top_k": 5}, "`top_k` is deprecated for this model."),
        (
            "claude-opus-5-5", {"tools": [TOOL], "tool_choice": {"type": "any"}},
            'tool_choice: type "tool" and "any" are not supported for this model.',
        ),
        (
            "claude-haiku-4-5", {"output_config": {"effort": "low"}},
            "This model does not support the effort parameter.",
        ),
        (
            "claude-opus-4-6", {"temperature": 0.2, "top_p": 0.5},
            "`temperature` and `top_p` cannot both be specified for this model. Please use only one.",
        ),
    ],
)
def test_messages_is_refused_in_the_vendors_words_without_a_question(gateway, upstream, nonce, model, fields, message):
    response = gateway.ask_message(nonce, model, **fields)
    assert response.status_code == 400
    assert response.json()["error"] == {"type": "invalid_request_error", "message": message}
    assert not upstream.turns(nonce)


@pytest.mark.parametrize("model", ["claude-sonnet-5-5", "claude-opus-5-5", "claude-haiku-5-5", "claude-opus-5"])
@pytest.mark.parametrize("streams", [False, True], ids=["whole", "streamed"])
def test_a_tool_loop_goes_on_with_the_thinking_sent_back(gateway, upstream, nonce, model, streams):
    """Two rounds; the vendor would refuse a block behind another conversation, and the CLI would ask a second time."""
    messages = user(f"{nonce}\ncall:weather:{json.dumps({'city': 'Paris'})}")
    fields = {"tools": [TOOL], "thinking": {"type": "adaptive"}, "max_tokens": 2000}
    with gateway.anthropic() as client:
        for number in range(2):
            with client.messages.stream(model=model, messages=messages, **fields) as stream:
                answer = stream.get_final_message()
            kinds = [block.type for block in answer.content]
            assert kinds == ["thinking", "tool_use"], "the upstream thinks before it calls"
            messages += [
                {"role": "assistant", "content": [block.model_dump(exclude_none=True) for block in answer.content]},
                {"role": "user", "content": [
                    {"type": "tool_result", "tool_use_id": answer.content[-1].id, "content": "sunny"},
                    {"type": "text", "text": f"{nonce} {number}\ncall:weather:{{}}"},
                ]},
            ]
    assert len(upstream.turns(nonce)) == 2


@pytest.mark.parametrize("model", ["claude-sonnet-5-5", "claude-opus-5-5", "claude-opus-4-8"])
@pytest.mark.parametrize("streams", [False, True], ids=["whole", "streamed"])
def test_what_is_said_between_two_calls_is_text_of_the_answer(gateway, nonce, model, streams):
    """Newer models send it as thinking; a client that asked for none reads it where older models say it."""
    messages = user(f"{nonce}\nprogress:1:weather")
    client = gateway.openai()
    if streams:
        with client.chat.completions.stream(model=model, messages=messages, tools=[FUNCTION]) as stream:
            message = stream.get_final_completion().choices[0].message
    else:
        message = client.chat.completions.create(model=model, messages=messages, tools=[FUNCTION]).choices[0].message
    assert [each.function.name for each in message.tool_calls] == ["weather"]
    assert "round 1." in message.content and not hasattr(message, "reasoning_content")
