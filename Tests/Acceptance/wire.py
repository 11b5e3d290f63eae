"""HTTP/1.1 byte by byte, for what no client library would send."""
import socket
import ssl


class Wire:
    """One TLS connection that speaks HTTP/1.1 as the test says, not as a library thinks it should."""

    def __init__(self, gateway, timeout=20):
        plain = socket.create_connection(("127.0.0.1", gateway.port), timeout)
        context = gateway.verify()
        context.set_alpn_protocols(["http/1.1"])
        self.socket = context.wrap_socket(plain, server_hostname="localhost")
        self.buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def more(self):
        data = self.socket.recv(65536)
        if not data:
            raise EOFError(f"the connection ended; left over: {self.buffer[:200]!r}")
        self.buffer += data

    def until(self, mark):
        while mark not in self.buffer:
            self.more()
        found, _, self.buffer = self.buffer.partition(mark)
        return found

    def exactly(self, count):
        while len(self.buffer) < count:
            self.more()
        found, self.buffer = self.buffer[:count], self.buffer[count:]
        return found

    def response(self, to_head=False):
        """(status, headers, body) of the next response."""
        first, *lines = self.until(b"\r\n\r\n").split(b"\r\n")
        status = int(first.split(b" ")[1])
        headers = {}
        for line in lines:
            name, _, value = line.partition(b":")
            headers[name.decode().lower()] = value.strip().decode()
        if to_head or status < 200 or status in (204, 304):
            return status, headers, b""
        if headers.get("transfer-encoding") == "chunked":
            return status, headers, self.chunks()
        return status, headers, self.exactly(int(headers["content-length"]))

    def chunks(self):
        body = b""
        while size := int(self.until(b"\r\n"), 16):
            body += self.exactly(size)
            assert self.exactly(2) == b"\r\n"
        assert self.until(b"\r\n") == b""
        return body

    def ended(self):
        """True when the server closed the connection and nothing more came."""
        try:
            return self.buffer == b"" and self.socket.recv(1) == b""
        except (ConnectionResetError, ssl.SSLError):
            return True


def post(path, body, key, *headers):
    lines = [
        f"POST {path} HTTP/1.1",
        "Host: localhost",
        f"x-api-key: {key}",
        "Content-Type: application/json",
        *headers,
    ]
    if not any(line.lower().startswith(("content-length:", "transfer-encoding:")) for line in headers):
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def get(path, *headers, method="GET"):
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: localhost", *headers]).encode() + b"\r\n\r\n"
