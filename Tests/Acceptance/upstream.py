"""A loopback stand-in for the Anthropic Messages API, behind the real `claude`.

It refuses what the vendor refuses (`vendor_rules`), answers everything else as a marker line in the newest user text
says, and remembers every request it was sent, with the rules that it broke.

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
    torn:N                the first N requests of this very text get an `error` event before any delta, then an answer
    hang                  nothing at all until the caller leaves
    script:NAME           the events that a test has put under that name into `Upstream.scripts`
    call:NAME:JSON        a call of that tool; all such lines together, after the text of a `say` line, and with
                          the fields of an `account` line
    search:QUERY          a search of the web, where its tool is offered; what a `say` line says behind it is cut at |, and
                          every part but the first cites one of the pages found; `fail` finds none
    pause                 beside that: the answer pauses behind it
    again:N:NAME          a short text and a call of that tool in each of the first N answers of a turn
    progress:N:NAME       the same, each with thinking that shows the text
    steps:LIST            in the Nth answer from there on the calls of the Nth element of that JSON list, each
                          [NAME, ARGUMENTS]; behind the last element "All steps are done."
    think:TEXT            beside any other: TEXT is what the model thinks, shown if the request's `display` shows it
    seal:TEXT             beside any other: TEXT is thought and sealed (redacted_thinking)
    nothink               beside any other: the model does not think

Without a marker it calls the tool that it is forced to, or says a value of the asked format, or "Hello from upstream."
A model thinks before it answers when the vendor's would; that costs `Upstream.think_tokens` of max_tokens.
Runs alone too: python3 upstream.py PORT (GET /requests then shows what it was sent).
"""
import dataclasses
import json
import select
import socket
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import vendor_rules
from upstream_answers import account_answer, answer_to, newest_user_text, split, texts_of
from vendor_fields import BINDING_BETA

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
    # The rules of the vendor that it broke.
    refusals: list = dataclasses.field(default_factory=list)
    # What it was answered, thinking included.
    said: list = dataclasses.field(default_factory=list)
    # How many requests came before it.
    number: int = 0
    # The credential, where it is one of `Upstream.logins`.
    login: str = ""

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
        judged = None
        if self.path.startswith("/v1/messages"):
            judged = vendor_rules.judged(body, self.headers, "count_tokens" in self.path)
        entry = self.remember(body, judged[1] if judged else [])
        try:
            self.answer(entry, judged)
            entry.outcome = "answered"
        except (CallerLeft, ConnectionError):
            entry.outcome = "abandoned"
            self.close_connection = True
        return None

    def remember(self, body, refusals=()):
        headers = {
            name.lower(): "redacted" if name.lower() in SECRETS else value for name, value in self.headers.items()
        }
        entry = Recorded(self.command, self.path, headers, body, refusals=list(refusals), login=self.login)
        self.server.remember(entry)
        return entry

    @property
    def login(self):
        shown = self.headers.get("x-api-key") or (self.headers.get("authorization") or "").removeprefix("Bearer ")
        return shown if shown in self.server.logins else ""

    def answer(self, entry, judged):
        body = entry.body
        if judged is None:
            return self.send_json(404, error_body(404))
        request, refusals, history = judged
        if refusals:
            return self.send_json(refusals[0].status, error_body(refusals[0].status, refusals[0].message))
        if request.counts:
            return self.send_json(200, {"input_tokens": 42})
        answer = answer_to(request, history, self.server.think_tokens, lambda: len(
            self.server.turns(newest_user_text(body).split("\n")[0])) - 1)
        state = self.server.logins.get(entry.login)
        if state == "refused":
            return self.send_json(401, error_body(401))
        if state:
            answer = account_answer(state, answer)
        self.wait(answer.silence)
        if answer.status != 200:
            return self.send_json(answer.status, error_body(answer.status, answer.message), answer.headers)
        whole = whole_message(body, answer, entry.number)
        entry.said = whole["content"]
        if BINDING_BETA in request.betas:
            whole["input_transformations"] = [
                {"type": "thinking_dropped", "path": path, "reason": reason} for path, reason in history.dropped]
        if not body.get("stream"):
            return self.send_json(200, whole, answer.headers)
        return self.stream(answer, whole)

    def wait(self, seconds):
        """Waits, but notices at once when the caller leaves."""
        if seconds and select.select([self.connection], [], [], seconds)[0]:
            if not self.connection.recv(1, socket.MSG_PEEK):
                raise CallerLeft

    def stream(self, answer, whole):
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
        opening = {**whole, "content": [], "stop_reason": None, "usage": {**answer.usage(), "output_tokens": 1}}
        self.event("message_start", message=opening)
        if answer.breaks == "torn":
            self.event("error", error={"type": "overloaded_error", "message": "Overloaded"})
            return self.chunk(b"")
        for index, block in enumerate(whole["content"]):
            self.stream_block(index, block, answer)
            if block["type"] == "text" and answer.breaks == "drop":
                raise CallerLeft
            if block["type"] == "text" and answer.breaks == "midstream-error":
                self.event("error", error={"type": "overloaded_error", "message": "Overloaded"})
                return self.chunk(b"")
            self.event("content_block_stop", index=index)
        self.event(
            "message_delta", delta={"stop_reason": answer.stop_reason, "stop_sequence": None}, usage=answer.usage()
        )
        self.event("message_stop")
        return self.chunk(b"")

    def stream_block(self, index, block, answer):
        """The beginning of a block and all of its pieces, but not its end."""
        empty, pieces, pause = block, [], 0
        if block["type"] == "text" and answer.queries:
            empty = {"type": "text", "text": "", **({"citations": []} if "citations" in block else {})}
            pieces = [{"type": "citations_delta", "citation": each} for each in block.get("citations", [])]
            pieces += [{"type": "text_delta", "text": piece} for piece in split(block["text"])]
        elif block["type"] == "text":
            empty, pause = {"type": "text", "text": ""}, answer.pause
            pieces = [{"type": "text_delta", "text": piece} for piece in answer.pieces]
        elif block["type"] == "server_tool_use":
            empty = {**block, "input": {}}
            pieces = [{"type": "input_json_delta", "partial_json": piece} for piece in split(json.dumps(block["input"]), 5)]
        elif block["type"] == "tool_use":
            empty = {**block, "input": {}}
            arguments = split(json.dumps(block["input"]), 5)
            pieces = [{"type": "input_json_delta", "partial_json": piece} for piece in arguments]
        elif block["type"] == "thinking":
            empty = {"type": "thinking", "thinking": "", "signature": ""}
            pieces = [{"type": "thinking_delta", "thinking": piece} for piece in split(block["thinking"])]
            pieces.append({"type": "signature_delta", "signature": block["signature"]})
        self.event("content_block_start", index=index, content_block=empty)
        for number, piece in enumerate(pieces):
            self.wait(pause if number else 0)
            self.event("content_block_delta", index=index, delta=piece)

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


