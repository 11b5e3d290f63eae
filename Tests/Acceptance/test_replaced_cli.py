"""A CLI that is replaced under a running gateway, as one that updates itself, is tried before it serves."""
import concurrent.futures
import shutil
import signal
import stat
import sys
import textwrap

import pytest

from fault_matrix import fault_row
from harness import anthropic_error, eventually, message_body
from test_self_test import MENTIONS, NO_HISTORY, WRAPPER

# A machine that does too much at once cuts self-tests short, and they are repeated half a minute later.
pytestmark = pytest.mark.timeout(300)

# Tells its version and each start, and is otherwise the CLI behind it.
SCRIPT = """\
#!/bin/sh
if [ "$1" = --version ]; then
    echo version >> {starts}
    echo "{version} (Claude Code)"
    exit
fi
echo {version} >> {starts}
exec {real} "$@"
"""


class Installed:
    """A CLI where an installer would put it: a link in a folder of programs to the file of one version."""

    def __init__(self, folder, real):
        self.folder, self.real = folder, real
        self.path = folder / "claude"
        self.log = folder / "starts"
        self.log.touch()

    def write(self, name, text):
        path = self.folder / name
        path.write_text(text)
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return path

    def version(self, version):
        text = SCRIPT.format(version=version, starts=self.log, real=self.real)
        return self.write(f"claude-{version}", text)

    def crippled(self, version, fault):
        """The same version with a fault of test_self_test.py."""
        known = f"REAL, STARTS = {str(self.version(version))!r}, {str(self.log)!r}\n"
        program = WRAPPER.replace("FAULT", textwrap.dedent(fault))
        return self.write(f"crippled-{version}", f"#!{sys.executable}\n{known}{program}")

    def link(self, file):
        fresh = self.folder / "claude.new"
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(file)
        fresh.rename(self.path)
        return self.path

    def move(self, file):
        """Puts a copy of the file in the program's place, as `mv` does."""
        fresh = self.folder / "claude.new"
        shutil.copy(file, fresh)
        fresh.rename(self.path)
        return self.path

    def starts(self):
        return self.log.read_text().splitlines()


@pytest.fixture
def installed(claude, tmp_path):
    return Installed(tmp_path, claude.resolve())


@pytest.fixture
def quick(standin, tmp_path):
    """A stand-in so installed: its trial takes no time."""
    return Installed(tmp_path, standin.resolve())


def is_told(gateway, version, self_test):
    health = gateway.health()
    return (health["cli_version"], health["self_test"]) == (version, self_test)


def problems(gateway):
    return [problem["text"] for problem in gateway.health()["problems"] if problem["about"] == "cli"]


@pytest.mark.core
def test_a_link_that_moves_to_a_new_version_is_noticed_by_an_idle_gateway(make_gateway, installed):
    gateway = make_gateway(cli=installed.link(installed.version("2.9.1"))).ready(within=60)
    eventually(lambda: is_told(gateway, "2.9.1", "passed"), "the first one", within=90)
    installed.link(installed.version("2.9.2"))
    eventually(lambda: is_told(gateway, "2.9.2", "passed"), "the new one has been tried", within=90)
    assert "the CLI was replaced: version 2.9.1 before, 2.9.2 now, self-test" in gateway.log()
    assert gateway.ask_message("Hello").status_code == 200
    assert problems(gateway) == []


@pytest.mark.core
def test_a_turn_waits_for_the_trial_and_gets_what_the_new_cli_can_do(make_gateway, installed, upstream, nonce):
    gateway = make_gateway(cli=installed.move(installed.version("2.9.1"))).ready(within=60)
    eventually(lambda: is_told(gateway, "2.9.1", "passed"), "the first one", within=90)
    installed.move(installed.crippled("2.9.2", NO_HISTORY))
    history = [
        {"role": "user", "content": nonce},
        {"role": "assistant", "content": "Earlier."},
        {"role": "user", "content": "Now."},
    ]
    response = gateway.post("/v1/messages", message_body("", messages=history))
    assert response.status_code == 200
    assert "history" in response.headers["x-portcullis-degraded"]
    assert len(upstream.only_turn(nonce).rows()) == 1, "the earlier turns went as text"
    assert gateway.health()["cli_version"] == "2.9.2" and "history" in gateway.health()["degraded"]
    log = gateway.log()
    assert log.index("the CLI was replaced") < log.index("event=request")


