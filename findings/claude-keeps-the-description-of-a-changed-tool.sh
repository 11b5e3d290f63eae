#!/usr/bin/env bash
# Claude Code sends a tool whose description has changed with the old one, though it has fetched the list anew.
#
# What a good engineer would guess: after `notifications/tools/list_changed` it fetches the list. What a conversation
#   has sent it may hold still there (the vendor caches prompts by their prefix); one that `rewind_conversation` has
#   taken back to before its first message is asked with the list of now, which `mcp_status` shows too.
# What happens: the next request has the tool that is new, and a changed schema with the description that came with it.
#   A tool that changed in nothing but its description has the old one still (rendered definitions are kept, known by
#   name and schema), and the tool that is gone is there too. `/clear` drops both.
# Seen with: claude 2.1.332 (PyPI claude-agent-sdk 0.2.189, bundled program); Linux x86-64.
# Way out: `/clear` or another process, or a schema that changes whenever its description does.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: --dest "$work" \
    claude-agent-sdk==0.2.189
python3 -m zipfile -e "$work"/claude_agent_sdk-*.whl "$work/sdk"
claude=$work/sdk/claude_agent_sdk/_bundled/claude
chmod 755 "$claude"

cd "$work"
cat > server.py <<'END'
# A server of tools whose list is another one as soon as there is a file `changed`.
import json, os, sys, threading, time

TO, NUMBER = ({"type": "object", "properties": {name: {"type": "string"}}} for name in ("to", "number"))
OLD = {"send": ("old", TO), "call": ("old", TO), "gone": ("old", TO)}
NEW = {"send": ("new", TO), "call": ("new", NUMBER), "more": ("new", TO)}


def say(**fields):
    print(json.dumps({"jsonrpc": "2.0", **fields}), flush=True)


def watch():
    while not os.path.exists("changed"):
        time.sleep(0.05)
    say(method="notifications/tools/list_changed")


threading.Thread(target=watch, daemon=True).start()
for line in sys.stdin:
    request = json.loads(line)
    result = {}
    if request.get("method") == "initialize":
        result = {"protocolVersion": request["params"]["protocolVersion"], "serverInfo": {"name": "s", "version": "1"},
                  "capabilities": {"tools": {"listChanged": True}}}
    elif request.get("method") == "tools/list":
        tools = NEW if os.path.exists("changed") else OLD
        result = {"tools": [{"name": name, "description": description, "inputSchema": schema}
                            for name, (description, schema) in tools.items()]}
    if "id" in request:
        say(id=request["id"], result=result)
END
python3 - "$claude" <<'END'
import http.server, json, os, subprocess, sys, tempfile, threading, time

asked = []


class Vendor(http.server.BaseHTTPRequestHandler):
    """Takes a question down and answers one word."""

    def do_HEAD(self):
        self.send_response(200)
        self.end_headers()

    do_GET = do_HEAD

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        asked.append(body.get("tools", []))
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


def question(number):
    return f"{number:08x}-0000-4000-8000-000000000000"


claude = Claude("--strict-mcp-config", "--mcp-config", json.dumps(
    {"mcpServers": {"s": {"command": sys.executable, "args": ["server.py"]}}}))
claude.ask("Say yes.", uuid=question(1))
open("changed", "w").close()
deadline = time.monotonic() + 60
while {tool["name"] for tool in claude.control("mcp_status")["mcpServers"][0]["tools"]} != {"send", "call", "more"}:
    assert time.monotonic() < deadline, "the list was not fetched anew"
    time.sleep(0.1)
answer = claude.control("rewind_conversation", target_message_uuid=question(1), last_seen_user_message_uuid=question(1))
assert answer["rewound"], answer
claude.ask("Say yes again.", uuid=question(2))
claude.ask("/clear")
claude.ask("Say yes once more.", uuid=question(3))
claude.end()

seen = [{tool["name"].removeprefix("mcp__s__"): (tool["description"], *tool["input_schema"]["properties"])
         for tool in tools if tool["name"].startswith("mcp__s__")} for tools in asked]
print(*zip(("first", "rewound", "cleared"), seen), sep="\n")
new = {"send": ("new", "to"), "call": ("new", "number"), "more": ("new", "to")}
assert seen == [
    {"send": ("old", "to"), "call": ("old", "to"), "gone": ("old", "to")},
    {**new, "send": ("old", "to"), "gone": ("old", "to")},
    new,
], seen
END
