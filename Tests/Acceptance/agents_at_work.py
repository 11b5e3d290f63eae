"""A gateway with workspaces, and runs in them whose model calls what a test says."""
import json
import pathlib

from harness import Gateway

READ_ALL = ["Read", "Write", "Edit", "Bash", "Glob", "Grep"]


def steps(*rounds, text=""):
    """A prompt that has the upstream call, in each answer, the calls of one round: (name, arguments) each."""
    calls = [[[name, arguments] for name, arguments in each] for each in rounds]
    return f"{text}\nsteps:" + json.dumps(calls)


def task(*rounds, text="", **fields):
    """A call that has a sub-agent make these rounds of calls."""
    return "Agent", {"description": "a part of it", "prompt": steps(*rounds, text=text), **fields}


class Agents:
    """A gateway whose first key works in `folder`, and whose second in another workspace of its own."""

    def __init__(self, gateway, folder, workspaces=None, options=("agent=lab", "agent=other")):
        self.gateway = gateway
        self.folder = pathlib.Path(folder)
        self.lab, self.other = self.folder / "lab", self.folder / "other"
        declared = workspaces or {
            "lab": {"directory": str(self.lab), "tools": READ_ALL, "shared": True},
            "other": {"directory": str(self.other), "tools": READ_ALL, "shared": True},
        }
        path = self.folder / "workspaces.json"
        path.write_text(json.dumps({"workspaces": declared}))
        path.chmod(0o600)
        gateway.arguments += ["--workspaces", str(path)]
        lines = [f"user{number}:{key} {option}\n" for number, (key, option) in enumerate(zip(gateway.keys, options))]
        gateway.private_file("api-keys", "".join(lines))

    def run(self, prompt, key=None, **fields):
        """One whole run; its HTTP answer."""
        headers = {"authorization": f"Bearer {key or self.gateway.key}"}
        with self.gateway.http() as http:
            return http.post("/api/run", json={"prompt": prompt, **fields}, headers=headers)

    def events(self, prompt, **fields):
        """The events of a streamed run, as (id, name, data)."""
        headers = {"authorization": f"Bearer {self.gateway.key}"}
        body = {"prompt": prompt, "stream": True, **fields}
        with self.gateway.http() as http, http.stream("POST", "/api/run", json=body, headers=headers) as answer:
            assert answer.status_code == 200, answer.read()
            return list(parsed(answer.iter_lines()))


def parsed(lines):
    """Server-sent events as (id, name, data)."""
    fields = {}
    for line in lines:
        if line and not line.startswith(":"):
            name, _, value = line.partition(": ")
            fields[name] = value
        elif not line and fields:
            yield int(fields["id"]), fields["event"], json.loads(fields["data"])
            fields = {}


def made(portcullis, folder, claude, cli_env, keys, **options):
    """The gateway of a module, not started."""
    gateway = Gateway(portcullis, folder, keys, claude, cli_env, **options)
    return Agents(gateway, folder)
