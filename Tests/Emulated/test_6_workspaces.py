"""Runs of the CLI's own tools under Debian 12's kernel: the package's unit, the drop-in for workspaces, the real CLI."""

import collections
import concurrent.futures

import pytest

from fault_matrix import fault_row
from harness import ROOT, eventually
from server import CLAUDE
from service import FOLDER, UNIT
from upstream import Upstream
from workspaces import (
    DROP_IN, FROM_HERE, ORDINARY, PLACE, WITHOUT_PROC, attempts, bash, commands, declared, events_of, hostile, in_rounds, results_in,
    told, verdicts,
)

# All that the CLI does is emulated, and takes a minute where the machine has nothing else to do.
pytestmark = pytest.mark.timeout(600)
TREE = f"/sys/fs/cgroup/system.slice/{UNIT}"
# Beside what a workspace's programs may take, the CLI has this for itself.
OF_THE_CLI = 512 << 20
PROCESSES, OF_ITS_THREADS = 64, 64


@pytest.fixture(scope="module")
def upstream(machine):
    """The vendor, as far as the CLI in the machine can see."""
    server = machine.inside(Upstream)
    with server:
        yield server


def configure(server, upstream):
    machine = server.machine
    # What is 127.0.0.1 here is this to the machine.
    url = f"http://10.0.2.2:{upstream.server_address[1]}"
    server.write("workspaces.json", declared(memory="64MiB", processes=PROCESSES))
    server.configure(
        CLAUDE, f"ANTHROPIC_BASE_URL={url}\nANTHROPIC_API_KEY=none\n", key_options="agent=lab", SANDBOX="require",
        WARM_PROCESSES=0, LOG_LEVEL="debug", WORKSPACES=f"{FOLDER}/workspaces.json")
    machine.run("install", "-d", "-m", "700", "-o", "portcullis", "-g", "portcullis", PLACE)
    machine.run("systemctl", "daemon-reload")


@pytest.fixture(scope="module")
def workspaces(server, upstream):
    """The service with the drop-in as deploy/docs/agent-walls.md has it; its key works in `lab`."""
    configure(server, upstream)
    server.machine.run("mkdir", "-p", DROP_IN.rsplit("/", 1)[0])
    server.machine.write(DROP_IN, (ROOT / "deploy/systemd/agents.conf").read_text())
    server.machine.run("systemctl", "daemon-reload")
    yield server.start()
    server.stop()
    server.machine.run("rm", "-r", DROP_IN.rsplit("/", 1)[0])
    server.machine.run("systemctl", "daemon-reload")


def groups(server):
    return server.machine.run("find", TREE, "-mindepth", "1", "-maxdepth", "1", "-name", "child-*").stdout.split()


def test_the_service_starts_and_its_check_has_the_workspaces(workspaces):
    assert workspaces.client().health()["sandbox"] == "partial"
    checked = workspaces.check()
    assert checked.returncode == 0, checked.stderr
    for said in (workspaces.journal("--lines=60"), checked.stdout + checked.stderr):
        assert "2 workspaces: lab, other" in said and WITHOUT_PROC not in said


# What the commands of one run come to. A start of the CLI takes long here, so there is one.
Story = collections.namedtuple("Story", "ordinary hostile other bomb after end bounds refused gateway health")
# Waits until it is told to go on; then it takes all processes that it can have, and leaves one behind. What it waits for
# meanwhile has been started before: a shell that can start nothing ends.
BOMB = "while ! [ -e go ]; do sleep 0.2; done; exec 3< <(setsid sleep 4711); f() { f | f & }; f; read -t 1 -u 3; echo over"
# By the shell itself: on this kernel the bomb has taken all processes until the run ends.
HOG = "printf -v held '%700000000s' x; echo held"


@pytest.fixture(scope="module")
def story(workspaces, upstream):
    machine, gateway = workspaces.machine, workspaces.show("MainPID")
    machine.run("install", "-m", "600", "-o", "portcullis", "/dev/stdin", f"{PLACE}/other/theirs", stdin="theirs")
    machine.run("ln", "-s", f"{FOLDER}/api-keys", f"{PLACE}/lab/out")
    # Signals to what is in the run's own namespaces, the CLI among it, this kernel keeps from nobody.
    rows = hostile(gateway, [443, upstream.server_address[1]])
    calls = [("Write", {"file_path": "words.txt", "content": "some words"}), bash(attempts(ORDINARY | FROM_HERE)), bash(attempts(rows)),
             ("Read", {"file_path": f"{PLACE}/other/theirs"}), bash(BOMB), bash("echo after"), bash(HOG, timeout=600_000)]
    with concurrent.futures.ThreadPoolExecutor() as beside:
        run = beside.submit(events_of, workspaces.client(), in_rounds("story", calls), timeout=500)
        eventually(lambda: run.done() or "sleep 0.2" in commands(workspaces), "it waits", within=300)
        assert not run.done(), run.result()
        [group] = groups(workspaces)
        bounds = {name: machine.read(f"{group}/{name}").strip() for name in ("memory.max", "memory.swap.max", "pids.max", "cpu.weight")}
        machine.run("install", "-o", "portcullis", "/dev/null", f"{PLACE}/lab/go")
        events = run.result()
        health = workspaces.client().health()
    results = results_in(events)
    assert len(results) >= 6, events[-8:]
    return Story(*results[1:6], events[-1], bounds, rows, gateway, health)


def test_a_run_does_its_work_and_nothing_else(workspaces, story):
    assert verdicts(story.ordinary[0]) == dict.fromkeys(ORDINARY | FROM_HERE, "done"), story.ordinary
    assert verdicts(story.hostile[0]) == dict.fromkeys(story.refused, "denied"), story.hostile
    assert story.other[1], story.other
    assert workspaces.machine.read(f"{PLACE}/lab/words.txt") == "some words"


@fault_row(17, injected="a fork bomb in a workspace's shell", seen="it meets the bound of its run, which goes on and ends it")
def test_a_fork_bomb_stays_in_the_bounds_of_its_run_which_goes_on(story):
    memory, tasks = (64 << 20) + OF_THE_CLI, PROCESSES + OF_ITS_THREADS
    assert story.bounds == {"memory.max": str(memory), "memory.swap.max": "0", "pids.max": str(tasks), "cpu.weight": "20"}
    assert "over" in story.bomb[0] and "Resource temporarily unavailable" in story.bomb[0], story
    assert "after" in story.after[0], story


@fault_row(17, injected="a command of a workspace that takes more memory than its run may", seen="the run is ended and told why")
def test_a_run_that_takes_more_memory_than_it_may_is_ended_and_told(story):
    assert story.end[1] == "error" and "no memory left" in str(story.end[2]), story.end
    # That it waited for memory, which only its own bound denied it, is no reason to refuse others.
    assert "memory" not in [problem["about"] for problem in story.health["problems"]], story.health


def test_nothing_outlives_a_run_and_the_service_goes_on(workspaces, story):
    eventually(lambda: not groups(workspaces), "its group is gone", within=20)
    assert "sleep 4711" not in commands(workspaces)
    assert (workspaces.show("MainPID"), workspaces.restarts()) == (story.gateway, 0)
    assert workspaces.client().health()["status"] == "ok"


def test_what_a_command_leaves_running_ends_with_its_run(workspaces):
    left, after = told(workspaces.client(), "leaving", bash("setsid sleep 4712 & echo left"), bash("echo after"), timeout=500)
    assert "left" in left[0] and "after" in after[0], (left, after)
    eventually(lambda: "sleep 4712" not in commands(workspaces), "it has ended, though the conversation may go on", within=20)
