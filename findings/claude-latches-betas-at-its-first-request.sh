#!/usr/bin/env bash
# Claude Code takes ANTHROPIC_BETAS at the first request of its process and keeps to that for good.
#
# What a good engineer would guess: `apply_flag_settings` sets variables of a running process (CLAUDE_CODE_EXTRA_BODY,
#   given in the same row, is in the very next request), so it sets this one too, or refuses.
# What happens: it answers "success" and the header stays. Betas given before the first request are sent with every
#   later one, whatever is set then: others, or none. Betas given after it are never sent.
# Seen with: claude 2.1.332 (PyPI claude-agent-sdk 0.2.189, bundled program); Linux x86-64.
# Way out: one process for each set of betas.
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

asked = []


class Vendor(http.server.BaseHTTPRequestHandler):
    """Takes a question down and answers one word."""

    def do_HEAD(self):
        self.send_response(200)
        self.end_headers()

    do_GET = do_HEAD

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        asked.append((self.headers.get("anthropic-beta", ""), body["max_tokens"]))
        usage = {"input_tokens": 1, "output_tokens": 1}
        message = {"id": f"msg_{len(asked)}", "type": "message", "role": "assistant", "model": body["model"],
                   "content": [], "stop_reason": None, "stop_sequence": None, "usage": usage}
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


class Claude:
    """One process that is asked again and again."""

    def __init__(self, *arguments):
        home = tempfile.mkdtemp(dir=".")
        self.process = subprocess.Popen(
            [sys.argv[1], "--print", "--verbose", "--input-format", "stream-json", "--output-format", "stream-json",
             "--model", "claude-sonnet-5-5", "--tools", "", "--setting-sources", "", *arguments],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={"HOME": os.path.abspath(home), "PATH": "/usr/bin:/bin", "ANTHROPIC_API_KEY": "made-up",
                 "ANTHROPIC_BASE_URL": f"http://127.0.0.1:{server.server_port}",
                 "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1"})

    def exchange(self, kind, **row):
        """The first line of this kind after the row."""
        print(json.dumps(row), file=self.process.stdin, flush=True)
        return next(each for each in map(json.loads, self.process.stdout) if each["type"] == kind)

    def control(self, subtype, **fields):
        row = {"type": "control_request", "request_id": "c", "request": {"subtype": subtype, **fields}}
        answer = self.exchange("control_response", **row)["response"]
        assert answer["subtype"] == "success", answer
        return answer.get("response")

    def ask(self, text, **fields):
        message = {"role": "user", "content": text}
        assert not self.exchange("result", type="user", message=message, **fields)["is_error"]

    def end(self):
        self.process.stdin.close()
        self.process.wait(60)


def sent(settings):
    """What the requests of one process have, each after a row of settings: made-up betas, and the body's field."""
    claude, before = Claude(), len(asked)
    for number, betas in enumerate(settings):
        extra = json.dumps({"max_tokens": 100 + number})
        claude.control("apply_flag_settings", settings={
            "env": {"ANTHROPIC_BETAS": betas, "CLAUDE_CODE_EXTRA_BODY": extra}})
        claude.ask("Say yes.")
    claude.end()
    return [([beta for beta in betas.split(",") if beta.startswith("mine-")], limit)
            for betas, limit in asked[before:]]


ONE, TWO = "mine-one-2026-01-01", "mine-two-2026-01-01"
first, later = sent([ONE, TWO, ""]), sent(["", ONE, TWO])
print("given first:", first)
print("given later:", later)
assert first == [([ONE], 100), ([ONE], 101), ([ONE], 102)], first
assert later == [([], 100), ([], 101), ([], 102)], later
END
