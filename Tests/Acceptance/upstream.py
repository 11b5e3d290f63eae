"""A loopback stand-in for the Anthropic Messages API, behind the real `claude`.

It answers as a marker line in the newest user text says, and remembers every request it was sent.

    say:TEXT              TEXT, in deltas of seven characters
    slow:MS:N             N deltas, MS milliseconds apart
    long:N                N words
    delay:MS              MS milliseconds of silence before the headers, then "delayed"
    stop:REASON           a short text that ends with that stop reason
    empty                 a message without a content block
    usage:IN:MADE:READ    these input token counts (plain, written to the cache, read from it)
    status:CODE[:WAIT]    that HTTP status with the API's error body, whenever asked; WAIT is its retry-after
    flaky:CODE:N          that status for the first N requests of this very text, then an answer
    too-long, no-credit   the API's 400 for a prompt beyond the context window, for an account without credit
    limit:SECONDS         the account's usage limit is reached and resets in SECONDS
    late-limit:SECONDS    the same, after 2.5 seconds of silence
    account:STATE         an answer or a refusal with the fields of an account in that state, see STATES
    midstream-error       three deltas, then an `error` event
    drop                  three deltas, then the connection closes
    hang                  nothing at all until the caller leaves
    script:NAME           the events that a test has put under that name into `Upstream.scripts`
    call:NAME:JSON        a call of that tool; all such lines together, after the text of a `say` line, and with
                          the fields of an `account` line
    again:N:NAME          a short text and a call of that tool in each of the first N answers of a turn

Without a marker it says "Hello from upstream." Runs alone too: python3 upstream.py PORT
(GET /requests then shows what it was sent).
"""
import dataclasses
import json
import re
import select
import socket
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MARKER = re.compile(
    r"^(say|slow|long|delay|stop|empty|usage|status|flaky|too-long|no-credit|limit|late-limit|account|midstream-error|drop"
    r"|hang|call|again|script)(?::(.*))?$",
    re.MULTILINE,
)
ERROR_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    409: "conflict_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    504: "timeout_error",
    529: "overloaded_error",
}
SECRETS = ("authorization", "x-api-key")


@dataclasses.dataclass
class Recorded:
    """One request as it arrived; `outcome` is running, answered or abandoned (by the caller)."""

    method: str
    path: str
    headers: dict
    body: object
    outcome: str = "running"

    def mentions(self, text):
        return text in json.dumps(self.body, ensure_ascii=False)

    def rows(self):
        """The conversation as (role, texts), without what the CLI adds about its surroundings."""
        found = []
        for message in self.body["messages"]:
            texts = [text for text in texts_of(message["content"]) if not text.startswith("<system-reminder>")]
            if message["role"] != "system":
                found.append((message["role"], texts))
        return found

    def system_texts(self):
        return texts_of(self.body.get("system") or [])


@dataclasses.dataclass
class Answer:
    """What to say to one request, and how."""

    pieces: list = dataclasses.field(default_factory=lambda: split("Hello from upstream."))
    pause: float = 0.0
    silence: float = 0.0
    stop_reason: str = "end_turn"
    input_tokens: tuple = (11, 5, 7)
    status: int = 200
    headers: dict = dataclasses.field(default_factory=dict)
    message: str = ""
    breaks: str = ""
    script: str = ""
    calls: list = dataclasses.field(default_factory=list)

    def blocks(self, serial):
        """The content of the whole message; `serial` makes the calls' ids unique."""
        text = [{"type": "text", "text": "".join(self.pieces)}] if self.pieces else []
        return text + [
            {"type": "tool_use", "id": f"toolu_{serial}_{number}", "name": name, "input": arguments}
            for number, (name, arguments) in enumerate(self.calls)
        ]

    def usage(self):
        plain, written, read = self.input_tokens
        return {
            "input_tokens": plain,
            "cache_creation_input_tokens": written,
            "cache_read_input_tokens": read,
            "output_tokens": max(1, len(self.pieces)),
        }


def texts_of(content):
    if isinstance(content, str):
        return [content]
    return [block["text"] for block in content if block.get("type") == "text"]


