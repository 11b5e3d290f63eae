#!/usr/bin/env bash
# Claude Code tells a cost in dollars for models of which it knows no price: that of its default model, whichever that is.
#
# What a good engineer would guess: `total_cost_usd` of a model without a known price is missing, null or zero, or the
#   line says that it is an estimate; and two models at one price list of the vendor cost what that list says.
# What happens: a name the program has never heard of, and real but old models, are counted as its default model. That
#   one depends on the credential, so the same tokens of the same model cost twice as much with an API key (4 and 20
#   dollars for a million tokens of prompt and answer) as with a subscription's token (2 and 10). `modelUsage` shows the
#   figure under the unknown name, and nothing says that it is none of its own.
# Seen with: claude 2.1.332 (PyPI claude-agent-sdk 0.2.189, bundled program); Linux x86-64.
# Way out: a price list of one's own; the program's figure counts only for names that are on it.
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

USAGE = {"input_tokens": 1_000_000, "output_tokens": 1_000_000}


class Vendor(http.server.BaseHTTPRequestHandler):
    """Says yes, and that it took a million tokens to ask and another million to say."""

    def do_HEAD(self):
        self.send_response(200)
        self.end_headers()

    do_GET = do_HEAD

    def do_POST(self):
        model = json.loads(self.rfile.read(int(self.headers["content-length"])))["model"]
        message = {"id": "msg_1", "type": "message", "role": "assistant", "model": model, "content": [],
                   "stop_reason": None, "stop_sequence": None, "usage": {"input_tokens": 1_000_000, "output_tokens": 1}}
        events = [
            {"type": "message_start", "message": message},
            {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "yes"}},
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None}, "usage": USAGE},
            {"type": "message_stop"},
        ]
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        for event in events:
            self.wfile.write(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode())

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Vendor)
threading.Thread(target=server.serve_forever, daemon=True).start()


def dollars(model, **credential):
    run = subprocess.run(
        [sys.argv[1], "--print", "--output-format", "json", "--model", model, "--tools", "", "--setting-sources", "",
         "Say yes."],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120,
        env={"HOME": os.path.abspath(tempfile.mkdtemp(dir=".")), "PATH": "/usr/bin:/bin",
             "ANTHROPIC_BASE_URL": f"http://127.0.0.1:{server.server_port}",
             "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1", **credential})
    result = json.loads(run.stdout)
    assert result["result"] == "yes", result
    assert round(result["modelUsage"][model]["costUSD"], 2) == round(result["total_cost_usd"], 2)
    return round(result["total_cost_usd"], 2)


models = ["claude-opus-5", "claude-3-opus-20240229", "claude-never-heard-of-1"]
seen = {}
for name in "ANTHROPIC_API_KEY", "CLAUDE_CODE_OAUTH_TOKEN":
    seen[name] = {model: dollars(model, **{name: "made-up"}) for model in models}
    for model, cost in seen[name].items():
        print(f"{name}: a million tokens each way of {model} cost {cost} dollars")
# The first is known: 5 and 25. The second was 15 and 75 in its day.
assert seen == {
    "ANTHROPIC_API_KEY": dict(zip(models, [30, 24, 24])),
    "CLAUDE_CODE_OAUTH_TOKEN": dict(zip(models, [30, 12, 12])),
}, seen
END
