"""The recipes of deploy/clients.md for clients that cannot be installed here: the requests that their sources send, with
the address, the key, the model and the fields as the page has them entered."""
import json
import re

import pytest
import yaml

from harness import ROOT, chat_chunks, message_events
from recipes import SAID, recipes

PAGE = (ROOT / "deploy/clients.md").read_text()
BLOCKS = recipes()
WEATHER = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
FUNCTION = {"type": "function", "function": {"name": "get_weather", "description": "Tells the weather.", "parameters": WEATHER}}


def addresses(name):
    """What a table's row or a section of the page says to enter, in its order."""
    row = re.search(rf"^\| {re.escape(name)}\b[^|]*\| (.*)$", PAGE, re.M)
    section = re.search(rf"^### {re.escape(name)}$(.*?)^##", PAGE, re.M | re.S)
    return re.findall(r"https://HOST[\w/.]*", (row or section)[1])


class Client:
    """Somebody's client with what they have entered, and one question."""

    def __init__(self, http, gateway, question):
        self.http, self.gateway, self.question = http, gateway, question

    def url(self, entered):
        return entered.replace("https://HOST", self.gateway.url).rstrip("/")

    def bearer(self, **more):
        return {"authorization": f"Bearer {self.gateway.key}", **more}

    def anthropic(self, **more):
        return {"x-api-key": self.gateway.key, "anthropic-version": "2023-06-01", **more}

    def user(self):
        return [{"role": "user", "content": self.question}]

    def models(self, base, headers):
        answer = self.http.get(self.url(base) + "/models", headers=headers)
        assert answer.status_code == 200, answer.text
        return [each["id"] for each in answer.json()["data"]]

    def post(self, url, headers, **body):
        answer = self.http.post(url, headers=headers, json=body)
        assert answer.status_code == 200, answer.text
        return answer

    def chat(self, url, headers, **body):
        """A chat completion, whole or streamed; returns what was said and the calls."""
        body = {"model": "sonnet", "messages": self.user(), **body}
        answer = self.post(url, headers, **body)
        if not body.get("stream"):
            message = answer.json()["choices"][0]["message"]
            return message["content"], message.get("tool_calls")
        chunks = chat_chunks(answer.text)
        deltas = [choice["delta"] for chunk in chunks for choice in chunk["choices"]]
        if "stream_options" in body:
            assert chunks[-1]["usage"]["total_tokens"] > 0
        return "".join(delta.get("content") or "" for delta in deltas), [d["tool_calls"] for d in deltas if d.get("tool_calls")]

    def message(self, base, headers, **body):
        """A streamed answer in Anthropic's dialect."""
        body = {"model": "sonnet", "max_tokens": 4000, "messages": self.user(), "stream": True, **body}
        deltas = [each["delta"] for each in message_events(self.post(base + "/messages", headers, **body).text)
                  if each["type"] == "content_block_delta"]
        return "".join(delta.get("text", "") for delta in deltas)

    def page_may(self, origin, url, names):
        """What a browser asks before a page's request."""
        answer = self.http.options(url, headers={
            "origin": origin, "access-control-request-method": "POST", "access-control-request-headers": ",".join(names)})
        allowed = answer.headers["access-control-allow-headers"].lower().replace(" ", "").split(",")
        assert answer.headers["access-control-allow-origin"] in ("*", origin) and ("*" in allowed or set(names) <= set(allowed))


@pytest.fixture
def client(gateway, nonce):
    with gateway.http() as http:
        yield Client(http, gateway, f"{nonce}\nsay:{SAID}")


def test_open_webui_as_a_connection_of_the_server(client):
    base = addresses("Open WebUI")[0]
    headers = client.bearer(**{
        "x-openwebui-user-name": "Alice", "x-openwebui-user-id": "u1", "x-openwebui-user-email": "a@b.example",
        "x-openwebui-user-role": "user", "x-openwebui-chat-id": "c1"})
    assert "sonnet" in client.models(base, headers)
    url = client.url(base) + "/chat/completions"
    said, _ = client.chat(url, headers, stream=True, seed=1, max_tokens=100,
                          stream_options={"include_usage": True})
    title, _ = client.chat(url, {**headers, "x-openwebui-task": "title_generation"}, model="haiku", stream=False)
    assert (said, title) == (SAID, SAID)


