import os
import pathlib
import secrets
import shutil
import subprocess
import tempfile

import pytest

from harness import ROOT, Gateway
from mcp_servers import HTTPServer
from mcp_site import HTTP_TOKEN, OTHER_LOGIN, Site, servers_at
from upstream import Upstream

pytest_plugins = ["fault_matrix", "console_site"]

FAKE_LOGIN = "fake-login-of-the-acceptance-tests"
PORTCULLIS = pathlib.Path(os.environ.get("PORTCULLIS_BIN", ROOT / ".build/release/portcullis"))
STANDIN = pathlib.Path(os.environ.get("STANDIN_BIN", ROOT / ".build/release/claude-standin"))
CLAUDE = pathlib.Path(os.environ.get("CLAUDE_BIN", "claude"))


def pytest_configure(config):
    """What the processes of one run share is in a folder that they inherit the name of."""
    if hasattr(config, "workerinput"):
        return
    os.environ["PORTCULLIS_TEST_RUN"] = tempfile.mkdtemp(prefix="portcullis-run.")
    if not config.option.collectonly:
        try_the_cli()


def try_the_cli():
    """The real CLI's self-test, once and before there is anything beside it that would cut it short."""
    binary, cli = PORTCULLIS, shutil.which(CLAUDE)
    if not os.access(binary, os.X_OK) or cli is None:
        return  # The fixtures say so, if a test needs them.
    with tempfile.TemporaryDirectory(prefix="portcullis-trial.") as name:
        login = {"ANTHROPIC_BASE_URL": "http://127.0.0.1:9", "CLAUDE_CODE_OAUTH_TOKEN": FAKE_LOGIN}
        trial = Gateway(binary, pathlib.Path(name), ["key-of-the-trial-0123456789"], CLAUDE, login, tls=False)
        for _ in range(10):
            with trial:
                if trial.self_test_file.exists():
                    return
        pytest.exit(f"this machine is too busy to try {CLAUDE}:\n{trial.log()}", returncode=3)


def pytest_unconfigure(config):
    if not hasattr(config, "workerinput"):
        shutil.rmtree(os.environ["PORTCULLIS_TEST_RUN"])


SEEN = pytest.StashKey()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    """From here on what comes upstream is this test's."""
    item.stash[SEEN] = {server: len(server.recorded()) for server in Upstream.servers}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    """A test in which the vendor would have refused a request fails, unless it says which rule was to be broken."""
    try:
        result = yield
    except Exception as error:
        error.add_note(rules_broken(item))
        raise
    told = rules_broken(item)
    if told:
        pytest.fail(told, pytrace=False)
    return result


def rules_broken(item):
    """What the vendor would have refused against what the test's marks say, in words; nothing if they agree."""
    wanted = {rule for mark in item.iter_markers("vendor_refuses") for rule in mark.args}
    broken = {}
    for server in Upstream.servers:
        for entry in server.recorded()[item.stash[SEEN].get(server, 0):]:
            broken |= {each.rule: each.message for each in entry.refusals}
    found = [f"the vendor refuses {rule}: {text}" for rule, text in broken.items() if rule not in wanted]
    return "\n".join(found + [f"nothing broke the vendor's rule {rule}" for rule in wanted - set(broken)])


def executable(variable, path):
    if not os.access(path, os.X_OK):
        pytest.exit(f"{variable}: {path} is not an executable; run deploy/test", returncode=3)
    return path


@pytest.fixture(scope="session")
def portcullis():
    return executable("PORTCULLIS_BIN", PORTCULLIS)


@pytest.fixture(scope="session")
def standin():
    return executable("STANDIN_BIN", STANDIN)


@pytest.fixture(scope="session")
def claude():
    """The vendor's own command line program."""
    return executable("CLAUDE_BIN", CLAUDE)


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


@pytest.fixture(scope="session")
def living(portcullis, claude, cli_env, keys, tmp_path_factory):
    """A gateway that keeps processes for as long as their conversations may go on, and starts none in advance."""
    options = {"WARM_PROCESSES": "0"}
    with Gateway(portcullis, tmp_path_factory.mktemp("living"), keys, claude, cli_env, env=options) as shared:
        yield shared


@pytest.fixture(scope="session")
def replaying(portcullis, claude, cli_env, keys, tmp_path_factory):
    """A gateway in which every turn has a process of its own, which is told the whole history."""
    options = {"WARM_PROCESSES": "0", "REUSE_PROCESSES": "off"}
    with Gateway(portcullis, tmp_path_factory.mktemp("replaying"), keys, claude, cli_env, env=options) as shared:
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
