"""`portcullis key` and `portcullis audit`: the ledger's keys, in a running service or in what a stopped one has left."""
import concurrent.futures
import contextlib
import json
import os
import pathlib
import signal
import socket
import sqlite3
import subprocess
import time

import pytest

from harness import eventually, message_body, seconds_until

pytestmark = pytest.mark.core


class Keys:
    """Runs the command with a gateway's own options."""

    def __init__(self, gateway):
        self.gateway = gateway

    def run(self, *words, command="key", status=0, **options):
        arguments = [self.gateway.arguments[0], command, *words, *self.gateway.arguments[2:]]
        done = subprocess.run(
            arguments, env=self.gateway.env, cwd=self.gateway.folder, capture_output=True, text=True, timeout=60, **options
        )
        assert done.returncode == status, f"{done.returncode}: {done.stdout}{done.stderr}"
        return done

    def new(self, verb, name, *words):
        """The secret that was printed, alone on its line."""
        done = self.run(verb, name, *words)
        assert done.stdout.count("\n") == 1 and done.stdout.endswith("\n")
        given, _, secret = done.stdout.strip().partition(":")
        assert given == name and secret.startswith("cgw_") and len(secret) == 62
        assert secret not in done.stderr
        return secret

    def add(self, name, *words):
        return self.new("add", name, *words)

    def show(self, name):
        return json.loads(self.run("show", name, "--json").stdout)

    def listed(self):
        return json.loads(self.run("list", "--json").stdout)

    def audit(self, *words):
        return json.loads(self.run("--json", *words, command="audit").stdout)


def status(gateway, key):
    with gateway.http() as http:
        return http.get("/v1/models", headers={"x-api-key": key}).status_code


def opens(gateway, key):
    return status(gateway, key) == 200


@pytest.fixture
def gateway(make_gateway, standin):
    return make_gateway(cli=standin, cli_env=None)


@pytest.fixture(params=["running", "stopped"])
def site(request, gateway):
    """A gateway, how to change its keys, and how to ask it: it runs meanwhile, or only while it is asked."""

    class Site:
        def __init__(self):
            self.gateway = gateway
            self.keys = Keys(gateway)
            if request.param == "running":
                gateway.ready()

        def statuses(self, *keys):
            if request.param == "running":
                return [status(gateway, key) for key in keys]
            with gateway:
                return [status(gateway, key) for key in keys]

    return Site()


def test_a_key_opens_once_it_is_printed_and_as_long_as_it_is_enabled(site):
    secret = site.keys.add("alice", "requests-per-minute=100")
    other = site.keys.add("bob")
    assert site.statuses(secret, other, secret[:-1]) == [200, 200, 401]
    site.keys.run("disable", "alice")
    assert site.statuses(secret, other) == [401, 200]
    site.keys.run("enable", "alice")
    assert site.statuses(secret, other) == [200, 200]
    site.keys.run("remove", "alice")
    assert site.statuses(secret, other) == [401, 200]
    again = site.keys.add("alice")
    assert site.statuses(secret, again) == [401, 200]


def test_after_a_rotation_both_secrets_open_until_the_old_one_ends(site):
    first = site.keys.add("alice")
    second = site.keys.new("rotate", "alice")
    assert first != second and site.statuses(first, second) == [200, 200]
    old, new = site.keys.show("alice")["secrets"]
    assert 86_300 < seconds_until(old["ends"]) <= 86_400 and "ends" not in new
    third = site.keys.new("rotate", "alice", "overlap=0")
    assert site.statuses(first, second, third) == [401, 401, 200]


def test_options_are_set_one_by_one_and_cleared(site):
    site.keys.add("alice", "rpm=10", "message=Ask Bob, he knows.", "models=sonnet,opus*")
    shown = site.keys.show("alice")["options"]
    assert "requests-per-minute=10" in shown and 'message="Ask Bob, he knows."' in shown and "models=sonnet,opus*" in shown
    site.keys.run("set", "alice", "models=", "turns=3", "rpm=20")
    assert site.keys.show("alice")["options"].split() == [
        "turns=3", "requests-per-minute=20", 'message="Ask', "Bob,", 'he', 'knows."']


