"""`portcullis reload` waits for the verdict: what it says is what is in force."""
import subprocess

import pytest

from harness import eventually, message_body


@pytest.fixture
def reload():
    """Runs `portcullis reload` with a gateway's own options."""

    def run(gateway):
        arguments = [gateway.arguments[0], "reload", *gateway.arguments[2:]]
        return subprocess.run(
            arguments, env=gateway.env, cwd=gateway.folder, capture_output=True, text=True, timeout=60
        )

    return run


def status(gateway, key):
    return gateway.post("/v1/messages", message_body("Hello"), headers={"x-api-key": key}).status_code


@pytest.mark.core
def test_a_key_is_in_force_or_gone_when_it_returns(own_gateway, reload):
    first, second = own_gateway.keys
    own_gateway.private_file("api-keys", f"user1:{second}\n")
    done = reload(own_gateway)
    assert (done.returncode, done.stdout, done.stderr) == (0, "reloaded\n", "")
    assert status(own_gateway, first) == 401
    own_gateway.private_file("api-keys", f"user0:{first}\nuser1:{second}\n")
    assert reload(own_gateway).returncode == 0
    assert status(own_gateway, first) == 200


@pytest.mark.core
def test_what_is_refused_is_told_with_its_place_and_changes_nothing(own_gateway, reload):
    first, second = own_gateway.keys
    own_gateway.private_file("api-keys", f"user1:{second}\nnonsense\n")
    done = reload(own_gateway)
    assert done.returncode == 78
    assert done.stderr == f"portcullis: reload refused: {own_gateway.folder}/api-keys:2: is not name:key\n"
    assert status(own_gateway, first) == 200


def test_settings_that_need_a_restart_are_refused_by_name(make_gateway, reload):
    gateway = make_gateway()
    settings = gateway.private_file("portcullis.conf", "LOG_LEVEL=info\n")
    gateway.arguments += ["--config", settings]
    gateway.ready()
    gateway.private_file("portcullis.conf", "LOOPS=1\n")
    done = reload(gateway)
    assert done.returncode == 78
    assert "LOOPS" in done.stderr and "only with a restart" in done.stderr


def test_without_a_service_it_says_so(make_gateway, reload):
    gateway = make_gateway()
    assert reload(gateway).returncode == 69
    gateway.ready()
    gateway.process.kill()
    gateway.process.wait()
    done = reload(gateway)
    assert (done.returncode, done.stderr) == (69, f"portcullis: no service runs with STATE_DIR {gateway.folder}/state\n")


def test_many_at_once_all_get_their_verdict(own_gateway, reload):
    arguments = [own_gateway.arguments[0], "reload", *own_gateway.arguments[2:]]
    running = [subprocess.Popen(arguments, env=own_gateway.env, cwd=own_gateway.folder) for _ in range(8)]
    assert [each.wait(60) for each in running] == [0] * 8
    eventually(lambda: own_gateway.log().count("msg=reloaded") >= 8, "as many reloads")
    assert own_gateway.ask_message("Hello").status_code == 200
