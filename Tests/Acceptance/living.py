"""Conversations that go on: clients of the three dialects, and what two upstream requests have in common."""
import json

from fidelity import rules
from harness import user

MODELS = [
    "claude-sonnet-5-5", "claude-opus-5-5", "claude-haiku-5-5", "claude-fable-5-2", "claude-sonnet-4-5", "claude-opus-4-6",
]
# Those that take a thinking block only behind the very conversation that it was made in.
BOUND = ["claude-sonnet-5-5", "claude-opus-5-5", "claude-fable-5-2"]
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}, "unit": {"type": "string"}}}
WEATHER = {"name": "get_weather", "description": "Looks the weather up.", "input_schema": SCHEMA}
TIME = {"name": "get_time", "description": "Tells the time.", "input_schema": {"type": "object", "properties": {}}}
THOUGHTS = ("thinking", "redacted_thinking")


def call(name="get_weather", **arguments):
    """The line that has the upstream call a tool."""
    return f"call:{name}:{json.dumps(arguments)}"


def session(turn):
    """The CLI process that asked: it names itself in every request."""
    return json.loads(turn.body["metadata"]["user_id"])["session_id"]


def sessions(turns):
    return [session(turn) for turn in turns]


# What arrived


def normal(body):
    """An upstream request without what may differ between a process that goes on and one that is told the history.

    That is where the CLI's text about its surroundings stands, the cache marks, and thinking, which a client may leave
    out. Who asks (metadata) and for what version (billing) is left out too.
    """
    kept = {name: value for name, value in body.items() if name not in ("metadata", "messages", "system")}
    system = [each for each in body["system"] if not each["text"].startswith(rules.BILLING)]
    rows = []
    for message in body["messages"]:
        content = message["content"]
        if message["role"] == "system":
            assert content.startswith("# Environment"), content
            continue
        content = [{"type": "text", "text": content}] if isinstance(content, str) else content
        rows.append([message["role"], [each for each in rules.without_reminders(content) if each["type"] not in THOUGHTS]])
    return rules.without_marks({**kept, "system": system, "messages": rows})


def surroundings(body):
    """Every text in which the CLI says where it is."""
    found = []
    for message in body["messages"]:
        content = message["content"]
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else list(content)
        for each in list(blocks):
            if each["type"] == "tool_result" and isinstance(each.get("content"), list):
                blocks += each["content"]
        found += [each["text"].strip() for each in blocks
                  if each["type"] == "text" and (message["role"] == "system" or rules.is_reminder(each))]
    return found


def thoughts(turn):
    """The thinking that a request holds, by its signatures."""
    return [block.get("signature") or block.get("data") for message in turn.body["messages"]
            if isinstance(message["content"], list) for block in message["content"] if block["type"] in THOUGHTS]


def thought(turn):
    """What the upstream thought in its answer, by the signatures."""
    return [block.get("signature") or block.get("data") for block in turn.said if block["type"] in THOUGHTS]


# Clients


class Client:
    """A client that keeps its conversation and sends the whole of it, by the vendor's own library."""

    def __init__(self, gateway, model, key=None, streams=False, http2=False, stays=False, **fields):
        self.gateway, self.model, self.fields, self.key = gateway, model, fields, key or gateway.key
        self.streams, self.http2 = streams, http2
        self.history = []
        self.library = self.connect() if stays else None

    def say(self, text, **fields):
        self.history += user(text)
        return self.ask(**fields)

    def ask(self, **fields):
        library = self.library or self.connect()
        try:
            return self.exchange(library, {**self.fields, **fields})
        finally:
            if not self.library:
                library.close()

    def loop(self, text, result="sunny"):
        """Answers calls until there are none; returns how many answers there were."""
        answers = 1
        self.say(text)
        while self.calls:
            self.answer([result] * len(self.calls))
            answers += 1
        return answers


