"""The vendor's own program under the shipped unit and the walls of Debian 12's kernel."""

import pytest

from server import CLAUDE
from upstream import Upstream


@pytest.fixture(scope="module")
def upstream(machine):
    """The vendor, as far as the CLI in the machine can see."""
    server = machine.inside(Upstream)
    with server:
        yield server


@pytest.fixture(scope="module")
def real(server, upstream):
    """The service with the real CLI and a credential that leads to our upstream."""
    # What is 127.0.0.1 here is this to the machine.
    url = f"http://10.0.2.2:{upstream.server_address[1]}"
    server.configure(
        CLAUDE, f"ANTHROPIC_BASE_URL={url}\nANTHROPIC_API_KEY=none\n", SANDBOX="require", WARM_PROCESSES=0)
    return server.start()


def test_the_real_cli_answers_within_the_walls(real, upstream):
    answer = real.client().ask("say:from the other side", timeout=150)
    assert (answer.status, answer.json()["content"][0]["text"]) == (200, "from the other side")
    assert upstream.only_turn("from the other side")
    assert real.client().health()["sandbox"] == "partial"
    assert "walls round every child (Landlock 2)" in real.journal()
    assert real.restarts() == 0
