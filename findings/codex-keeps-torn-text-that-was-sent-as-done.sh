#!/usr/bin/env bash
# Codex puts every item that was sent as done into its history at once, even when the turn that brought it failed: the
# retry then shows the model its own torn text as something that it has said.
#
# What a good engineer would guess: an answer that fails is one that did not happen: the client asks again with the very
#   input it had, so a server may close open items in good order (`output_item.done`) before it says `response.failed`.
# What happens: each item with an `output_item.done` is part of the conversation from then on. The retry holds the torn
#   text as a message of the assistant, once for each failed try, and the model goes on from it. With the same failure
#   but no `output_item.done` for what was not whole, the retry asks what was asked before.
# Seen with: codex 0.163.0 (PyPI openai-codex-cli-bin 0.163.0); Linux x86-64.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: --dest "$work" \
    openai-codex-cli-bin==0.163.0
python3 -m zipfile -e "$work"/openai_codex_cli_bin-*.whl "$work/package"
codex=$(find "$work/package" -type f -name codex)
chmod -R u+x "$(dirname "$codex")"

cd "$work"
python3 - "$codex" <<'PYTHON'
import http.server, json, os, subprocess, sys, threading

closes_items, asked = [], []


def message(text, status):
    content = [{"type": "output_text", "text": text, "annotations": []}]
    return {"type": "message", "id": "msg_1", "role": "assistant", "status": status, "content": content}


def response(status, **fields):
    return {"id": f"resp_{len(asked)}", "object": "response", "status": status, "model": "some-model", "output": [],
            **fields}


def events(is_torn):
    text = "Hello from the " if is_torn else "Hello from the other side."
    yield "response.created", {"response": response("in_progress")}
    yield "response.output_item.added", {"output_index": 0, "item": message("", "in_progress")}
    yield "response.output_text.delta", {"output_index": 0, "content_index": 0, "item_id": "msg_1", "delta": text}
    if closes_items[-1] or not is_torn:
        yield "response.output_item.done", {"output_index": 0, "item": message(text, "completed")}
    if is_torn:
        yield "response.failed", {"response": response("failed", error={"code": "server_error", "message": "Lost."})}
    else:
        usage = {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}
        yield "response.completed", {"response": response("completed", usage=usage)}


class Vendor(http.server.BaseHTTPRequestHandler):
    """Fails in the middle of the first two answers of a session, and answers the third."""

    def do_POST(self):
        asked.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        for kind, fields in events(is_torn=len(asked) < 3):
            self.wfile.write(f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode())

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Vendor)
threading.Thread(target=server.serve_forever, daemon=True).start()


def histories(closes):
    """What the assistant has said by each request of one turn, when a failing server closes its items or does not."""
    closes_items.append(closes)
    asked.clear()
    home = os.path.abspath(f"home-{len(os.listdir('.'))}")
    os.mkdir(home)
    with open(f"{home}/config.toml", "w") as file:
        file.write(f"""
model = "some-model"
model_provider = "here"
[features]
plugins = false
[analytics]
enabled = false
[model_providers.here]
name = "Here"
base_url = "http://127.0.0.1:{server.server_port}/v1"
env_key = "KEY"
wire_api = "responses"
""")
    words = [sys.argv[1], "exec", "--json", "--skip-git-repo-check", "-C", home, "Say hello."]
    env = {"PATH": "/usr/bin:/bin", "HOME": home, "CODEX_HOME": home, "KEY": "made-up"}
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=90, env=env)
    assert done.returncode == 0 and "Hello from the other side." in done.stdout, done.stdout + done.stderr
    return [
        [part["text"] for item in body["input"] if item.get("role") == "assistant" for part in item["content"]]
        for body in asked
    ]


seen = {"items are closed": histories(True), "torn items are not": histories(False)}
print(json.dumps(seen, indent=1))
torn = "Hello from the "
assert seen == {"items are closed": [[], [torn], [torn, torn]], "torn items are not": [[], [], []]}
PYTHON
