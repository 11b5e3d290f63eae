#!/usr/bin/env bash
# Claude Code asks again without an `api_retry` line when the vendor's overload comes as an event of the stream.
#
# What a good engineer would guess: who counts the `api_retry` lines of `--output-format stream-json` knows how often
#   the vendor was asked: there is one for a refusal with status 529 and one for a connection that broke.
# What happens: an `error` event of type `overloaded_error` in front of the first content block is tried again just as
#   often, and no line tells of it. With --include-partial-messages each try that got so far shows a `message_start`;
#   where the event is the stream's first there is not even that, and three requests look like a slow one. Behind the
#   start of a content block the same event ends the turn at once.
# Seen with: claude 2.1.332 (PyPI claude-agent-sdk 0.2.189, bundled program); Linux x86-64.
# Way out: CLAUDE_CODE_MAX_RETRIES=0 and retries of one's own.
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
import http.server, json, os, subprocess, sys, tempfile, threading

OVERLOAD = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
USAGE = {"input_tokens": 1, "output_tokens": 1}
MESSAGE = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-sonnet-5-5", "content": [],
           "stop_reason": None, "stop_sequence": None, "usage": USAGE}
START = {"type": "message_start", "message": MESSAGE}
BLOCK = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
answer, asked = {}, []


class Vendor(http.server.BaseHTTPRequestHandler):
    """Fails every question as the answer of the moment says."""

    protocol_version = "HTTP/1.1"

    def do_HEAD(self):
        self.reply(200, "text/plain", [])

    do_GET = do_HEAD

    def do_POST(self):
        asked.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
        if answer["status"] != 200:
            return self.reply(answer["status"], "application/json", [json.dumps(OVERLOAD)])
        self.reply(200, "text/event-stream", [f"event: {event['type']}\ndata: {json.dumps(event)}\n\n"
                                              for event in answer["events"]])

    def reply(self, status, kind, pieces):
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for piece in pieces:
            self.wfile.write(f"{len(piece):x}\r\n{piece}\r\n".encode())
        if answer["whole"]:
            self.wfile.write(b"0\r\n\r\n")
        else:
            self.close_connection = True

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Vendor)
threading.Thread(target=server.serve_forever, daemon=True).start()


def turn(*events, status=200, whole=True):
    """How often the vendor was asked in a turn, and what the lines of the turn show of it."""
    answer.update(status=status, events=events, whole=whole)
    asked.clear()
    run = subprocess.run(
        [sys.argv[1], "--print", "--verbose", "--output-format", "stream-json", "--include-partial-messages",
         "--model", "claude-sonnet-5-5", "--tools", "", "--setting-sources", "", "Say yes."],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120,
        # The last: no further request that is not a stream, once all have failed.
        env={"HOME": os.path.abspath(tempfile.mkdtemp(dir=".")), "PATH": "/usr/bin:/bin",
             "ANTHROPIC_API_KEY": "made-up", "ANTHROPIC_BASE_URL": f"http://127.0.0.1:{server.server_port}",
             "CLAUDE_CODE_MAX_RETRIES": "2", "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
             "CLAUDE_CODE_DISABLE_NONSTREAMING_FALLBACK": "1"})
    lines = [json.loads(line) for line in run.stdout.splitlines()]
    assert lines[-1]["type"] == "result" and lines[-1]["is_error"], lines[-1]
    return {"requests": len(asked), "api_retry": sum(line.get("subtype") == "api_retry" for line in lines),
            "message_start": sum(line.get("event", {}).get("type") == "message_start" for line in lines)}


seen = {
    "status 529": turn(status=529),
    "broken off": turn(whole=False),
    "event first": turn(OVERLOAD),
    "event behind message_start": turn(START, OVERLOAD),
    "event behind content_block_start": turn(START, BLOCK, OVERLOAD),
}
for name, counts in seen.items():
    print(f"{name}: {counts}")
assert seen == {
    "status 529": {"requests": 3, "api_retry": 2, "message_start": 0},
    "broken off": {"requests": 3, "api_retry": 2, "message_start": 0},
    "event first": {"requests": 3, "api_retry": 0, "message_start": 0},
    "event behind message_start": {"requests": 3, "api_retry": 0, "message_start": 3},
    "event behind content_block_start": {"requests": 1, "api_retry": 0, "message_start": 1},
}, seen
END