def test_open_webui_as_a_direct_connection_whose_reader_takes_each_piece_for_itself(client):
    base = client.url(addresses("Open WebUI")[0])
    client.page_may("https://chat.example", base + "/chat/completions", ["authorization", "content-type"])
    headers = client.bearer(origin="https://chat.example")
    body = {"model": "sonnet", "messages": client.user(), "stream": True}
    said = ""
    with client.http.stream("POST", base + "/chat/completions", headers=headers, json=body) as answer:
        for piece in answer.iter_raw():
            for line in piece.decode().split("\n"):
                if line.startswith("data: {"):
                    said += "".join(choice["delta"].get("content") or "" for choice in json.loads(line[6:])["choices"])
    assert said == SAID


def test_librechat(client):
    [endpoint] = yaml.safe_load(BLOCKS["librechat"].block("yaml"))["endpoints"]["custom"]
    assert endpoint["apiKey"] == "${PORTCULLIS_KEY}" and endpoint["models"]["fetch"]
    assert set(endpoint["models"]["default"]) <= set(client.models(endpoint["baseURL"], client.bearer()))
    url = client.url(endpoint["baseURL"]) + "/chat/completions"
    model = endpoint["models"]["default"][0]
    said, _ = client.chat(url, client.bearer(), model=model, stream=True, stream_options={"include_usage": True}, user="u1")
    title, _ = client.chat(url, client.bearer(), model=endpoint["titleModel"], temperature=0.2)
    assert (said, title) == (SAID, SAID)


def test_lobechat(client):
    openai, anthropic = addresses("LobeChat")
    assert "sonnet" in client.models(openai, client.bearer(**{"x-stainless-lang": "js"}))
    said, _ = client.chat(client.url(openai) + "/chat/completions", client.bearer(), stream=True, temperature=1, top_p=1,
                          presence_penalty=0, frequency_penalty=0, user="u1", stream_options={"include_usage": True})
    assert said == SAID
    assert "claude-sonnet-5-5" in client.models(anthropic + "/v1", client.anthropic())
    assert client.message(client.url(anthropic) + "/v1", client.anthropic()) == SAID


def test_typingmind(client):
    [address] = addresses("TypingMind")
    client.page_may("https://www.typingmind.com", client.url(address), ["authorization", "content-type"])
    headers = client.bearer(origin="https://www.typingmind.com")
    assert client.chat(client.url(address), headers)[0] == SAID
    assert client.chat(client.url(address), headers, stream=True, temperature=1)[0] == SAID


def test_nextchat(client):
    base = client.url(addresses("NextChat")[0])
    client.page_may("https://nextchat.example", base + "/v1/chat/completions", ["authorization", "content-type", "x-requested-with"])
    fields = {"temperature": 0.5, "presence_penalty": 0, "frequency_penalty": 0, "top_p": 1}
    assert client.chat(base + "/v1/chat/completions", client.bearer(), stream=True, **fields)[0] == SAID
    assert client.chat(base + "/v1/chat/completions", client.bearer(), stream=False, **fields)[0] == SAID
    assert client.http.get(base + "/dashboard/billing/subscription", headers=client.bearer()).status_code == 404


def test_chatwise(client):
    openai, anthropic = addresses("ChatWise")
    assert "sonnet" in client.models(openai, client.bearer())
    assert client.chat(client.url(openai) + "/chat/completions", client.bearer(), stream=True)[0] == SAID
    assert client.message(client.url(anthropic) + "/v1", client.anthropic()) == SAID


def test_continue(client):
    [model] = yaml.safe_load(BLOCKS["continue"].block("yaml"))["models"]
    assert model["provider"] == "openai" and model["apiKey"] == "KEY"
    headers = client.bearer(**{"api-key": client.gateway.key, "x-api-key": client.gateway.key})
    said, _ = client.chat(client.url(model["apiBase"]) + "/chat/completions", headers, model=model["model"], stream=True,
                          max_tokens=4096, tools=[FUNCTION], stream_options={"include_usage": True})
    assert said == SAID


@pytest.mark.parametrize("fields", [
    {"temperature": 0}, {"temperature": 0, "parallel_tool_calls": True, "max_completion_tokens": 8192}], ids=["cline", "roo"])
