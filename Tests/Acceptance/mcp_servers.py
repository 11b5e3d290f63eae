"""Two small MCP servers: a program on standard input and output, and one behind HTTP.

Run as a program it serves over its standard input and output; TOKEN in its environment is its secret. How it
behaves, STARTS says: `well` (also without it), `never`, `dying`, `flooding`, or `silent` (about its tools).
"""
import json
import os
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TOOLS = ("lookup", "slow", "crash", "flood", "ask")


def answer(message, respond):
    """The result of a request; None for what has none."""
    method = message["method"]
    if method == "initialize":
        version = message["params"]["protocolVersion"]
        server = {"name": "tests", "version": "1"}
        return {"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": server}
    if method == "tools/list":
        schema = {"type": "object", "properties": {"q": {"type": "string"}}}
        return {"tools": [{"name": name, "description": name, "inputSchema": schema} for name in TOOLS]}
    if method == "tools/call":
        return {"content": [{"type": "text", "text": run(message["params"], respond)}]}
    return {}


def run(call, respond):
    name, arguments = call["name"], call.get("arguments") or {}
    if name == "slow":
        time.sleep(float(arguments.get("q", "1")))
    if name == "crash":
        os._exit(9)
    if name == "flood":
        return "flood " * 500_000
    if name == "ask":
        return "asked " + json.dumps(respond("elicitation/create", {"message": "?", "requestedSchema": FORM}))
    return f"{name} found {arguments.get('q', 'nothing')}"


FORM = {"type": "object", "properties": {"name": {"type": "string"}}}


def send(message):
    print(json.dumps({"jsonrpc": "2.0", **message}), flush=True)


def ask_back(method, params):
    send({"id": "own", "method": method, "params": params})
    return json.loads(sys.stdin.readline()).get("result")


def serve_stdio():
    behaviour = os.environ.get("STARTS", "well")
    if behaviour == "dying":
        sys.exit(f"no use of {os.environ.get('TOKEN')}")
    if behaviour == "never":
        time.sleep(3600)
    while behaviour == "flooding":
        sys.stdout.write("x" * 65536)
    for line in sys.stdin:
        message = json.loads(line)
        if behaviour == "silent" and message["method"] == "tools/list":
            send({"id": message["id"], "error": {"code": -32603, "message": "no list"}})
        elif "id" in message and "method" in message:
            send({"id": message["id"], "result": answer(message, ask_back)})


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.reply(405)

    do_DELETE = do_GET

    def do_POST(self):
        message = json.loads(self.rfile.read(int(self.headers["content-length"])))
        authorization = self.headers.get("authorization", "")
        if authorization != f"Bearer {self.server.token}":
            return self.reply(403, {"error": f"{authorization} will not do"})
        if "id" not in message:
            return self.reply(202)
        self.server.asked.append(message["method"])
        return self.reply(200, {"jsonrpc": "2.0", "id": message["id"], "result": answer(message, None)})

    def reply(self, status, value=None):
        data = b"" if value is None else json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


class HTTPServer(ThreadingHTTPServer):
    """`with HTTPServer(token) as server:` serves at `server.url` those who show the token."""

    daemon_threads = True

    def __init__(self, token):
        super().__init__(("127.0.0.1", 0), Handler)
        self.token = token
        self.asked = []
        self.url = f"http://127.0.0.1:{self.server_address[1]}/mcp"

    def __enter__(self):
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()


if __name__ == "__main__":
    serve_stdio()
