import os
import pathlib
import secrets
import subprocess

import pytest

from harness import ROOT, Gateway
from mcp_servers import HTTPServer
from mcp_site import HTTP_TOKEN, OTHER_LOGIN, Site, servers_at
from upstream import Upstream

FAKE_LOGIN = "fake-login-of-the-acceptance-tests"


def executable(variable, default):
    path = pathlib.Path(os.environ.get(variable, default))
    if not os.access(path, os.X_OK):
        pytest.exit(f"{variable}: {path} is not an executable; run deploy/test", returncode=3)
    return path


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
def upstream():
    with Upstream() as server:
        yield server


@pytest.fixture(scope="session")
def cli_env(upstream):
    """What the CLI needs to ask the upstream of these tests, with a login that is none."""
    return {"ANTHROPIC_BASE_URL": upstream.url, "CLAUDE_CODE_OAUTH_TOKEN": FAKE_LOGIN}


@pytest.fixture(scope="session")
def keys(portcullis):
    """Two client keys."""

    def new_key(name):
        line = subprocess.run([portcullis, "new-key", name], check=True, capture_output=True, text=True).stdout
        return line.strip().partition(":")[2]

    return [new_key("first"), new_key("second")]


@pytest.fixture(scope="session")
def gateway(portcullis, claude, cli_env, keys, tmp_path_factory):
    """The gateway most tests share: TLS, the real CLI, our upstream."""
    with Gateway(portcullis, tmp_path_factory.mktemp("gateway"), keys, claude, cli_env) as shared:
        yield shared


@pytest.fixture
def make_gateway(portcullis, claude, cli_env, keys, tmp_path):
    """Makes gateways of this test's own; they end with it."""
    made = []

    def make(**options):
        folder = tmp_path / f"gateway{len(made)}"
        folder.mkdir()
        settings = {"cli": claude, "cli_env": cli_env, "keys": keys, **options}
        made.append(Gateway(portcullis, folder, **settings))
        return made[-1]

    yield make
    for each in made:
        each.stop()


@pytest.fixture
def own_gateway(make_gateway):
    """A gateway of this test's own."""
    return make_gateway().ready()


@pytest.fixture(scope="session")
def mcp_registry():
    """Definitions of MCP servers, those behind HTTP among them served."""
    with HTTPServer(HTTP_TOKEN) as server:
        yield servers_at(server.url)


@pytest.fixture(scope="session")
def mcp_site(portcullis, claude, cli_env, keys, mcp_registry, tmp_path_factory):
    """The gateway that tests of registered MCP servers share."""
    variables = {**cli_env, "GITHUB_TOKEN": OTHER_LOGIN}
    shared = Gateway(portcullis, tmp_path_factory.mktemp("mcp"), keys, claude, variables)
    site = Site(shared, mcp_registry)
    with shared:
        yield site


@pytest.fixture
def nonce():
    """A word that occurs nowhere else, to find this test's traces by."""
    return "nonce" + secrets.token_hex(6)
