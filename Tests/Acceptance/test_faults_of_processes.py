"""Children that stand still, processes that cannot be started, a service that is stopped: what the others notice of it."""
import concurrent.futures
import json
import os
import pathlib
import resource
import shutil
import signal
import subprocess
import tempfile
import time

import pytest

from fault_matrix import fault_row
from harness import Gateway, anthropic_error, eventually, message_events, open_files, openai_error
from wire import Wire, get

LONG = "standin:events 100 50000"


def last_event(text):
    return [each for each in message_events(text) if each["type"] != "ping"][-1]


@fault_row(
    4, injected="SIGSTOP of the process of one stream",
    seen="that stream ends in an error event at the CLI's silence limit; others beside it are answered in less than two "
        "seconds, no child is left")
def test_a_child_that_stands_still_holds_up_nobody_else(make_gateway, standin, measured):
    gateway = make_gateway(
        cli=standin, cli_env=None, env={"CLI_STALL_TIMEOUT_SECONDS": "2", "LOOPS": "1", "REUSE_PROCESSES": "off"}).ready()
    with gateway.streaming(LONG, until="message_start") as chunks:
        [child] = gateway.children()
        os.kill(child, signal.SIGSTOP)
        slowest = 0.0
        for _ in range(5):
            began = time.monotonic()
            assert gateway.ask_message("standin:echo beside").status_code == 200
            slowest = max(slowest, time.monotonic() - began)
        rest = "".join(chunks)
    measured(slowest_seconds=round(slowest, 3))
    assert slowest < 2
    assert last_event("event: " + rest.partition("event: ")[2])["type"] == "error"
    eventually(lambda: gateway.children() == [], "no child is left")


@fault_row(
    6, injected="SIGTERM amid a stream that outlasts DRAIN_SECONDS",
    seen="the stream ends in an error event at the limit, exit status 0, no child is left")
def test_an_answer_that_outlasts_the_drain_limit_is_ended(make_gateway, standin):
    gateway = make_gateway(cli=standin, cli_env=None, env={"DRAIN_SECONDS": "1"}).ready()
    with gateway.streaming("standin:events 1000 50000", until="message_start") as chunks:
        children = gateway.children()
        began = time.monotonic()
        gateway.signal(signal.SIGTERM)
        rest = "".join(chunks)
    assert last_event("event: " + rest.partition("event: ")[2])["type"] == "error"
    assert gateway.process.wait(5) == 0
    assert 0.9 < time.monotonic() - began < 6
    assert children and not [pid for pid in children if os.path.exists(f"/proc/{pid}")]


# No more processes


@pytest.fixture
def of_another_user(portcullis, standin, keys):
    """A gateway of a user who has nothing else: root may start processes without a limit."""
    if os.geteuid() != 0:
        pytest.skip("only root can start it as somebody else")
    folder = pathlib.Path(tempfile.mkdtemp(prefix="portcullis-fork."))
    user = 60_000 + os.getpid() % 5_000
    binaries = [shutil.copy(binary, folder) for binary in (portcullis, standin)]
    folder.chmod(0o755)
    gateway = Gateway(binaries[0], folder, keys, binaries[1], env={"REUSE_PROCESSES": "off"})
    for path in [folder, *folder.rglob("*")]:
        os.chown(path, user, user, follow_symlinks=False)
    # A limit of tasks is one of its user's.
    gateway.user = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"]
    gateway.arguments = [*gateway.user, *gateway.arguments]
    yield gateway.ready()
    gateway.stop()
    shutil.rmtree(folder)


def limit(gateway, tasks):
    """As its own user, who may do that without a right."""
    subprocess.run([*gateway.user, "prlimit", f"--pid={gateway.process.pid}", f"--nproc={tasks}"], check=True)


@fault_row(
    15, injected="`prlimit --nproc` of the running service, so that clone fails with EAGAIN, for 40 turns",
    seen="529 and 503 with Retry-After, no descriptor more than before, answers again at once when the limit goes")
def test_turns_for_which_no_process_can_be_started_are_refused_until_one_can(of_another_user):
    gateway = of_another_user
    pid = gateway.process.pid
    assert gateway.ask_message("standin:echo before").status_code == 200
    eventually(lambda: gateway.children() == [], "no child is left")
    soft, hard = (("unlimited" if each == resource.RLIM_INFINITY else each) for each in resource.getrlimit(resource.RLIMIT_NPROC))
    limit(gateway, f"{len(os.listdir(f'/proc/{pid}/task'))}:{hard}")
    before = open_files(pid)
    for _ in range(20):
        refused = gateway.ask_message("standin:echo no", stream=True)
        assert anthropic_error(refused, 529)["type"] == "overloaded_error"
        assert 1 <= int(refused.headers["retry-after"]) <= 60
        refused = gateway.ask_chat("standin:echo no")
        openai_error(refused, 503)
        assert 1 <= int(refused.headers["retry-after"]) <= 60
    eventually(lambda: open_files(pid) <= before, "no descriptor is left open")
    health = gateway.health()
    assert (health["running_turns"], health["waiting_turns"]) == (0, 0)
    limit(gateway, f"{soft}:{hard}")
    assert gateway.ask_message("standin:echo after").status_code == 200


# The service itself


@fault_row(
    23, injected="SIGSTOP of the gateway for 3 s and SIGCONT, with limits of 2 s for the CLI's silence, idle connections and "
        "slow readers",
    seen="the running stream ends whole, a request that came meanwhile is answered, nothing is taken for a failure")
def test_a_service_that_is_stopped_for_a_while_goes_on(make_gateway, standin):
    gateway = make_gateway(cli=standin, cli_env=None, env={
        "CLI_STALL_TIMEOUT_SECONDS": "2", "WRITE_STALL_SECONDS": "2", "KEEPALIVE_SECONDS": "2", "REQUEST_HEAD_SECONDS": "2",
        "TLS_HANDSHAKE_SECONDS": "2",
    }).ready()
    with gateway.streaming(LONG, until="message_start") as chunks, Wire(gateway) as idle, Wire(gateway) as amid:
        for wire in (idle, amid):
            wire.send(get("/health"))
            assert wire.response()[0] == 200
        whole = get("/health")
        amid.send(whole[:20])
        gateway.signal(signal.SIGSTOP)
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            newcomer = pool.submit(gateway.health)
            idle.send(whole)
            amid.send(whole[20:])
            time.sleep(3)  # What is tested is a time in which nothing happens.
            gateway.signal(signal.SIGCONT)
            assert newcomer.result()["status"] == "ok"
        assert idle.response()[0] == 200 and amid.response()[0] == 200
        assert "message_stop" in "".join(chunks)
    assert json.dumps(gateway.health()["problems"]) == "[]"
    assert gateway.ask_message("standin:echo after").status_code == 200
