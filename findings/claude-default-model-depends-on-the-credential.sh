#!/usr/bin/env bash
# Claude Code's model `default` is another one with an API key than with a subscription's token.
#
# What a good engineer would guess: a program of one version has one default model; what holds for it (which parameters it
#   takes, what it costs) can be looked up once and kept.
# What happens: asked by the control request `list_models`, which needs no network, it names Opus 5.5 with
#   ANTHROPIC_API_KEY and Sonnet 5.5 with CLAUDE_CODE_OAUTH_TOKEN. The two refuse different words for "do not think", so a
#   request made for the one is a 400 of the other. `sonnet`, `opus` and `haiku` stand for the same with both.
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
import json, os, subprocess, sys

QUESTION = {"type": "control_request", "request_id": "q", "request": {"subtype": "list_models"}}


def models(variable):
    home = os.path.abspath(variable)
    os.mkdir(home)
    run = subprocess.run(
        [sys.argv[1], "--print", "--verbose", "--input-format", "stream-json", "--output-format", "stream-json"],
        input=json.dumps(QUESTION) + "\n", capture_output=True, text=True, timeout=60,
        # Nothing listens there: no word of this comes from the vendor.
        env={"HOME": home, "PATH": "/usr/bin:/bin", variable: "made-up", "ANTHROPIC_BASE_URL": "http://127.0.0.1:9",
             "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1"})
    rows = [json.loads(line) for line in run.stdout.splitlines()]
    answer = next(each["response"] for each in rows if each["type"] == "control_response")
    return {each["value"]: each["resolvedModel"] for each in answer["response"]["models"]}


names = ("default", "sonnet", "opus", "haiku")
seen = {}
for variable in ("ANTHROPIC_API_KEY", "CLAUDE_CODE_OAUTH_TOKEN"):
    known = models(variable)
    seen[variable] = {name: known.get(name) for name in names}
print(json.dumps(seen, indent=1))
key, token = seen.values()
assert key["default"] == "claude-opus-5-5" and token["default"] == "claude-sonnet-5-5", seen
assert all(key[name] == token[name] for name in names[1:] if key[name] and token[name]), seen
END
