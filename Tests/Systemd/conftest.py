import os

import pytest

from lab import RELEASES, Machine
from programs import certificates, claude, packages, portcullis, standin
from service import Service
from upstream import Upstream

__all__ = ["certificates", "claude", "packages", "portcullis", "standin"]
pytest_plugins = ["fault_matrix"]
SUITES = os.environ.get("SUITES", " ".join(RELEASES)).split()


@pytest.fixture(scope="session", params=SUITES)
def machine(request, claude):
    """A container with Debian's systemd; `claude` lies in /opt, as an installer would put it."""
    booted = Machine(request.param, binds=[(claude, "/opt/claude/2/claude")])
    yield booted
    booted.close()


@pytest.fixture(scope="session")
def upstream(machine):
    """The vendor, as far as the CLI in the container can see."""
    server = machine.inside(Upstream)
    with server:
        yield server


@pytest.fixture(scope="session")
def as_installed(machine, portcullis, standin, certificates):
    """The commands of deploy/docs/service.md have just been run, with the real CLI; nobody has connected yet."""
    made = Service(machine, portcullis, standin, certificates)
    made.prepare("/opt/claude/2/claude")
    made.installation = made.install()
    return made


@pytest.fixture(scope="session")
def with_standin(as_installed):
    """The same with a CLI that needs neither login nor memory; what the service does does not depend on it."""
    as_installed.write(
        "portcullis.conf",
        as_installed.file("portcullis.conf")
        .read_text()
        .replace("/usr/local/bin/claude", "/usr/local/lib/claude-standin"),
    )
    as_installed.keep()
    as_installed.systemctl("restart")
    return as_installed


@pytest.fixture
def service(with_standin):
    """The service with the stand-in, running, as these commands left it."""
    return with_standin.restore()


@pytest.fixture
def client(service):
    return service.client()
