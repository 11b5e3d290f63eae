"""Thinking that is bound to its history: the surroundings that never change, and the client's own say in it."""
import concurrent.futures
import json
import os
import stat

import pytest

from harness import anthropic_error, message_events, user

BOUND = "thinking-binding-controls-2026-08-01"
UPDATED = "thinking-display-updates-2026-08-18"
DROPPED = [{"type": "thinking_dropped", "path": "messages.1.content.0", "reason": "prefix_binding_mismatch"}]


def surroundings(turn):
    """What the CLI told the model of where it is."""
    texts = []
    for message in turn.body["messages"]:
        blocks = message["content"]
        blocks = [{"type": "text", "text": blocks}] if isinstance(blocks, str) else blocks
        texts += [each["text"] for each in blocks if "working directory" in each.get("text", "")]
    assert texts, turn.body["messages"]
    return texts


@pytest.mark.parametrize("model", ["claude-sonnet-5-5", "claude-haiku-4-5"])
def test_every_turn_is_told_the_same_of_its_surroundings(gateway, upstream, nonce, model):
    """Four at once are in four private directories, and one more comes when those have been given back."""
    texts = [f"delay:1500\n{nonce}-{number}" for number in range(4)]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda text: gateway.ask_message(text, model=model), texts))
    answers.append(gateway.ask_message(f"{nonce}-4", model=model))
    assert [each.status_code for each in answers] == [200] * 5
    told = [surroundings(upstream.only_turn(f"{nonce}-{number}")) for number in range(5)]
    assert told.count(told[0]) == 5, told
    work = gateway.folder / "state/work"
    assert str(work) in told[0][0]
    assert stat.S_IMODE(work.stat().st_mode) == 0o555 and not list(work.iterdir())
    assert (gateway.folder / "state/turns/3").is_dir(), "the turns ran at once"


def test_what_lies_where_turns_start_is_gone_before_the_next_start(make_gateway, upstream, nonce):
    own_gateway = make_gateway(env={"REUSE_PROCESSES": "off", "WARM_PROCESSES": "0"}).ready()
    assert own_gateway.ask_message("say:one").status_code == 200
    work = own_gateway.folder / "state/work"
    outside = own_gateway.folder / "outside"
    outside.write_text("stays")
    work.chmod(0o700)
    (work / "CLAUDE.md").write_text(f"planted-{nonce}")
    (work / "link").symlink_to(outside)
    assert own_gateway.ask_message(f"say:two\n{nonce}").status_code == 200
    assert not os.listdir(work) and outside.read_text() == "stays"
    assert not upstream.only_turn(nonce).mentions(f"planted-{nonce}")


def betas(turn):
    return [name for name in turn.headers["anthropic-beta"].split(",") if name in (BOUND, UPDATED, "context-1m-2025-08-07")]


@pytest.mark.parametrize("login", ["CLAUDE_CODE_OAUTH_TOKEN", "ANTHROPIC_API_KEY"])
def test_a_binding_reaches_the_vendor_with_its_beta(make_gateway, upstream, nonce, login):
    gateway = make_gateway(cli_env={"ANTHROPIC_BASE_URL": upstream.url, login: "made-up"}).ready()
    for number, (thinking, header, sent) in enumerate(
        [
            ({"type": "adaptive", "block_binding": {"prefix_mismatch_behavior": "drop_block"}}, BOUND, [BOUND]),
            (
                {"type": "adaptive", "display": "updates", "block_binding": {"prefix_mismatch_behavior": "error"}},
                f"x-2020-01-01, {UPDATED},{BOUND}",
                [BOUND, UPDATED],
            ),
            ({"type": "adaptive", "display": "highlights"}, UPDATED, [UPDATED]),
            ({"type": "adaptive"}, "context-1m-2025-08-07", []),
        ]
    ):
        body = {"model": "sonnet", "max_tokens": 500, "messages": user(f"{nonce}{number}"), "thinking": thinking}
        answer = gateway.post("/v1/messages", body, {"anthropic-beta": header})
        assert answer.status_code == 200 and "x-portcullis-ignored" not in answer.headers, answer.text
        turn = upstream.only_turn(f"{nonce}{number}")
        assert (turn.body["thinking"], sorted(betas(turn))) == (thinking, sorted(sent))