def test_cline_and_roo(client, fields):
    openai, anthropic = addresses("Cline and Roo")
    client.question += '\ncall:get_weather:{"city": "Oslo"}'
    _, calls = client.chat(client.url(openai) + "/chat/completions", client.bearer(), stream=True, tools=[FUNCTION],
                           tool_choice="auto", stream_options={"include_usage": True}, **fields)
    assert calls[0][0]["function"]["name"] == "get_weather"
    tool = {"name": "get_weather", "description": "Tells the weather.", "input_schema": WEATHER}
    headers = client.anthropic(**{"anthropic-beta": "prompt-caching-2024-07-31,fine-grained-tool-streaming-2025-05-14"})
    system = [{"type": "text", "text": "You write programs.", "cache_control": {"type": "ephemeral"}}]
    said = client.message(client.url(anthropic) + "/v1", headers, system=system, tools=[tool], tool_choice={"type": "auto"})
    assert said == SAID


def test_zed(client):
    [provider] = json.loads(BLOCKS["zed"].block("json"))["language_models"]["openai_compatible"].values()
    [model] = provider["available_models"]
    assert model["capabilities"]["tools"] and model["capabilities"]["parallel_tool_calls"]
    said, _ = client.chat(client.url(provider["api_url"]) + "/chat/completions", client.bearer(), model=model["name"], stream=True,
                          max_completion_tokens=model["max_output_tokens"], parallel_tool_calls=False, tools=[FUNCTION],
                          stream_options={"include_usage": True})
    assert said == SAID


def test_cursor(client):
    url = client.url(addresses("Cursor")[0]) + "/chat/completions"
    assert client.chat(url, client.bearer(), stream=True, temperature=0)[0] == SAID
    flat = {"type": "function", "name": "get_weather", "description": "Tells the weather.", "parameters": WEATHER}
    body = {"model": "sonnet", "input": client.user(), "tools": [flat], "tool_choice": "auto", "stream": True}
    chunks = chat_chunks(client.post(url, client.bearer(), **body).text)
    assert "".join(choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"]) == SAID


def test_openclaw(client, upstream, nonce):
    [provider] = json.loads(BLOCKS["openclaw"].block("json"))["models"]["providers"].values()
    [model] = provider["models"]
    assert provider["api"] == "anthropic-messages" and provider["apiKey"] == "KEY"
    client.question = f'{nonce}\ncall:Bash:{{"command": "ls"}}'
    tool = {"name": "exec", "description": "Runs a command.",
            "input_schema": {"type": "object", "properties": {"command": {"type": "string"}}, "required": ["command"]}}
    answer = client.post(client.url(provider["baseUrl"]) + "/v1/messages", client.anthropic(**provider["headers"]),
                         model=model["id"], max_tokens=model["maxTokens"], messages=client.user(), tools=[tool]).json()
    assert [block["name"] for block in answer["content"] if block["type"] == "tool_use"] == ["exec"]
    [turn] = upstream.turns(nonce)
    assert [each["name"] for each in turn.body["tools"]] == ["Bash"]


def test_opencode(client):
    base = client.url(addresses("opencode")[0])
    headers = client.bearer(**{"user-agent": "ai-sdk/openai-compatible/2.0.0"})
    said, _ = client.chat(base + "/chat/completions", headers, stream=True, temperature=0, top_p=1, tools=[FUNCTION], tool_choice="auto",
                          max_tokens=32000, stream_options={"include_usage": True})
    assert said == SAID


@pytest.mark.parametrize(("name", "origin"), [
    ("Obsidian Copilot", "app://obsidian.md"), ("Page Assist", "chrome-extension://jfgfiigpkhlkbnfnbobbkinehhfdhndo")])
def test_plugins_and_extensions(client, name, origin):
    base = client.url(addresses(name)[0])
    names = ["authorization", "content-type", "x-stainless-os", "x-stainless-lang", "dangerously-allow-browser"]
    client.page_may(origin, base + "/chat/completions", names)
    assert "sonnet" in client.models(base, client.bearer(origin=origin))
    assert client.chat(base + "/chat/completions", client.bearer(origin=origin), stream=True)[0] == SAID


def test_what_sends_a_request_by_http_as_n8n_does(client):
    address, base = addresses("n8n")
    assert client.chat(client.url(address), client.bearer(accept="application/json,text/html,*/*"))[0] == SAID
    node = client.bearer(**{"user-agent": "OpenAI/JS 6.7.0", "x-stainless-lang": "js"})
    assert "sonnet" in client.models(base, node)
    assert client.chat(client.url(base) + "/chat/completions", node, temperature=0.7, n=1)[0] == SAID
