"""It dies, it hangs, it is stopped and started: nobody is refused, and no answer is cut that could end."""

import threading

import pytest

from fault_matrix import fault_row
from harness import eventually
from service import UNIT

# Some three seconds of answer.
LONG = "standin:events 30 100000"


@fault_row(
    1, injected="SIGKILL of the main process",
    seen="started anew; who connected meanwhile is answered, the port stays open")
@fault_row(
    2, injected="SIGABRT of the main process",
    seen="started anew; who connected meanwhile is answered, the port stays open")
@pytest.mark.parametrize("name", ["SIGKILL", "SIGABRT"])
def test_a_service_that_dies_is_there_again_and_who_came_meanwhile_is_answered(service, client, name):
    before = service.kill(name)
    assert client.health(timeout=30)["status"] == "ok"
    assert service.restarted(before)
    assert service.port_is_open()


@fault_row(
    1, injected="SIGKILL amid a turn, under systemd",
    seen="no process of the turn is left in the unit's control group")
def test_no_process_of_a_turn_outlives_a_service_that_was_killed(service, client):
    stream = client.stream(LONG)
    assert stream.begun.wait(20)
    before = service.main_process()
    children = processes(service) - {before}
    assert children, "there is no turn's process"
    service.kill("SIGKILL")
    after = service.restarted(before)
    eventually(lambda: not children & processes(service), "they are gone")
    assert after in processes(service)


def processes(service):
    """Those of its unit, each in one of the groups beneath it; a group may vanish meanwhile."""
    group = service.machine.show(UNIT, "ControlGroup")
    files = ["find", f"/sys/fs/cgroup{group}", "-name", "cgroup.procs", "-exec", "cat", "{}", "+"]
    return {int(pid) for pid in service.machine.run(*files, check=False).stdout.split()}


@fault_row(
    3, injected="SIGSTOP of the main process, whose loop feeds the watchdog",
    seen="the watchdog ends it and it is started anew")
def test_a_service_that_hangs_is_started_anew(service, client):
    before = service.kill("SIGSTOP")
    assert service.restarted(before)
    assert client.health()["status"] == "ok"
    assert "Watchdog timeout" in service.journal()


@fault_row(
    5, injected="`systemctl restart` amid a stream",
    seen="the stream ends whole; who comes meanwhile waits and is answered")
def test_a_restart_lets_an_answer_end_and_new_clients_wait(service, client):
    stream = client.stream(LONG)
    assert stream.begun.wait(20)
    before = service.main_process()
    restart = threading.Thread(target=service.systemctl, args=["restart"])
    restart.start()
    eventually(lambda: service.machine.show(UNIT, "ActiveState") == "deactivating", "it is going down")
    assert "finishing" in service.status()
    # Connects to the old process or to none; in any case somebody answers.
    assert client.ask("standin:echo waited").json()["content"][0]["text"] == "waited"
    assert stream.whole()
    restart.join()
    assert service.main_process() != before


def test_a_stopped_service_ends_well_and_starts_with_the_next_client(service, client):
    before = service.main_process()
    service.systemctl("stop")
    assert service.machine.show(UNIT, "Result") == "success"
    assert client.health()["status"] == "ok"
    assert service.restarted(before)


def test_a_missing_program_does_not_close_the_port(service, client):
    program, away = service.machine.path("/usr/local/bin/portcullis"), service.machine.path(
        "/usr/local/bin/portcullis.away"
    )
    service.systemctl("stop")
    program.rename(away)
    try:
        waiting = client.connection(timeout=30)
        waiting.connect_raw()
        eventually(
            lambda: service.journal().count("203/EXEC") >= 3 or "Failed at step EXEC" in service.journal(),
            "it cannot start",
        )
    finally:
        away.rename(program)
    assert service.port_is_open()
    assert client.health(timeout=30)["status"] == "ok"
