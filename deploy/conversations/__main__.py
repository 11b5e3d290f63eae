"""Measures conversations through the gateway beside a process of the CLI for each answer; prints NAME VALUE lines.

usage: python3 deploy/conversations PORTCULLIS CLAUDE CERTIFICATES [--quick]

Both sides ask the real CLI and one loopback upstream, turn by turn in alternation. Milliseconds; medians of first
bytes are for the reader to take, CPU is the mean of a conversation's turns from the third on: the kernel counts it
in steps of 10 ms.
"""
import contextlib
import os
import pathlib
import secrets
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

from cold import Recording, make_recorder
from dialogues import Chat, ChatAgent, MessagesAgent, ResponsesAgent
from gateway import Client, Gateway

AGENTS = 8
# What may be chosen for the gateway that is measured.
CHOICES = "REUSE_PROCESSES", "WARM_PROCESSES", "MAX_IDLE_PROCESSES", "MAX_IDLE_PROCESSES_PER_KEY", "IDLE_PROCESS_SECONDS"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def say(text):
    print(text, file=sys.stderr, flush=True)


def put(name, seconds):
    print(name, round(seconds * 1_000, 3), flush=True)


class Bench:
    def __init__(self, binary, claude, certificates, work, stack):
        self.recorder, self.keys, self.clients = work / "recorder", {}, {}
        self.recorder.mkdir()
        for name in ["chat", "messages", "completions", "responses", "questions", "capacity", *map(str, range(6))]:
            self.keys[f"user{name}"] = secrets.token_hex(24)
        upstream = subprocess.Popen(
            [sys.executable, pathlib.Path(__file__).with_name("upstream.py")], stdout=subprocess.PIPE)
        stack.callback(upstream.wait)
        stack.callback(upstream.terminate)
        port = int(upstream.stdout.readline())

        def start(name, program, **settings):
            gateway = Gateway(binary, work / name, certificates, free_port(), self.keys, program, port, **settings)
            stack.callback(gateway.stop)
            gateway.wait()
            return gateway

        fresh = {"REUSE_PROCESSES": "off", "WARM_PROCESSES": "0"}
        self.recording = start("recording", make_recorder(self.recorder, claude), **fresh)
        self.fresh = start("fresh", claude, **fresh)
        self.gateway = start("living", claude, **{name: os.environ[name] for name in CHOICES if name in os.environ})
        for line in self.gateway.log.read_text().splitlines():
            say(line)

    def client(self, gateway, key):
        """The connection of a key, opened before anything is measured."""
        if (gateway, key) not in self.clients:
            self.clients[gateway, key] = Client(gateway, self.keys[key])
        return self.clients[gateway, key]

    def record(self, dialogues):
        """What the CLI is given for each turn of the dialogues, one after another."""
        found = []
        for dialogue in dialogues:
            _, reply = self.client(self.recording, "userchat").ask(dialogue.path, dialogue.request())
            found.append(Recording.newest(self.recorder))
            dialogue.take(reply)
        return found

    def compare(self, name, turns, keys, first=2, third=3):
        """Measures the turns beside cold ones. `turns` makes the dialogue of each turn; twice, so that both see the same."""
        say(f"conversations: {name}")
        recordings, cpu = self.record(turns()), {"ours": [], "cold": []}
        for key in keys:
            self.client(self.gateway, key)
        before = self.gateway.settled_cpu()
        for number, (dialogue, key, recording) in enumerate(zip(turns(), keys, recordings), 1):
            wait, reply = self.client(self.gateway, key).ask(dialogue.path, dialogue.request())
            dialogue.take(reply)
            after = self.gateway.settled_cpu()
            cold_wait, cold_cpu = recording.run()
            if number >= first:
                put(f"{name}-ours-wait", wait)
                put(f"{name}-cold-wait", cold_wait)
            if number >= third:
                cpu["ours"].append(after - before)
                cpu["cold"].append(cold_cpu)
            before = self.gateway.settled_cpu()
        for side, values in cpu.items():
            put(f"{name}-{side}-cpu", statistics.mean(values))

    def capacity(self, rounds):
        for name, gateway in ("fresh", self.fresh), ("ours", self.gateway):
            say(f"conversations: {AGENTS} agents side by side, {name}")
            faults = []

            def work(number):
                try:
                    client, agent = Client(gateway, self.keys["usercapacity"]), MessagesAgent(rounds, number)
                    for _ in range(rounds):
                        agent.take(client.ask(agent.path, agent.request())[1])
                except Exception as fault:  # told by the thread that waits
                    faults.append(fault)

            threads = [threading.Thread(target=work, args=[number]) for number in range(AGENTS)]
            start = time.monotonic()
            for each in threads:
                each.start()
            for each in threads:
                each.join()
            if faults:
                raise faults[0]
            print(f"capacity-{name}", round(AGENTS * rounds / (time.monotonic() - start), 3), flush=True)


def repeated(make, count):
    """The dialogue of each of `count` turns of one conversation."""
    return lambda: [make()] * count


def main(binary, claude, certificates, quick=""):
    turns, rounds, questions, newcomers, capacity = (6, 6, 6, 3, 5) if quick else (10, 12, 10, 6, 20)
    with tempfile.TemporaryDirectory(prefix="conversations.") as work, contextlib.ExitStack() as stack:
        bench = Bench(binary, claude, pathlib.Path(certificates), pathlib.Path(work), stack)
        bench.compare("newcomer", lambda: map(Chat, range(100, 100 + newcomers)),
                      [f"user{number}" for number in range(newcomers)], first=1, third=1)
        bench.compare("chat", repeated(Chat, turns), ["userchat"] * turns)
        for name, agent in ("messages", MessagesAgent), ("completions", ChatAgent), ("responses", ResponsesAgent):
            bench.compare(name, repeated(lambda: agent(rounds), rounds), [f"user{name}"] * rounds)
        bench.compare("questions", lambda: map(Chat, range(questions)), ["userquestions"] * questions)
        bench.capacity(capacity)


if __name__ == "__main__":
    main(*sys.argv[1:])
