#!/usr/bin/env bash
# Claude Code sends `temperature: 1` to models before 4.7 as soon as it believes thinking to be switched off.
#
# What a good engineer would guess: CLAUDE_CODE_DISABLE_THINKING=1 leaves the field `thinking` out and changes nothing
#   else; a `top_p` that CLAUDE_CODE_EXTRA_BODY adds is then the only sampling parameter of the request.
# What happens: while it believes that, it adds a temperature of 1 for models before 4.7, which take a temperature or a
#   `top_p` but not both: the vendor answers 400 for a request in which nobody named a temperature. With
#   CLAUDE_CODE_DISABLE_THINKING=0 and `"thinking":{"type":"disabled"}` in the extra body the request means the same and
#   has no temperature. Models from 4.7 on get none either way.
# Seen with: claude 2.1.332 (PyPI claude-agent-sdk 0.2.189, bundled program); Linux x86-64.
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
import http.server, json, os, subprocess, sys, threading

asked = []


class Vendor(http.server.BaseHTTPRequestHandler):
    """Takes a question down and answers one word."""

    def do_HEAD(self):
        self.send_response(200)
        self.end_headers()

    do_GET = do_HEAD

    def do_POST(self):
        asked.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
        usage = {"input_tokens": 1, "output_tokens": 1}
        message = {"id": "msg_1", "type": "message", "role": "assistant", "model": asked[-1]["model"], "content": [],
                   "stop_reason": None, "stop_sequence": None, "usage": usage}
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        for kind, fields in [
            ("message_start", {"message": message}),
            ("content_block_start", {"index": 0, "content_block": {"type": "text", "text": ""}}),
            ("content_block_delta", {"index": 0, "delta": {"type": "text_delta", "text": "yes"}}),
            ("content_block_stop", {"index": 0}),
            ("message_delta", {"delta": {"stop_reason": "end_turn", "stop_sequence": None}, "usage": usage}),
            ("message_stop", {}),
        ]:
            self.wfile.write(f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode())

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Vendor)
threading.Thread(target=server.serve_forever, daemon=True).start()


def sent(model, switch, extra):
    home = f"home-{len(os.listdir('.'))}"
    os.mkdir(home)
    before = len(asked)
    subprocess.run(
        [sys.argv[1], "--print", "--model", model, "--tools", "", "--setting-sources", "", "Say yes."],
        check=True, capture_output=True, timeout=60, stdin=subprocess.DEVNULL,
        env={"HOME": os.path.abspath(home), "PATH": "/usr/bin:/bin", "ANTHROPIC_API_KEY": "made-up",
             "ANTHROPIC_BASE_URL": f"http://127.0.0.1:{server.server_port}", "CLAUDE_CODE_EXTRA_BODY": json.dumps(extra),
             "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1", "CLAUDE_CODE_DISABLE_THINKING": switch})
    body = next(each for each in asked[before:] if each.get("top_p") == 0.9)
    return {key: body[key] for key in ("temperature", "top_p", "thinking") if key in body}


off = {"type": "disabled"}
seen = {
    "older, switched off": sent("claude-sonnet-4-5", "1", {"top_p": 0.9}),
    "older, said in the body": sent("claude-sonnet-4-5", "0", {"top_p": 0.9, "thinking": off}),
    "newer, switched off": sent("claude-opus-4-8", "1", {"top_p": 0.9}),
}
print(json.dumps(seen, indent=1))
assert seen == {
    "older, switched off": {"temperature": 1, "top_p": 0.9},
    "older, said in the body": {"top_p": 0.9, "thinking": off},
    "newer, switched off": {"top_p": 0.9},
}
END
