"""Workspaces of a service, and runs in them whose model calls what a test says; for containers and emulated machines."""

import json
import re

from agents_at_work import parsed, steps
from harness import ROOT

PLACE = "/srv/workspaces"
DROP_IN = "/etc/systemd/system/portcullis.service.d/agents.conf"
# `lab` is shared by its keys, so its directory is the workspace itself; `other` is another's.
DECLARED = {
    "lab": {"directory": f"{PLACE}/lab", "shared": True, "memory": "512MiB", "processes": 64, "disk": "64MiB"},
    "other": {"directory": f"{PLACE}/other", "shared": True},
}
METADATA = "169.254.169.254/80"


def page():
    """The page of the documents about walls of workspaces."""
    return (ROOT / "deploy/docs/agent-walls.md").read_text()


def commands_of_page(mark="agents"):
    """The commands under "Beneath systemd", to the letter."""
    block = re.search(rf"<!-- {mark}:begin -->\n```sh\n(.*?)```\n<!-- {mark}:end -->", page(), re.DOTALL)
    assert block, "the page has lost its commands of the drop-in"
    return block[1]


def declared(**changed):
    """The file of workspaces, with other members of `lab`."""
    return json.dumps({"workspaces": {**DECLARED, "lab": {**DECLARED["lab"], **changed}}})


def events_of(client, prompt, timeout=150, **fields):
    """All events of a streamed run, as (id, name, data)."""
    answer = client.request("POST", "/api/run", {"prompt": prompt, "stream": True, **fields}, timeout=timeout)
    assert answer.status == 200, answer.text
    return list(parsed(answer.text.splitlines()))


def told(client, text, *calls, **options):
    """What the model is told of each call of one run, each in a round of its own: (text, whether it is an error)."""
    events = events_of(client, in_rounds(text, calls), **options)
    assert events[-1][1] == "result", events[-1]
    results = results_in(events)
    assert len(results) == len(calls), events
    return results


def in_rounds(text, calls):
    """A prompt whose model makes each call in a round of its own."""
    return steps(*[[call] for call in calls], text=text)


def results_in(events):
    return [(str(data["content"]), data["isError"]) for _, name, data in events if name == "tool_result"]


def commands(service):
    """What runs on the service's machine."""
    return service.machine.shell("cat /proc/[0-9]*/cmdline | tr '\\0' ' ' || true").stdout


def bash(command, **more):
    return "Bash", {"command": command, **more}


def attempts(rows):
    """One command that tries them all: a line for each, its name and what became of it."""
    return "\n".join(f"if ( {command} ) >/dev/null 2>&1; then echo '{name}: done'; else echo '{name}: denied'; fi"
                     for name, command in rows.items())


def verdicts(text):
    return dict(line.split(": ") for line in text.splitlines() if line.endswith((": done", ": denied")))


def hostile(gateway, ports):
    """What no command of a workspace may do, in a service whose main process is `gateway`; `ports` are those of loopback."""
    reads = {
        "passwords": "/etc/shadow", "keys": "/etc/portcullis/api-keys", "credential": "/etc/portcullis/cli.env",
        "key of TLS": "/etc/portcullis/tls.key", "ledger": "/var/lib/portcullis/ledger.sqlite",
        "first process": "/proc/1/environ", "gateway": f"/proc/{gateway}/environ", "CLI": "/proc/$PPID/environ",
        "other workspace": f"{PLACE}/other/theirs", "link": "out", "machine": "/etc/machine-id",
    }
    rows = {f"read {name}": f"cat {path}" for name, path in reads.items()}
    rows |= {f"connect to {port}": f": <>/dev/tcp/127.0.0.1/{port}" for port in ports}
    return rows | {
        "connect to the metadata service": f": <>/dev/tcp/{METADATA}", "list workspaces": f"ls {PLACE}",
        "list the folder of keys": "ls /etc/portcullis", "write beside": f"touch {PLACE}/other/mine",
        "end the gateway": f"kill -9 {gateway}", "mount": "mount -t tmpfs none .",
        "namespaces": "unshare -Ur true", "set user": "cp /bin/true own && chmod u+s own",
    }


# What a command may do: modes and times are changed by the judge, and what was made can be run.
ORDINARY = {
    "write": "echo word > made", "mode": "chmod 600 \"$PWD/made\" && [ $(stat -c %a made) = 600 ]",
    "times": "touch -d 2020-02-02 made && [ $(date -r made +%Y) = 2020 ]", "run a copy": "cp /bin/true copy && ./copy",
    "run what HOME has": "cp /bin/true ~/copy && ~/copy", "run what TMPDIR has": "cp /bin/true \"$TMPDIR/copy\" && \"$TMPDIR/copy\"",
    "run what is made as it runs": "python3 -c 'import mmap; mmap.mmap(-1, 4096, prot=7)'",
}
# The same by a name from where the program is, for which the judge needs a /proc of the run's own.
FROM_HERE = {
    "mode from here": "chmod 700 made && [ $(stat -c %a made) = 700 ]",
    "run what was made": "printf '#!/bin/sh\\nexit 0\\n' > run && chmod +x run && ./run",
    "folder": "mkdir -p d/e && (cd d && chmod 711 e) && cp -a d f && rm -r d f",
}
WITHOUT_PROC = "the kernel lets a run have no /proc of its own"