def split(text, size=7):
    return [text[start : start + size] for start in range(0, len(text), size)]


def calling(markers):
    """The answer that `call` lines ask for."""
    spoken = [argument for name, argument in markers if name == "say"]
    calls = []
    for name, argument in markers:
        if name == "call":
            tool, _, arguments = argument.partition(":")
            calls.append((tool, json.loads(arguments or "{}")))
    headers = {}
    for state in [argument for name, argument in markers if name == "account"]:
        headers = account(**STATES[state][1])
    return Answer(pieces=split("".join(spoken)), calls=calls, stop_reason="tool_use", headers=headers)


def calling_again(body):
    """The answer that an `again` line asks for, as long as it does; else None."""
    found = [line for text in all_user_texts(body) for line in MARKER.findall(text) if line[0] == "again"]
    if not found:
        return None
    wanted, _, tool = found[-1][1].partition(":")
    made = sum(
        block.get("type") == "tool_use"
        for message in body["messages"]
        if message["role"] == "assistant" and not isinstance(message["content"], str)
        for block in message["content"]
    )
    if made >= int(wanted):
        return None
    return Answer(pieces=[f"round {made + 1}. "], calls=[(tool, {})], stop_reason="tool_use")


def all_user_texts(body):
    return [text for each in body["messages"] if each["role"] == "user" for text in texts_of(each["content"])]


def newest_user_text(body):
    for message in reversed(body.get("messages") or []):
        if message["role"] == "user":
            return "\n".join(texts_of(message["content"]))
    return ""


def answer_for(body, earlier=lambda: 0):
    markers = MARKER.findall(newest_user_text(body))
    again = calling_again(body)
    if again:
        return again
    if any(name == "call" for name, _ in markers):
        return calling(markers)
    name, argument = markers[-1] if markers else ("", "")
    parts = argument.split(":")
    if name == "say":
        return Answer(pieces=split(argument))
    if name == "slow":
        return Answer(pieces=[f"tick{n} " for n in range(int(parts[1]))], pause=int(parts[0]) / 1000)
    if name == "long":
        return Answer(pieces=[f"word{n} " for n in range(int(argument))])
    if name == "delay":
        return Answer(pieces=["delayed"], silence=int(argument) / 1000)
    if name == "stop":
        return Answer(pieces=["cut ", "here"], stop_reason=argument)
    if name == "empty":
        return Answer(pieces=[])
    if name == "usage":
        return Answer(input_tokens=tuple(int(part) for part in parts))
    if name == "status":
        return Answer(status=int(parts[0]), headers={"retry-after": wait for wait in parts[1:]})
    if name == "flaky" and earlier() < int(parts[1]):
        return Answer(status=int(parts[0]))
    if name == "too-long":
        return Answer(status=400, message="prompt is too long: 250000 tokens > 200000 maximum")
    if name == "no-credit":
        return Answer(
            status=400,
            message="Your credit balance is too low to access the Anthropic API. "
            "Please go to Plans & Billing to upgrade or purchase credits.",
        )
    if name in ("limit", "late-limit"):
        seconds = int(argument)
        headers = account("rejected", "five_hour", seconds, {"5h": ("rejected", 1, seconds)})
        return Answer(status=429, headers=headers, silence=2.5 if name == "late-limit" else 0)
    if name == "account":
        status, headers = STATES[argument]
        return Answer(status=status, headers=account(**headers))
    if name in ("midstream-error", "drop"):
        return Answer(pieces=["one ", "two ", "three "], breaks=name)
    if name == "hang":
        return Answer(silence=3600)
    if name == "script":
        return Answer(script=argument)
    return Answer()


HOUR, DAY = 3600, 86400


