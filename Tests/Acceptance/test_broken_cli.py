"""A CLI that misbehaves costs one well-formed error, never the gateway."""
import concurrent.futures
import json
import os
import signal
import stat
import sys
import textwrap
import time

import pytest

from fault_matrix import fault_row
from harness import (
    anthropic_error,
    command_line,
    eventually,
    events,
    message_events,
    open_files,
    openai_error,
    processes,
)

INIT = {"type": "system", "subtype": "init", "session_id": "s", "model": "claude-sonnet-5-5", "tools": []}
START = {
    "type": "message_start",
    "message": {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-5-5",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {"input_tokens": 3, "output_tokens": 1},
    },
}
BLOCK = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
DELTA = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "half an ans"}}


def row(event):
    return json.dumps({"type": "stream_event", "session_id": "s", "parent_tool_use_id": None, "event": event})


# Answers the set-up like the real one, so that the fault is met where a turn begins.
HANDSHAKE = f"""
import json, os, signal, subprocess, sys, time
if "--version" in sys.argv:
    print("2.9.9 (Claude Code)")
    sys.exit(0)
def say(*lines):
    for line in lines:
        sys.stdout.write(line + "\\n")
    sys.stdout.flush()
def until_a_prompt():
    for line in sys.stdin:
        row = json.loads(line)
        if row["type"] == "control_request":
            say(json.dumps({{"type": "control_response", "response": {{"subtype": "success",
                "request_id": row["request_id"], "response": {{}}}}}}))
        elif row["type"] == "user" and row.get("shouldQuery", True):
            return
INIT, START, BLOCK, DELTA = {[json.dumps(INIT), row(START), row(BLOCK), row(DELTA)]!r}
"""

# Faults before the first event: a true status is expected.
EARLY = {
    "dies at once": "sys.exit(1)",
    "dies after the prompt": "until_a_prompt(); sys.exit(3)",
    "is killed": "until_a_prompt(); os.kill(os.getpid(), signal.SIGKILL)",
    "ends well but says nothing": "until_a_prompt(); sys.exit(0)",
    "says only blank lines": 'until_a_prompt(); say("", "", ""); sys.exit(0)',
    "prints garbage": 'until_a_prompt(); say("Segmentation fault", "<html>"); sys.exit(0)',
    "prints JSON that is no row": 'until_a_prompt(); say("[1,2]", "3", "null", \'{"type":7}\'); sys.exit(0)',
    "prints half a sequence": 'until_a_prompt(); os.write(1, b\'{"type":"system","x":"\\xf0\\x9f\'); sys.exit(0)',
    "prints bytes that are no text": "until_a_prompt(); os.write(1, bytes(range(128, 256)) + b'\\n'); sys.exit(0)",
    "prints a line without end": """
        until_a_prompt()
        for _ in range(100): os.write(1, b"x" * 2**20)
        sys.exit(0)""",
    "fills stderr": """
        until_a_prompt()
        for _ in range(64): os.write(2, b"noise " * 2**17)
        sys.exit(1)""",
    "leaves a daemon that holds the pipe": """
        subprocess.Popen(["setsid", "sleep", "SLEEPER"])
        until_a_prompt()
        sys.exit(1)""",
}

# Faults after the first words: the answer must end in an error event.
LATE = {
    "dies amid the answer": "until_a_prompt(); say(INIT, START, BLOCK, DELTA); sys.exit(1)",
    "ends well amid the answer": "until_a_prompt(); say(INIT, START, BLOCK, DELTA); sys.exit(0)",
    "goes mad amid the answer": 'until_a_prompt(); say(INIT, START, BLOCK, DELTA, "}{", "garbage"); sys.exit(0)',
    "cuts a line in two": "until_a_prompt(); say(INIT, START, BLOCK); os.write(1, DELTA[:60].encode())",
}

# Faults that never end by themselves: the request's own deadline must.
ENDLESS = {
    "hangs": "until_a_prompt(); time.sleep(600)",
    "never reads": "time.sleep(600)",
    "hangs amid the answer and ignores SIGTERM": """
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        until_a_prompt()
        say(INIT, START, BLOCK, DELTA)
        time.sleep(600)""",
}


@pytest.fixture
def broken(make_gateway, tmp_path):
    """Makes a gateway whose `claude` has the given fault."""
    sleeper = f"6{int.from_bytes(os.urandom(3), 'big')}"

    def make(fault, **options):
        script = tmp_path / "claude"
        fault = textwrap.dedent(fault).replace("SLEEPER", sleeper)
        script.write_text(f"#!{sys.executable}\n{HANDSHAKE}\n{fault}\n")
        script.chmod(script.stat().st_mode | stat.S_IXUSR)
        # What the self-test makes of such programs is a matter of test_self_test.py.
        options["env"] = {"SELF_TEST": "off", **options.get("env", {})}
        return make_gateway(cli=script, **options).ready()

    yield make
    for pid in processes():
        if command_line(pid) == f"sleep\0{sleeper}\0".encode():
            os.kill(pid, signal.SIGKILL)


