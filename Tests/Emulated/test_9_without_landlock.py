"""A kernel that was told to know no Landlock. This machine is the last to boot."""

import pytest

from emulator import WITHOUT_LANDLOCK
from fault_matrix import fault_row
from server import Server

MISSING = "SANDBOX: require, but this kernel, or what this process may do of it, cannot keep children from files"


@pytest.fixture(scope="module")
def server(boot, certificates):
    with boot(WITHOUT_LANDLOCK) as machine:
        assert "landlock" not in machine.read("/sys/kernel/security/lsm")
        yield Server(machine, certificates)


@fault_row(
    35, injected="Debian 12's own kernel, told by `lsm=` to know no Landlock; SANDBOX=require",
    seen="exit 78 and one line, and it is not started again")
def test_where_walls_are_required_nothing_starts(server):
    server.configure(SANDBOX="require")
    before = server.now()
    with pytest.raises(AssertionError, match="portcullis.service"):
        server.start()
    assert server.ended() == 78
    [said] = [line for line in server.journal(before).splitlines() if "SANDBOX" in line]
    assert said.endswith(MISSING)
    assert server.restarts() == 0


@fault_row(
    35, injected="the same kernel; SANDBOX=prefer",
    seen="it serves; log, `check` and `/health` say which walls are missing")
def test_where_walls_are_preferred_what_is_missing_is_told(server):
    server.configure(SANDBOX="prefer")
    before = server.now()
    server.start()
    told = "walls round every child (Landlock 0), but none before files, TCP ports, signals"
    assert told in server.journal(before)
    assert server.client().health()["sandbox"] == "partial"
    assert server.client().ask("standin:echo all the same").status == 200
    assert told in server.check().stdout
