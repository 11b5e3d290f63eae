"""A gateway with registered MCP servers, and what tests ask of it."""
import json
import pathlib
import sys

from harness import chat_body, message_body

PROGRAM = str(pathlib.Path(__file__).with_name("mcp_servers.py"))
TOKEN = "token-of-the-notes-server"
HTTP_TOKEN = "token-of-the-web-server"
WRONG_TOKEN = "not-the-right-token"
OTHER_LOGIN = "login-that-servers-must-not-see"
UNGRANTED_KEY = "a-third-key-that-is-long-enough-and-random-Zq8vKx2LmN4"


def program(starts="well", **variables):
    variables = {"TOKEN": TOKEN, "STARTS": starts, **variables}
    return {"command": sys.executable, "args": [PROGRAM], "env": variables, "timeout": 60_000}


def servers_at(url):
    """One of each kind; `web` and `locked` lie behind the address."""
    return {
        "notes": program(),
        "web": {"type": "http", "url": url, "headers": {"Authorization": f"Bearer {HTTP_TOKEN}"}},
        "locked": {"type": "http", "url": url, "headers": {"Authorization": f"Bearer {WRONG_TOKEN}"}},
        "never": program("never"),
        "dying": program("dying"),
        "flooding": program("flooding"),
        "silent": program("silent"),
    }


class Site:
    """A gateway with the registry; its keys are granted `*`, `notes`, and nothing of their own."""

    def __init__(self, gateway, registry):
        self.gateway = gateway
        first, second = gateway.keys
        lines = [f"all:{first} mcp=*", f"some:{second} mcp=notes", f"plain:{UNGRANTED_KEY}"]
        gateway.keys = [first, second, UNGRANTED_KEY]
        gateway.private_file("api-keys", "\n".join(lines) + "\n")
        self.path = gateway.private_file("mcp.json", json.dumps({"mcpServers": registry}))
        gateway.arguments += ["--proxy-mcp-config", self.path, "--mcp-start-timeout-ms", "6000"]
        gateway.arguments += ["--mcp-max-rounds", "3"]

    def ask(self, text, servers="notes", key=0, path="/v1/messages", headers=None, **fields):
        body = (message_body if path.startswith("/v1/messages") else chat_body)(text, **fields)
        if servers is not None:
            body["metadata"] = {"mcp_servers": servers}
        if path == "/v1/responses":
            body["input"] = body.pop("messages")
        return self.gateway.post(path, body, headers={"x-api-key": self.gateway.keys[key], **(headers or {})})


def texts(message):
    return [block["text"] for block in message["content"] if block["type"] == "text"]


def tool_names(turn):
    return [tool["name"] for tool in turn.body.get("tools") or []]


def tool_results(turn):
    return [
        block
        for message in turn.body["messages"]
        if not isinstance(message["content"], str)
        for block in message["content"]
        if block["type"] == "tool_result"
    ]


def call(name, nonce, said="Looking. ", **arguments):
    return f"{nonce}\nsay:{said}\ncall:{name}:{json.dumps(arguments)}"


def own_tool(path="/v1/messages", name="mine"):
    schema = {"type": "object", "properties": {}}
    if path == "/v1/messages":
        return {"name": name, "input_schema": schema}
    return {"type": "function", "function": {"name": name, "parameters": schema}}
