"""How many processes are kept, for how long, and when they end whatever they hold."""
import json
import os
import signal
import stat
import subprocess
import time

import pytest

from fault_matrix import fault_row
from harness import descendants, eventually, user
from living import CLIENTS, MODELS, sessions

pytestmark = pytest.mark.core
NONE_IN_ADVANCE = {"WARM_PROCESSES": "0"}


class Talk:
    """A conversation with the stand-in, whose processes know how many turns they have served."""

    def __init__(self, gateway, key=None):
        self.gateway, self.key, self.messages = gateway, key or gateway.key, []

    def say(self, text):
        self.messages += user(text)
        body = {"model": "sonnet", "max_tokens": 99, "messages": self.messages}
        answer = self.gateway.post("/v1/messages", body, headers={"x-api-key": self.key})
        assert answer.status_code == 200, answer.text
        said = "".join(block["text"] for block in answer.json()["content"])
        self.messages.append({"role": "assistant", "content": said})
        return said

    def recall(self):
        return json.loads(self.say("standin:recall"))

    def goes_on(self):
        """Whether the next turn is served by a process that has served the ones before."""
        return self.recall()["turns"] > 1


def processes(gateway):
    return set(descendants(gateway.process.pid))


def wait_for_waiting(gateway, count):
    """The gateway's processes once there are so many; none is started in advance while others need the processors."""
    try:
        return eventually(lambda: len(processes(gateway)) == count and processes(gateway), "processes wait", within=15)
    except AssertionError:
        with open("/proc/loadavg") as load:
            if float(load.read().split()[0]) <= os.cpu_count():
                raise
        pytest.skip("this machine is too busy for processes that wait")


def two_turns(gateway, count, key=None):
    """Conversations of two turns, so that their processes are not emptied for each other."""
    talks = [Talk(gateway, key) for _ in range(count)]
    for number, talk in enumerate(talks):
        talk.say(f"standin:echo {number}")
        talk.say("standin:echo again")
    return talks


@pytest.fixture
def make(make_gateway, standin):
    def start(**env):
        return make_gateway(cli=standin, cli_env=None, env={**NONE_IN_ADVANCE, **env}).ready()

    return start


def test_the_longest_idle_go_when_there_are_too_many(make):
    gateway = make(REUSE_PROCESSES="conversation", MAX_IDLE_PROCESSES="2")
    talks = two_turns(gateway, 4)
    eventually(lambda: len(processes(gateway)) == 2, "two are left")
    assert [talk.goes_on() for talk in reversed(talks)] == [True, True, False, False]


def test_a_key_costs_itself_the_oldest_and_others_nothing(make):
    gateway = make(REUSE_PROCESSES="conversation", MAX_IDLE_PROCESSES="4", MAX_IDLE_PROCESSES_PER_KEY="2")
    other = two_turns(gateway, 1, gateway.keys[1])
    talks = two_turns(gateway, 4)
    eventually(lambda: len(processes(gateway)) == 3, "two of one key and one of the other")
    assert other[0].goes_on() and [talk.goes_on() for talk in reversed(talks[1:])] == [True, True, False]


def test_none_is_kept_beyond_its_time(make):
    gateway = make(IDLE_PROCESS_SECONDS="1")
    talk = two_turns(gateway, 1)[0]
    assert processes(gateway)
    eventually(lambda: not processes(gateway), "it ends", within=4)
    assert not talk.goes_on() and len(talk.messages) == 6


@pytest.mark.parametrize("env", [{"REUSE_PROCESSES": "off"}, {"MAX_IDLE_PROCESSES": "0"}], ids=["off", "none idle"])
def test_nothing_is_kept_where_nothing_may_be(make, env):
    gateway = make(**env)
    talk = two_turns(gateway, 1)[0]
    eventually(lambda: not processes(gateway), "nothing is left")
    assert not talk.goes_on()


