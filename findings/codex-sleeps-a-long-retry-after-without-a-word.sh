#!/usr/bin/env bash
# Codex waits out a truthful `retry-after` of half an hour in silence; one word in the body, `usage_limit_reached`, ends
# its turn at once.
#
# What a good engineer would guess: 429 with `retry-after: 1800` tells a client all it needs: it gives up and shows the
#   message, or says how long it will wait. `x-should-retry: false`, which its vendor's SDKs heed, certainly ends it.
# What happens: it sleeps what `retry-after` says, to the second, and shows nothing of it, whatever `x-should-retry` and
#   the error's `code` say. Only an error whose `type` is `usage_limit_reached` ends it, after one request, with a text of
#   Codex's own that has the time from `resets_at` (Unix seconds); `message` is not shown.
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
import http.server, json, os, subprocess, sys, threading, time

PATIENCE = 20
answer, asked, waits = {}, [], []


class Vendor(http.server.BaseHTTPRequestHandler):
    """Refuses every turn with 429 and the body of the moment."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        asked.append(time.monotonic())
        body = json.dumps({"error": answer}).encode()
        self.send_response(429)
        for name, value in [("content-type", "application/json"), ("content-length", str(len(body))),
                            ("retry-after", str(waits[-1])), ("x-should-retry", "false")]:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Vendor)
threading.Thread(target=server.serve_forever, daemon=True).start()


def turn(wait, **error):
    """What Codex prints, and whether it has ended, within PATIENCE seconds of a turn that is refused so."""
    waits.append(wait)
    answer.clear()
    answer.update(message="The limit is reached.", resets_at=int(time.time()) + wait, **error)
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
    words = [sys.argv[1], "exec", "--json", "--skip-git-repo-check", "-C", home, "Say yes."]
    env = {"PATH": "/usr/bin:/bin", "HOME": home, "CODEX_HOME": home, "KEY": "made-up"}
    with open(f"{home}/printed", "w") as printed:
        process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=printed, stderr=printed, env=env)
    try:
        process.wait(PATIENCE)
        ended = True
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        ended = False
    with open(f"{home}/printed") as printed:
        shown = printed.read()
    told = "usage limit" in shown or "The limit is reached." in shown or str(wait) in shown
    return {"ended": ended, "told of the limit": told, "requests": len(asked)}


seen = {
    "rate_limit_error": turn(1800, type="rate_limit_error", code="rate_limit_exceeded"),
    "the word as a code": turn(1800, type="rate_limit_error", code="usage_limit_reached"),
    "usage_limit_reached": turn(1800, type="usage_limit_reached"),
}
turn(6, type="rate_limit_error", code="rate_limit_exceeded")
gaps = [round(later - earlier, 1) for earlier, later in zip(asked, asked[1:])]
print(json.dumps(seen, indent=1))
print("between requests, with a retry-after of 6 seconds:", gaps)
assert gaps and all(6 <= gap < 9 for gap in gaps)
silent = {"ended": False, "told of the limit": False, "requests": 1}
assert seen == {
    "rate_limit_error": silent,
    "the word as a code": silent,
    "usage_limit_reached": {"ended": True, "told of the limit": True, "requests": 1},
}
PYTHON
