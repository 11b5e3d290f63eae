"""Everything at once, for as long as PORTCULLIS_SOAK_SECONDS says: nothing is mixed up, cut off or left over.

Clients of three dialects and both versions of HTTP ask, stream, go on with conversations, read slowly and leave; the CLI
fails under some of them; meanwhile settings are read again and keys are made and removed.
"""
import asyncio
import collections
import contextlib
import json
import os
import random
import re
import secrets
import signal
import statistics
import subprocess
import time

import httpx2
import pytest

from harness import DIALECTS, Gateway, descendants, eventually, memory, open_files, request_body
from talks import streamed_text, whole_text

SECONDS = int(os.environ.get("PORTCULLIS_SOAK_SECONDS", "10"))
CONNECTIONS = int(os.environ.get("PORTCULLIS_SOAK_CONNECTIONS", "40"))
WORD = re.compile("word[0-9a-f]{12}")
# Room for all of them; turns still wait for each other.
ENV = {"MAX_TURNS": "24", "MAX_WAITING_TURNS": "1000", "TURN_WAIT_SECONDS": "120", "MAX_IDLE_PROCESSES": "40",
       "IDLE_PROCESS_SECONDS": "3", "WARM_PROCESSES": "1", "MAX_CONNECTIONS_PER_ADDRESS": "1000",
       "MAX_UNAUTHENTICATED_PER_ADDRESS": "1000", "REQUEST_TIMEOUT_MS": "60000"}
# What the stand-in does in the middle of an answer, and before it.
LATE = ["standin:die 3"] * 5 + ["standin:half"] * 5 + ["standin:longline 20000000"]
EARLY = ["standin:exit 1", "standin:stderr broken", "standin:status 529", "standin:status 500"]

pytestmark = pytest.mark.timeout(SECONDS + 200)


class Crowd:
    def __init__(self, gateway):
        self.gateway = gateway
        self.counts = collections.Counter()
        self.keys = list(gateway.keys)
        self.trusted = gateway.verify()
        self.end = time.monotonic() + SECONDS
        self.sizes = []

    @property
    def goes_on(self):
        return time.monotonic() < self.end


class Client:
    """One connection at a time, of one key, with one secret word."""

    def __init__(self, crowd, dice):
        self.crowd, self.dice = crowd, dice
        self.word, self.key = f"word{secrets.token_hex(6)}", dice.choice(crowd.keys)
        self.dialect = dice.choice(list(DIALECTS))
        self.http = self.connect()

    def connect(self):
        return httpx2.AsyncClient(
            base_url=self.crowd.gateway.url, verify=self.crowd.trusted, trust_env=False, timeout=120,
            http2=self.dice.random() < 0.5, headers={"authorization": f"Bearer {self.key}"})

    def body(self, text, **fields):
        return request_body(self.dialect, f"{text} {self.word}", **fields)

    def hear(self, text):
        assert set(WORD.findall(text)) <= {self.word}, f"{self.word} was told of {set(WORD.findall(text))}"
        return text

    async def ask(self, text, headers=None, **fields):
        response = await self.http.post(DIALECTS[self.dialect], json=self.body(text, **fields), headers=headers)
        self.hear(response.text)
        return response

    # What it does

    async def whole(self):
        response = await self.ask("standin:echo whole")
        assert response.status_code == 200, response.text
        assert whole_text(self.dialect, response.json()) == f"whole {self.word}"

    async def streamed(self):
        response = await self.ask("standin:echo streamed", stream=True)
        assert response.status_code == 200, response.text
        assert streamed_text(self.dialect, response.text) == f"streamed {self.word}"

    async def large(self):
        response = await self.ask("x" * self.dice.randint(100_000, 2_000_000) + "\nstandin:echo large")
        assert response.status_code == 200 and f"large {self.word}" in response.text, response.text[:500]

    async def talk(self):
        """A conversation, which in the end tells all that its process holds."""
        name, held = f"soak-{secrets.token_hex(6)}", []
        for step in range(self.dice.randint(1, 4)):
            response = await self.ask(f"standin:echo {step}", headers={"x-conversation-id": name})
            assert response.status_code == 200, response.text
            held += [f"user: standin:echo {step} {self.word}", f"assistant: {step} {self.word}"]
        response = await self.ask("standin:recall", headers={"x-conversation-id": name})
        recalled = json.loads(whole_text(self.dialect, response.json()))["messages"]
        assert recalled == [*held, f"user: standin:recall {self.word}"]

    async def slow(self):
        """Reads a long answer in pauses, to its end."""
        async with self.stream("standin:events 800 0") as response:
            text, rest = "", self.dice.randint(1, 4)
            async for chunk in response.aiter_text():
                text += chunk
                if rest and len(text) > 30_000 * (5 - rest):
                    rest -= 1
                    await asyncio.sleep(0.3)
        self.hear(text)
        assert len(streamed_text(self.dialect, text)) > 80_000

    async def leave(self):
        """Is gone in the middle of an answer, or before it."""
        if self.dice.random() < 0.3:
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self.ask("standin:hang"), self.dice.random() / 2)
        else:
            async with self.stream(self.dice.choice(["standin:events 500 2000", "standin:stall"])) as response:
                async for chunk in response.aiter_text():
                    self.hear(chunk)
                    if self.dice.random() < 0.3:
                        break
        await self.http.aclose()
        self.http = self.connect()

    async def late_fault(self):
        response = await self.ask(self.dice.choice(LATE) + "\n", stream=True)
        assert response.status_code == 200, response.text
        assert has_failed(self.dialect, response.text), response.text[-1000:]

    async def early_fault(self):
        response = await self.ask(self.dice.choice(EARLY) + "\n", stream=self.dice.random() < 0.5)
        assert response.status_code >= 500 and "error" in response.json(), response.text

    async def stranger(self):
        response = await self.http.get("/v1/models", headers={"authorization": f"Bearer {secrets.token_hex(24)}"})
        assert response.status_code == 401

    def stream(self, text):
        return self.http.stream("POST", DIALECTS[self.dialect], json=self.body(text + "\n", stream=True))

    async def run(self, first=None):
        """Does one thing after another; `first` is the place of the first in DEEDS."""
        for step in range(self.dice.randint(1, 8)):
            if step and not self.crowd.goes_on:
                break
            deed = DEEDS[first % len(DEEDS)] if step == 0 and first is not None else self.dice.choice(OFTEN)
            await deed(self)
            self.crowd.counts[deed.__name__] += 1
        await self.http.aclose()