def whole_message(body, answer, serial):
    return {
        # Answers that share an id are one answer to the CLI.
        "id": f"msg_upstream_{serial}",
        "type": "message",
        "role": "assistant",
        "model": body["model"],
        "content": answer.blocks(serial),
        "stop_reason": answer.stop_reason,
        "stop_sequence": None,
        "usage": answer.usage(),
    }


class Upstream(ThreadingHTTPServer):
    """The server; `with Upstream() as upstream:` serves in a thread on a free port."""

    daemon_threads = True
    request_queue_size = 128
    # What thinking costs of a request's max_tokens.
    think_tokens = 30
    # Every server of this process, for those who watch them all.
    servers = []

    def __init__(self, port=0):
        super().__init__(("127.0.0.1", port), Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self._lock = threading.Lock()
        self._recorded = []
        self.scripts = {}
        # Credentials that are told apart, and the state of the account behind each: one of STATES, `refused`, or None.
        self.logins = {}
        self.servers.append(self)

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
            entry.number = len(self._recorded)
            self._recorded.append(entry)

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

    def rules_broken(self, text):
        """The rules that requests with that text broke; a test that asks for them answers for them."""
        found = []
        for each in self.turns(text):
            found += [refusal.rule for refusal in each.refusals]
            each.refusals = []
        return found

    def only_turn(self, text):
        """The one request in which `text` occurs; more than one would be billed without being asked for."""
        found = self.turns(text)
        assert len(found) == 1, f"{len(found)} upstream requests for one request of the client"
        return found[0]


if __name__ == "__main__":
    with Upstream(int(sys.argv[1])) as server:
        print(server.url, flush=True)
        threading.Event().wait()