def test_the_operators_own_betas_stay(make_gateway, upstream, cli_env, nonce):
    gateway = make_gateway(cli_env={**cli_env, "ANTHROPIC_BETAS": "context-1m-2025-08-07"}).ready()
    for number, header in enumerate(["", BOUND]):
        answer = gateway.post(
            "/v1/messages",
            {"model": "sonnet", "max_tokens": 500, "messages": user(f"{nonce}{number}")},
            {"anthropic-beta": header} if header else {},
        )
        assert answer.status_code == 200, answer.text
        assert betas(upstream.only_turn(f"{nonce}{number}")) == ["context-1m-2025-08-07"] + ([BOUND] if header else [])


@pytest.mark.parametrize("streams", [False, True])
def test_what_the_vendor_left_out_is_told_to_who_asked(gateway, upstream, nonce, streams):
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-sonnet-5-5", "content": []}
    message |= {"stop_reason": None, "stop_sequence": None, "usage": {"input_tokens": 1, "output_tokens": 1}}
    upstream.scripts[nonce] = [
        {"type": "message_start", "message": {**message, "input_transformations": DROPPED}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hi"}},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 3}},
        {"type": "message_stop"},
    ]
    body = {"model": "sonnet", "max_tokens": 500, "messages": user(f"script:{nonce}"), "stream": streams}
    found = []
    for header in ({"anthropic-beta": BOUND}, {}):
        answer = gateway.post("/v1/messages", body, header)
        assert answer.status_code == 200, answer.text
        told = message_events(answer.text)[0]["message"] if streams else answer.json()
        found.append(told.get("input_transformations"))
    assert found == [DROPPED, None]


def test_what_the_vendor_would_refuse_is_refused_without_a_turn(gateway, upstream, nonce):
    for fields, path in [
        ({"thinking": {"type": "adaptive", "block_binding": {}}}, "thinking.adaptive.block_binding"),
        ({"thinking": {"type": "disabled", "display": "omitted"}}, "thinking.disabled.display"),
        ({"thinking": {"type": "adaptive", "budget_tokens": 2000}}, "thinking.adaptive.budget_tokens"),
    ]:
        message = anthropic_error(gateway.ask_message(nonce, **fields), 400)["message"]
        assert message == f"{path}: Extra inputs are not permitted"
    assert "only warms the prompt cache" in anthropic_error(gateway.ask_message(nonce, max_tokens=0), 400)["message"]
    assert not upstream.turns(nonce)


def test_the_cli_is_asked_what_its_names_of_models_stand_for(make_gateway, upstream, cli_env, claude, tmp_path):
    """Under the operator's own variables, and anew when they change."""
    program = tmp_path / "claude"  # A result of its own, which no other test shares.
    program.symlink_to(claude)
    gateway = make_gateway(cli=program).ready()
    asked = len(upstream.recorded())

    def names():
        return json.loads(gateway.self_test_file.read_text())["models"]

    known = names()
    assert set(known) >= {"sonnet", "opus", "haiku", "fable"} and "default" not in known
    assert all(name.startswith("claude-") for name in known.values())
    gateway.stop()
    lines = {**cli_env, "ANTHROPIC_DEFAULT_SONNET_MODEL": "claude-sonnet-4-5"}
    gateway.private_file("cli.env", "".join(f"{name}={value}\n" for name, value in lines.items()))
    gateway.ready()
    assert names() == {**known, **names(), "sonnet": "claude-sonnet-4-5"}
    assert len(upstream.recorded()) == asked, "the operator's vendor is not asked"