@pytest.mark.parametrize("env, shared", [({}, True), ({"REUSE_PROCESSES": "conversation"}, False)], ids=["key", "conversation"])
def test_a_process_is_emptied_only_where_it_may_be(make, env, shared):
    gateway = make(**env)
    for number in range(3):
        Talk(gateway).say(f"standin:echo {number}")
    eventually(lambda: gateway.health()["running_turns"] == 0, "they are over")
    assert len(processes(gateway)) == (1 if shared else 3)
    assert (Talk(gateway).recall()["rewinds"] > 0) is shared


def test_without_keys_no_process_is_emptied_for_somebody_else(make_gateway, standin):
    gateway = make_gateway(cli=standin, cli_env=None, flags=["--require-auth", "false"], env=NONE_IN_ADVANCE).ready()
    first, second = two_turns(gateway, 1)[0], Talk(gateway)
    assert second.recall()["rewinds"] == 0 and first.goes_on()


def reload(gateway):
    before = gateway.log().count("msg=reloaded")
    gateway.signal(signal.SIGHUP)
    eventually(lambda: gateway.log().count("msg=reloaded") > before, "the reload")


def test_the_processes_of_a_key_that_is_taken_away_end_with_it(make):
    gateway = make()
    first, second = gateway.keys
    stays = two_turns(gateway, 1, second)[0]
    kept = processes(gateway)
    talk = two_turns(gateway, 1, first)[0]
    gateway.private_file("api-keys", f"user1:{second}\n")
    reload(gateway)
    eventually(lambda: processes(gateway) == kept, "its process ends, and no other")
    assert stays.goes_on()
    assert gateway.post("/v1/messages", {}, headers={"x-api-key": talk.key}).status_code == 401


def test_another_key_of_the_same_name_finds_nothing(make, portcullis):
    gateway = make()
    first, second = gateway.keys
    talk = two_turns(gateway, 1, first)[0]
    line = subprocess.run([portcullis, "new-key", "user0"], check=True, capture_output=True, text=True).stdout
    gateway.private_file("api-keys", f"{line}user1:{second}\n")
    reload(gateway)
    talk.key = line.strip().partition(":")[2]
    assert not talk.goes_on()
    reload(gateway)
    assert talk.goes_on(), "a reload that changes nothing ends nothing"


def test_a_reload_takes_over_the_bounds(make_gateway, standin):
    gateway = make_gateway(cli=standin, cli_env=None, env=NONE_IN_ADVANCE)
    gateway.arguments += ["--config", gateway.private_file("portcullis.env", "MAX_IDLE_PROCESSES=3\n")]
    gateway.ready()
    two_turns(gateway, 3)
    assert len(processes(gateway)) == 3
    gateway.private_file("portcullis.env", "MAX_IDLE_PROCESSES=1\n")
    reload(gateway)
    eventually(lambda: len(processes(gateway)) == 1, "what is too much goes")
    gateway.private_file("portcullis.env", "MAX_IDLE_PROCESSES=1\nREUSE_PROCESSES=off\n")
    reload(gateway)
    eventually(lambda: not processes(gateway), "nothing is kept any more")


WRAPPER = """\
#!/bin/sh
[ "$1" = --version ] && exec {real} "$@"
echo start >> {folder}/starts
[ -e {folder}/crash ] && exit 1
exec {real} "$@"
"""


@pytest.fixture
def wrapper(standin, tmp_path):
    """A CLI that notes each start and crashes once there is a file of that name."""
    path = tmp_path / "claude"
    path.write_text(WRAPPER.format(real=standin, folder=tmp_path))
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    (tmp_path / "starts").touch()
    return path


def test_the_processes_of_a_cli_that_was_replaced_end(make_gateway, wrapper, standin):
    gateway = make_gateway(cli=wrapper, cli_env=None, env={"WARM_PROCESSES": "1"}).ready()
    talk = two_turns(gateway, 1)[0]
    old = processes(gateway)
    fresh = wrapper.with_name("fresh")
    fresh.write_text(wrapper.read_text() + "# Another one.\n")
    fresh.chmod(0o755)
    fresh.rename(wrapper)
    assert not talk.goes_on() and talk.messages[-2]["content"] == "standin:recall"
    eventually(lambda: not processes(gateway) & old, "the old ones are gone")
    assert talk.goes_on()


