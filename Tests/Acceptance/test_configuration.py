"""What is wrong with the configuration is said in one line, with status 78, before anything is served."""
import signal
import socket
import subprocess

import pytest

from fault_matrix import fault_row
from harness import eventually, make_certificate

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
    "an origin beside all of them": add("--cors-origin", "*,https://a.example,https://b.example"),
    "the origin that anybody can have": add("--cors-origin", "https://a.example,null"),
    "an option that is none": add("--no-such-option=1"),
    "a host that is none": replace("--listen", "portcullis.invalid:8443"),
    "a time that is no whole number of seconds": add("--drain-seconds", "1500ms"),
    "an alias of a model that is none": both(
        # Without another base URL, whose models could have any name.
        spoil_file("cli.env", "CLAUDE_CODE_OAUTH_TOKEN=x\n"), add("--model-aliases", "gpt-4o=sonet")
    ),
}


def test_a_sound_configuration_passes(check):
    done = check()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "login" in (done.stdout + done.stderr).lower()


@fault_row(
    33, injected="keys and certificates that are missing, empty, garbled, mixed up, readable by all or writable by "
        "the group",
    seen="exit 78 and a line without any key")
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


def test_what_was_meant_is_told(check):
    def spoil(gateway):
        path = gateway.private_file("portcullis.conf", "MAX_BODY=10MB\n")
        gateway.arguments += ["--config", path, "--max-turn", "3"]

    told = check(spoil).stderr
    assert "'--max-turn': is no option; did you mean --max-turns?" in told
    assert "portcullis.conf:1: 'MAX_BODY' is no setting; did you mean MAX_BODY_BYTES?" in told
    done = check(FAULTS["an alias of a model that is none"])
    assert "did you mean sonnet?" in done.stderr


def test_a_foreign_environment_stops_nothing_and_is_told(make_gateway):
    foreign = {"HOST": "x86_64-conda-linux-gnu", "PORT": "3000", "LOG_LEVEL": "Notice", "MAX_TURN": "3"}
    gateway = make_gateway(env=foreign | {"PORTCULLIS_MAX_BODY_BYTES": "2k", "PORTCULLIS_MAX_TURN": "3"})
    # As LISTEN of the environment, which HOST and PORT stand beside.
    position = gateway.arguments.index("--listen")
    gateway.env["LISTEN"] = gateway.arguments[position + 1]
    del gateway.arguments[position : position + 2]
    gateway.ready()
    assert gateway.ask_message("x" * 4096).status_code == 413
    gateway.signal(signal.SIGHUP)
    eventually(lambda: "reloaded" in gateway.log(), "the configuration is reloaded")
    arguments = [gateway.arguments[0], "check", *gateway.arguments[2:]]
    environment = gateway.env | {"LOG_LEVEL": "warn"}
    done = subprocess.run(arguments, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    warnings = [
        "HOST (environment): 'x86_64-conda-linux-gnu' is not an IPv4 or IPv6 address",
        "PORT (environment): LISTEN says where to listen",
        "MAX_TURN (environment): is no setting; did you mean MAX_TURNS?",
        "PORTCULLIS_MAX_TURN (environment): is no setting; did you mean PORTCULLIS_MAX_TURNS?",
    ]
    for warning in warnings:
        assert warning in done.stdout + done.stderr, done.stdout
        assert gateway.log().count(warning) == 2, gateway.log()  # at the start and the reload


def loopback_name():
    """A name that /etc/hosts has for this machine alone; `localhost` is understood without it."""
    for name in ("ip6-localhost", "ip6-loopback", "localhost.localdomain", socket.gethostname()):
        try:
            found = {entry[4][0] for entry in socket.getaddrinfo(name, None)}
        except OSError:
            continue
        if all(address == "::1" or address.startswith("127.") for address in found):
            return name, sorted(found)
    return None


def test_a_host_name_is_listened_on_and_reloaded(make_gateway):
    if not (known := loopback_name()):
        pytest.skip("this machine has no name on loopback alone")
    name, addresses = known
    gateway = make_gateway()
    port = gateway.arguments[gateway.arguments.index("--listen") + 1].rpartition(":")[2]
    gateway.arguments += ["--listen", f"{name}:{port}"] if "127.0.0.1" not in addresses else []
    if "127.0.0.1" in addresses:
        replace("--listen", f"{name}:{port}")(gateway)
    gateway.ready()
    for address in addresses:
        socket.create_connection((address, int(port)), timeout=5).close()
    gateway.signal(signal.SIGHUP)
    eventually(lambda: "reloaded" in gateway.log(), "the configuration is reloaded")
    assert "refused" not in gateway.log()


def test_a_switch_takes_its_value_as_a_word(make_gateway):
    gateway = make_gateway(flags=["--require-auth", "false", "--enable-thinking", "true"])
    position = gateway.arguments.index("--api-keys-file")
    del gateway.arguments[position : position + 2]
    gateway.ready()


def test_odd_credentials_are_warned_of_without_their_value(check):
    lines = "export ANTHROPIC_APIKEY=hush-1\nANTHROPIC_API_KEY=sk-ant-oat01-hush-2\n"
    done = check(lambda gateway: gateway.arguments.extend(["--cli-env-file", gateway.private_file("odd.env", lines)]))
    told = done.stdout + done.stderr
    assert done.returncode == 0, told
    assert "ANTHROPIC_APIKEY is no variable of the CLI; did you mean ANTHROPIC_API_KEY?" in told
    assert "ANTHROPIC_API_KEY in CLI_ENV_FILE holds a token of `claude setup-token`" in told
    assert "name it CLAUDE_CODE_OAUTH_TOKEN" in told
    assert "hush" not in told


def test_a_cli_that_tells_no_version_says_why(check):
    def spoil(gateway):
        script = gateway.private_file("claude.js", "#!/usr/bin/env portcullis-no-such-node\n")
        (gateway.folder / "claude.js").chmod(0o700)
        replace("--claude-path", script)(gateway)

    done = check(spoil)
    assert done.returncode == 78
    assert "portcullis-no-such-node" in done.stderr and "No such file" in done.stderr


@pytest.mark.parametrize(
    "words", [["help"], ["--help"], ["version"], ["--version"], ["-V"], ["serve", "-V"], ["new-key", "-h"]]
)
def test_help_and_version_are_told(portcullis, words):
    done = subprocess.run([portcullis, *words], capture_output=True, text=True, timeout=20)
    assert done.returncode == 0 and done.stdout.strip()


def test_without_a_command_the_usage_is_told(portcullis):
    done = subprocess.run([portcullis], capture_output=True, text=True, timeout=20)
    assert done.returncode == 64 and done.stderr.startswith("usage: portcullis serve")
    done = subprocess.run([portcullis, "serv"], capture_output=True, text=True, timeout=20)
    assert (done.returncode, done.stderr) == (64, "portcullis: 'serv': is no command; did you mean serve?\n")


def test_new_key_makes_a_name_and_a_key(portcullis):
    done = subprocess.run([portcullis, "new-key", "alice"], capture_output=True, text=True, timeout=20, check=True)
    name, _, key = done.stdout.strip().partition(":")
    prefix, identifier, secret = key.split("_")
    assert (name, prefix, len(identifier), len(secret)) == ("alice", "cgw", 8, 49)
