#!/usr/bin/env bash
# Claude Code runs a tool as soon as its call has been said, and tells the answer in the middle of the message.
#
# What a good engineer would guess: the lines of a turn come in the order of the messages: all of the model's message
#   (`message_start` … `message_stop`), then the `user` line with the results of its calls.
# What happens: while the model is still speaking, the call that it has finished is run, and the `user` line with its result
#   stands between `content_block_stop` of the call and the next block of the same message. A reader that takes results only
#   between messages loses it; one that ends the message by it tears the message in two.
# Seen with: claude 2.1.332 (PyPI claude-agent-sdk 0.2.189, bundled program); Linux x86-64.
# Way out: keep results until `message_stop`, or place them by the id of their call.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: --dest "$work" \
    claude-agent-sdk==0.2.189
python3 -m zipfile -e "$work"/claude_agent_sdk-*.whl "$work/sdk"
claude=$work/sdk/claude_agent_sdk/_bundled/claude
chmod 755 "$claude"

cd "$work"
mkdir place
echo word >place/here.txt
python3 - "$claude" <<'END'
import http.server, json, os, subprocess, sys, threading

# Set once a line with a tool's result has been read.
answered = threading.Event()
CALL = {"type": "tool_use", "id": "toolu_1", "name": "Read", "input": {}}
SAID = {"type": "text", "text": ""}


class Vendor(http.server.BaseHTTPRequestHandler):
    """A model that calls, waits for up to 20 s whether that is answered, and says a word in the same message."""

    def do_HEAD(self):
        self.send_response(200)
        self.end_headers()

    do_GET = do_HEAD

    def tell(self, kind, **fields):
        self.wfile.write(f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode())
        self.wfile.flush()

    def block(self, index, block, delta):
        self.tell("content_block_start", index=index, content_block=block)
        self.tell("content_block_delta", index=index, delta=delta)
        self.tell("content_block_stop", index=index)

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        isFirst = not any(message["role"] == "assistant" for message in body["messages"])
        usage = {"input_tokens": 1, "output_tokens": 1}
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        self.tell("message_start", message={
            "id": "msg_1", "type": "message", "role": "assistant", "model": body["model"], "content": [], "stop_reason": None,
            "stop_sequence": None, "usage": usage})
        if isFirst:
            self.block(0, CALL, {"type": "input_json_delta", "partial_json": json.dumps({"file_path": "here.txt"})})
            answered.wait(20)
        self.block(int(isFirst), SAID, {"type": "text_delta", "text": "done"})
        reason = "tool_use" if isFirst else "end_turn"
        self.tell("message_delta", delta={"stop_reason": reason, "stop_sequence": None}, usage=usage)
        self.tell("message_stop")

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Vendor)
threading.Thread(target=server.serve_forever, daemon=True).start()
process = subprocess.Popen(
    [sys.argv[1], "--print", "--verbose", "--output-format", "stream-json", "--include-partial-messages", "--model",
     "claude-sonnet-5-5", "--tools", "Read", "--setting-sources", "", "Begin."],
    stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, cwd="place",
    env={"HOME": os.getcwd(), "PATH": "/usr/bin:/bin", "ANTHROPIC_API_KEY": "made-up", "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
         "ANTHROPIC_BASE_URL": f"http://127.0.0.1:{server.server_port}"})
lines = []
for line in map(json.loads, process.stdout):
    if line["type"] == "stream_event" and line["event"]["type"] in ("content_block_stop", "content_block_start", "message_stop"):
        lines.append(line["event"]["type"])
    elif line["type"] == "user":
        lines.append(line["message"]["content"][0]["type"])
        answered.set()
process.wait(60)
first = lines[:lines.index("message_stop") + 1]
print(*first, sep="\n")
assert first == [
    "content_block_start", "content_block_stop", "tool_result", "content_block_start", "content_block_stop", "message_stop",
], lines
END