def test_what_does_not_do_is_told_and_changes_nothing(site):
    keys = site.keys
    keys.add("alice", "turns=3")
    before = keys.listed()
    assert "already" in keys.run("add", "alice", status=65).stderr
    assert "API_KEYS_FILE" in keys.run("add", "user0", status=65).stderr
    assert "API_KEYS_FILE" in keys.run("rotate", "user0", status=65).stderr
    assert "did you mean turns?" in keys.run("add", "bob", "turn=3", status=65).stderr
    assert "turns=" in keys.run("set", "alice", "turns=none", status=65).stderr
    assert "PROXY_MCP_CONFIG" in keys.run("set", "alice", "mcp=files", status=65).stderr
    assert "overlap=" in keys.run("rotate", "alice", "overlap=soon", status=65).stderr
    for verb in ["show", "rotate", "disable", "enable", "remove"]:
        assert keys.run(verb, "nobody", status=66).stderr == "portcullis: there is no key 'nobody'\n"
    assert keys.run("set", "nobody", "turns=1", status=66).stdout == ""
    for words in [["add"], ["add", "a:b"], ["set", "alice"], ["show", "alice", "bob"], ["grow", "alice"], []]:
        keys.run(*words, status=64)
    assert keys.listed() == before


def test_the_list_has_the_settings_keys_too_and_shows_no_secret(site):
    secret = site.keys.add("alice", "turns=3")
    site.keys.run("disable", "alice")
    rows = {row["name"]: row for row in site.keys.listed()}
    assert list(rows) == ["user0", "user1", "alice"]
    assert rows["user0"]["source"] == "API_KEYS_FILE" and "secrets" not in rows["user0"]
    assert rows["alice"]["source"] == "ledger" and rows["alice"]["state"] == "disabled"
    assert rows["alice"]["id"].startswith("key:") and abs(seconds_until(rows["alice"]["created"])) < 60
    table = site.keys.run("list").stdout.splitlines()
    assert table[0].split() == ["NAME", "SOURCE", "STATE", "CREATED", "OPTIONS"]
    assert table[3].split()[:3] == ["alice", "ledger", "disabled"] and table[3].endswith(" turns=3")
    assert table[0].index("SOURCE") == table[3].index("ledger")
    shown = site.keys.run("show", "alice").stdout
    assert "turns=3" in shown and secret not in shown and secret[13:40] not in json.dumps(site.keys.listed())
    assert site.keys.show("user1")["source"] == "API_KEYS_FILE"


def test_each_act_stands_in_the_trail_with_who_did_it(site):
    site.keys.add("alice", "turns=3")
    site.keys.run("set", "alice", "turns=4")
    site.keys.run("remove", "alice")
    site.keys.run("show", "alice", status=66)
    acts = site.keys.audit()
    assert [act["action"] for act in acts] == ["key remove", "key set", "key add"]
    user = f"uid:{os.getuid()}("
    assert all(act["actor"].startswith(user) and act["detail"].startswith("alice") for act in acts)
    assert len({act["subject"] for act in acts}) == 1
    assert "turns=4" in acts[1]["detail"] and abs(seconds_until(acts[0]["time"])) < 60
    assert [act["action"] for act in site.keys.audit("1")] == ["key remove"]
    lines = site.keys.run(command="audit").stdout.splitlines()
    assert len(lines) == 4 and lines[0].split() == ["TIME", "ACTOR", "ACTION", "SUBJECT", "DETAIL"]


def test_the_log_of_the_service_tells_of_acts(gateway):
    keys = Keys(gateway.ready())
    keys.add("alice")
    keys.run("disable", "nobody", status=66)
    log = eventually(lambda: gateway.log() if "key=nobody" in gateway.log() else None, "the lines")
    lines = [line.split("level=")[1] for line in log.splitlines() if "event=admin" in line]
    actor = f"uid:{os.getuid()}("
    assert lines[0].startswith(f"info event=admin action=key-add key=alice actor={actor}")
    assert lines[1].startswith(f"info event=admin action=key-disable key=nobody actor={actor}")
    assert lines[1].endswith("status=unknown")


def test_a_reload_stands_in_the_trail(gateway):
    keys = Keys(gateway.ready())
    keys.run(command="reload")
    gateway.private_file("api-keys", "nonsense\n")
    keys.run(command="reload", status=78)
    assert [(act["action"], act["detail"]) for act in keys.audit()] == [("reload", "refused"), ("reload", "done")]


# What of the settings and of the ledger counts


def test_a_service_serves_with_keys_of_the_ledger_alone_and_not_without_any(gateway):
    place = gateway.arguments.index("--api-keys-file")
    del gateway.arguments[place:place + 2]
    keys = Keys(gateway)
    none = keys.run(command="check", status=78).stderr
    assert none == "portcullis: API_KEYS_FILE: no keys; 'portcullis key add NAME' makes one\n"
    gateway.start().process.wait(30)
    assert gateway.process.returncode == 78 and "portcullis key add NAME" in gateway.log()
    secret = keys.add("alice")
    assert "1 keys of the ledger\n" in keys.run(command="check").stdout
    gateway.ready()
    assert opens(gateway, secret)