@fault_row(
    10, injected="a new version that fails its self-test in the place of the old one",
    seen="no turn runs on it; the old one serves once it is back")
@pytest.mark.core
def test_no_turn_runs_on_a_new_cli_that_fails_until_the_old_one_is_back(make_gateway, installed, upstream, nonce):
    first = installed.version("2.9.1")
    gateway = make_gateway(cli=installed.link(first)).ready(within=60)
    eventually(lambda: is_told(gateway, "2.9.1", "passed"), "the first one", within=90)
    installed.link(installed.crippled("2.9.2", MENTIONS))
    message = anthropic_error(gateway.ask_message(nonce), 503)["message"]
    assert "self-test" in message
    assert "plain-mentions" in gateway.health()["degraded"] and upstream.turns(nonce) == []
    eventually(lambda: any("2.9.2 failed its self-test" in text for text in problems(gateway)), "the problem is told")
    installed.link(first)
    eventually(lambda: gateway.ask_message(nonce).status_code == 200, "the old one serves again", within=90)
    eventually(lambda: problems(gateway) == [], "it is over")
    assert is_told(gateway, "2.9.1", "passed")


def test_many_turns_wait_for_one_trial(make_gateway, quick):
    gateway = make_gateway(cli=quick.move(quick.version("2.9.1")), cli_env=None).ready()
    assert quick.starts().count("version") == 1
    quick.move(quick.version("2.9.2"))
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda number: gateway.ask_message(f"standin:delay 100 {number}"), range(8)))
    assert [answer.status_code for answer in answers] == [200] * 8
    assert quick.starts().count("version") == 2
    assert gateway.log().count("the CLI was replaced") == 1


@fault_row(
    10, injected="a new version in the program's place amid a stream",
    seen="the stream ends whole, the next turn runs on the new one")
def test_a_turn_that_runs_ends_on_the_cli_it_began_with(make_gateway, quick):
    gateway = make_gateway(cli=quick.move(quick.version("2.9.1")), cli_env=None).ready()
    with gateway.streaming("standin:events 20 100000", until="message_start") as chunks:
        quick.move(quick.version("2.9.2"))
        assert gateway.ask_message("Hello").status_code == 200
        assert gateway.health()["cli_version"] == "2.9.2"
        assert "message_stop" in "".join(chunks)


def gone(installed, busy):
    installed.path.unlink()


def not_executable(installed, busy):
    installed.path.chmod(0o600)


def says_no_version(installed, busy):
    installed.move(installed.write("nothing", "#!/bin/sh\nexit 1\n"))


def cut_off(installed, busy):
    fresh = installed.folder / "cut"
    fresh.write_bytes(installed.real.read_bytes()[:100_000])
    fresh.chmod(0o700)
    installed.move(fresh)


def being_written(installed, busy):
    installed.move(installed.real)
    busy.append(open(installed.path, "ab"))


@fault_row(
    10, injected="the program removed, not executable, without a version, cut short, or still being written, while "
        "it serves",
    seen="503 with Retry-After, told in `/health`; the next turn uses a program that works")
@pytest.mark.parametrize("fault", [gone, not_executable, says_no_version, cut_off, being_written])
def test_a_program_that_cannot_be_used_takes_nothing_down_and_is_used_once_it_can(make_gateway, quick, fault):
    first, busy = quick.version("2.9.1"), []
    gateway = make_gateway(cli=quick.move(first), cli_env=None).ready()
    fault(quick, busy)
    response = gateway.ask_message("Hello")
    message = anthropic_error(response, 503)["message"]
    assert int(response.headers["retry-after"]) >= 1 and str(quick.folder) not in message
    [text] = eventually(lambda: problems(gateway), "the problem is told")
    assert str(quick.path) in text and gateway.health()["cli_version"] == "2.9.1"
    anthropic_error(gateway.ask_message("Hello"), 503)
    assert gateway.log().count("the CLI was replaced and cannot be used") == 1
    for file in busy:
        file.close()
    quick.move(quick.version("2.9.2"))
    assert gateway.ask_message("Hello").status_code == 200, "the next turn finds it"
    assert gateway.health()["cli_version"] == "2.9.2"
    eventually(lambda: problems(gateway) == [], "it is over")


