"""What is secret bears a mark of its own; the marks are looked for everywhere, and found where they are meant to be alone.

Meant to be: contents of stored conversations and responses, and the names of conversations, in their tables of the
ledger; keys nowhere at all.
"""
import contextlib
import json
import pathlib
import secrets
import sqlite3

import httpx2
import pytest

from conftest import FAKE_LOGIN
from harness import DIALECTS, command_line, environment, eventually, free_port
from living import WEATHER, call
from talks import Talk
from test_key_commands import Keys

pytestmark = pytest.mark.core

# What holds contents, and the columns with the names that clients give.
CONTENTS = {"items": None, "answers": None, "conversation_turns": None, "conversations": {"id"}}
COMMANDS = [
    ("usage",), ("usage", "--json"), ("usage", "--csv"), ("usage", "--by", "key"), ("usage", "--by", "model", "--json"),
    ("usage", "--by", "client"), ("audit",), ("audit", "--json"), ("key", "list"), ("key", "list", "--json"),
    ("key", "show", "ledgers-own"),
]
PATHS = ["/health", "/readyz", "/v1/usage", "/v1/usage?by=key", "/v1/usage?by=client", "/v1/models", "/v1/quota",
         "/api/oauth/usage", "/metrics", "/"]


class Marks(dict):
    """Words that occur nowhere by chance, by what they stand for."""

    def __missing__(self, what):
        self[what] = f"mark{secrets.token_hex(12)}"
        return self[what]

    def within(self, data, *leaving):
        data = data.encode() if isinstance(data, str) else data
        return [what for what, word in self.items() if what not in leaving and word.encode() in data]


@pytest.fixture
def marks():
    return Marks()


@pytest.fixture
def gateway(make_gateway, keys, marks):
    """Tells all that it can, and has keys of every origin."""
    port = free_port()
    marked = [keys[0], f"{keys[1]} role=admin", f"sk-{marks['key of the file']} requests-per-day=100"]
    made = make_gateway(
        keys=marked, flags=["--metrics-listen", f"127.0.0.1:{port}"],
        env={"LOG_LEVEL": "debug", "LOG_CLIENT_IDS": "true", "METRICS_BY_KEY": "true", "WARM_PROCESSES": "1"}).ready()
    made.watch, made.admin = f"http://127.0.0.1:{port}/metrics", keys[1]
    marks |= {"login": FAKE_LOGIN, "first key": keys[0], "second key": keys[1]}
    marks["key of the ledger"] = Keys(made).add("ledgers-own", "turns=3")
    return made


def places(gateway):
    """What a service shows of itself while it runs, by where."""
    for pid in [gateway.process.pid, *gateway.children()]:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            yield f"arguments of {pid}", command_line(pid)
            # The login is the child's own.
            yield f"environment of {pid}", environment(pid).replace(FAKE_LOGIN.encode(), b"")
    with gateway.http(headers={"authorization": f"Bearer {gateway.admin}"}) as http:
        for path in PATHS:
            yield path, http.get(path).content
    yield "metrics", httpx2.get(gateway.watch, trust_env=False).content


def told_by_commands(gateway):
    for command, *words in COMMANDS:
        done = Keys(gateway).run(*words, command=command)
        yield " ".join([command, *words]), done.stdout + done.stderr


