import os
import pathlib

import pytest

from certificates import make_certificate
from harness import ROOT
from lab import RELEASES, Machine
from service import Service
from upstream import Upstream

pytest_plugins = ["fault_matrix"]

SUITES = os.environ.get("SUITES", " ".join(RELEASES)).split()


def executable(variable, default):
    path = pathlib.Path(os.environ.get(variable, default))
    if not os.access(path, os.X_OK):
        pytest.exit(f"{variable}: {path} is not an executable; run deploy/test", returncode=3)
    return path.resolve()


@pytest.fixture(scope="session")
def portcullis():
    return executable("PORTCULLIS_BIN", ROOT / ".build/release/portcullis")


@pytest.fixture(scope="session")
def standin():
    return executable("STANDIN_BIN", ROOT / ".build/release/claude-standin")


@pytest.fixture(scope="session")
def claude():
    """The vendor's own command line program."""
    return executable("CLAUDE_BIN", "claude")


@pytest.fixture(scope="session")
def certificates(tmp_path_factory):
    return make_certificate(tmp_path_factory.mktemp("certificates"))


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
    """The commands of the README have just been run, with the real CLI; nobody has connected yet."""
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
    """The service with the stand-in, running, as the README left it."""
    return with_standin.restore()


@pytest.fixture
def client(service):
    return service.client()
