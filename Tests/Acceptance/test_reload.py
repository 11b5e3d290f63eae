"""SIGHUP loads certificate and keys anew, all or nothing, without dropping a connection."""
import shutil
import signal
import socket
import ssl

import pytest

from fault_matrix import fault_row
from harness import eventually, make_certificate, memory, message_body, open_files


def serial(gateway):
    """Serial number of the certificate that a new connection is shown."""
    context = ssl.create_default_context(cafile=str(gateway.ca))
    with socket.create_connection(("127.0.0.1", gateway.port), 10) as plain:
        with context.wrap_socket(plain, server_hostname="localhost") as wrapped:
            return wrapped.getpeercert()["serialNumber"]


def renew(gateway):
    """Another certificate of the same authority, in the place of the first."""
    (gateway.folder / "tls/certificate.pem").unlink()
    make_certificate(gateway.folder / "tls")


def reload_in_vain(gateway, about):
    """Sends SIGHUP and waits until the log says what is wrong."""
    before = len(gateway.log())
    gateway.signal(signal.SIGHUP)
    eventually(lambda: about in gateway.log()[before:], f"the log speaks of {about}")


@pytest.mark.core
def test_a_new_certificate_is_shown_while_a_stream_goes_on(own_gateway):
    old = serial(own_gateway)
    with own_gateway.streaming("slow:50:30") as chunks:
        renew(own_gateway)
        own_gateway.signal(signal.SIGHUP)
        eventually(lambda: serial(own_gateway) != old, "new connections see the new certificate")
        text = "".join(chunks)
    assert "tick29" in text and "message_stop" in text


@fault_row(
    7, injected="SIGHUP with a certificate, or a key, that is garbage",
    seen="the log names it, the old certificate is shown on, a repaired one is taken")
@pytest.mark.parametrize("name", ["chain.pem", "key.pem"])
def test_a_broken_pair_keeps_the_old_one(own_gateway, name):
    old = serial(own_gateway)
    path = own_gateway.folder / "tls" / name
    sound = path.read_bytes()
    path.write_text("-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n")
    reload_in_vain(own_gateway, "TLS_")
    assert serial(own_gateway) == old
    assert own_gateway.process.poll() is None
    path.write_bytes(sound)
    renew(own_gateway)
    own_gateway.signal(signal.SIGHUP)
    eventually(lambda: serial(own_gateway) != old, "once repaired, the reload works")


@fault_row(7, injected="SIGHUP without the certificate's file", seen="the log names it, and the old certificate is shown on")
def test_a_missing_certificate_keeps_the_old_one(own_gateway):
    old = serial(own_gateway)
    shutil.move(own_gateway.folder / "tls/chain.pem", own_gateway.folder / "tls/elsewhere.pem")
    reload_in_vain(own_gateway, "chain.pem")
    assert serial(own_gateway) == old


def test_a_key_taken_out_of_the_file_no_longer_opens(own_gateway):
    first, second = own_gateway.keys
    own_gateway.private_file("api-keys", f"user1:{second}\n")
    own_gateway.signal(signal.SIGHUP)

    def status(key):
        return own_gateway.post("/v1/messages", message_body("Hello"), headers={"x-api-key": key}).status_code

    eventually(lambda: status(first) == 401, "the first key is refused")
    assert status(second) == 200


@fault_row(
    7, injected="SIGHUP with a garbled file of keys and a new certificate",
    seen="neither is taken: all or nothing")
def test_a_broken_keys_file_keeps_the_old_keys_and_the_old_certificate(own_gateway):
    old = serial(own_gateway)
    own_gateway.private_file("api-keys", "no colon and much too short\n")
    renew(own_gateway)
    reload_in_vain(own_gateway, "api-keys")
    assert serial(own_gateway) == old, "all or nothing"
    assert own_gateway.ask_message("Hello").status_code == 200


def test_an_open_connection_survives_a_reload(own_gateway):
    with own_gateway.http() as http:
        http.get("/health").raise_for_status()
        renew(own_gateway)
        old = serial(own_gateway)
        own_gateway.signal(signal.SIGHUP)
        eventually(lambda: serial(own_gateway) != old, "new connections see the new certificate")
        http.get("/health").raise_for_status()


@fault_row(
    8, injected="SIGHUP, a hundred times in a row, five times over",
    seen="few reloads come of it, an open connection is kept, the gateway grows by less than 2 MiB and by no descriptor")
def test_a_hundred_reloads_in_a_row_change_nothing(own_gateway, measured):
    pid = own_gateway.process.pid
    with own_gateway.http() as http:

        def flood():
            before = own_gateway.log().count("msg=reloaded")
            for _ in range(100):
                own_gateway.signal(signal.SIGHUP)
            http.get("/health").raise_for_status()
            eventually(lambda: own_gateway.log().count("msg=reloaded") > before, "they are heard")
            return own_gateway.log().count("msg=reloaded") - before

        flood()
        memory_before, files_before = memory(pid, "VmRSS"), open_files(pid)
        reloads = [flood() for _ in range(4)]
        grown = memory(pid, "VmRSS") - memory_before
        measured(reloads=reloads, grown_bytes=grown)
        assert max(reloads) < 100 and grown < 2 << 20
        eventually(lambda: open_files(pid) <= files_before, "no descriptor is left open")
    assert own_gateway.ask_message("Hello").status_code == 200


def test_the_level_and_form_of_the_log_are_reloaded(make_gateway):
    gateway = make_gateway()
    settings = gateway.private_file("portcullis.env", "LOG_LEVEL=warning\n")
    gateway.arguments += ["--config", settings]
    gateway.ready()
    gateway.private_file("portcullis.env", "LOG_LEVEL=debug\nLOG_TARGET=journal\n")
    gateway.signal(signal.SIGHUP)
    eventually(lambda: "msg=reloaded" in gateway.log(), "the reload")
    assert gateway.log().splitlines()[-1].startswith("<6>level=info ")
    gateway.health()
    eventually(lambda: "path=/health" in gateway.log(), "health checks are logged at debug")