def test_the_settings_count_where_both_have_a_name(gateway):
    keys = Keys(gateway)
    secret = keys.add("alice")
    keys.add("bob")
    gateway.private_file("api-keys", f"user0:{gateway.key}\nalice:{gateway.keys[1]}\n")
    told = "warning: key alice is in the settings and in the ledger: that of the settings counts, the other opens nothing"
    assert told in keys.run(command="check").stderr
    gateway.ready()
    assert "that of the settings counts" in gateway.log()
    assert [status(gateway, key) for key in [secret, gateway.keys[1]]] == [401, 200]
    assert [row["state"] for row in keys.listed() if row["name"] == "alice"] == ["enabled", "overruled by the settings"]
    gateway.private_file("api-keys", f"user0:{gateway.key}\n")
    keys.run(command="reload")
    assert [status(gateway, key) for key in [secret, gateway.keys[1]]] == [200, 401]
    # What `key add` printed, put into the file, is the settings' until it is taken out again.
    gateway.private_file("api-keys", f"user0:{gateway.key}\nother:{secret}\n")
    keys.run(command="reload")
    keys.run("disable", "alice")
    assert opens(gateway, secret)
    gateway.private_file("api-keys", f"user0:{gateway.key}\n")
    keys.run(command="reload")
    assert not opens(gateway, secret)


def test_options_of_a_newer_release_close_the_key_that_has_them(gateway):
    keys = Keys(gateway)
    secret, other = keys.add("alice", "turns=3"), keys.add("bob")
    with contextlib.closing(sqlite3.connect(gateway.folder / "state/ledger.sqlite")) as ledger, ledger:
        ledger.execute("UPDATE keys SET options = 'turns=3 moon-phase=full' WHERE name = 'alice'")
    assert "key alice of the ledger has an unknown option" in keys.run(command="check").stderr
    gateway.ready()
    assert "key alice of the ledger has an unknown option" in gateway.log()
    assert [status(gateway, key) for key in [secret, other]] == [401, 200]
    assert keys.show("alice")["state"] == "options unreadable"
    assert "moon-phase=full" in keys.run("set", "alice", "turns=4").stderr
    assert opens(gateway, secret) and keys.show("alice")["options"] == "turns=4"


# Beside others


def test_a_key_is_added_while_streams_run_and_disturbs_nobody(make_gateway, standin):
    env = {"MAX_TURNS": "60", "MAX_CONNECTIONS_PER_ADDRESS": "200", "MAX_UNAUTHENTICATED_PER_ADDRESS": "100",
           "REUSE_PROCESSES": "off"}
    gateway = make_gateway(cli=standin, cli_env=None, env=env).ready()
    keys = Keys(gateway)

    def count_of_files():
        """A gateway that forbids dumps shows them to root only."""
        return len(os.listdir(f"/proc/{gateway.process.pid}/fd")) if os.getuid() == 0 else 0

    before = eventually(count_of_files, "descriptors") if os.getuid() == 0 else 0
    body = message_body("standin:events 100 30000", stream=True)
    running = []
    with contextlib.ExitStack() as stack:
        for _ in range(50):
            http = stack.enter_context(gateway.http())
            response = stack.enter_context(http.stream("POST", "/v1/messages", json=body, headers={"x-api-key": gateway.key}))
            assert response.status_code == 200
            running.append(response)
        http = stack.enter_context(gateway.http())
        assert http.get("/health").status_code == 200
        with socket.socket(socket.AF_UNIX) as admin:
            admin.connect(str(gateway.folder / "state/control"))
            admin.settimeout(10)
            begun = time.monotonic()
            admin.sendall(b'{"verb":"key-add","fields":{"name":"alice"}}\n')
            answer = json.loads(admin.makefile().readline())
            secret = answer["fields"]["key"].partition(":")[2]
            assert http.get("/v1/models", headers={"x-api-key": secret}).status_code == 200
            took = time.monotonic() - begun
        assert answer["status"] == "done" and took < 0.1, f"{took * 1000:.0f} ms"
        keys.add("bob")
        for response in running:
            assert "message_stop" in response.read().decode()
    eventually(lambda: gateway.health()["running_turns"] == 0, "all is done")
    eventually(lambda: count_of_files() <= before, "no descriptor more")


