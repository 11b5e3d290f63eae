"""A client that sends only what is new, and names its conversation."""
import json

from harness import DIALECTS, request_body

# Where a request can name its conversation.
DOORS = [("messages", "field"), ("chat", "field"), ("responses", "field"), ("messages", "model"), ("chat", "model"),
         ("responses", "model"), ("responses", "string"), ("responses", "object")]


class Talk:
    def __init__(self, gateway, name, key=None, model="sonnet"):
        self.gateway, self.name, self.key, self.model = gateway, name, key or gateway.key, model

    def request(self, text, dialect="chat", door="field", streams=False, messages=None, **fields):
        """Path, header fields and body; `messages` takes the place of the one new message."""
        model = f"{self.model}:{self.name}" if door == "model" else self.model
        body = request_body(dialect, text, model, **fields)
        body.pop("store", None)
        if messages:
            body["input" if dialect == "responses" else "messages"] = messages
        if door == "string":
            body["conversation"] = self.name
        if door == "object":
            body["conversation"] = {"id": self.name}
        if streams:
            body["stream"] = True
        headers = {"authorization": f"Bearer {self.key}"}
        return DIALECTS[dialect], headers | ({"x-conversation-id": self.name} if door == "field" else {}), body

    def ask(self, text="", dialect="chat", door="field", streams=False, **fields):
        """The whole response, whatever it is."""
        path, headers, body = self.request(text, dialect, door, streams, **fields)
        with self.gateway.http() as http:
            return http.post(path, json=body, headers=headers)

    def say(self, text="", dialect="chat", door="field", streams=False, **fields):
        """The text of the answer, and how the gateway says that the request stood to the conversation."""
        response = self.ask(text, dialect, door, streams, **fields)
        assert response.status_code == 200, response.text
        assert response.headers["x-conversation-id"] == self.name
        answer = streamed_text(dialect, response.text) if streams else whole_text(dialect, response.json())
        return answer, response.headers["x-portcullis-conversation"]

    def http(self, method, path, **options):
        with self.gateway.http(headers={"authorization": f"Bearer {self.key}"}) as http:
            return http.request(method, path, **options)


def whole_text(dialect, body):
    if dialect == "messages":
        return "".join(each["text"] for each in body["content"] if each["type"] == "text")
    if dialect == "chat":
        return body["choices"][0]["message"]["content"]
    return "".join(part["text"] for item in body["output"] if item["type"] == "message" for part in item["content"])


def streamed_text(dialect, text):
    """The text of a stream that has come to a good end."""
    events = [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: {")]
    if dialect == "messages":
        assert events[-1]["type"] == "message_stop", text[-500:]
        return "".join(each["delta"].get("text", "") for each in events if each["type"] == "content_block_delta")
    if dialect == "chat":
        assert text.rstrip().endswith("data: [DONE]"), text[-500:]
        return "".join(choice["delta"].get("content") or "" for each in events for choice in each["choices"])
    assert events[-1]["type"] == "response.completed", text[-500:]
    return "".join(each["delta"] for each in events if each["type"] == "response.output_text.delta")


def said(turn):
    """What reached the model, text by text: (who, text)."""
    return [(role, text) for role, texts in turn.rows() for text in texts]
