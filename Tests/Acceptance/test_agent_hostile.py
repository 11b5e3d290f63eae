"""Hostile prompts: the model calls what it likes, with the real CLI, in a workspace. None succeeds; nobody else notices."""
import os
import pathlib
import threading
import time

import pytest

from agents_at_work import Agents, steps, task
from harness import Gateway, eventually

pytestmark = pytest.mark.core

SECRET = "secret-that-no-run-reads"


@pytest.fixture(scope="module")
def agents(portcullis, claude, cli_env, keys, tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile")
    small = {"tools": ["Read", "Write", "Edit", "Bash", "Glob", "Grep", "Agent"], "shared": True, "disk": 64 << 20, "processes": 64, "memory": 512 << 20}
    workspaces = {name: {"directory": str(folder / name), **small} for name in ("lab", "other")}
    agents = Agents(Gateway(portcullis, folder, keys, claude, cli_env), folder, workspaces)
    with agents.gateway:
        (agents.other / "theirs").write_text(SECRET)
        (folder / "beside").write_text(SECRET)
        (agents.lab / "escape").symlink_to(agents.other / "theirs")
        yield agents


by_either = pytest.mark.parametrize("by_subagent", [False, True], ids=["", "by a sub-agent"])


def answers(agents, nonce, *calls, by_subagent=False):
    """What the model, or that of a sub-agent, is told of each of these calls of one run, and whether it is an error."""
    rounds = [[call] for call in calls]
    events = agents.events(steps([task(*rounds)], text=nonce) if by_subagent else steps(*rounds, text=nonce))
    assert events[-1][1] == "result", events[-1]
    return [(str(data["content"]), data["isError"]) for _, name, data in events
            if name == "tool_result" and ("parent" in data) == by_subagent]


def processes_of(gateway):
    """All that descends from the gateway, namespaces or not."""
    parents = {}
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents.setdefault(int((entry / "stat").read_text().rpartition(")")[2].split()[1]), []).append(int(entry.name))
            except OSError:
                pass
    found, waiting = [], [gateway.process.pid]
    while waiting:
        below = parents.get(waiting.pop(), [])
        found += below
        waiting += below
    return found


def commands_running(word):
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if word.encode() in (entry / "cmdline").read_bytes().split(b"\0"):
                    found.append(int(entry.name))
            except OSError:
                pass
    return found


@by_either
def test_nothing_outside_of_the_workspace_is_read_by_any_tool(agents, nonce, by_subagent):
    gateway, folder = agents.gateway, agents.folder
    paths = [
        "/etc/shadow", f"{folder}/api-keys", f"{folder}/state/ledger.sqlite", f"{folder}/state/pepper", "/proc/1/environ",
        f"/proc/{gateway.process.pid}/environ", "/proc/self/environ", f"{agents.other}/theirs", "escape", "../beside", f"{folder}/tls/key.pem",
    ]
    reads = [("Read", {"file_path": str(agents.lab / path) if not path.startswith("/") else path}) for path in paths]
    cats = [("Bash", {"command": f"cat {path}"}) for path in paths if path != "/proc/self/environ"]
    links = [("Bash", {"command": f"ln {folder}/beside in && cat in"}), ("Bash", {"command": f"ln -s {folder}/beside s; cat s"}),
             ("Read", {"file_path": str(agents.lab / "s")}), ("Grep", {"pattern": "secret", "path": str(agents.other), "output_mode": "content"})]
    told = answers(agents, nonce, *reads, *cats, *links, by_subagent=by_subagent)
    assert len(told) == len(reads + cats + links)
    key = gateway.keys[0]
    for call, (text, is_error) in zip(reads + cats + links, told):
        assert is_error, (call, text)
        assert SECRET not in text and key not in text and "root:" not in text and "PRIVATE KEY" not in text, call


@by_either
def test_a_shell_finds_no_credential_and_no_socket(agents, cli_env, nonce, by_subagent):
    python = "import socket; socket.create_connection(('{}', {}), 3); print('CONNECTED')"
    targets = [("127.0.0.1", agents.gateway.port), ("127.0.0.1", int(cli_env["ANTHROPIC_BASE_URL"].rsplit(":", 1)[1])), ("169.254.169.254", 80)]
    calls = [("Bash", {"command": "env"})] + [
        ("Bash", {"command": f'python3 -c "{python.format(*target)}"'}) for target in targets]
    calls.append(("Bash", {"command": "python3 -c \"import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM); print('CONNECTED')\""}))
    told = answers(agents, nonce, *calls, by_subagent=by_subagent)
    assert not told[0][1] and "ANTHROPIC" not in told[0][0] and not any(value in told[0][0] for value in cli_env.values())
    for text, is_error in told[1:]:
        assert is_error and "CONNECTED" not in text and "not permitted" in text


def test_a_fork_bomb_is_bounded_and_others_are_served_meanwhile(agents, nonce):
    most = []
    bomb = ("Bash", {"command": "f() { f | f & }; f; sleep 2; echo over", "timeout": 5000})
    done = threading.Event()

    def watch():
        while not done.is_set():
            most.append(len(processes_of(agents.gateway)))
            done.wait(0.05)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        told = answers(agents, nonce, bomb)
    finally:
        done.set()
        watcher.join()
    assert told
    # Of root's processes the kernel counts the first 300 for nothing.
    assert max(most) < 64 + 64 + 300 + 40, max(most)
    other = agents.run(f"say:fine\n{nonce}other", key=agents.gateway.keys[1])
    assert other.json()["text"] == "fine"


def test_a_file_of_ten_gigabytes_is_not_made(agents, nonce):
    told = answers(agents, nonce, ("Bash", {"command": "head -c 10G /dev/zero > large; ls -l large; rm -f large; false"}))
    assert told[0][1]
    sizes = [path.stat().st_size for path in agents.lab.rglob("*") if path.is_file() and not path.is_symlink()]
    assert max(sizes, default=0) <= 64 << 20


@by_either
def test_nothing_outlives_a_command_let_alone_the_run(agents, nonce, by_subagent):
    mark = f"60{int(time.time()) % 100000}"
    command = f"setsid sleep {mark} & nohup sleep {mark} & (setsid sh -c 'sleep {mark}; sleep {mark}' &) ; echo left"
    told = answers(agents, nonce, ("Bash", {"command": command}), by_subagent=by_subagent)
    assert "left" in told[0][0]
    eventually(lambda: not commands_running(mark), "all of them have ended", within=10)


def test_nothing_outlives_a_command_whose_time_is_over(agents, nonce):
    """The process of the run goes on with the conversation: with it would what such a command has left."""
    mark = f"61{int(time.time()) % 100000}"
    command = f"trap '' TERM INT HUP; setsid sh -c 'trap \"\" TERM; sleep {mark}; sleep {mark}' & sleep {mark}; sleep {mark}"
    [(text, is_error)] = answers(agents, nonce, ("Bash", {"command": command, "timeout": 1000}))
    assert is_error and "timed out" in text
    eventually(lambda: not commands_running(mark), "all of them have ended", within=10)


def test_neither_the_gateway_nor_the_cli_can_be_signalled_or_traced(agents, nonce):
    pid = agents.gateway.process.pid
    told = answers(
        agents, nonce, ("Bash", {"command": f"kill -9 {pid}"}), ("Bash", {"command": "kill -9 $PPID"}), ("Bash", {"command": "kill -9 1"}),
        ("Bash", {"command": f"python3 -c 'import ctypes; print(ctypes.CDLL(None).ptrace(16, {pid}, 0, 0))'; false"}))
    assert all(is_error for _, is_error in told) and "-1" in told[3][0]
    assert agents.gateway.process.poll() is None


def test_ordinary_work_is_done(agents, nonce):
    told = answers(
        agents, nonce, ("Bash", {"command": "git init -q r && echo a > r/f && git -C r add f && git -C r -c user.name=n -c user.email=e@x commit -qm first && git -C r log --format=%s"}),
        ("Bash", {"command": "printf 'b\\na\\n' | sort | head -1; cat <(echo substituted); chmod +x r/f; stat -c %U r/f"}),
        ("Bash", {"command": "(sleep 0.2; echo later) & wait"}), ("Glob", {"pattern": "**/f"}), ("Grep", {"pattern": "a", "path": "r"}))
    assert [is_error for _, is_error in told] == [False] * len(told), told
    assert told[0][0].endswith("first") and "substituted" in told[1][0] and "later" in told[2][0]
    assert (agents.lab / "r/f").stat().st_uid == os.geteuid()