def test_a_cli_that_crashes_at_its_start_is_not_started_over_and_over(make_gateway, wrapper):
    gateway = make_gateway(cli=wrapper, cli_env=None, env={"WARM_PROCESSES": "1", "LOOPS": "2"}).ready()
    starts = wrapper.with_name("starts")
    wait_for_waiting(gateway, 2)
    wrapper.with_name("crash").touch()
    before = len(starts.read_text().splitlines())
    for pid in processes(gateway):
        os.kill(pid, signal.SIGKILL)
    eventually(lambda: "the next is started in 8 s" in gateway.log(), "it backs off", within=60)
    assert len(starts.read_text().splitlines()) - before <= 4
    wrapper.with_name("crash").unlink()
    assert Talk(gateway).say("standin:echo Well again.") == "Well again."


def test_a_first_question_is_answered_by_a_process_that_waits_and_another_takes_its_place(make_gateway, standin):
    gateway = make_gateway(cli=standin, cli_env=None, env={"WARM_PROCESSES": "1", "LOOPS": "2"}).ready()
    waiting = wait_for_waiting(gateway, 2)
    held = Talk(gateway).recall()
    assert (held["turns"], held["rewinds"]) == (1, 0)
    wait_for_waiting(gateway, 3)
    assert waiting <= processes(gateway), "the first served, and is kept"
    assert Talk(gateway, gateway.keys[1]).recall()["turns"] == 1
    wait_for_waiting(gateway, 4)
    for pid in waiting:
        os.kill(pid, signal.SIGKILL)
    assert Talk(gateway, gateway.keys[1]).say("standin:echo Still here.") == "Still here."


# The end, with the real CLI


@pytest.fixture
def busy(make_gateway, upstream, nonce):
    """A gateway with processes that are kept, and perhaps one that waits."""
    gateway = make_gateway(env={"WARM_PROCESSES": "1", "LOOPS": "1"}).ready()
    client = CLIENTS["messages"](gateway, MODELS[0], stays=True, system=nonce)
    client.say("say:one")
    client.say("say:two")
    assert len(set(sessions(upstream.turns(nonce)))) == 1
    other = CLIENTS["messages"](gateway, MODELS[0], key=gateway.keys[1])
    other.say("say:one")
    assert len(processes(gateway)) >= 2, "two are kept"
    return gateway


def gone(pids):
    return not [pid for pid in pids if os.path.exists(f"/proc/{pid}")]


def test_sigterm_ends_idle_processes_at_once(busy):
    left = processes(busy)
    start = time.monotonic()
    busy.signal(signal.SIGTERM)
    assert busy.process.wait(10) == 0
    assert time.monotonic() - start < 3 and gone(left)


def test_sigterm_lets_an_answer_in_a_kept_process_finish(busy):
    history = [*user("say:one"), {"role": "assistant", "content": "one"}]
    with busy.streaming("slow:50:20", until="tick1", messages=[*history, *user("slow:50:20")]) as chunks:
        left = processes(busy)
        busy.signal(signal.SIGTERM)
        rest = "".join(chunks)
    assert "tick19" in rest and "message_stop" in rest
    assert busy.process.wait(10) == 0 and gone(left)


@fault_row(1, injected="SIGKILL while processes of the CLI serve and wait", seen="they all end with it")
def test_sigkill_of_the_service_leaves_no_process(busy):
    with busy.streaming("slow:50:100", until="tick1"):
        left = processes(busy)
        assert len(left) >= 2
        busy.signal(signal.SIGKILL)
        busy.process.wait(10)
    eventually(lambda: gone(left), "all are gone")
