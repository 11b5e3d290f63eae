"""A client of a gateway in a container: its connections are made in the container's network."""

import http.client
import json
import ssl
import threading

from harness import events


class Connection(http.client.HTTPConnection):
    """HTTPS to localhost through a socket of the container's network."""

    def __init__(self, client, timeout):
        super().__init__("localhost", client.port, timeout=timeout)
        self.client = client

    def connect_raw(self):
        """As far as TCP; the handshake comes with the first request."""
        self.raw = self.client.machine.connect(self.port, self.timeout)

    def connect(self):
        raw = self.client.machine.connect(self.port, self.timeout)
        self.sock = self.client.context.wrap_socket(raw, server_hostname="localhost")


class Answer:
    """A whole answer."""

    def __init__(self, status, headers, text):
        self.status = status
        self.headers = headers
        self.text = text

    def json(self):
        return json.loads(self.text)


class Client:
    """Asks a gateway with one key; trusts one authority, or anybody when there is none."""

    def __init__(self, machine, authority, key, port=443):
        self.machine = machine
        self.key = key
        self.port = port
        self.context = ssl.create_default_context(cadata=authority)
        if authority is None:
            self.context.check_hostname = False
            self.context.verify_mode = ssl.CERT_NONE

    def connection(self, timeout=60):
        return Connection(self, timeout)

    def request(self, method, path, body=None, timeout=60, key=None):
        connection = self.connection(timeout)
        try:
            connection.request(method, path, *self.content(body, key))
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read().decode())
        finally:
            connection.close()

    def content(self, body, key=None):
        headers = {"x-api-key": key or self.key, "content-type": "application/json"}
        return (None if body is None else json.dumps(body)), headers

    def health(self, timeout=60):
        answer = self.request("GET", "/health", timeout=timeout)
        assert answer.status == 200, answer.text
        return answer.json()

    def status_with(self, key):
        """What the gateway says to that key."""
        return self.request("GET", "/v1/models", key=key).status

    def ask(self, text, **options):
        return self.request("POST", "/v1/messages", message(text), **options)

    def certificate(self):
        """The one shown in a new handshake, as DER."""
        connection = self.connection()
        try:
            connection.connect()
            return connection.sock.getpeercert(binary_form=True)
        finally:
            connection.close()

    def stream(self, text):
        return Stream(self, text)


def message(text, **fields):
    return {"model": "sonnet", "max_tokens": 1024, "messages": [{"role": "user", "content": text}], **fields}


class Stream:
    """A streamed answer that a thread of its own reads to its end."""

    def __init__(self, client, text):
        self.begun = threading.Event()
        self.received = ""
        self.failure = None
        self.connection = client.connection()
        self.connection.request("POST", "/v1/messages", *client.content(message(text, stream=True)))
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def read(self):
        try:
            response = self.connection.getresponse()
            while piece := response.read1(65536):
                self.received += piece.decode()
                if "content_block_delta" in self.received:
                    self.begun.set()
        except (OSError, http.client.HTTPException) as error:
            self.failure = error
        finally:
            self.begun.set()
            self.connection.close()

    def whole(self, within=60):
        """Waits for the end; true when it came as a whole message."""
        self.thread.join(within)
        assert not self.thread.is_alive(), "the stream goes on"
        names = [name for name, _ in events(self.received)]
        assert self.failure is None, f"the stream broke: {self.failure!r}"
        assert names and names[-1] == "message_stop", f"the stream ends in {names[-1:]}: {self.received[-300:]}"
        return True

    @property
    def text(self):
        deltas = (json.loads(data) for name, data in events(self.received) if name == "content_block_delta")
        return "".join(delta["delta"].get("text", "") for delta in deltas)
