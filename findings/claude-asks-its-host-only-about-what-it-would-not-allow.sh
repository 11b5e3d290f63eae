#!/usr/bin/env bash
# A host that answers Claude Code's questions about tools is not asked about those that it reads and searches with.
#
# What a good engineer would guess: with `--permission-prompt-tool stdio` and the mode `default` each call of a built-in
#   tool comes to the host as `can_use_tool`, so that a list of calls, a limit or a refusal can rest on it.
# What happens: Glob, Grep and Read of files below the working directory are run without a question; Write and a Read of a file
#   elsewhere are asked about. Once `apply_flag_settings` has named the tools under `permissions.ask`, every call is asked
#   about, and the arguments of Write and Read come with absolute paths, whatever the model wrote.
# Seen with: claude 2.1.332 (PyPI claude-agent-sdk 0.2.189, bundled program); Linux x86-64.
# Way out: name every tool that is offered under `permissions.ask`.
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
import http.server, json, os, pathlib, subprocess, sys, tempfile, threading

CALLS = [
    ("Glob", {"pattern": "*.txt"}), ("Grep", {"pattern": "word"}), ("Read", {"file_path": "here.txt"}),
    ("Read", {"file_path": "/etc/hostname"}), ("Write", {"file_path": "new.txt", "content": "word"}),
]


class Vendor(http.server.BaseHTTPRequestHandler):
    """A model that makes the calls, one in each answer, and then ends."""

    def do_HEAD(self):
        self.send_response(200)
        self.end_headers()

    do_GET = do_HEAD

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        number = sum(message["role"] == "assistant" for message in body["messages"])
        usage = {"input_tokens": 1, "output_tokens": 1}
        if number < len(CALLS):
            name, arguments = CALLS[number]
            block = {"type": "tool_use", "id": f"toolu_{number}", "name": name, "input": {}}
            delta = {"type": "input_json_delta", "partial_json": json.dumps(arguments)}
            reason = "tool_use"
        else:
            block, delta, reason = {"type": "text", "text": ""}, {"type": "text_delta", "text": "done"}, "end_turn"
        message = {"id": f"msg_{number}", "type": "message", "role": "assistant", "model": body["model"], "content": [],
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


def questions(settings):
    """What a host that allows everything is asked in one turn: the tool, and the path among its arguments."""
    home = pathlib.Path(tempfile.mkdtemp(dir=".")).resolve()
    place = home / "place"
    place.mkdir()
    (place / "here.txt").write_text("word\n")
    process = subprocess.Popen(
        [sys.argv[1], "--print", "--verbose", "--input-format", "stream-json", "--output-format", "stream-json",
         "--model", "claude-sonnet-5-5", "--tools", "Glob,Grep,Read,Write", "--setting-sources", "",
         "--permission-mode", "default", "--permission-prompt-tool", "stdio"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=place,
        env={"HOME": str(home), "PATH": "/usr/bin:/bin", "ANTHROPIC_API_KEY": "made-up", "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
             "ANTHROPIC_BASE_URL": f"http://127.0.0.1:{server.server_port}"})

    def say(**row):
        print(json.dumps(row), file=process.stdin, flush=True)

    say(type="control_request", request_id="i", request={"subtype": "initialize"})
    if settings:
        say(type="control_request", request_id="s", request={"subtype": "apply_flag_settings", "settings": settings})
    say(type="user", message={"role": "user", "content": "Begin."})
    asked = []
    for line in map(json.loads, process.stdout):
        if line["type"] == "result":
            assert not line["is_error"], line
            break
        if line["type"] == "control_request" and line["request"]["subtype"] == "can_use_tool":
            request = line["request"]
            path = request["input"].get("file_path", "").replace(str(place), "PLACE")
            asked.append((request["tool_name"], path))
            say(type="control_response", response={
                "subtype": "success", "request_id": line["request_id"],
                "response": {"behavior": "allow", "updatedInput": request["input"]}})
    process.stdin.close()
    process.wait(60)
    assert (place / "new.txt").read_text() == "word"
    return asked


usual = questions(None)
strict = questions({"permissions": {"ask": ["Glob", "Grep", "Read", "Write"]}})
print("usual ", usual)
print("strict", strict)
assert usual == [("Read", "/etc/hostname"), ("Write", "PLACE/new.txt")], usual
assert strict == [("Glob", ""), ("Grep", ""), ("Read", "PLACE/here.txt"), ("Read", "/etc/hostname"), ("Write", "PLACE/new.txt")], strict
END