class Messages(Client):
    def connect(self):
        return self.gateway.anthropic(http2=self.http2, key=self.key)

    def tools(self, *tools):
        self.fields["tools"] = list(tools)
        return self

    def exchange(self, library, fields):
        asked = {"model": self.model, "max_tokens": 1000, "messages": self.history, **fields}
        if self.streams:
            with library.messages.stream(**asked) as stream:
                message = stream.get_final_message()
        else:
            message = library.messages.create(**asked)
        blocks = [block.model_dump(exclude_none=True) for block in message.content]
        self.history.append({"role": "assistant", "content": blocks})
        self.calls = [each["id"] for each in blocks if each["type"] == "tool_use"]
        self.text = "".join(each["text"] for each in blocks if each["type"] == "text")
        self.usage = (message.usage.input_tokens, message.usage.output_tokens)
        return message

    def answer(self, contents, **fields):
        self.history.append({"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": name, "content": content}
            for name, content in zip(self.calls, contents)]})
        return self.ask(**fields)


class Chat(Client):
    def connect(self):
        return self.gateway.openai(http2=self.http2, key=self.key)

    def tools(self, *tools):
        self.fields["tools"] = [{"type": "function", "function": {
            "name": each["name"], "description": each["description"], "parameters": each["input_schema"]}}
            for each in tools]
        return self

    def exchange(self, library, fields):
        asked = {"model": self.model, "messages": self.history, **fields}
        if self.streams:
            with library.chat.completions.stream(**asked, stream_options={"include_usage": True}) as stream:
                completion = stream.get_final_completion()
        else:
            completion = library.chat.completions.create(**asked)
        message = completion.choices[0].message
        row = {"role": "assistant", "content": message.content}
        if message.tool_calls:
            row["tool_calls"] = [{"id": each.id, "type": "function", "function": {
                "name": each.function.name, "arguments": each.function.arguments}} for each in message.tool_calls]
        self.history.append(row)
        self.calls = [each.id for each in message.tool_calls or []]
        self.text = message.content or ""
        self.usage = (completion.usage.prompt_tokens, completion.usage.completion_tokens)
        return completion

    def answer(self, contents, **fields):
        self.history += [{"role": "tool", "tool_call_id": name, "content": content}
                         for name, content in zip(self.calls, contents)]
        return self.ask(**fields)


class Responses(Client):
    """Sends everything again, or with `by_id` what is new and the name of the response before."""

    by_id = False

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.before = None

    connect = Chat.connect

    def tools(self, *tools):
        self.fields["tools"] = [{"type": "function", "name": each["name"], "description": each["description"],
                                 "parameters": each["input_schema"], "strict": False} for each in tools]
        return self

    def exchange(self, library, fields):
        asked = {"model": self.model, "input": self.history, "store": self.by_id, **fields}
        if self.by_id and self.before:
            asked["previous_response_id"] = self.before
        if self.streams:
            with library.responses.stream(**asked) as stream:
                response = stream.get_final_response()
        else:
            response = library.responses.create(**asked)
        self.before = response.id
        items = [item.model_dump(exclude_none=True) for item in response.output]
        # The library's own reading of the text, which is none of the interface's.
        for each in items:
            each.pop("parsed_arguments", None)
            for part in each.get("content") or []:
                part.pop("parsed", None)
        self.history = [] if self.by_id else [*self.history, *items]
        self.calls = [each["call_id"] for each in items if each["type"] == "function_call"]
        self.text = response.output_text
        self.usage = (response.usage.input_tokens, response.usage.output_tokens)
        return response

    def answer(self, contents, **fields):
        self.history += [{"type": "function_call_output", "call_id": name, "output": content}
                         for name, content in zip(self.calls, contents)]
        return self.ask(**fields)


class StoredResponses(Responses):
    by_id = True


CLIENTS = {"messages": Messages, "chat": Chat, "responses": Responses, "responses by id": StoredResponses}
