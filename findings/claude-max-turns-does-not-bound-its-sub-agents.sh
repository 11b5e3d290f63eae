#!/usr/bin/env bash
# The bound on Claude Code's turns is none for its sub-agents: each begins to count anew, without a bound.
#
# What a good engineer would guess: `--max-turns 2` (or CLAUDE_CODE_MAX_TURNS=2) bounds how often the model is asked in a run,
#   whoever of the run asks, so that it bounds what the run can cost; or at least it bounds each sub-agent by the same number.
# What happens: with either, a sub-agent asks the model six times, and would go on. The result says `num_turns` 2. A
#   `maxTurns` in the sub-agent's own definition (`agents` of the `initialize` request) does bound it, each one by itself.
# Seen with: claude 2.1.332 (PyPI claude-agent-sdk 0.2.189, bundled program); Linux x86-64.
# Way out: define the sub-agents yourself, with `maxTurns`; count requests by their lines (`parent_tool_use_id`).
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: --dest "$work" \
    claude-agent-sdk==0.2.189
python3 -m zipfile -e "$work"/claude_agent_sdk-*.whl "$work/sdk"
claude=$work/sdk/claude_agent_sdk/_bundled/claude
chmod 755 "$claude"

cd "$work"
python3 - "$claude" <<'END'
import http.server, json, pathlib, subprocess, sys, tempfile, threading

PART = "Read the file five times."
ASKED = []


def answer(messages):
    """What the model says: the run starts one sub-agent, which reads five times; nil for the end."""
    isPart = PART in json.dumps(messages[0])
    ASKED.append("sub-agent" if isPart else "run")
    number = sum(message["role"] == "assistant" for message in messages)
    if isPart:
        return ("Read", {"file_path": "here.txt"}) if number < 5 else None
    return ("Agent", {"description": "reads", "prompt": PART, "subagent_type": "general-purpose"}) if number < 1 else None


class Vendor(http.server.BaseHTTPRequestHandler):
    """The model."""

    def do_HEAD(self):
        self.send_response(200)
        self.end_headers()

    do_GET = do_HEAD

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        call = answer(body["messages"])
        usage = {"input_tokens": 1, "output_tokens": 1}
        if call:
            block = {"type": "tool_use", "id": f"toolu_{len(ASKED)}", "name": call[0], "input": {}}
            delta = {"type": "input_json_delta", "partial_json": json.dumps(call[1])}
        else:
            block, delta = {"type": "text", "text": ""}, {"type": "text_delta", "text": "done"}
        reason = "tool_use" if call else "end_turn"
        message = {"id": f"msg_{len(ASKED)}", "type": "message", "role": "assistant", "model": body["model"], "content": [],
                   "stop_reason": None, "stop_sequence": None, "usage": usage}
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        for kind, fields in [
            ("message_start", {"message": message}),
            ("content_block_start", {"index": 0, "content_block": block}),
            ("content_block_delta", {"index": 0, "delta": delta}),
            ("content_block_stop", {"index": 0}),
            ("message_delta", {"delta": {"stop_reason": reason, "stop_sequence": None}, "usage": usage}),
            ("message_stop", {}),
        ]:
            self.wfile.write(f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode())

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Vendor)
threading.Thread(target=server.serve_forever, daemon=True).start()


def run(arguments=(), agents=None, **environment):
    """How often the model was asked by whom in one run, and its result."""
    ASKED.clear()
    home = pathlib.Path(tempfile.mkdtemp(dir=".")).resolve()
    (home / "here.txt").write_text("word\n")
    process = subprocess.Popen(
        [sys.argv[1], "--print", "--verbose", "--input-format", "stream-json", "--output-format", "stream-json",
         "--model", "claude-sonnet-5-5", "--tools", "Read,Agent", "--allowedTools", "Read,Agent", "--setting-sources", "",
         *arguments],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=home,
        env={"HOME": str(home), "PATH": "/usr/bin:/bin", "ANTHROPIC_API_KEY": "made-up", "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
             "CLAUDE_CODE_DISABLE_BACKGROUND_TASKS": "1", "ANTHROPIC_BASE_URL": f"http://127.0.0.1:{server.server_port}", **environment})
    for row in (
        {"type": "control_request", "request_id": "i", "request": {"subtype": "initialize", **({"agents": agents} if agents else {})}},
        {"type": "user", "message": {"role": "user", "content": "Begin."}},
    ):
        print(json.dumps(row), file=process.stdin, flush=True)
    result = next(line for line in map(json.loads, process.stdout) if line["type"] == "result")
    process.stdin.close()
    process.wait(60)
    return {who: ASKED.count(who) for who in ("run", "sub-agent")}, (result["subtype"], result["num_turns"])


defined = {"general-purpose": {"description": "any part of the work", "prompt": "Do the part.", "tools": ["Read"], "maxTurns": 3}}
by_flag = run(["--max-turns", "2"])
by_variable = run(CLAUDE_CODE_MAX_TURNS="2")
by_definition = run(["--max-turns", "2"], defined)
print("--max-turns 2          ", *by_flag)
print("CLAUDE_CODE_MAX_TURNS=2", *by_variable)
print("maxTurns 3 of its own  ", *by_definition)
assert by_flag == by_variable == ({"run": 2, "sub-agent": 6}, ("success", 2)), (by_flag, by_variable)
assert by_definition == ({"run": 2, "sub-agent": 3}, ("success", 2)), by_definition
END