DEEDS = [Client.whole, Client.streamed, Client.talk, Client.leave, Client.large, Client.slow, Client.late_fault,
         Client.early_fault, Client.stranger]
OFTEN = DEEDS + [Client.whole, Client.streamed] * 3 + [Client.talk, Client.leave]


def has_failed(dialect, text):
    """A stream that says at its proper end that it failed."""
    events = [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: {")]
    if dialect == "chat":
        return "error" in events[-1]
    return events[-1]["type"] in ("error", "response.failed")


async def visit(crowd, seed, number):
    dice = random.Random(seed + number)
    await Client(crowd, dice).run(first=number)
    while crowd.goes_on:
        await Client(crowd, dice).run()


async def operate(crowd):
    """Reads the settings again, and makes and removes keys, which work at once and no longer."""
    gateway, http = crowd.gateway, Client(crowd, random.Random()).http
    while crowd.goes_on:
        name = f"guest-{secrets.token_hex(4)}"
        line = await command(gateway, "key", "add", name)
        headers = {"authorization": f"Bearer {line.strip().partition(':')[2]}"}
        assert (await http.get("/v1/models", headers=headers)).status_code == 200
        gateway.signal(signal.SIGHUP)
        await command(gateway, "key", "remove", name)
        assert (await http.get("/v1/models", headers=headers)).status_code == 401
        crowd.counts["keys"] += 1
        await asyncio.sleep(1)
    await http.aclose()


async def command(gateway, *words):
    place = ["--state-dir", str(gateway.folder / "state")]
    child = await asyncio.create_subprocess_exec(
        gateway.arguments[0], *words, *place, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    out, error = await child.communicate()
    assert child.returncode == 0, error
    return out.decode()


async def watch(crowd):
    """The service answers all the time, and notes what memory it has."""
    async with httpx2.AsyncClient(base_url=crowd.gateway.url, verify=crowd.trusted, trust_env=False, timeout=10) as http:
        while crowd.goes_on:
            assert (await http.get("/health")).status_code == 200
            crowd.sizes.append((time.monotonic(), memory(crowd.gateway.process.pid, "VmRSS") >> 10))
            await asyncio.sleep(1)


async def soak(crowd, seed):
    async with asyncio.TaskGroup() as group:
        group.create_task(operate(crowd))
        group.create_task(watch(crowd))
        for number in range(CONNECTIONS):
            group.create_task(visit(crowd, seed, number))


def test_all_at_once_leaves_nothing_over(portcullis, standin, tmp_path, nonce):
    keys = [f"key-{number}-of-the-soak-{nonce}" for number in range(4)]
    with Gateway(portcullis, tmp_path, keys, standin, {}, env=ENV) as gateway:
        for dialect in DIALECTS:
            assert gateway.ask(dialect, "standin:echo hello").status_code == 200
        eventually(lambda: len(descendants(gateway.process.pid)) <= 2, "what is not asked on ends", within=30)
        files = files_of_its_own(gateway)
        seed = random.randrange(1 << 32)
        print(f"seed {seed}")
        crowd = Crowd(gateway)
        asyncio.run(soak(crowd, seed))
        print(f"{sum(crowd.counts.values())} deeds: {dict(crowd.counts)}")
        assert set(crowd.counts) == {each.__name__ for each in DEEDS} | {"keys"}
        assert gateway.health()["status"] == "ok" and "reloaded" in gateway.log()
        eventually(lambda: gateway.health()["running_turns"] == 0, "all is quiet", within=30)
        eventually(lambda: len(descendants(gateway.process.pid)) <= 2, "what is not asked on ends", within=30)
        eventually(lambda: files_of_its_own(gateway) <= files, f"no more than {files} descriptors", within=30)
        assert [each for each in (tmp_path / "state/turns").rglob("*") if each.is_file()] == []
        hold_memory(crowd)
        left = descendants(gateway.process.pid)
        assert gateway.stop() == 0
        assert [pid for pid in left if os.path.exists(f"/proc/{pid}")] == []


def files_of_its_own(gateway):
    """Without the three pipes and the handle of each child, some of which wait for a first question."""
    return open_files(gateway.process.pid) - 4 * len(descendants(gateway.process.pid))


def hold_memory(crowd):
    """After the first minute it grows no more; a short run shows nothing of that."""
    begin = crowd.sizes[0][0]
    early = [size for moment, size in crowd.sizes if 60 <= moment - begin < 120]
    late = [size for moment, size in crowd.sizes if moment - begin > max(120, SECONDS - 60)]
    print(f"resident: {crowd.sizes[0][1]} kB, at the end {crowd.sizes[-1][1]} kB")
    if early and late:
        first, last = statistics.median(early), statistics.median(late)
        print(f"second minute {first} kB, last minute {last} kB")
        assert last <= first * 1.1
