"""The walls as Debian 12's own kernel builds them: `Tests/Acceptance/test_walls.py` has the rows.

Within the shipped unit its own walls stand behind them; by itself, as root, a gateway has none but these.
"""

import dataclasses

import pytest

from harness import eventually
from server import PROBE, STATE
from service import FOLDER, UNIT
from test_walls import ALLOWED, DENIED, OPEN, allowed

NEIGHBOURS = "/run/neighbours"
METADATA = ("metadata-service", "tcp", "169.254.169.254:80")
ROWS = DENIED + ALLOWED
# Other processes, whose folders the unit does not even show.
UNSEEN = {name for name, _, place in DENIED if place.startswith("/proc/{")}
# What 6.1 cannot keep a child from, and the gateway says so.
OPENED = OPEN["TCP ports"] | OPEN["signals"]
TOLD = "walls round every child (Landlock 2), but none before TCP ports, signals"


@dataclasses.dataclass
class Ports:
    """Those of a vendor and of somebody else."""

    vendor: str
    other: str


@pytest.fixture(scope="module")
def ports(machine):
    machine.run("mkdir", NEIGHBOURS)
    machine.run("systemd-run", "--quiet", "python3", "/usr/local/lib/neighbours.py", NEIGHBOURS)
    eventually(lambda: machine.run("test", "-e", f"{NEIGHBOURS}/ports", check=False).returncode == 0, "they listen", within=30)
    return Ports(*machine.read(f"{NEIGHBOURS}/ports").split())


def attempt(server, ports, gateway_pid, state=STATE, rows=ROWS):
    """What became of each row, tried by one of two children against the other."""
    machine, home, other = server.machine, f"{state}/turns/1", f"{state}/turns/0"
    machine.shell(f"for i in $(seq 300); do [ -e {home}/pid ] && [ -e {other}/pid ] && exit; sleep 0.1; done; exit 1")
    places = {
        "folder": FOLDER, "state": state, "home": home, "other": other, "abstract": "@neighbour",
        "other_pid": machine.read(f"{other}/pid"), "gateway_pid": gateway_pid, "other_port": ports.other,
        "vendor_port": ports.vendor, "free_port": "19999", "name": "planted-by-a-child",
    }
    # The package has one place for the key, and the socket lies beside.
    moved = {"{folder}/tls/key.pem": "{folder}/tls.key", "{folder}/socket": NEIGHBOURS + "/socket"}
    lines = "".join(f"{name} {kind} {moved.get(place, place).format(**places)}\n" for name, kind, place in rows)
    machine.run("install", "-m", "755", "/bin/true", f"{home}/program")
    machine.write(f"{home}/go.new", lines)
    machine.run("mv", f"{home}/go.new", f"{home}/go")
    machine.shell(f"for i in $(seq 600); do [ -e {home}/results ] && exit; sleep 0.1; done; exit 1", within=90)
    results = dict(line.split(" ", 1) for line in machine.read(f"{home}/results").splitlines())
    assert results.keys() == {name for name, *_ in rows}
    return results


def configure(server, ports, **settings):
    certificate = f"{FOLDER}/certificate-of-the-operator.pem"
    server.machine.write(certificate, "none", mode="640", group="portcullis")
    cli_env = f"ANTHROPIC_BASE_URL=http://127.0.0.1:{ports.vendor}\nANTHROPIC_API_KEY=none\nNODE_EXTRA_CA_CERTS={certificate}\n"
    server.configure(PROBE, cli_env, WARM_PROCESSES=2, LOOPS=1, **settings)


@pytest.fixture(scope="module")
def within_the_unit(server, ports):
    configure(server, ports)
    server.start()
    yield attempt(server, ports, server.show("MainPID"), rows=[*ROWS, METADATA])
    server.stop()


def test_in_the_unit_a_child_can_do_what_the_cli_needs_and_what_is_told_to_be_open(within_the_unit):
    assert {within_the_unit[name] for name in UNSEEN} == {"denied ENOENT"}
    tried = {name: verdict for name, verdict in within_the_unit.items() if name not in {METADATA[0], *UNSEEN}}
    assert allowed(tried) == {name for name, *_ in ALLOWED} | OPENED, tried


def test_the_unit_keeps_children_from_the_metadata_service_of_a_cloud(within_the_unit, server):
    """Connections there are made by others: it is the unit that forbids them."""
    assert within_the_unit[METADATA[0]] in ("denied EPERM", "denied EINPROGRESS")
    server.machine.run("python3", "-c", "import socket; socket.create_connection(('169.254.169.254', 80), 10)")


@pytest.fixture(params=["prefer", "off"])
def by_itself(request, server, ports):
    """A gateway in no unit's walls: the setting, what became of each row, and what it said."""
    state, name = f"/var/lib/alone-{request.param}", f"alone-{request.param}"
    machine = server.machine
    configure(server, ports, SANDBOX=request.param, STATE_DIR=state, LISTEN="127.0.0.1:8443")
    machine.run("install", "-d", "-m", "700", state)
    machine.run(
        "systemd-run", "--quiet", "--service-type=notify", f"--unit={name}", "portcullis", "serve", "--config",
        f"{FOLDER}/portcullis.conf")
    results = attempt(server, ports, machine.show(name, "MainPID"), state)
    said = machine.journal("--unit", name)
    machine.run("systemctl", "stop", name)
    return request.param, results, said


def test_the_walls_alone_deny_what_they_deny_in_the_unit(by_itself):
    sandbox, results, said = by_itself
    if sandbox == "off":
        assert "children run without walls" in said
        assert allowed(results) == {name for name, *_ in ROWS}, results
    else:
        assert TOLD in said
        assert allowed(results) == {name for name, *_ in ALLOWED} | OPENED, results