def test_the_turn_of_a_removed_key_goes_on_and_its_next_one_is_refused(make_gateway):
    gateway = make_gateway().ready()
    keys = Keys(gateway)
    secret = keys.add("alice")
    with gateway.http() as http:
        body = message_body("slow:50:30", stream=True)
        with http.stream("POST", "/v1/messages", json=body, headers={"x-api-key": secret}) as response:
            chunks = response.iter_text()
            assert any("tick" in chunk for chunk in chunks)
            keys.run("remove", "alice")
            assert "message_stop" in "".join(chunks)
        assert http.get("/v1/models", headers={"x-api-key": secret}).status_code == 401


@pytest.mark.parametrize("verb", ["remove", "disable"])
def test_the_processes_of_a_key_that_is_taken_away_end(make_gateway, standin, verb):
    gateway = make_gateway(cli=standin, cli_env=None).ready()
    keys = Keys(gateway)
    secret = keys.add("alice")
    for key in [secret, gateway.key]:
        assert gateway.post("/v1/messages", message_body("standin:echo a"), headers={"x-api-key": key}).status_code == 200
    eventually(lambda: len(gateway.children()) == 2, "two kept processes")
    keys.run(verb, "alice")
    eventually(lambda: len(gateway.children()) == 1, "one is left")


def test_many_commands_at_once_all_have_their_way(site):
    names = [f"key{number}" for number in range(24)]
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        secrets = list(pool.map(site.keys.add, names))
    assert site.statuses(*secrets) == [200] * len(names)
    assert [row["name"] for row in site.keys.listed()][2:] == sorted(names)


def test_sets_of_one_key_at_once_lose_none(site):
    site.keys.add("alice")
    words = ["turns=3", "weight=4", "rpm=5", "share=6%", "effort=low", "body=7MiB"]
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda word: site.keys.run("set", "alice", word), words))
    shown = site.keys.show("alice")["options"].split()
    assert sorted(shown) == sorted([*words[:2], "requests-per-minute=5", *words[3:]])


@pytest.mark.parametrize("garbage", [b"nonsense\n", b"[]\n", b'{"verb":7}\n', b'{"verb":"grow"}\n', b"reload\n", b"\n"])
def test_what_is_no_request_is_told_so(gateway, garbage):
    gateway.ready()
    with socket.socket(socket.AF_UNIX) as admin:
        admin.settimeout(10)
        admin.connect(str(gateway.folder / "state/control"))
        admin.sendall(garbage)
        assert json.loads(admin.makefile().readline())["status"] == "usage"


def test_clients_that_say_nothing_or_too_much_are_left_and_hold_up_nobody(gateway):
    keys = Keys(gateway.ready())
    path = str(gateway.folder / "state/control")
    with contextlib.ExitStack() as stack:
        silent = [stack.enter_context(socket.socket(socket.AF_UNIX)) for _ in range(20)]
        for client in silent:
            client.connect(path)
        long = stack.enter_context(socket.socket(socket.AF_UNIX))
        long.connect(path)
        long.settimeout(10)
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            long.sendall(b"x" * (1 << 20))
        with contextlib.suppress(ConnectionResetError):
            assert long.recv(1) == b""
        begun = time.monotonic()
        keys.add("alice")
        assert time.monotonic() - begun < 3
        silent[0].settimeout(10)
        assert silent[0].recv(1) == b""


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be another user")
def test_other_users_may_not_ask_and_root_leaves_files_to_the_service(make_gateway, standin, tmp_path):
    gateway = make_gateway(cli=standin, cli_env=None)
    keys = Keys(gateway)
    state = gateway.folder / "state"
    for folder in [gateway.folder, *gateway.folder.parents]:
        if folder == pathlib.Path("/"):
            break
        if folder.owner() == "root" and not folder.stat().st_mode & 0o001:
            folder.chmod(folder.stat().st_mode | 0o111)
    for path in [state, gateway.folder / "api-keys", gateway.folder / "home"]:
        os.chown(path, 65534, 65534)
    state.chmod(0o700)
    secret = keys.add("alice")
    assert {path.stat().st_uid for path in state.iterdir()} == {65534}
    assert [act["actor"].split("(")[0] for act in keys.audit()] == ["uid:0"]
    assert secret not in (state / "ledger.sqlite").read_bytes().decode("latin-1")
    # Another one reaches neither the directory nor, were it open, the socket.
    options = {"user": 65533, "group": 65533, "extra_groups": []}
    gateway.private_file("api-keys", f"user0:{gateway.key}\n")
    (gateway.folder / "api-keys").chmod(0o644)
    os.chown(state, 0, 0)
    for path in state.iterdir():
        os.chown(path, 0, 0)
    (gateway.folder / "api-keys").chmod(0o600)
    gateway.ready()
    assert "may" in keys.run("list", status=77, **options).stderr
    state.chmod(0o711)
    (state / "control").chmod(0o666)
    assert "may" in keys.run("list", status=77, **options).stderr