def account(status, claim, reset, windows=None, overage=None):
    """The fields about the limits of an account; times are given in seconds from now."""

    def moment(seconds):
        return str(int(time.time()) + seconds)

    fields = {"status": status, "representative-claim": claim, "reset": moment(reset)}
    known = {"5h": ("allowed", 0.42, HOUR), "7d": ("allowed", 0.11, 3 * DAY), **(windows or {})}
    for window, (word, used, seconds, *threshold) in known.items():
        fields |= {f"{window}-status": word, f"{window}-utilization": str(used), f"{window}-reset": moment(seconds)}
        if threshold:
            fields[f"{window}-surpassed-threshold"] = str(threshold[0])
    for name, value in (overage or {}).items():
        fields["overage-" + name] = moment(value) if name == "reset" else value
    return {"anthropic-ratelimit-unified-" + name: value for name, value in fields.items()}


def state(code, status, claim, reset, windows=None, overage=None):
    """The HTTP status of the answer, and the arguments of account()."""
    return code, {"status": status, "claim": claim, "reset": reset, "windows": windows, "overage": overage}


STATES = {
    "allowed": state(200, "allowed", "five_hour", HOUR),
    "warning-5h": state(200, "allowed_warning", "five_hour", HOUR, {"5h": ("allowed_warning", 0.92, HOUR, 0.9)}),
    "warning-7d": state(
        200, "allowed_warning", "seven_day", 3 * DAY, {"7d": ("allowed_warning", 0.81, 3 * DAY, 0.75)}
    ),
    "warning-opus": state(
        200, "allowed_warning", "seven_day_opus", 2 * DAY, {"7d_opus": ("allowed_warning", 0.88, 2 * DAY, 0.75)}
    ),
    "warning-sonnet": state(
        200, "allowed_warning", "seven_day_sonnet", 2 * DAY, {"7d_sonnet": ("allowed_warning", 0.79, 2 * DAY, 0.75)}
    ),
    "paid": state(
        200, "rejected", "five_hour", HOUR, {"5h": ("rejected", 1, HOUR)},
        {"status": "allowed", "reset": 7 * DAY, "in-use": "true", "utilization": "0.2"},
    ),
    "rejected-5h": state(429, "rejected", "five_hour", 1800, {"5h": ("rejected", 1, 1800)}),
    "rejected-7d": state(429, "rejected", "seven_day", DAY, {"7d": ("rejected", 1, DAY)}),
    "rejected-opus": state(429, "rejected", "seven_day_opus", DAY, {"7d_opus": ("rejected", 1, DAY)}),
    "rejected-unpaid": state(
        429, "rejected", "five_hour", HOUR, {"5h": ("rejected", 0.42, HOUR)},
        {"status": "rejected", "disabled-reason": "out_of_credits"},
    ),
}


