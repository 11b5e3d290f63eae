#!/usr/bin/env bash
# Claude Code's `rewind_conversation` tells messages apart by the first 24 characters of their uuid.
#
# What a good engineer would guess: `target_message_uuid` names the message whose whole uuid it is, so any 36 characters
#   of the right form do that differ somewhere: a fixed prefix and a counter at the end, as in many a fixture.
# What happens: the last group of twelve is not looked at. Of messages that differ only there the first is rewound to,
#   whichever was named, and all that came after it is gone. The answer says `rewound: true`; that it was another
#   message shows in its `targetMessageUuid` alone. With the counter in front of that group the named one is found.
# Seen with: claude 2.1.332 (PyPI claude-agent-sdk 0.2.189, bundled program); Linux x86-64.
# Way out: random uuids, or the counter in front; compare the answer's `targetMessageUuid`.
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
import http.server, json, os, re, subprocess, sys, tempfile, threading

asked = []


class Vendor(http.server.BaseHTTPRequestHandler):
    """Takes a question down and answers one word."""

    def do_HEAD(self):
        self.send_response(200)
        self.end_headers()

    do_GET = do_HEAD

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        asked.append(body["messages"])
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


def rewound(form):
    """Which of three messages is rewound to when the last is named, and which are in the next request."""
    claude, uuids = Claude(), [form % number for number in range(4)]
    for number in range(3):
        claude.ask(f"question {number}", uuid=uuids[number])
    answer = claude.control("rewind_conversation", target_message_uuid=uuids[2], last_seen_user_message_uuid=uuids[2])
    claude.ask("question 3", uuid=uuids[3])
    claude.end()
    kept = re.findall("question [0-9]", json.dumps(asked[-1]))
    return {"rewound": answer["rewound"], "to": uuids.index(answer["targetMessageUuid"]), "asked next": kept}


seen = {
    "counter at the end": rewound("10000000-0000-4000-8000-%012x"),
    "counter before it": rewound("10000000-0000-4000-8%03x-000000000000"),
}
print(json.dumps(seen, indent=1))
assert seen == {
    "counter at the end": {"rewound": True, "to": 0, "asked next": ["question 3"]},
    "counter before it": {"rewound": True, "to": 2, "asked next": ["question 0", "question 1", "question 3"]},
}
END