def stays_well(gateway):
    """After the fault it still answers, and nothing of the turn is left."""
    assert gateway.health()["status"] == "ok"
    eventually(lambda: gateway.health()["running_turns"] == 0, "no turn is running")
    eventually(lambda: gateway.children() == [], "no child is left")


@fault_row(
    11, injected="a CLI that exits, is killed, or ends without a word, before its first event",
    seen="a true status from 500 to 504, no child and no turn left")
@fault_row(
    12, injected="a CLI that prints blank lines, garbage, JSON of another kind, half a UTF-8 sequence, no text, 100 "
        "MiB without a line's end, or fills stderr",
    seen="a true status from 500 to 504, no child and no turn left")
@fault_row(
    13, injected="a CLI that leaves a daemon in a session of its own, which holds the pipe",
    seen="the turn ends all the same")
@pytest.mark.parametrize("fault", EARLY)
def test_a_fault_before_the_first_event_is_an_error_status(broken, fault):
    gateway = broken(EARLY[fault])
    for stream in (False, True):
        message = gateway.ask_message("Hello", stream=stream)
        assert 500 <= message.status_code <= 504, message.text
        anthropic_error(message, message.status_code)
        completion = gateway.ask_chat("Hello", stream=stream)
        assert 500 <= completion.status_code <= 504, completion.text
        openai_error(completion, completion.status_code)
    stays_well(gateway)


@fault_row(
    11, injected="a CLI that dies, or ends, amid its answer",
    seen="the stream ends in one well-formed error event")
@fault_row(
    12, injected="a CLI that prints garbage, or cuts a line, amid its answer",
    seen="the stream ends in one well-formed error event")
@pytest.mark.core
@pytest.mark.parametrize("fault", LATE)
def test_a_fault_amid_the_answer_ends_in_an_error_event(broken, fault):
    gateway = broken(LATE[fault])
    found = message_events(gateway.ask_message("Hello", stream=True).text)
    assert [each["type"] for each in found if each["type"] != "ping"][-1] == "error"
    chunks = [data for _, data in events(gateway.ask_chat("Hello", stream=True).text) if data != "[DONE]"]
    assert json.loads(chunks[-1])["error"]["message"]
    assert gateway.ask_message("Hello").status_code >= 500
    stays_well(gateway)


@fault_row(
    13, injected="a CLI that hangs, never reads, or ignores SIGTERM amid its answer",
    seen="504 at the request's deadline, no child left")
@pytest.mark.parametrize("fault", ENDLESS)
def test_a_cli_without_end_is_ended_by_the_deadline(broken, fault):
    gateway = broken(ENDLESS[fault], env={"REQUEST_TIMEOUT_MS": "1500"})
    began = time.monotonic()
    response = gateway.ask_message("Hello")
    assert response.status_code == 504, response.text
    anthropic_error(response, 504)
    assert time.monotonic() - began < 10
    stays_well(gateway)


def test_a_deadline_amid_a_stream_is_an_error_event(broken):
    gateway = broken(ENDLESS["hangs amid the answer and ignores SIGTERM"], env={"REQUEST_TIMEOUT_MS": "1500"})
    found = message_events(gateway.ask_message("Hello", stream=True).text)
    assert found[0]["type"] == "message_start" and found[-1]["type"] == "error"
    stays_well(gateway)


@fault_row(
    14, injected="a prompt of 10 MB for a CLI that reads nothing",
    seen="`/health` answers at once all the while; 504 at the deadline")
def test_a_prompt_nobody_reads_does_not_block_the_others(broken):
    gateway = broken(ENDLESS["never reads"], env={"REQUEST_TIMEOUT_MS": "3000"})
    with concurrent.futures.ThreadPoolExecutor(1) as pool, gateway.http() as http:
        answer = pool.submit(gateway.ask_message, "x" * 10_000_000)
        slowest = 0.0
        while not answer.done():
            began = time.monotonic()
            http.get("/health").raise_for_status()
            slowest = max(slowest, time.monotonic() - began)
        assert answer.result().status_code == 504 and slowest < 2
    stays_well(gateway)


@fault_row(11, injected="fifty such deaths", seen="no descriptor, child or turn is left")
def test_fifty_faults_leak_nothing(broken):
    gateway = broken(EARLY["dies after the prompt"])
    gateway.ask_message("Hello")
    before = open_files(gateway.process.pid)
    for _ in range(50):
        assert gateway.ask_message("Hello").status_code >= 500
    eventually(lambda: open_files(gateway.process.pid) <= before, "no descriptor is left open")
    stays_well(gateway)


def test_a_cli_that_disappears_is_an_error_until_it_is_back(make_gateway, claude, tmp_path):
    link = tmp_path / "claude"
    link.symlink_to(claude.resolve())
    gateway = make_gateway(cli=link).ready()
    link.unlink()
    assert gateway.ask_message("Hello").status_code in (500, 502, 503)
    link.symlink_to(claude.resolve())
    assert gateway.ask_message("Hello").status_code == 200