class CallerLeft(Exception):
    pass


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_HEAD(self):
        self.remember(None)
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def do_GET(self):
        if self.path == "/requests":
            return self.send_json(200, [dataclasses.asdict(each) for each in self.server.recorded()])
        self.remember(None)
        return self.send_json(404, error_body(404))

    def do_POST(self):
        raw = self.rfile.read(int(self.headers.get("content-length") or 0))
        try:
            body = json.loads(raw)
        except ValueError:
            return self.send_json(400, error_body(400))
        entry = self.remember(body)
        try:
            self.answer(body)
            entry.outcome = "answered"
        except (CallerLeft, ConnectionError):
            entry.outcome = "abandoned"
            self.close_connection = True
        return None

    def remember(self, body):
        headers = {
            name.lower(): "redacted" if name.lower() in SECRETS else value for name, value in self.headers.items()
        }
        entry = Recorded(self.command, self.path, headers, body)
        self.server.remember(entry)
        return entry

    def answer(self, body):
        if "count_tokens" in self.path:
            return self.send_json(200, {"input_tokens": 42})
        if not self.path.startswith("/v1/messages"):
            return self.send_json(404, error_body(404))
        answer = answer_for(body, lambda: len(self.server.turns(newest_user_text(body).split("\n")[0])) - 1)
        self.wait(answer.silence)
        if answer.status != 200:
            return self.send_json(answer.status, error_body(answer.status, answer.message), answer.headers)
        if not body.get("stream"):
            return self.send_json(200, whole_message(body, answer), answer.headers)
        return self.stream(body, answer)

    def wait(self, seconds):
        """Waits, but notices at once when the caller leaves."""
        if seconds and select.select([self.connection], [], [], seconds)[0]:
            if not self.connection.recv(1, socket.MSG_PEEK):
                raise CallerLeft

    def stream(self, body, answer):
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("request-id", "req_upstream")
        for name, text in answer.headers.items():
            self.send_header(name, text)
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        if answer.script:
            for event in self.server.scripts[answer.script]:
                self.event(event["type"], **{key: value for key, value in event.items() if key != "type"})
            return self.chunk(b"")
        opening = whole_message(body, answer)
        opening.update(content=[], stop_reason=None, usage={**answer.usage(), "output_tokens": 1})
        self.event("message_start", message=opening)
        if answer.pieces:
            self.event("content_block_start", index=0, content_block={"type": "text", "text": ""})
            for number, piece in enumerate(answer.pieces):
                self.wait(answer.pause if number else 0)
                self.event("content_block_delta", index=0, delta={"type": "text_delta", "text": piece})
            if answer.breaks == "drop":
                raise CallerLeft
            if answer.breaks == "midstream-error":
                self.event("error", error={"type": "overloaded_error", "message": "Overloaded"})
                return self.chunk(b"")
            self.event("content_block_stop", index=0)
        self.stream_calls(answer)
        self.event(
            "message_delta", delta={"stop_reason": answer.stop_reason, "stop_sequence": None}, usage=answer.usage()
        )
        self.event("message_stop")
        return self.chunk(b"")

    def stream_calls(self, answer):
        calls = [block for block in answer.blocks(self.server.serial()) if block["type"] == "tool_use"]
        for index, block in enumerate(calls, start=1 if answer.pieces else 0):
            arguments = json.dumps(block["input"])
            self.event("content_block_start", index=index, content_block={**block, "input": {}})
            for piece in split(arguments, 5):
                self.event(
                    "content_block_delta", index=index, delta={"type": "input_json_delta", "partial_json": piece}
                )
            self.event("content_block_stop", index=index)

    def event(self, name, **fields):
        self.chunk(f"event: {name}\ndata: {json.dumps({'type': name, **fields})}\n\n".encode())

    def chunk(self, data):
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def send_json(self, status, value, headers=None):
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("request-id", "req_upstream")
        for name, text in (headers or {}).items():
            self.send_header(name, text)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def error_body(status, text=""):
    message = {"type": ERROR_TYPES.get(status, "api_error"), "message": text or f"upstream says {status}"}
    return {"type": "error", "error": message, "request_id": "req_upstream"}


def whole_message(body, answer):
    return {
        "id": "msg_upstream",
        "type": "message",
        "role": "assistant",
        "model": body["model"],
        "content": answer.blocks(0),
        "stop_reason": answer.stop_reason,
        "stop_sequence": None,
        "usage": answer.usage(),
    }


class Upstream(ThreadingHTTPServer):
    """The server; `with Upstream() as upstream:` serves in a thread on a free port."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port=0):
        super().__init__(("127.0.0.1", port), Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self._lock = threading.Lock()
        self._recorded = []
        self.scripts = {}

    def __enter__(self):
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()

    def handle_error(self, request, client_address):
        """A connection that breaks is what many tests are about."""

    def remember(self, entry):
        with self._lock:
            self._recorded.append(entry)

    def serial(self):
        """How many requests there were so far."""
        with self._lock:
            return len(self._recorded)

    def recorded(self):
        with self._lock:
            return list(self._recorded)

    def turns(self, text):
        """Every request for an answer in which `text` occurs."""
        return [
            each
            for each in self.recorded()
            if each.method == "POST" and "count_tokens" not in each.path and each.mentions(text)
        ]

    def only_turn(self, text):
        """The one request in which `text` occurs; more than one would be billed without being asked for."""
        found = self.turns(text)
        assert len(found) == 1, f"{len(found)} upstream requests for one request of the client"
        return found[0]


if __name__ == "__main__":
    with Upstream(int(sys.argv[1])) as server:
        print(server.url, flush=True)
        threading.Event().wait()