def test_a_program_that_fails_is_tried_again_by_itself_and_told_once(make_gateway, quick):
    gateway = make_gateway(cli=quick.move(quick.version("2.9.1")), cli_env=None).ready()
    quick.move(quick.write("failing", f"#!/bin/sh\necho failed >> {quick.log}\nexit 1\n"))
    eventually(lambda: quick.starts().count("failed") >= 3, "nobody asks, and yet it is tried")
    assert gateway.log().count("the CLI was replaced and cannot be used") == 1
    assert gateway.log().count("is tried again by itself") == 1


def test_a_program_that_is_put_back_as_it_was_serves_at_once(make_gateway, quick):
    gateway = make_gateway(cli=quick.link(quick.version("2.9.1")), cli_env=None).ready()
    quick.path.unlink()
    anthropic_error(gateway.ask_message("Hello"), 503)
    quick.link(quick.folder / "claude-2.9.1")
    assert gateway.ask_message("Hello").status_code == 200
    assert quick.starts().count("version") == 1 and "the CLI was replaced: " not in gateway.log()


def reload(gateway):
    before = gateway.log().count("msg=reloaded")
    gateway.signal(signal.SIGHUP)
    eventually(lambda: gateway.log().count("msg=reloaded") > before, "the reload")


def test_a_reload_asks_nothing_of_a_cli_that_is_unchanged(make_gateway, quick):
    gateway = make_gateway(cli=quick.move(quick.version("2.9.1")), cli_env=None).ready()
    before = quick.starts()
    reload(gateway)
    assert gateway.ask_message("Hello").status_code == 200
    assert quick.starts() == [*before, "2.9.1"]


def test_a_reload_tries_it_all_the_same_where_it_always_must(make_gateway, quick):
    gateway = make_gateway(cli=quick.move(quick.version("2.9.1")), cli_env=None, env={"SELF_TEST": "always"}).ready()
    reload(gateway)
    eventually(lambda: quick.starts().count("version") == 2, "the second trial")


def test_keys_are_taken_while_the_cli_is_away(make_gateway, quick):
    gateway = make_gateway(cli=quick.move(quick.version("2.9.1")), cli_env=None).ready()
    first, second = gateway.keys
    quick.path.unlink()
    gateway.private_file("api-keys", f"user1:{second}\n")
    reload(gateway)
    body = message_body("Hello")
    anthropic_error(gateway.post("/v1/messages", body, headers={"x-api-key": first}), 401)
    anthropic_error(gateway.post("/v1/messages", body, headers={"x-api-key": second}), 503)
    quick.move(quick.version("2.9.2"))
    assert gateway.post("/v1/messages", body, headers={"x-api-key": second}).status_code == 200


def test_a_reload_that_names_another_program_takes_it_only_when_it_works(make_gateway, quick):
    gateway = make_gateway(cli=quick.version("2.9.1"), cli_env=None)
    broken, other = quick.write("broken", "#!/bin/sh\nexit 1\n"), quick.version("2.9.2")
    settings = gateway.private_file("portcullis.env", "")
    at = gateway.arguments.index("--claude-path")
    path = gateway.arguments[at + 1]
    gateway.arguments[at : at + 2] = ["--config", settings]
    gateway.private_file("portcullis.env", f"CLAUDE_PATH={path}\n")
    gateway.ready()
    gateway.private_file("portcullis.env", f"CLAUDE_PATH={broken}\n")
    gateway.signal(signal.SIGHUP)
    eventually(lambda: "reload refused" in gateway.log(), "the refusal")
    assert gateway.ask_message("Hello").status_code == 200 and gateway.health()["cli_version"] == "2.9.1"
    gateway.private_file("portcullis.env", f"CLAUDE_PATH={other}\n")
    reload(gateway)
    assert gateway.health()["cli_version"] == "2.9.2"
    assert gateway.ask_message("Hello").status_code == 200
