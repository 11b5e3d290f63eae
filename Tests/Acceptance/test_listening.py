"""Where it listens: several addresses, IPv6, Unix sockets, plain HTTP only where nobody else can hear it."""
import socket
import ssl

import httpx2
import pytest

from fault_matrix import fault_row
from harness import eventually, free_port, message_body


@pytest.mark.core
def test_plain_http_works_on_loopback(make_gateway):
    gateway = make_gateway(tls=False).ready()
    assert gateway.ask_message("say:plain").json()["content"][0]["text"] == "plain"


@pytest.mark.core
@pytest.mark.parametrize("address", ["0.0.0.0", "[::]"])
def test_plain_http_is_refused_elsewhere(make_gateway, address):
    gateway = make_gateway(tls=False, listen=[f"{address}:{free_port()}"]).start()
    assert gateway.process.wait(10) == 78
    assert "plaintext" in gateway.log().lower()


def test_no_certificate_without_plaintext_is_refused(make_gateway):
    gateway = make_gateway(tls=False)
    gateway.arguments.remove("--plaintext")
    assert gateway.start().process.wait(10) == 78


@pytest.mark.skipif(not socket.has_ipv6, reason="this Python knows no IPv6")
def test_ipv6_and_ipv4_side_by_side(make_gateway):
    port = free_port("::1")
    gateway = make_gateway(listen=[f"127.0.0.1:{free_port()}", f"[::1]:{port}"]).ready()
    with httpx2.Client(verify=gateway.verify(), trust_env=False) as http:
        assert http.get(f"https://[::1]:{port}/health").status_code == 200
    assert gateway.health()["status"] == "ok"


def test_a_unix_socket(make_gateway, tmp_path):
    path = tmp_path / "socket"
    gateway = make_gateway(tls=False, listen=[f"unix:{path}"])
    gateway.start()
    transport = httpx2.HTTPTransport(uds=str(path))
    with httpx2.Client(transport=transport, base_url="http://localhost", timeout=60) as http:

        def healthy():
            assert gateway.process.poll() is None, gateway.log()
            try:
                return http.get("/health").status_code == 200
            except httpx2.TransportError:
                return False

        eventually(healthy, "the Unix socket answers")
        answer = http.post("/v1/messages", json=message_body("say:unix"), headers={"x-api-key": gateway.key})
    assert answer.json()["content"][0]["text"] == "unix"


def handshake(gateway, protocols, minimum=ssl.TLSVersion.TLSv1_2, maximum=ssl.TLSVersion.TLSv1_3):
    context = ssl.create_default_context(cafile=str(gateway.ca))
    context.minimum_version, context.maximum_version = minimum, maximum
    context.set_alpn_protocols(protocols)
    with socket.create_connection(("127.0.0.1", gateway.port), 10) as plain:
        with context.wrap_socket(plain, server_hostname="localhost") as wrapped:
            return wrapped.version(), wrapped.selected_alpn_protocol()


@pytest.mark.core
def test_both_tls_versions_and_both_protocols(gateway):
    assert handshake(gateway, ["h2", "http/1.1"]) == ("TLSv1.3", "h2")
    assert handshake(gateway, ["http/1.1"]) == ("TLSv1.3", "http/1.1")
    assert handshake(gateway, ["h2"], maximum=ssl.TLSVersion.TLSv1_2) == ("TLSv1.2", "h2")


def test_a_protocol_it_does_not_speak_is_a_fatal_alert(gateway):
    with pytest.raises(ssl.SSLError, match="(?i)no_application_protocol|alert"):
        handshake(gateway, ["spdy/3"])


def test_plain_http_to_a_tls_port_gets_no_answer_in_clear(gateway):
    with socket.create_connection(("127.0.0.1", gateway.port), 10) as plain:
        plain.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        plain.settimeout(15)
        received = b""
        try:
            while data := plain.recv(4096):
                received += data
        except ConnectionResetError:
            pass
    assert b'"status"' not in received


@fault_row(36, injected="a second service on a port in use", seen="it ends and names the address")
def test_a_port_in_use_is_told(make_gateway, gateway):
    second = make_gateway(listen=[f"127.0.0.1:{gateway.port}"]).start()
    assert second.process.wait(10) not in (0, None)
    assert str(gateway.port) in second.log()
