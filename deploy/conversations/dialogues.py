"""Clients' conversations: each request brings the whole history, as clients send it."""
import re

# In the first question of each, which no self-test of a gateway asks.
QUESTION = b"A question of the benchmark."
TEXT = "A zebra is striped, as everybody knows."
SYSTEM = "You are a helpful assistant. " * 40
SCHEMA = {"type": "object", "properties": {"round": {"type": "integer"}}, "required": ["round"]}
RESULT = "The table has the following entry for this round. " * 20


class Chat:
    """A person asks, and asks on."""

    path = "/v1/messages"

    def __init__(self, number=0):
        self.messages, self.number = [], number

    def request(self):
        text = QUESTION.decode() + f" This is conversation {self.number}, question {len(self.messages)}. " + "Tell me more. " * 20
        self.messages.append({"role": "user", "content": text})
        system = SYSTEM + f"The subject is number {self.number}."
        return {"model": "sonnet", "max_tokens": 1000, "stream": True, "system": system, "messages": self.messages}

    def take(self, reply):
        self.messages.append({"role": "assistant", "content": [{"type": "text", "text": TEXT}]})


class Agent:
    """A program brings the result of a call with each request."""

    def __init__(self, rounds, number=0):
        self.items, self.rounds, self.round = [], rounds, 0
        self.begin(QUESTION.decode() + f" Agent {number}: look everything up, rounds {rounds}.")

    def take(self, reply):
        if self.round < self.rounds:
            self.add(re.search(rb"toolu_zebra\d+", reply)[0].decode(), '{"round": %d}' % self.round)
            self.round += 1


class MessagesAgent(Agent):
    path = "/v1/messages"

    def begin(self, text):
        self.items.append({"role": "user", "content": text})

    def add(self, call, arguments):
        use = {"type": "tool_use", "id": call, "name": "lookup", "input": {"round": self.round}}
        result = {"type": "tool_result", "tool_use_id": call, "content": RESULT}
        self.items += {"role": "assistant", "content": [use]}, {"role": "user", "content": [result]}

    def request(self):
        tool = {"name": "lookup", "description": "Looks a round up.", "input_schema": SCHEMA}
        return {"model": "sonnet", "max_tokens": 1000, "stream": True, "system": SYSTEM, "tools": [tool],
                "messages": self.items}


class ChatAgent(Agent):
    path = "/v1/chat/completions"

    def begin(self, text):
        self.items += {"role": "system", "content": SYSTEM}, {"role": "user", "content": text}

    def add(self, call, arguments):
        use = {"id": call, "type": "function", "function": {"name": "lookup", "arguments": arguments}}
        self.items += (
            {"role": "assistant", "content": None, "tool_calls": [use]},
            {"role": "tool", "tool_call_id": call, "content": RESULT},
        )

    def request(self):
        function = {"name": "lookup", "description": "Looks a round up.", "parameters": SCHEMA}
        return {"model": "sonnet", "stream": True, "tools": [{"type": "function", "function": function}],
                "messages": self.items}


class ResponsesAgent(Agent):
    path = "/v1/responses"

    def begin(self, text):
        self.items.append({"role": "user", "content": text})

    def add(self, call, arguments):
        self.items += (
            {"type": "function_call", "call_id": call, "name": "lookup", "arguments": arguments},
            {"type": "function_call_output", "call_id": call, "output": RESULT},
        )

    def request(self):
        tool = {"type": "function", "name": "lookup", "description": "Looks a round up.", "parameters": SCHEMA}
        return {"model": "sonnet", "stream": True, "store": False, "instructions": SYSTEM, "tools": [tool],
                "input": self.items}
