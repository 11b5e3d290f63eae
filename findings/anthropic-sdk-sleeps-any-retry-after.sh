#!/usr/bin/env bash
# Anthropic's Python SDK sleeps whatever `retry-after` says, hours included, inside the call and without a word; OpenAI's,
# made by the same generator, raises at once above two minutes.
#
# What a good engineer would guess: a client's own `timeout` bounds the call, a wait of hours is beyond any client's
#   patience, and what one of these two SDKs does the other does too.
# What happens: `timeout` bounds one try, not the sleep between two. With `retry-after: 18000` Anthropic's SDK goes to
#   sleep for five hours, though its timeout is 5 seconds; OpenAI's sleeps up to 120 seconds and raises for more. Both
#   raise at once where the answer says `x-should-retry: false`.
# Seen with: anthropic 2.14.0, openai 3.57.0 (PyPI); Python 3.11.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check anthropic==2.14.0 openai==3.57.0

cd "$work"
env -u HTTP_PROXY -u HTTPS_PROXY -u ALL_PROXY -u http_proxy -u https_proxy -u all_proxy \
    "$work/venv/bin/python" - <<'PYTHON'
import http.server, json, threading, time

import anthropic
import openai

refusal = {}


class Vendor(http.server.BaseHTTPRequestHandler):
    """Refuses everything with 429 and the fields of the moment."""

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        body = b'{"type":"error","error":{"type":"rate_limit_error","message":"The limit is reached."}}'
        self.send_response(429)
        for name, value in {"content-type": "application/json", "content-length": len(body), **refusal}.items():
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Asleep(BaseException):
    """In place of the sleep that was asked for."""


def sleep(seconds):
    raise Asleep(seconds)


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Vendor)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}"
time.sleep = sleep
hello = [{"role": "user", "content": "Hello"}]
asks = {
    "anthropic": lambda: anthropic.Anthropic(base_url=url, api_key="made-up", timeout=5).messages.create(
        model="m", max_tokens=9, messages=hello),
    "openai": lambda: openai.OpenAI(base_url=f"{url}/v1", api_key="made-up", timeout=5).chat.completions.create(
        model="m", messages=hello),
}


def outcome(ask, **fields):
    """The seconds for which the SDK wants to sleep, or the name of what it raises."""
    refusal.clear()
    refusal.update({name.replace("_", "-"): value for name, value in fields.items()})
    try:
        return ask()
    except Asleep as asleep:
        return asleep.args[0]
    except Exception as error:
        return type(error).__name__


seen = {
    name: [outcome(ask, retry_after=60), outcome(ask, retry_after=18000),
           outcome(ask, retry_after=18000, x_should_retry="false")]
    for name, ask in asks.items()
}
print(json.dumps(seen))
assert seen == {"anthropic": [60, 18000, "RateLimitError"], "openai": [60, "RateLimitError", "RateLimitError"]}
PYTHON
