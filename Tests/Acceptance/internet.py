"""An internet of our own: two network namespaces, in one of which a test lives and in the other servers that it can reach.

Nothing leaves the machine. The test's side has addresses as a machine in the internet has them, and a neighbour; the
servers have public addresses, and beside them those that no run may reach: the neighbour's, and the metadata service's.
"""
import contextlib
import ctypes
import http.client
import os
import socket
import ssl
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from harness import ROOT

CLONE_NEWNET = 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)

OWN, OWN6 = "93.184.215.1", "2606:2800:21f:cb07::1"
SITE, SITE6, OTHER = "93.184.215.14", "2606:2800:21f:cb07::14", "93.184.215.15"
NEIGHBOUR, NEIGHBOUR6, METADATA = "10.77.0.2", "fd77::2", "169.254.169.254"
NAMES = {
    "allowed.example": [SITE], "www.allowed.example": [SITE], "six.allowed.example": [SITE6], "both.allowed.example": [NEIGHBOUR, SITE],
    "other.example": [OTHER], "loop.allowed.example": ["127.0.0.1"], "loop6.allowed.example": ["::1"],
    "metadata.allowed.example": [METADATA], "inner.allowed.example": [NEIGHBOUR], "inner6.allowed.example": [NEIGHBOUR6],
    "own.allowed.example": [OWN], "own6.allowed.example": [OWN6], "hidden.allowed.example": [f"::ffff:{NEIGHBOUR}"],
}
# What each address answers at: the ports that a run may ask for, and one that it may not.
PORTS = (80, 443, 8443)
NEAR = f"""
link set lo up
link add near type veth peer name far netns {{far}}
addr add {OWN}/24 dev near
addr add 10.77.0.1/24 dev near
addr add {OWN6}/64 dev near nodad
addr add fd77::1/64 dev near nodad
link set near up
route add {METADATA}/32 dev near
"""
FAR = f"""
link set lo up
addr add {SITE}/24 dev far
addr add {OTHER}/24 dev far
addr add {NEIGHBOUR}/24 dev far
addr add {METADATA}/32 dev far
addr add {SITE6}/64 dev far nodad
addr add {NEIGHBOUR6}/64 dev far nodad
link set far up
"""


def call(name, *arguments):
    if getattr(LIBC, name)(*arguments) != 0:
        raise OSError(ctypes.get_errno(), f"{name}: {os.strerror(ctypes.get_errno())}")


def here():
    """The network namespace of this thread, which its children and sockets belong to."""
    return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


def obstacle():
    """Why there can be no internet here; None where there can."""
    probe = ["unshare", "--net", "--mount", "ip", "link", "add", "near", "type", "veth", "peer", "name", "far"]
    try:
        tried = subprocess.run(probe, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return "there is no unshare(1)"
    return tried.stderr.strip() or f"status {tried.returncode}" if tried.returncode else None


def fresh():
    call("unshare", CLONE_NEWNET)
    return here()


def ip(commands):
    subprocess.run(["ip", "-batch", "-"], input=commands, text=True, check=True, capture_output=True)


class Handler(BaseHTTPRequestHandler):
    """Every path is a page that names itself and its host; /to/URL leads on to another address."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.server.internet.asked.append((self.server.server_address[0], self.headers["Host"], self.path))
        status, page, leads = 200, f"<html><body><p>This is {self.path} of {self.headers['Host']}.</p></body></html>", None
        if self.path.startswith("/to/"):
            status, leads = 302, self.path.removeprefix("/to/")
        self.send_response(status)
        if leads:
            self.send_header("location", leads)
        self.send_header("content-type", "text/html")
        self.send_header("content-length", str(len(page)))
        self.end_headers()
        self.wfile.write(page.encode())

    do_POST = do_GET

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address, port, internet):
        self.address_family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.internet = internet
        super().__init__((address, port), Handler)
        if port != 80:
            self.socket = internet.tls.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def handle_error(self, *_):
        """Who was refused, or does not trust us, breaks off."""


class Internet:
    """Where it is, who can be asked there, and who was."""

    def __init__(self, folder):
        self.folder = folder
        self.asked = []
        names = [each for name in [*NAMES, SITE, SITE6, OTHER, NEIGHBOUR, METADATA] for each in ("--name", name)]
        subprocess.run([ROOT / "certs/make-dev-certificate", *names, folder / "sites"], check=True, capture_output=True)
        self.authority = folder / "sites/ca.pem"
        self.authority.chmod(0o644)
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(folder / "sites/chain.pem", folder / "sites/key.pem")
        self.hosts = folder / "hosts"
        lines = [f"{address} {name}" for name, addresses in NAMES.items() for address in addresses]
        self.hosts.write_text("\n".join(["127.0.0.1 localhost", "::1 localhost", *lines]) + "\n")

    def page(self, address, port):
        """What is said to who asks directly."""
        if port == 80:
            asking = http.client.HTTPConnection(address, port, timeout=10)
        else:
            trust = ssl.create_default_context(cafile=self.authority)
            trust.check_hostname = False
            asking = http.client.HTTPSConnection(address, port, timeout=10, context=trust)
        with contextlib.closing(asking):
            asking.request("GET", "/", headers={"host": ""})
            return asking.getresponse().read().decode()

    def knowing_names(self, arguments):
        """A command that finds these names in /etc/hosts."""
        script = f'mount --bind {self.hosts} /etc/hosts && exec "$@"'
        return ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh", *arguments]

    @contextlib.contextmanager
    def lived_in(self):
        """Within it what this thread starts and opens is in the test's namespace."""
        home = here()
        try:
            far, near = fresh(), fresh()
            ip(NEAR.format(far=f"/proc/{os.getpid()}/fd/{far}"))
            call("setns", far, CLONE_NEWNET)
            ip(FAR)
            addresses = (SITE, SITE6, OTHER, NEIGHBOUR, NEIGHBOUR6, METADATA)
            servers = [Server(address, port, self) for address in addresses for port in PORTS]
            call("setns", near, CLONE_NEWNET)
            for server in servers:
                threading.Thread(target=server.serve_forever, args=(0.1,), daemon=True).start()
            yield self
            ends = [threading.Thread(target=server.shutdown) for server in servers]
            for end in ends:
                end.start()
            for end, server in zip(ends, servers):
                end.join()
                server.server_close()
        finally:
            call("setns", home, CLONE_NEWNET)