def left_behind(gateway):
    """The log, every file of the state but the ledger, and of the ledger each table by its rows."""
    yield "log", gateway.log_path.read_bytes()
    for path in (gateway.folder / "state").rglob("*"):
        yield "names of files", path.name
        if path.is_file() and not path.name.startswith("ledger.sqlite"):
            yield path.name, path.read_bytes()
    with contextlib.closing(sqlite3.connect(gateway.folder / "state/ledger.sqlite")) as ledger:
        ledger.row_factory = sqlite3.Row
        tables = [name for name, in ledger.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        assert set(CONTENTS) < set(tables) and {"usage", "refusals", "keys", "secrets", "audit", "holds"} < set(tables)
        for table in tables:
            for row in ledger.execute(f"SELECT * FROM {table}"):
                for column in row.keys():
                    if table not in CONTENTS or CONTENTS[table] and column not in CONTENTS[table]:
                        value = row[column]
                        yield f"{table}.{column}", value if isinstance(value, bytes) else str(value)


def check(marks, found):
    told = {place: which for place, data in found if (which := marks.within(data))}
    assert told == {}


def converse(gateway, marks, key, dialect):
    """A conversation with every kind of content, stored under a name."""
    talk = Talk(gateway, marks["name of a conversation"] + dialect, key=key)
    prompt, system = marks["prompt"], marks["system prompt"]
    for streams in (False, True):
        body = {"messages": [{"role": "system", "content": system}, {"role": "user", "content": f"say:{marks['answer']}\n{prompt}"}]}
        assert talk.ask(dialect=dialect, streams=streams, **body).status_code == 200
    tool = {"messages": {**WEATHER}, "chat": {"type": "function", "function": {
        "name": WEATHER["name"], "description": marks["tool"], "parameters": WEATHER["input_schema"]}},
        "responses": {"type": "function", "name": WEATHER["name"], "parameters": WEATHER["input_schema"]}}[dialect]
    assert talk.ask(f"{call(city=marks['argument'])}\n{prompt}", dialect, tools=[tool]).status_code == 200


def fail(gateway, marks, key, dialect):
    """What fails, is refused and breaks off."""
    prompt = marks["prompt"]
    other = Talk(gateway, marks["name of another conversation"] + dialect, key=key)
    for words in ("status:400", "midstream-error"):
        other.ask(f"{words}\n{prompt}", dialect, streams=True)
    assert other.ask(f"say:x\n{prompt}", dialect, temperature=marks["bad value"]).status_code == 400
    with gateway.http() as http:
        assert http.post(DIALECTS[dialect], content=f'{{"{prompt}', headers={
            "authorization": f"Bearer {key}", "content-type": "application/json"}).status_code == 400
        assert http.post(DIALECTS[dialect], json={}, headers={"authorization": f"Bearer {marks['wrong key']}"}).status_code == 401


def test_marks_are_where_they_are_meant_to_be_and_nowhere_else(gateway, marks):
    for dialect in DIALECTS:
        converse(gateway, marks, gateway.keys[0], dialect)
        fail(gateway, marks, gateway.keys[0], dialect)
    converse(gateway, marks, marks["key of the ledger"], "messages")
    bearer = {"authorization": f"Bearer {marks['key of the ledger']}"}
    with gateway.http(headers=bearer) as http:
        stored = http.post("/v1/responses", json={
            "model": "sonnet", "input": f"say:{marks['stored answer']}\n{marks['prompt']}", "metadata": {"m": marks["metadata"]}})
        assert stored.status_code == 200
        made = http.post("/v1/conversations", json={
            "items": [{"role": "user", "content": marks["item"]}], "metadata": {"m": marks["metadata"]}})
        assert made.status_code == 200
    with gateway.streaming(f"{marks['prompt']}\nslow:100:600", until="tick", system=marks["system prompt"]):
        assert gateway.children()
        check(marks, places(gateway))
        check(marks, told_by_commands(gateway))
        limits = pathlib.Path(f"/proc/{gateway.process.pid}/limits").read_text()
        assert [line.split()[4] for line in limits.splitlines() if line.startswith("Max core file size")] == ["0"]
    eventually(lambda: gateway.health()["running_turns"] == 0, "all is done")
    check(marks, places(gateway))
    check(marks, left_behind(gateway))
    # The control: what is meant to be found is found.
    ledger = b"".join(path.read_bytes() for path in (gateway.folder / "state").glob("ledger.sqlite*"))
    assert set(marks.within(ledger)) >= {"prompt", "system prompt", "answer", "argument", "stored answer", "metadata", "item"}
    assert {each for each in marks if "key" in each or each == "login"}.isdisjoint(marks.within(ledger))

    # What its owner deletes is gone from the disk, too.
    for key in (gateway.keys[0], marks["key of the ledger"]):
        with gateway.http(headers={"authorization": f"Bearer {key}"}) as http:
            for found in http.get("/v1/conversations?limit=500").json()["data"]:
                assert http.delete(f"/v1/conversations/{found['id']}").status_code == 200
            if key != gateway.keys[0]:
                assert http.delete(f"/v1/responses/{stored.json()['id']}").status_code == 200
    gateway.stop()
    check(marks, left_behind(gateway))
    ledger = b"".join(path.read_bytes() for path in (gateway.folder / "state").glob("ledger.sqlite*"))
    assert marks.within(ledger) == []
    assert json.loads((gateway.folder / "state/self-test.json").read_text()), "there was a state to look at"