# What is left behind


def test_no_secret_is_left_anywhere(gateway):
    keys = Keys(gateway)
    gateway.env["LOG_LEVEL"] = "debug"
    secrets = [keys.add("alice", "turns=3")]
    gateway.ready()
    secrets += [keys.add("bob"), keys.new("rotate", "alice"), keys.new("rotate", "bob", "overlap=0")]
    for secret in secrets:
        status(gateway, secret)
    keys.run("disable", "bob")
    running = [gateway.process.pid, *gateway.children()]
    told = b"".join(pathlib.Path(f"/proc/{pid}/cmdline").read_bytes() for pid in running)
    told += b"".join(path.read_bytes() for path in (gateway.folder / "state").rglob("*") if path.is_file())
    told += keys.run("list", "--json").stdout.encode() + keys.run("--json", command="audit").stdout.encode()
    gateway.stop()
    told += gateway.log_path.read_bytes()
    told += b"".join(path.read_bytes() for path in (gateway.folder / "state").rglob("*") if path.is_file())
    for secret in secrets:
        # Neither the whole nor its random part.
        assert secret.encode() not in told and secret[13:56].encode() not in told


def test_what_was_printed_opens_after_a_crash_in_the_middle(gateway):
    keys = Keys(gateway)
    printed = {}
    for life in range(3):
        gateway.ready()
        process = gateway.process

        def add(number):
            arguments = [gateway.arguments[0], "key", "add", f"life{life}-{number}", *gateway.arguments[2:]]
            return subprocess.run(arguments, env=gateway.env, cwd=gateway.folder, capture_output=True, text=True, timeout=60)

        with concurrent.futures.ThreadPoolExecutor(6) as pool:
            running = [pool.submit(add, number) for number in range(40)]
            done = concurrent.futures.as_completed(running)
            for _ in range(5 + 7 * life):
                next(done)
            process.send_signal(signal.SIGKILL)
            process.wait()
        for number, each in enumerate(running):
            result = each.result()
            if result.stdout:
                assert result.returncode == 0
                printed[f"life{life}-{number}"] = result.stdout.strip().partition(":")[2]
    gateway.ready()
    assert len(printed) > 30
    for name, secret in printed.items():
        assert opens(gateway, secret), name
    assert set(printed) <= {row["name"] for row in keys.listed()}


MANY = 100_000


def cost_of_a_start(gateway, stops=True):
    """Seconds of the service's own processor time in its second start: the CLI is known by then."""
    gateway.ready()
    gateway.stop()
    gateway.ready()
    fields = pathlib.Path(f"/proc/{gateway.process.pid}/stat").read_text().rpartition(")")[2].split()
    if stops:
        gateway.stop()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_a_hundred_thousand_keys_cost_little_at_the_start_and_nothing_at_a_look_up(gateway):
    keys = Keys(gateway)
    known = keys.add("known")
    first = keys.show("known")
    without = cost_of_a_start(gateway)
    with contextlib.closing(sqlite3.connect(gateway.folder / "state/ledger.sqlite")) as ledger, ledger:
        rows = [(f"id{number}", f"name-{number}", "requests-per-minute=10", 1, 1, 1) for number in range(MANY)]
        ledger.executemany("INSERT INTO keys (id, name, options, enabled, created, changed) VALUES (?,?,?,?,?,?)", rows)
        secrets = [(os.urandom(32), f"id{number}", 1) for number in range(MANY)]
        ledger.executemany("INSERT INTO secrets (digest, key, created) VALUES (?,?,?)", secrets)
    took = cost_of_a_start(gateway, stops=False)
    print(f"start: {without:.2f} s without keys, {took:.2f} s with {MANY}")
    assert f"{MANY + 1} keys of the ledger" in gateway.log()
    assert opens(gateway, known)
    assert keys.show("known") == first
    begun = time.monotonic()
    keys.add("newest")
    print(f"one more: {(time.monotonic() - begun) * 1000:.0f} ms")
    assert len(keys.listed()) == MANY + 4
    # A program that was built for debugging takes ten times as long.
    assert took - without < (30 if "/debug/" in gateway.arguments[0] else 1)
