"""What is wrong with the configuration is said in one line, with status 78, before anything is served."""
import subprocess

import pytest

from harness import make_certificate

pytestmark = pytest.mark.core


@pytest.fixture
def check(make_gateway):
    """Runs `portcullis check` with a sound configuration that the test may spoil first."""

    def run(spoil=lambda gateway: None, **options):
        gateway = make_gateway(**options)
        spoil(gateway)
        arguments = [gateway.arguments[0], "check", *gateway.arguments[2:]]
        return subprocess.run(arguments, env=gateway.env, capture_output=True, text=True, timeout=60)

    return run


def spoil_file(name, text="nonsense\n"):
    return lambda gateway: (gateway.folder / name).write_text(text)


def loosen(name, mode):
    return lambda gateway: (gateway.folder / name).chmod(mode)


def replace(flag, value):
    def spoil(gateway):
        gateway.arguments[gateway.arguments.index(flag) + 1] = value

    return spoil


def add(*arguments):
    return lambda gateway: gateway.arguments.extend(arguments)


def both(first, second):
    def spoil(gateway):
        first(gateway)
        second(gateway)

    return spoil


def swap_two_letters(gateway):
    """The checksum in a key tells a typing error from a stranger's key."""
    path = gateway.folder / "api-keys"
    text = path.read_text().rstrip("\n")
    path.write_text(text[:-2] + text[-1] + ("x" if text[-2] != "x" else "y") + "\n")


def make_other_key(gateway):
    make_certificate(gateway.folder / "other")
    replace("--tls-key", str(gateway.folder / "other/key.pem"))(gateway)


FAULTS = {
    "a certificate that is none": spoil_file("tls/chain.pem"),
    "a key that is none": spoil_file("tls/key.pem"),
    "a key of another certificate": make_other_key,
    "a key everybody can read": loosen("tls/key.pem", 0o644),
    "a key the group can write": loosen("tls/key.pem", 0o660),
    "a certificate that is not there": replace("--tls-certificate", "/nowhere/chain.pem"),
    "a keys file that is not there": replace("--api-keys-file", "/nowhere/keys"),
    "a keys file everybody can read": loosen("api-keys", 0o644),
    "an empty keys file": spoil_file("api-keys", "\n"),
    "a short key where others can connect": both(
        spoil_file("api-keys", "user:secret\n"), replace("--listen", "0.0.0.0:8443")
    ),
    "a mistyped key": swap_two_letters,
    "a line of the CLI's environment without =": spoil_file("cli.env"),
    "no claude": replace("--claude-path", "/nowhere/claude"),
    "a claude that cannot be run": replace("--claude-path", "/etc/hostname"),
    "an address that is none": replace("--listen", "nowhere"),
    "a port that is none": replace("--listen", "127.0.0.1:70000"),
    "a number that is none": add("--max-body-bytes", "many"),
    "an option that is none": add("--no-such-option=1"),
}


def test_a_sound_configuration_passes(check):
    done = check()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "login" in (done.stdout + done.stderr).lower()


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_told_in_a_line(check, keys, fault):
    done = check(FAULTS[fault])
    told = (done.stdout + done.stderr).strip()
    assert done.returncode == 78, told
    assert told and all(key not in told for key in keys)


def test_every_fault_gets_its_line(check):
    def spoil(gateway):
        environment = "a line of the CLI's environment without ="
        for fault in ("an empty keys file", "a certificate that is none", environment):
            FAULTS[fault](gateway)

    done = check(spoil)
    lines = (done.stdout + done.stderr).strip().splitlines()
    assert done.returncode == 78
    assert all(any(name in line for line in lines) for name in ("api-keys", "chain.pem", "cli.env")), lines


@pytest.mark.parametrize("fault", ["a certificate that is none", "no claude", "an option that is none"])
def test_serve_refuses_to_start_with_a_fault(make_gateway, fault):
    gateway = make_gateway()
    FAULTS[fault](gateway)
    assert gateway.start().process.wait(20) == 78
    assert len(gateway.log().strip().splitlines()) == 1, gateway.log()


def test_no_keys_are_refused_unless_on_loopback(make_gateway):
    def start(listen):
        gateway = make_gateway(listen=[listen], env={"REQUIRE_AUTH": "false"})
        position = gateway.arguments.index("--api-keys-file")
        del gateway.arguments[position : position + 2]
        return gateway

    open_to_all = start("0.0.0.0:0").start()
    assert open_to_all.process.wait(20) == 78
    assert "REQUIRE_AUTH" in open_to_all.log() or "auth" in open_to_all.log().lower()


def test_loopback_may_do_without_keys(make_gateway):
    gateway = make_gateway(env={"REQUIRE_AUTH": "false"})
    position = gateway.arguments.index("--api-keys-file")
    del gateway.arguments[position : position + 2]
    gateway.ready()
    with gateway.http() as http:
        body = {"model": "sonnet", "messages": [{"role": "user", "content": "say:open"}]}
        answer = http.post("/v1/chat/completions", json=body)
    assert answer.json()["choices"][0]["message"]["content"] == "open"


def test_keys_from_the_environment_open(make_gateway, keys):
    gateway = make_gateway(env={"PROXY_API_KEYS": ",".join(keys)})
    position = gateway.arguments.index("--api-keys-file")
    del gateway.arguments[position : position + 2]
    gateway.ready()
    for key in keys:
        assert gateway.post("/v1/messages", {}, headers={"x-api-key": key}).status_code == 400


def test_a_configuration_file_is_read(make_gateway):
    gateway = make_gateway()
    path = gateway.private_file("portcullis.conf", "# limits\nMAX_BODY_BYTES=2048\n")
    gateway.arguments += ["--config", path]
    gateway.ready()
    assert gateway.ask_message("x" * 4096).status_code == 413


@pytest.mark.parametrize("words", [["help"], ["--help"], ["version"], ["--version"]])
def test_help_and_version_are_told(portcullis, words):
    done = subprocess.run([portcullis, *words], capture_output=True, text=True, timeout=20)
    assert done.returncode == 0 and done.stdout.strip()


def test_new_key_makes_a_name_and_a_key(portcullis):
    done = subprocess.run([portcullis, "new-key", "alice"], capture_output=True, text=True, timeout=20, check=True)
    name, _, key = done.stdout.strip().partition(":")
    prefix, identifier, secret = key.split("_")
    assert (name, prefix, len(identifier), len(secret)) == ("alice", "cgw", 8, 49)
